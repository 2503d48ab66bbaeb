"""Nets, pruning methods and training recipes, and the cells that combine them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from netsculpt.nets.families import CNN, MLP, NetSpec, ResNet
from netsculpt.training.fitting.recipe import Recipe

__all__ = ["DENSE", "METHODS", "NETS", "Cell", "Method", "Net", "cells"]

DENSE = "dense"


@dataclass(frozen=True)
class Method:
    """How the kept weights are chosen: by walks, or by a score."""

    score: str | None  # None: walks
    allocation: str = "global"
    rounds: int | None = None  # None: the default of the score
    baselines: bool = True  # whether baselines can take anything away from it


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "random uniform": Method("random", "uniform", baselines=False),
        "random erk": Method("random", "erk", baselines=False),
        "magnitude": Method("magnitude"),
        "snip": Method("snip"),
        "grasp": Method("grasp"),
        "synflow": Method("synflow"),
        "synflow, one round": Method("synflow", rounds=1),
        "synflow_l2": Method("synflow_l2"),
        "phew": Method(None),
    }
)


@dataclass(frozen=True)
class Net:
    """A net, its task, and its training recipe."""

    spec: NetSpec
    task: str
    recipe: Recipe


def _momentum(epochs: int) -> Recipe:
    """The recipe of most papers on pruning at initialisation."""
    return Recipe(epochs, 64, "sgd", learning_rate=0.1, schedule="cosine", warmup=1)


_PERCEPTRON = MLP((64, 128, 128, 128, 10))
_ADAM = Recipe(40, 64, "adam", learning_rate=3e-3, schedule="cosine", warmup=1)
_CNN = CNN((1, 12, 12), (16, 32), (64,), 10)
_RESNET = ResNet((1, 12, 12), 10, widths=(8, 16, 32))

NETS: Mapping[str, Net] = MappingProxyType(
    {
        "mlp": Net(_PERCEPTRON, "digits", _momentum(20)),
        "mlp-adam": Net(_PERCEPTRON, "digits", _ADAM),
        "cnn": Net(_CNN, "shape-pairs", _momentum(15)),
        "resnet20": Net(_RESNET, "shape-pairs", _momentum(8)),
    }
)


@dataclass(frozen=True)
class Cell:
    """One net pruned in one way, and trained from each initialisation with each baseline."""

    net: str  # of NETS
    method: str  # of METHODS, or DENSE
    density: float
    seed: int  # of samples, weights, masks, and training order
    baselines: tuple[str, ...] = ()
    epochs: int | None = None  # None: those of the net's recipe
    n_scored: int = 512  # samples that scores see
    setup: Net = field(init=False)  # what the names refer to: rows depend on it, too
    choice: Method | None = field(init=False)  # None: dense

    def __post_init__(self) -> None:
        object.__setattr__(self, "setup", NETS[self.net])
        object.__setattr__(self, "choice", METHODS.get(self.method))


def cells(
    net: str,
    *,
    methods: tuple[str, ...],
    densities: tuple[float, ...],
    baselines: tuple[str, ...],
    baseline_densities: tuple[float, ...],
    seeds: range,
    epochs: int | None,
) -> list[Cell]:
    """All cells of a net, seed by seed, so that a budget leaves out seeds."""
    chosen = []
    for seed in seeds:
        chosen.append(Cell(net, DENSE, 1.0, seed, epochs=epochs))
        for density in densities:
            for method in methods:
                compared = METHODS[method].baselines and density in baseline_densities
                own = baselines if compared else ()
                chosen.append(Cell(net, method, density, seed, own, epochs))
    return chosen
