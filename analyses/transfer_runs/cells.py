"""Source and target tasks, how sources become sparse, and the cells that combine them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from netsculpt.nets.families import MLP
from netsculpt.training.fitting.recipe import Recipe

__all__ = [
    "CONTROLS",
    "DENSE",
    "FEW",
    "INPUTS",
    "METHODS",
    "PAIRS",
    "UNTRAINED",
    "Cell",
    "Pair",
    "cells",
]

DENSE, INPUTS, UNTRAINED = "dense", "inputs", "untrained"
CONTROLS = (INPUTS, UNTRAINED)  # no net at all, and one that learned nothing
FEW = ", few"  # ends the names of targets with few samples
METHODS = ("gmp", "ac_dc", "rigl", "set", "lottery", "synflow", "static")


@dataclass(frozen=True)
class Pair:
    """A source task and its targets, as `parse_task` reads them, and how nets are trained."""

    net: MLP
    whole: str  # the task whose samples are split into those to learn from and the test
    source: str  # a view of it, or another task of the same samples
    targets: tuple[str, ...]
    held_out: float  # share of the samples of the whole task that only measures
    few: int  # samples of the first target to learn from, in a target of its own; 0: none.
    # A full transfer to it is one step per epoch: it tells how fast a net learns, too.
    recipe: Recipe
    every: int  # optimizer steps from update to update of moving masks
    full: Recipe  # of full transfers
    rates: tuple[float, ...]  # learning rates that they choose from


def _momentum(epochs: int) -> Recipe:
    return Recipe(epochs, 64, "sgd", 0.1, "cosine", warmup=1, weight_decay=5e-4)


PAIRS: Mapping[str, Pair] = MappingProxyType(
    {
        "digits": Pair(
            MLP((64, 256, 128, 5)),
            "digits",
            "0-4",
            ("5-9", "6+8/5+7+9"),
            held_out=0.4,
            few=50,
            recipe=_momentum(30),
            every=12,
            full=_momentum(20),
            rates=(0.1, 0.01),
        ),
        "parity": Pair(
            MLP((64, 256, 128, 2)),
            "digits",
            "even-odd",
            ("5-9", "0-4/5-9"),
            held_out=0.4,
            few=0,
            recipe=_momentum(30),
            every=25,
            full=_momentum(20),
            rates=(0.1, 0.01),
        ),
    }
)


@dataclass(frozen=True)
class Cell:
    """A net that learned the source by one method, and all transfers of it."""

    pair: str  # of PAIRS
    method: str  # of METHODS, or DENSE, or one of CONTROLS
    density: float
    seed: int  # of samples, weights, masks and training orders: methods share it
    setup: Pair = field(init=False)  # what the name refers to: rows depend on it, too

    def __post_init__(self) -> None:
        object.__setattr__(self, "setup", PAIRS[self.pair])

    @property
    def about(self) -> dict[str, object]:
        """What tells its rows from those of other cells."""
        return {
            "pair": self.pair,
            "method": self.method,
            "asked": self.density,
            "seed": self.seed,
        }


def cells(
    pair: str, *, methods: tuple[str, ...], densities: tuple[float, ...], seeds: range
) -> list[Cell]:
    """All cells of a pair, seed by seed, so that a budget leaves out seeds."""
    chosen = []
    for seed in seeds:
        chosen += [Cell(pair, method, 1.0, seed) for method in (DENSE, *CONTROLS)]
        chosen += [Cell(pair, method, x, seed) for x in densities for method in methods]
    return chosen
