"""``netsculpt train``."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netsculpt.cli.nets import NewNet, matching_task, start_net
from netsculpt.cli.options import (
    AsJson,
    BatchSize,
    Device,
    Epochs,
    LearningRate,
    Noise,
    Resume,
    Seed,
    WeightDecay,
    choice,
    numbers,
    recipe_option,
    require_writable,
    share,
)
from netsculpt.cli.resuming import companion, refuse_restart, require_model_output, resumable
from netsculpt.cli.sparsity import SparseOptions
from netsculpt.cli.takes import takes
from netsculpt.core.errors import FormatError
from netsculpt.core.locking import held

if TYPE_CHECKING:
    from netsculpt.training.fitting.recipe import Recipe

__all__ = ["train"]

OPTIMIZERS = ["sgd", "adam", "adamw"]
SCHEDULES = ["constant", "step", "cosine"]


@dataclass(frozen=True)
class RecipeOptions:
    """The options that make a `Recipe`, named as its fields."""

    epochs: Epochs = 20
    batch_size: BatchSize = 32
    optimizer: Annotated[str, choice(OPTIMIZERS, "{}", rich_help_panel="Recipe")] = "adam"
    learning_rate: LearningRate = 1e-3
    schedule: Annotated[
        str, choice(SCHEDULES, "Schedule of the learning rate: {}.", rich_help_panel="Recipe")
    ] = "constant"
    warmup: Annotated[int, recipe_option(help="Epochs of linear warm-up from 0.")] = 0
    milestones: Annotated[
        str,
        recipe_option(
            help="Epochs after which 'step' multiplies the learning rate by --factor: 60,120."
        ),
    ] = ""
    factor: Annotated[float, recipe_option(help="Factor of 'step'.")] = 0.1
    weight_decay: WeightDecay = 0.0
    momentum: Annotated[float, recipe_option(help="Momentum of sgd.")] = 0.9
    nesterov: Annotated[bool, recipe_option("--nesterov", help="Nesterov momentum, for sgd.")] = (
        False
    )
    noise: Noise = 0.0
    goal_accuracy: Annotated[
        float | None,
        recipe_option(
            min=1e-3, max=100, help="Stop after the first epoch that reaches it, in percent."
        ),
    ] = None

    def recipe(self) -> Recipe:
        """The recipe; raises if it is not one."""
        from netsculpt.training.fitting.recipe import Recipe, check_moves

        goal = None if self.goal_accuracy is None else share(self.goal_accuracy)
        epochs = self.milestones and numbers(
            self.milestones,
            int,
            lambda epoch: 0 <= epoch < 10**9,
            needed="a list of epochs such as 60,120",
            flag="--milestones",
        )
        parsed = {"milestones": epochs or (), "goal_accuracy": goal}
        try:
            recipe = Recipe(**{**vars(self), **parsed})
            check_moves(recipe)
        except FormatError as error:
            raise typer.BadParameter(str(error)) from None
        return recipe


@takes
def train(
    context: typer.Context,
    new: NewNet,
    task: Annotated[str, typer.Option(help="What to learn: a task, as in 'sculpt'.")] = "",
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            help="The model to write. Next to it: .training.pt to resume from, .jsonl of epochs.",
        ),
    ] = Path("trained.pt"),
    *,
    training: RecipeOptions,
    sparsity: SparseOptions,
    device: Device = "cpu",
    resume: Resume = False,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Train a network: a pruned one, a dense one, or one that becomes sparse while it learns.

    What is pruned stays pruned, unless --sparse moves the connections.

    The best epoch is kept: the highest accuracy on held-out samples, then the lowest loss. All is
    saved after every epoch: after an interruption the same command with --resume continues, to the
    same bits.

    **Nets** A SPEC as in `netsculpt prune`.

    **Examples**

    `netsculpt train pruned.pt --task digits --epochs 30 -o trained.pt`

    `netsculpt train --net mlp:64,128,10 --task digits --optimizer sgd --schedule cosine`

    `netsculpt train pruned.pt --task digits --epochs 30 -o trained.pt --resume`

    `netsculpt train --net mlp:64,256,128,10 --task digits --sparse rigl --density 0.02 --epochs 60`

    `netsculpt train --net mlp:64,256,128,10 --task digits --sparse ac_dc --density 0.02 --epochs 60
    --optimizer sgd --learning-rate 0.1 --schedule cosine --phases 'd6 (s3 d3)*6 s18'`

    The same with `--phase-states phases`, then with `--sparse dense_twin -o dense.pt --start-from
    phases/phase13-dense.pt`: the dense net of the same training.

    `netsculpt train phew.pt --task digits --sparse set --every 45`
    """
    from netsculpt.nets import weight_counts
    from netsculpt.report.terminal.trained import print_trained
    from netsculpt.training import fit

    if not task:
        raise typer.BadParameter(
            "a task is needed; 'sculpt --help' lists some", param_hint="--task"
        )
    recipe = training.recipe()
    checkpoint, log = companion(output, ".training.pt"), companion(output, ".jsonl")
    require_model_output(output, "training", new.model, checkpoint, log)
    refuse_restart(checkpoint, resume)
    for folder in (output.parent, sparsity.phase_states):
        if folder is not None:
            require_writable(folder)
    begun = start_net(new, seed)
    samples = matching_task(task, begun.spec)
    sparse = sparsity.run(context, samples, recipe, seed)
    output.parent.mkdir(parents=True, exist_ok=True)
    with held(output), resumable() as progress:
        fitted = fit(
            begun.net,
            samples,
            recipe,
            sparsifier=sparse,
            rng=seed,
            device=device,
            checkpoint=checkpoint,
            log=log,
            phase_states=sparsity.phase_states,
            start_from=sparsity.start_from,
            progress=progress and (lambda each: progress("epochs", each.epoch, recipe.epochs)),
        )
        counts = weight_counts(fitted.net)
        about = {
            "task": task,
            "seed": seed,
            "recipe": asdict(recipe),
            "best": asdict(fitted.best),
            "epochs": len(fitted.history),
            **({"sparse": sparse.summary()} if sparse is not None else {}),
        }
        begun.write(fitted.net, output, training=about)
    if as_json:
        typer.echo(json.dumps({**about, **counts.summary(), "model": str(output)}, indent=2))
    else:
        print_trained(fitted, counts, output, None if sparse is None else sparse.summary())
