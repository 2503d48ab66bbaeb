"""``netsculpt train``."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netsculpt.cli.messages import complain
from netsculpt.cli.nets import NewNet, matching_task, start_net
from netsculpt.cli.options import AsJson, Device, Resume, Seed, choice, require_writable
from netsculpt.cli.takes import takes
from netsculpt.core.errors import FormatError

if TYPE_CHECKING:
    from netsculpt.training.fitting.recipe import Recipe

__all__ = ["train"]

OPTIMIZERS = ["sgd", "adam", "adamw"]
SCHEDULES = ["constant", "step", "cosine"]
_RECIPE = "Recipe"
_option = partial(typer.Option, rich_help_panel=_RECIPE)


@takes
def train(
    new: NewNet,
    task: Annotated[
        str, typer.Option("--task", help="What to learn: a task, as in 'sculpt'.")
    ] = "",
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            help="The model to write. Next to it: .training.pt to resume from, .jsonl of epochs.",
        ),
    ] = Path("trained.pt"),
    epochs: Annotated[
        int,
        _option("--epochs", min=1, help="Passes over the samples."),
    ] = 20,
    batch_size: Annotated[int, _option("--batch-size", min=1, help="Samples per step.")] = 32,
    optimizer: Annotated[str, choice("--optimizer", OPTIMIZERS, panel=_RECIPE)] = "adam",
    learning_rate: Annotated[
        float,
        _option("--learning-rate", help="Largest learning rate."),
    ] = 1e-3,
    schedule: Annotated[
        str, choice("--schedule", SCHEDULES, "Schedule of the learning rate: {}.", panel=_RECIPE)
    ] = "constant",
    warmup: Annotated[
        int,
        _option("--warmup", help="Epochs of linear warm-up from 0."),
    ] = 0,
    milestones: Annotated[
        str,
        _option(
            "--milestones",
            help="Epochs after which 'step' multiplies the learning rate by --factor: 60,120.",
        ),
    ] = "",
    factor: Annotated[float, _option("--factor", help="Factor of 'step'.")] = 0.1,
    weight_decay: Annotated[
        float,
        _option("--weight-decay", help="Weight decay of the optimizer."),
    ] = 0.0,
    momentum: Annotated[float, _option("--momentum", help="Momentum of sgd.")] = 0.9,
    nesterov: Annotated[
        bool,
        _option("--nesterov", help="Nesterov momentum, for sgd."),
    ] = False,
    noise: Annotated[
        float,
        _option("--noise", help="Standard deviation of the noise added to training inputs."),
    ] = 0.0,
    goal_accuracy: Annotated[
        float | None,
        _option("--goal-accuracy", help="Stop after the first epoch that reaches it, in percent."),
    ] = None,
    device: Device = "cpu",
    resume: Resume = False,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Train a pruned network, or a dense one; what is pruned stays pruned.

    The best epoch is kept: the highest accuracy on held-out samples, then the lowest loss. All is
    saved after every epoch: after an interruption the same command with --resume continues, to the
    same bits.

    **Nets** A SPEC as in `netsculpt prune`.

    **Examples**

    `netsculpt train pruned.pt --task digits --epochs 30 -o trained.pt`

    `netsculpt train --net mlp:64,128,10 --task digits --optimizer sgd --schedule cosine`

    `netsculpt train pruned.pt --task digits --epochs 30 -o trained.pt --resume`
    """
    from netsculpt.files.model import write_model
    from netsculpt.nets import plain_state, weight_counts
    from netsculpt.report.terminal.progress import progress_bars
    from netsculpt.report.terminal.trained import print_trained
    from netsculpt.training import fit

    if not task:
        raise typer.BadParameter(
            "a task is needed; 'sculpt --help' lists some", param_hint="--task"
        )
    recipe = _recipe(
        epochs=epochs,
        batch_size=batch_size,
        optimizer=optimizer,
        learning_rate=learning_rate,
        schedule=schedule,
        warmup=warmup,
        milestones=_milestones(milestones),
        factor=factor,
        weight_decay=weight_decay,
        momentum=momentum,
        nesterov=nesterov,
        noise=noise,
        goal_accuracy=None if goal_accuracy is None else round(goal_accuracy / 100, 12),
    )
    checkpoint, log = output.with_suffix(".training.pt"), output.with_suffix(".jsonl")
    model = new.model
    if model is not None and model.absolute() in (output.absolute(), checkpoint.absolute()):
        raise typer.BadParameter(
            f"{model} would be overwritten: name another file", param_hint="-o"
        )
    if checkpoint.exists() and not resume:
        raise typer.BadParameter(
            f"{str(checkpoint)!r} holds a training: continue it with --resume, or name "
            "another file",
            param_hint="-o",
        )
    require_writable(output.parent)
    begun = start_net(new, seed)
    samples = matching_task(task, begun.spec)
    output.parent.mkdir(parents=True, exist_ok=True)
    try:
        with progress_bars() as progress:
            fitted = fit(
                begun.net,
                samples,
                recipe,
                rng=seed,
                device=device,
                checkpoint=checkpoint,
                log=log,
                progress=progress and (lambda epoch: progress("epochs", epoch.epoch, epochs)),
            )
    except KeyboardInterrupt:
        complain("to continue, repeat the command with --resume")
        raise
    counts = weight_counts(fitted.net)
    training = {"task": task, "seed": seed, "recipe": asdict(recipe), "best": asdict(fitted.best)}
    state, masks = plain_state(fitted.net)
    metadata = {**begun.metadata, "training": {**training, "epochs": len(fitted.history)}}
    write_model(output, net=begun.spec.spec, state=state, masks=masks, metadata=metadata)
    if as_json:
        summary = {**metadata["training"], **counts.summary(), "model": str(output)}
        typer.echo(json.dumps(summary, indent=2))
    else:
        print_trained(fitted, counts, output)


def _recipe(**fields: Any) -> Recipe:
    from netsculpt.training.fitting.recipe import Recipe

    if fields["learning_rate"] == 0:
        raise typer.BadParameter("a learning rate of 0 trains nothing: a number above 0 is needed")
    try:
        return Recipe(**fields)
    except FormatError as error:
        raise typer.BadParameter(str(error)) from None


def _milestones(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",") if text]
    if not all(part.isdecimal() and len(part) < 10 for part in parts):
        raise typer.BadParameter(
            f"{text!r} is not a list of epochs such as 60,120", param_hint="--milestones"
        )
    return tuple(map(int, parts))
