"""Nets, methods of sparse training, and the cells that combine them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from netsculpt.nets.families import CNN, MLP, NetSpec, ResNet
from netsculpt.training.fitting.recipe import Recipe

__all__ = ["DENSE", "METHODS", "NETS", "STATIC", "UNTIL", "Cell", "Method", "Net", "cells"]

DENSE, STATIC = "dense", "static"

Kind = Literal["dense", "static", "pruned first", "moving", "gradual", "phases"]


@dataclass(frozen=True)
class Method:
    """How the mask of a net comes about."""

    kind: Kind
    first: str = "random"  # how the first mask is chosen: "random", "phew", or a score


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        DENSE: Method("dense"),
        STATIC: Method("static"),
        "phew": Method("pruned first", "phew"),
        "synflow": Method("pruned first", "synflow"),
        "set": Method("moving"),
        "rigl": Method("moving"),
        "srigl": Method("moving"),
        "cht": Method("moving"),
        "granet": Method("gradual"),
        "gmp": Method("gradual"),
        "ac_dc": Method("phases"),
    }
)


@dataclass(frozen=True)
class Net:
    """A net, its task, its training, and how often masks are updated."""

    spec: NetSpec
    task: str
    recipe: Recipe
    every: int  # optimizer steps


UNTIL = 0.75  # of the training: masks stay from then on
_PERCEPTRON = MLP((64, 256, 128, 10))


def _momentum(epochs: int) -> Recipe:
    """The recipe of most papers on sparse training."""
    return Recipe(epochs, 64, "sgd", 0.1, "cosine", warmup=1, weight_decay=5e-4)


NETS: Mapping[str, Net] = MappingProxyType(
    {
        "mlp": Net(_PERCEPTRON, "digits", _momentum(60), every=100),
        "mlp-adam": Net(_PERCEPTRON, "digits", Recipe(60, 64, "adam", 3e-3), every=100),
        "cnn": Net(
            CNN((1, 12, 12), (16, 32), (64,), 10),
            "shape-pairs",
            Recipe(20, 64, "adam", 3e-3, "cosine", warmup=1),  # no norms: momentum stays at chance
            every=30,
        ),
        "resnet20": Net(
            ResNet((1, 12, 12), 10, widths=(8, 16, 32)),
            "shape-pairs",
            _momentum(10),
            every=30,
        ),
    }
)


@dataclass(frozen=True)
class Cell:
    """One net trained by one method."""

    net: str  # of NETS
    method: str  # of METHODS
    density: float
    seed: int  # of samples, weights, masks, and training order: methods share it
    n_nulls: int  # networks that modularity is compared with
    epochs: int | None = None  # None: those of the net's recipe
    setup: Net = field(init=False)  # what the names refer to: rows depend on it, too
    choice: Method = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "setup", NETS[self.net])
        object.__setattr__(self, "choice", METHODS[self.method])

    @property
    def about(self) -> dict[str, Any]:
        """What tells its rows from those of other cells."""
        return {
            "net": self.net,
            "method": self.method,
            "asked": self.density,
            "seed": self.seed,
        }


def cells(
    net: str,
    *,
    methods: tuple[str, ...],
    densities: tuple[float, ...],
    seeds: range,
    n_nulls: int,
    epochs: int | None,
) -> list[Cell]:
    """All cells of a net, seed by seed, so that a budget leaves out seeds."""
    chosen = []
    for seed in seeds:
        chosen.append(Cell(net, DENSE, 1.0, seed, n_nulls, epochs))
        for density in densities:
            chosen += [Cell(net, method, density, seed, n_nulls, epochs) for method in methods]
    return chosen
