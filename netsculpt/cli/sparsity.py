"""The options of ``train`` that make a net sparse while it learns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netsculpt.cli.options import choice, refuse_options
from netsculpt.core.catalog import named, names
from netsculpt.core.errors import FormatError

if TYPE_CHECKING:
    from netsculpt.training.dynamic import Sparsifier
    from netsculpt.training.fitting.recipe import Recipe
    from netsculpt.training.tasks import Task

__all__ = ["SparseOptions", "SparseRun"]

METHODS = names("sparse_methods")
ALLOCATIONS = names("allocations")
GROWS = names("grows")
PANEL = "Sparse training"
GROUP: Any = {"rich_help_panel": PANEL}
END = 0.75  # of the steps
OF_PHASES = ("keep_momentum", "phase_states", "start_from")  # options of methods with phases

sparse_option = partial(typer.Option, **GROUP)


@dataclass(frozen=True)
class SparseOptions:
    """The options of sparse training, named as the arguments of its methods."""

    sparse: Annotated[
        str | None,
        choice(METHODS, "Make the net sparse while it learns, by {}.", **GROUP),
    ] = None
    density: Annotated[
        float | None,
        sparse_option(
            min=0, max=1, help="Fraction of the weights to keep (default: the masks of MODEL)."
        ),
    ] = None
    every: Annotated[
        int | None, sparse_option(min=1, help="Steps of the optimizer from update to update.")
    ] = None
    begin: Annotated[int | None, sparse_option(min=0, help="Step of the first update.")] = None
    end: Annotated[
        float,
        sparse_option(min=0, max=1, help="Share of the training after which masks stay."),
    ] = END
    fraction: Annotated[
        float | None,
        sparse_option(min=0, max=1, help="Share of the kept weights that is exchanged at first."),
    ] = None
    start: Annotated[
        float | None,
        sparse_option(min=0, max=1, help="Density at first, of methods whose density falls."),
    ] = None
    stored: Annotated[
        float | None,
        sparse_option(min=0, max=1, help="Density of what learns outside the mask (top_kast)."),
    ] = None
    phases: Annotated[
        str | None,
        sparse_option(
            help="Dense and sparse epochs of ac_dc: 'd6 (s3 d3)*6 s12', or resnet50, "
            "resnet50-150, resnet20, wrn28 as published (default: resnet50, scaled)."
        ),
    ] = None
    keep_momentum: Annotated[
        bool,
        sparse_option("--keep-momentum", help="Begin dense phases of ac_dc with old momentum."),
    ] = False
    phase_states: Annotated[
        Path | None,
        sparse_option(help="Folder for the state at the end of each phase: phase1-dense.pt, …"),
    ] = None
    start_from: Annotated[
        Path | None,
        sparse_option(
            help="One of these states; the last dense one makes the dense_twin. No masks are "
            "recorded: those before are not known."
        ),
    ] = None
    no_record: Annotated[
        bool,
        sparse_option(
            "--no-record",
            help="Do not write the masks of every update: of 10⁶ weights at 5 % some 17 kB each.",
        ),
    ] = False
    strength: Annotated[
        float | None, sparse_option(min=0, help="Weight of the gradient in the score of mest.")
    ] = None
    penalty: Annotated[
        float | None, sparse_option(min=0, help="What draws weights of deep_r to 0.")
    ] = None
    temperature: Annotated[
        float | None,
        sparse_option(min=0, help="Noise of the walk of deep_r; chance in the drop of cht."),
    ] = None
    grow: Annotated[str | None, choice(GROWS, "What itop and cht grow: highest {}.", **GROUP)] = (
        None
    )
    spread: Annotated[
        float | None,
        sparse_option(min=0, max=1, help="Of the receptive fields of cht's first masks."),
    ] = None
    most_returning: Annotated[
        float | None,
        sparse_option(min=0, max=1, help="Share of returning weights after which cht stops."),
    ] = None
    least_salient: Annotated[
        float | None,
        sparse_option(min=0, max=1, help="Share of salient inputs that a unit of srigl needs."),
    ] = None
    n: Annotated[int | None, sparse_option(min=1, help="Of n_of_m: how many are kept …")] = None
    m: Annotated[int | None, sparse_option(min=1, help="… of how many.")] = None
    allocation: Annotated[str | None, choice(ALLOCATIONS, "How layers share it: {}.", **GROUP)] = (
        None
    )
    dense: Annotated[
        list[str] | None,
        sparse_option(help="A weight to leave dense, such as fc.weight; repeatable."),
    ] = None

    def run(
        self, context: typer.Context, task: Task, recipe: Recipe, seed: int
    ) -> SparseRun | None:
        """How to make a net sparse; None without --sparse. Refuses options without effect."""
        own = [field.name for field in fields(self) if field.name != "sparse"]
        if self.sparse is None:
            refuse_options(context, own, "it is of sparse training (--sparse METHOD)")
            return None
        method = named("sparse_methods", self.sparse)
        known = signature(method).parameters
        reason = f"{self.sparse} has no such setting"
        allowed = {*known, "no_record", *(OF_PHASES if "phases" in known else ())}
        refuse_options(context, [x for x in own if x not in allowed], reason)
        given = {x: getattr(self, x) for x in own if x in known}
        arguments = {key: value for key, value in given.items() if value is not None}
        steps_per_epoch = -(-task.n_samples // recipe.batch_size)
        if "end" in known:
            total = recipe.epochs * steps_per_epoch
            arguments["end"] = round(self.end * total)
            if self.begin is not None and self.begin > arguments["end"]:
                raise typer.BadParameter(
                    f"the training has {total} steps, and masks stay after step "
                    f"{arguments['end']} (--end {self.end:g}): begin earlier, or end later",
                    param_hint="--begin",
                )
        if "phases" in known:
            arguments["reset_momentum"] = not self.keep_momentum
            arguments["phases"] = _boundaries(self.phases, recipe.epochs, steps_per_epoch)
        if "density" in known and self.density is None:
            if known["density"].annotation == "float":
                raise typer.BadParameter(f"{self.sparse} needs it", param_hint="--density")
            if self.start is not None:
                raise typer.BadParameter(
                    "without --density nothing says where it ends", param_hint="--start"
                )
            arguments["density"] = None
        if self.grow is not None:
            arguments["grow"] = named("grows", self.grow)
        return SparseRun(partial(method, **arguments, rng=seed))


class SparseRun:
    """A method with its arguments, and the sparsifier that it has made."""

    def __init__(self, method: Any) -> None:
        self._method = method
        self.sparsifier: Sparsifier | None = None
        self.on_made: Callable[[Sparsifier], object] | None = None

    def __call__(self, net: Any) -> Sparsifier:
        """Make a net sparse."""
        if self._method.keywords.get("density", 1) is None and not _is_pruned(net):
            raise typer.BadParameter("the net is dense: give a density", param_hint="--density")
        made: Sparsifier = self._method(net)
        self.sparsifier = made
        if self.on_made is not None:
            self.on_made(made)
        return made

    def summary(self) -> dict[str, Any]:
        """What was done, as JSON."""
        if self.sparsifier is None:
            return {}
        return {
            **self.sparsifier.about(),
            "updates": self.sparsifier.n_updates,
            "ever_active": self.sparsifier.ever_active,
        }


def _boundaries(text: str | None, epochs: int, steps_per_epoch: int) -> tuple[int, ...]:
    from netsculpt.training.dynamic import phases

    try:
        found = phases.phases_of(phases.scaled(epochs) if text is None else text)
    except FormatError as error:
        raise typer.BadParameter(str(error), param_hint="--phases") from None
    total = sum(n for _, n in found)
    if total != epochs:
        raise typer.BadParameter(
            f"the phases last {total} epochs, the training {epochs}: they must be equal",
            param_hint="--phases",
        )
    return phases.boundaries(found, steps_per_epoch)


def _is_pruned(net: Any) -> bool:
    from netsculpt.nets import weight_counts

    return weight_counts(net).density < 1
