"""What is pruned, how, and how it is trained."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType

from netsculpt.nets.families import CNN, MLP, NetSpec, ResNet
from netsculpt.training.fitting.recipe import Recipe

__all__ = ["DENSE", "METHODS", "NETS", "Cell", "Method", "Net", "cells"]

DENSE = "dense"
_HASHED = 10  # characters of a hash in a name


@dataclass(frozen=True)
class Method:
    """How weights are chosen: by walks, or by a score."""

    score: str | None  # None: walks
    allocation: str = "global"
    rounds: int | None = None  # None: as many as the paper of the score has
    baselines: bool = True  # whether its masks, weights or choice carry something to be taken away


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
    """A net, its task, and how it is trained."""

    spec: NetSpec
    task: str
    recipe: Recipe


def _momentum(epochs: int) -> Recipe:
    """As most papers on pruning at initialisation train."""
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
    seed: int  # of samples, weights, masks, and order of training
    baselines: tuple[str, ...] = ()
    epochs: int | None = None  # None: as many as its net has
    n_scored: int = 512  # samples that scores see

    @property
    def name(self) -> str:
        """A file name; another one for whatever its numbers depend on."""
        known = repr((asdict(self), NETS[self.net], METHODS.get(self.method)))
        digest = hashlib.sha256(known.encode()).hexdigest()[:_HASHED]
        method = self.method.replace(", ", "-").replace(" ", "-")
        return f"{self.net}-{method}-{self.density}-seed{self.seed}-{digest}"


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
    found = []
    for seed in seeds:
        found.append(Cell(net, DENSE, 1.0, seed, epochs=epochs))
        for density in densities:
            for method in methods:
                carried = METHODS[method].baselines and density in baseline_densities
                held = baselines if carried else ()
                found.append(Cell(net, method, density, seed, held, epochs))
    return found
