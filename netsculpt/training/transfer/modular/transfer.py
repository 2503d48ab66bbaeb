"""Modular transfer: one target trained five times, from the source's module and from controls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from netsculpt.compare.reuse import Curve
from netsculpt.core.errors import FormatError, LimitError
from netsculpt.core.numbers import checked_number, checked_whole
from netsculpt.core.progress import Progress
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.training.fitting.recipe import Recipe
from netsculpt.training.sculpting.replicas import Replicas, initial_replicas
from netsculpt.training.sculpting.retraining import SCULPTING, train
from netsculpt.training.tasks import Task, hold_out
from netsculpt.training.transfer.modular.carrying import (
    Carried,
    carried,
    mean_squares,
    rescaled,
    widened,
)
from netsculpt.training.transfer.modular.conditions import CONDITIONS, Start, starts

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ModularTransfer", "modular_transfer"]


@dataclass(frozen=True, eq=False)
class ModularTransfer:
    """Learning curves of one target in each condition C, and its nets."""

    steps: NDArray[np.int64]  # [epochs] steps of the optimizer until the end of each
    accuracy: NDArray[np.float64]  # [C, epochs] after each epoch, on the samples that measure
    n_samples: int  # learned from
    is_held_out: bool  # False: measured on the samples that are learned from, a whole truth table
    n_carried: dict[str, tuple[int, ...]]  # of source and unrelated: units by hidden layer
    n_learned: NDArray[np.int64]  # [C] weights and biases that learn
    density: NDArray[np.float64]  # [C] weights kept / weights
    nets: Replicas  # [C], each at its best epoch on the samples that measure
    seed: int

    def curve(self, condition: str) -> Curve:
        """Accuracy against steps."""
        return Curve(self.steps, self.accuracy[_row(condition)])

    def final(self, condition: str) -> float:
        """Accuracy after the last epoch: no epoch is chosen."""
        return float(self.accuracy[_row(condition), -1])

    def steps_to(self, goal: float, condition: str) -> float:
        """Steps until the accuracy first reaches a goal; ∞ if it never does."""
        return self.curve(condition).first_at(goal)

    def table(self) -> pd.DataFrame:
        """One row per condition."""
        import pandas as pd

        return pd.DataFrame(
            {
                "condition": CONDITIONS,
                "accuracy": self.accuracy[:, -1],
                "best": self.accuracy.max(axis=1),
                "density": self.density,
                "learned": self.n_learned,
            }
        )

    def summary(self) -> dict[str, Any]:
        """Plain values, JSON-able."""
        return {
            "n_samples": self.n_samples,
            "is_held_out": self.is_held_out,
            "n_carried": {name: list(counts) for name, counts in self.n_carried.items()},
            "steps": int(self.steps[-1]),
            "seed": self.seed,
            "conditions": self.table().set_index("condition").to_dict("index"),
        }


def modular_transfer(
    source: Replicas,
    target: Task,
    recipe: Recipe = SCULPTING,
    *,
    unrelated: Replicas,
    hidden: Sequence[int] | None = None,
    units: ArrayLike | None = None,
    fraction: float = 1.0,
    rng: RNG = None,
    progress: Progress | None = None,
) -> ModularTransfer:
    """Train a target from a source's module, frozen and free, from scratch, and from two controls.

    Five nets of the same widths, initial weights, recipe, samples and order of samples:

    - ``frozen``: the module's units take their places with their incoming weights, which do not
      learn. They read nothing new; all other units and the outputs are new, and may read them.
    - ``free``: the same weights, and all of them learn. The module's units may read all below; what
      they did not read has weight 0 at first.
    - ``scratch``: no module. Does not depend on the source.
    - ``unrelated``: as frozen, with the module of a net that learned something else.
    - ``shuffled``: as frozen, with the module's weights, biases and pruned places in another order
      within each layer.

    A module's ReLU units are scaled to the mean square of the new ones in their layer, on the
    samples learned from: a source and its copy with other scales give the same result.

    Parameters
    ----------
    source
        One multi-layer perceptron of ReLUs. Its outputs are not carried over.
    target
        A task of as many inputs.
    recipe
        As `sculpt` takes it: Adam at a constant rate, for all epochs.
    unrelated
        A net of as many layers, trained on a task that shares nothing with the target.
    hidden
        Widths of the target's hidden layers, for all conditions; None: the source's. Where the
        source is not on a path, or the target wider, there are new units.
    units
        Which hidden units of the source are the module, boolean [U] in the order of its graph: all
        inputs, hidden units and outputs. What they read is carried over, too. None, as for
        `unrelated`: all that are on a path from an input to an output.
    fraction
        Share of the target's samples to learn from. Accuracy is measured on the samples that the
        task holds out; of a task that holds out none, such as a truth table, on those that are not
        learned from, or on all if all are.
    rng
        Seed or generator for the new weights, the samples, their order, and what is shuffled.
    progress
        Called after each condition.

    Raises
    ------
    FormatError
        If the nets do not fit each other or the task, or there is no unit to carry over.
    LimitError
        If a loss is not finite.

    Notes
    -----
    Training five nets; the accuracy after an epoch costs one pass over the samples that measure.
    The protocol is ours. That reused modules help, most with few samples, is claimed for nets that
    are *given* the structure of a task: Patil, TMLR 2025, openreview.net/forum?id=46hFTOUox7.

    Examples
    --------
    >>> from netsculpt.nets import MLP
    >>> from netsculpt.training.tasks import boolean
    >>> first, other = initial_replicas(MLP((4, 6, 2)), [0]), initial_replicas(MLP((4, 6, 2)), [1])
    >>> task = boolean("y = (a ^ b) & (c ^ d)")
    >>> found = modular_transfer(first, task, unrelated=other, hidden=(8,), fraction=0.75, rng=0)
    >>> found.n_samples, found.n_carried["source"], found.n_learned.tolist()
    (12, (6,), [19, 49, 49, 19, 19])
    """
    share = checked_number(fraction, "fraction", above=0, most=1)
    seed = root_seed(rng)
    samples = _samples(target, share, seed)
    _check(source, "source", target)
    _check(unrelated, "unrelated", target)
    wanted = source.spec.widths[1:-1] if hidden is None else hidden
    widths = [checked_whole(width, "a width of hidden", least=1) for width in wanted]
    spec = replace(source.spec, widths=(target.n_inputs, *widths, target.n_outputs))
    initial = initial_replicas(spec, [root_seed(stream(seed, "modular", "weights"))])
    module = _strengthened(carried(source, units), samples, initial)
    other = _strengthened(carried(unrelated, None), samples, initial)
    begun = starts(initial, module, other, seed=seed)
    trained = []
    for number, (name, start) in enumerate(begun.items(), start=1):
        order = stream(seed, "modular", "order")
        found = train(start.net, samples, recipe, [order], frozen=start.frozen)
        if bool(found.diverged.any()):
            raise LimitError(
                f"the loss of condition {name!r} is not finite: lower the learning rate "
                f"({recipe.learning_rate}) or the noise ({recipe.noise})"
            )
        trained.append(found)
        if progress is not None:
            progress("conditions", number, len(begun))
    together = _together([x.replicas for x in trained])
    per_epoch = -(-samples.n_samples // recipe.batch_size)
    return ModularTransfer(
        steps=per_epoch * np.arange(1, recipe.epochs + 1),
        accuracy=torch.cat([x.history for x in trained]).numpy(),
        n_samples=samples.n_samples,
        is_held_out=samples.held_out is not None,
        n_carried={"source": module.n_units, "unrelated": other.n_units},
        n_learned=np.array([_n_learned(start) for start in begun.values()]),
        density=together.n_kept().numpy() / spec.n_weights,
        nets=together,
        seed=seed,
    )


def _samples(target: Task, share: float, seed: int) -> Task:
    """The samples to learn from; those that measure are held out, unless all are learned from."""
    if share == 1:
        return target
    few = hold_out(target, 1 - share, rng=stream(seed, "modular", "samples"))
    return few if target.held_out is None else replace(few, held_out=target.held_out)


def _check(net: Replicas, name: str, target: Task) -> None:
    if net.n_replicas != 1 or net.spec.activation != "relu" or not net.spec.n_hidden:
        raise FormatError(
            f"the {name} is a stack of {net.n_replicas} nets of {net.spec.activation} units in "
            f"{len(net.spec.widths) - 2} hidden layers: one net of ReLUs with hidden layers is "
            "needed; take one with Replicas.take"
        )
    if net.spec.n_inputs != target.n_inputs:
        raise FormatError(
            f"the {name} has {net.spec.n_inputs} inputs, task {target.name!r} {target.n_inputs}: "
            "both must be the same"
        )


def _strengthened(module: Carried, samples: Task, initial: Replicas) -> Carried:
    """The module in nets as wide as the target, its units as strong as the new ones there."""
    widths = initial.spec.widths[1:-1]
    wide = widened(module.net, widths)
    places = [
        torch.nn.functional.pad(own, (0, width - len(own)))
        for own, width in zip(module.units, widths, strict=True)
    ]
    wanted = [squares.mean() for squares in mean_squares(initial, samples.inputs)]
    return rescaled(Carried(wide, tuple(places)), samples.inputs, wanted)


def _together(nets: Sequence[Replicas]) -> Replicas:
    parameters, masks = (
        {name: torch.cat([getattr(net, part)[name] for net in nets]) for name in nets[0].parameters}
        for part in ("parameters", "masks")
    )
    return Replicas(nets[0].spec, nets[0].net, parameters, masks)


def _n_learned(start: Start) -> int:
    free = (
        mask & ~start.frozen[name] if name in start.frozen else mask
        for name, mask in start.net.masks.items()
    )
    return sum(int(mask.sum()) for mask in free)


def _row(condition: str) -> int:
    if condition not in CONDITIONS:
        raise FormatError(f"condition is {condition!r:.80}: one of {CONDITIONS} is needed")
    return CONDITIONS.index(condition)
