"""``netsculpt transfer``."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netsculpt.cli.nets import NewNet, start_net
from netsculpt.cli.options import (
    AsJson,
    Device,
    Resume,
    Seed,
    choice,
    numbers,
    refuse_options,
    require_writable,
)
from netsculpt.cli.recipe import RecipeOptions
from netsculpt.cli.resuming import companion, refuse_restart, require_model_output, resumable
from netsculpt.cli.takes import takes
from netsculpt.core.locking import held

if TYPE_CHECKING:
    from netsculpt.cli.nets import StartNet
    from netsculpt.core.progress import Progress
    from netsculpt.training.fitting.recipe import Recipe
    from netsculpt.training.tasks import Task
    from netsculpt.training.transfer import Transferred

__all__ = ["transfer"]

MODES = ["linear", "full"]
OF_FULL = (*(x.name for x in fields(RecipeOptions)), "learning_rates", "device", "resume")
OF_LINEAR = ("strengths",)


@dataclass(frozen=True)
class ChoosingOptions:
    """What is chosen, and on which samples."""

    learning_rates: Annotated[
        str,
        typer.Option(help="Of 'full', to choose from: .01,.001 (default: --learning-rate alone)."),
    ] = ""
    strengths: Annotated[
        str, typer.Option(help="Of 'linear': L2 penalties to choose from (default: 10,1,…,1e-5).")
    ] = ""
    validation: Annotated[
        float,
        typer.Option(
            help="Share of the training samples of a target on which is chosen: above 0, below 1."
        ),
    ] = 0.2
    published: Annotated[
        bool,
        typer.Option(
            "--published",
            help="Choose on the test, as published code does; the accuracy is then too good.",
        ),
    ] = False

    def arguments(self, mode: str) -> dict[str, Any]:
        """Arguments of the transfer; raises if one of them cannot be used."""
        if not 0 < self.validation < 1:
            raise typer.BadParameter(
                "a share above 0 and below 1 is needed", param_hint="--validation"
            )
        common = {"validation": self.validation, "published": self.published}
        name = "learning_rates" if mode == "full" else "strengths"
        text = getattr(self, name)
        if not text:
            return common
        values = numbers(
            text,
            float,
            lambda value: 0 < value < float("inf"),
            needed="a list of numbers above 0, such as .01,.001",
            flag=f"--{name.replace('_', '-')}",
        )
        return {**common, name: values}


@takes
def transfer(
    context: typer.Context,
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model.pt of netsculpt.")],
    task: Annotated[
        list[str] | None,
        typer.Option(help="A target, as in 'sculpt', or some of its classes; repeatable."),
    ] = None,
    mode: Annotated[str, choice(MODES, "What learns, {}: the head alone, or all.")] = "linear",
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            help="The model to write; with several targets, their names are added to it. Next to "
            "it: .transfer/, to resume from.",
        ),
    ] = Path("transferred.pt"),
    against: Annotated[
        Path | None,
        typer.Option(
            metavar="DENSE", help="A dense model.pt: how much larger are the errors of MODEL?"
        ),
    ] = None,
    *,
    choosing: ChoosingOptions,
    training: RecipeOptions,
    device: Device = "cpu",
    resume: Resume = False,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Transfer a network to another task: a new head on frozen features, or all that is kept.

    `linear` fits a logistic regression on what feeds the last layer, to its exact optimum. `full`
    trains all kept weights by a recipe, with a new dense head; what is pruned stays pruned. The
    penalty, or the learning rate and the epoch, is chosen on a part of the target's training
    samples; the accuracy is that on its held-out ones. With `--against` the same is done with a
    dense network: the relative error increase is (error sparse − error dense) / error dense.

    **Targets** digits:5-9 (these classes) · digits:0-2+7 · digits:0-4/5-9 (which group) ·
    digits:even-odd · digits:relabelled-.1 (wrong labels) · the same of shape-pairs and IDX files ·
    every other task with as many inputs as the net.

    **Examples**

    `netsculpt train --net mlp:64,256,128,5 --task digits:0-4 --sparse rigl --density .05 -o net.pt`

    `netsculpt transfer net.pt --task digits:5-9`

    `netsculpt transfer net.pt --task digits:5-9 --task digits:even-odd --against dense.pt`

    `netsculpt transfer net.pt --task digits:5-9 --mode full --epochs 20 --learning-rates .01,.001`
    """
    from netsculpt.report.terminal.transferred import print_transferred

    targets = task or []
    if not targets:
        raise typer.BadParameter("a target is needed, such as digits:5-9", param_hint="--task")
    if len(set(targets)) < len(targets):
        raise typer.BadParameter("a target is named twice", param_hint="--task")
    if mode == "linear":
        refuse_options(context, OF_FULL, "'linear' fits a regression, not by a recipe")
    else:
        refuse_options(context, OF_LINEAR, "'full' has no penalty to choose")
    recipe, arguments = training.recipe(), choosing.arguments(mode)
    paths = _outputs(output, targets)
    states = companion(output, ".transfer")
    for path in paths:
        for read in (model, against):
            require_model_output(path, "transfer", read)
    refuse_restart(states, resume)
    require_writable(output.parent)
    files = {"sparse": model, "dense": against}
    nets = {who: start_net(NewNet(model=x), seed) for who, x in files.items() if x is not None}
    samples = [_target(name, nets) for name in targets]
    output.parent.mkdir(parents=True, exist_ok=True)
    found: dict[str, list[Transferred]] = {}
    with held(output), resumable() as progress:
        for who, begun in nets.items():
            run = _Run(mode, recipe, arguments, seed, device, progress)
            found[who] = [
                run(begun, target, states / who / _slug(name))
                for name, target in zip(targets, samples, strict=True)
            ]
        for path, each, target in zip(paths, found["sparse"], samples, strict=True):
            _write(nets["sparse"], each, target, path)
    increase = _increase(targets, found, seed) if against is not None else None
    if as_json:
        about = {who: [x.summary() for x in each] for who, each in found.items()}
        increases = {"increase": increase.summary()} if increase is not None else {}
        models = {"models": [str(path) for path in paths]}
        typer.echo(json.dumps({**about, **increases, **models}, indent=2, allow_nan=False))
    else:
        print_transferred(found, increase, paths)


@dataclass(frozen=True)
class _Run:
    """One transfer after another, all done alike."""

    mode: str
    recipe: Recipe
    arguments: dict[str, Any]
    seed: int
    device: str
    progress: Progress

    def __call__(self, begun: StartNet, target: Task, states: Path) -> Transferred:
        from netsculpt.training.transfer import full_transfer, linear_transfer

        if self.mode == "linear":
            return linear_transfer(begun.net, target, rng=self.seed, **self.arguments)
        show = self.progress
        return full_transfer(
            begun.net,
            target,
            self.recipe,
            rng=self.seed,
            device=self.device,
            checkpoints=states,
            progress=lambda _, each: show("epochs", each.epoch, self.recipe.epochs),
            **self.arguments,
        )


def _target(name: str, nets: dict[str, StartNet]) -> Task:
    """A target, called as on the command line."""
    from netsculpt.training.tasks import parse_task

    made = parse_task(name, rng=0)
    for (who, begun), option in zip(nets.items(), ("--task", "--against"), strict=False):
        if made.n_inputs != begun.spec.n_inputs:
            raise typer.BadParameter(
                f"the {who} net has {begun.spec.n_inputs} inputs, {name} {made.n_inputs}: they "
                "must be equal",
                param_hint=option,
            )
    return replace(made, name=name)


def _outputs(output: Path, targets: list[str]) -> list[Path]:
    """The file of each target."""
    if len(targets) == 1:
        return [output]
    paths = [companion(output, f".{_slug(name)}.pt") for name in targets]
    if len(set(paths)) < len(paths):
        raise typer.BadParameter(
            "two targets have names that give one file: transfer to them one by one",
            param_hint="--task",
        )
    return paths


def _slug(name: str) -> str:
    """The name of a target as a part of the name of a file."""
    return re.sub(r"[^\w.+-]+", "-", name).strip("-.")[-100:]


def _write(begun: StartNet, found: Transferred, target: Task, path: Path) -> None:
    """Write the net with its new head; what its file told is told as that of the source."""
    from netsculpt.nets.families import with_outputs

    spec = with_outputs(begun.spec, target.n_outputs)
    replace(begun, spec=spec, metadata={"source": begun.metadata}).write(
        found.net, path, transfer=found.summary()
    )


def _increase(targets: list[str], found: dict[str, list[Transferred]], seed: int) -> Any:
    from netsculpt.compare.error_increase import relative_error_increase

    sides = [
        {name: each.right for name, each in zip(targets, found[who], strict=True)}
        for who in ("sparse", "dense")
    ]
    return relative_error_increase(*sides, rng=seed)
