"""``netsculpt prune``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from netsculpt.cli.histories import HistoryFolder
from netsculpt.cli.inputs import hashes
from netsculpt.cli.nets import INITIAL, OWN, NewNet, matching_task, start_net
from netsculpt.cli.options import (
    AsJson,
    FigureOptions,
    Resume,
    Seed,
    choice,
    jobs_option,
    refuse_options,
    require_writable,
)
from netsculpt.cli.resuming import companion, refuse_restart, require_model_output, resumable
from netsculpt.cli.takes import takes
from netsculpt.cli.tasks import TASKS
from netsculpt.core.catalog import named, names
from netsculpt.core.folders import MASKS
from netsculpt.core.locking import held

if TYPE_CHECKING:
    from netsculpt.cli.nets import StartNet
    from netsculpt.training.fitting.batches import Batches
    from netsculpt.training.history import History

    Masks = Mapping[str, Any]  # of tensors

__all__ = ["prune"]

SCORES = names("scores")
METHODS = ["phew", *SCORES]
ALLOCATIONS = ["global", *names("allocations")]
OF_SCORES = ("allocation", "schedule", "rounds", "scope", "dense")
BASELINES = ["shuffled", "reinitialised", "inverted"]


@takes
def prune(
    context: typer.Context,
    new: NewNet,
    *,
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            help="The model to write, with its masks. Next to it, if there are several rounds, the "
            "folder .history with the masks of each, tables and figures.",
        ),
    ] = Path("pruned.pt"),
    method: Annotated[str, choice(METHODS, "How weights are chosen: {}.")] = "phew",
    density: Annotated[
        float, typer.Option(min=0, max=1, help="Fraction of the weights to keep.")
    ] = 0.1,
    task: Annotated[
        str | None,
        typer.Option(
            help=f"Samples of a task, for scores that need some (snip, grasp, …). {TASKS}"
        ),
    ] = None,
    n_samples: Annotated[
        int,
        typer.Option(min=1, help="Number of samples to score by, and to measure each round on."),
    ] = 512,
    allocation: Annotated[
        str, choice(ALLOCATIONS, "How layers share what is kept: {}.")
    ] = "global",
    schedule: Annotated[
        str, choice(names("schedules"), "How the density falls over the rounds: {}.")
    ] = "exponential",
    rounds: Annotated[
        int | None, typer.Option(min=1, help="How often to score (default: as in the paper).")
    ] = None,
    scope: Annotated[
        str, choice(names("scopes"), "What is kept or pruned together: each {}.")
    ] = "weight",
    dense: Annotated[
        list[str] | None,
        typer.Option(help="A weight to leave alone, such as fc.weight; repeatable."),
    ] = None,
    baseline: Annotated[
        str | None,
        choice(
            BASELINES,
            "A control: 'shuffled' permutes the mask of each layer, 'reinitialised' has other "
            "weights and the same masks, 'inverted' prunes the best weights.",
        ),
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Restore pruned weights where paths are cut off.")
    ] = False,
    fan_in_corrected: Annotated[
        bool,
        typer.Option(
            "--fan-in-corrected", help="Scale the weights, as if initialised for the inputs kept."
        ),
    ] = False,
    resume: Resume = False,
    jobs: Annotated[
        int,
        jobs_option("Threads for phew's walks; -1 = one per core. The masks do not depend on it."),
    ] = 1,
    figures: FigureOptions,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Prune a network before, or without, training.

    A score ranks the weights, an allocation decides how many each layer keeps, a schedule how the
    density falls over the rounds; phew makes random walks instead. Exactly round(density × weights)
    are kept; phew may keep a few more. The report shows what is left of each layer. Masks are saved
    after every round: after an interruption the same command with --resume continues, to the same
    bytes.

    A pruning of several rounds also writes a folder next to the model, pruned.history: the masks
    after every round, which 'track' follows, history.csv, layers.csv and figures. With --task it
    has losses and accuracies of the net without training, on as many held-out samples at most.

    **Examples**

    `netsculpt prune --net mlp:64,128,128,10 --method phew --density 0.05 -o pruned.pt`

    `netsculpt prune --net resnet:3x32x32:10 --method synflow --density 0.02 --dense fc.weight`

    `netsculpt prune model.pt --method snip --task digits --allocation erk --density 0.1`

    `netsculpt analyze pruned.pt`

    `netsculpt prune model.pt --method magnitude --rounds 10 --task digits --density 0.05`

    `netsculpt track pruned.history -o modules`
    """
    from netsculpt.report.history import write_history
    from netsculpt.report.terminal.history import print_history
    from netsculpt.report.terminal.pruned import print_pruned
    from netsculpt.training import inverted, sparse_net
    from netsculpt.training import prune as pruned_net
    from netsculpt.training.pruning.prune import published_rounds

    if method not in SCORES:
        _refuse_scoring(context, method, baseline)
    checkpoint = companion(output, ".pruning.pt")
    require_model_output(output, "pruning", new.model, checkpoint)
    refuse_restart(checkpoint, resume)
    rounds = published_rounds(method) if rounds is None else rounds
    if rounds == 1 and figures.figures != "none":
        reason = f"{method} prunes in one round, of which no history is drawn"
        refuse_options(context, ["figures", "width"], reason)
    history = HistoryFolder.of(output, "prune") if rounds > 1 else None
    require_writable(output.parent)
    begun = start_net(new, seed)
    batches = _batches(begun, task, n_samples, seed)
    record = None
    if history is not None:
        begin = partial(history.masks, resumed=checkpoint.exists())
        record = _Rounds(begin, {"kind": "pruning", "net": begun.spec.spec})
    inputs = hashes([new.model], [] if task is None else [task])
    output.parent.mkdir(parents=True, exist_ok=True)
    with held(output), resumable() as progress:
        pruned = pruned_net(
            begun.net,
            method=inverted(method) if baseline == "inverted" else method,
            density=density,
            batches=batches,
            rng=seed,
            allocation=allocation,
            schedule=schedule,
            rounds=None if method not in SCORES else rounds,
            scope=scope,
            dense=dense or (),
            progress=partial(progress, "rounds"),
            on_round=record,
            checkpoint=checkpoint,
            jobs=jobs,
        )
        sparse = sparse_net(
            begun.net,
            replace(pruned, details={**pruned.details, "baseline": baseline}),
            batches.example,
            shuffle=baseline == "shuffled",
            redraw=_redraw(new.model, new.init) if baseline == "reinitialised" else None,
            repair=repair,
            correct_fan_in=fan_in_corrected,
            rng=seed,
        )
        summary = {
            **sparse.pruned.summary(),
            "task": task,
            "n_samples": n_samples,
            "dense": dense or [],
            "fan_in_corrected": fan_in_corrected,
        }
        begun.write(sparse.net, output, pruning=summary)
        if history is not None and record is not None:
            record.end(rounds + 1, sparse.pruned.masks)
            write_history(
                _history(history.path / MASKS, begun, task, n_samples, seed),
                history.path,
                history.maker,
                arguments={**summary, "model": str(output), "net": begun.spec.spec},
                seed=seed,
                inputs=inputs,
                figures=figures.style,
            )
        checkpoint.unlink(missing_ok=True)
    if as_json:
        typer.echo(json.dumps({**summary, "model": str(output)}, indent=2))
    else:
        print_pruned(sparse.pruned, output, task)
        if history is not None:
            print_history(history.path)


class _Rounds:
    """Records the masks of every round in a file, which `begin` makes room for."""

    def __init__(self, begin: Callable[[], Path], about: dict[str, Any]) -> None:
        self._begin, self._about = begin, about

    def __call__(self, number: int, masks: Masks) -> None:
        """Write the masks of a round; the first call, with 0, begins or continues the file."""
        from netsculpt.training.dynamic.record import MaskRecorder

        if number == 0:
            self._recorder = MaskRecorder(self._begin(), masks, self._about)
        else:
            self._recorder.add(number, masks, step=number)

    def end(self, number: int, masks: Masks) -> None:
        """Write the masks of the model, if a baseline or a repair made others of the last ones."""
        from netsculpt.training.dynamic.record import read_record

        last = read_record(self._recorder.path).masks(number - 1)
        if any((masks[name].numpy() != mask).any() for name, mask in last.items()):
            self(number, {name: masks[name] for name in last})


def _history(path: Path, begun: StartNet, task: str | None, n_samples: int, seed: int) -> History:
    from netsculpt.core.random import stream
    from netsculpt.training.dynamic.record import read_record
    from netsculpt.training.history import drawn, pruning_history

    samples = None
    if task is not None:
        matched = matching_task(task, begun.spec)
        samples = drawn(matched, n_samples, rng=stream(seed, "samples"))
    return pruning_history(read_record(path), begun.net, samples)


def _refuse_scoring(context: typer.Context, method: str, baseline: str | None) -> None:
    """Options about scores are refused for a method without scores, not ignored."""
    reason = f"{method} does not rank weights by a score (only {', '.join(SCORES)} do)"
    if baseline == "inverted":
        raise typer.BadParameter(f"{reason}: leave it out", param_hint="--baseline inverted")
    refuse_options(context, OF_SCORES, reason)


def _batches(begun: StartNet, task: str | None, n_samples: int, seed: int) -> Batches:
    """Samples of a task; without one, an example that has no loss."""
    from netsculpt.core.random import stream
    from netsculpt.training.fitting.batches import batches_of, zero_batch

    if task is None:
        return zero_batch(begun.spec.n_inputs, _no_loss)
    samples = matching_task(task, begun.spec)
    return batches_of(samples, n_samples=n_samples, rng=stream(seed, "samples"))


def _no_loss(_outputs: object, _targets: object) -> NoReturn:
    raise typer.BadParameter(
        "this method scores weights by a loss: name the task of the net",
        param_hint="--task",
    )


def _redraw(model: Path | None, init: str | None) -> Callable[..., Any]:
    """New weights for --net as --init draws them, for a MODEL as its layers do."""
    from netsculpt.training import reinitialised

    return reinitialised if model or init == OWN else named("initialisations", init or INITIAL)
