"""A net and a method: how signals propagate after pruning, and how fast the net learns."""

from __future__ import annotations

import copy
import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from lee2020.jacobians import by_layer
from netsculpt.core.errors import LimitError
from netsculpt.core.random import stream
from netsculpt.nets import MLP, initial_net, prunable
from netsculpt.nets.initialisations import glorot, he, orthogonal
from netsculpt.training import Recipe, fit, prune, sparse_net
from netsculpt.training.fitting.batches import Batches, batches_of
from netsculpt.training.fitting.metrics import Epoch
from netsculpt.training.pruning.approximate_isometry import approximate_isometry
from netsculpt.training.pruning.fan_in import fan_in_corrected
from netsculpt.training.tasks import Task, digits, hold_out

__all__ = [
    "DENSE",
    "FAN_IN",
    "GAINS",
    "INITIALISATIONS",
    "ISOMETRY",
    "METHODS",
    "NORMS",
    "PLAIN",
    "RAW",
    "SAMPLES",
    "STATES",
    "Cell",
    "Rows",
    "Settings",
    "measured",
]

DENSE = "dense"
PLAIN, FAN_IN, NORMS, ISOMETRY = "plain", "fan-in corrected", "norms of isometry", "isometry"
STATES = (PLAIN, FAN_IN, NORMS, ISOMETRY)
GAINS = {"tanh": 1.0, "relu": math.sqrt(2)}  # of isometries; √2 since ReLUs cut off half
INITIALISATIONS = ("orthogonal", "he", "glorot")
METHODS = ("random", "magnitude", "snip", "grasp", "synflow", "phew")
SAMPLES = ("labelled", "unlabelled", "noise")  # what SNIP sees
RAW = ("isometry", "curves", "runs")

Rows = dict[str, list[dict[str, Any]]]  # by RAW


@dataclass(frozen=True)
class Settings:
    """How all nets are made, measured and trained."""

    # Of 0.003, 0.01, 0.03, 0.1 and 0.3, the learning rate at which both dense orthogonal nets do
    # well after 5 epochs (seed 0). One random mask of density 0.05 was also tried, plain and
    # isometric, without influence on the choice: at 0.1 the isometric nets learn faster.
    recipe: Recipe
    widths: tuple[int, ...] = (64, *(100,) * 6, 10)
    n_samples: int = 256  # that scores see
    n_jacobians: int = 4  # samples at which Jacobians are taken
    held_out: float = 0.2


@dataclass(frozen=True)
class Cell:
    """A net and how it is pruned, with all that its rows depend on."""

    seed: int
    activation: str
    init: str
    method: str
    samples: str
    densities: tuple[float, ...]
    settings: Settings

    @property
    def labels(self) -> dict[str, Any]:
        """Columns of its rows."""
        names = ("seed", "activation", "init", "method", "samples")
        return {name: getattr(self, name) for name in names}


def measured(cell: Cell) -> Rows:
    """Rows of a cell: "isometry" by layer, "curves" by epoch, "runs" by trained net."""
    torch.set_num_threads(1)
    task = hold_out(digits(), cell.settings.held_out, rng=stream(cell.seed, "held out"))
    net = _drawn(cell)
    batches = _scored_by(cell, task)
    order = stream(cell.seed, "jacobians").permutation(task.n_samples)
    samples = task.inputs[order[: cell.settings.n_jacobians]]
    rows: Rows = {name: [] for name in RAW}
    for density in cell.densities:
        about: dict[str, Any] = {"dead_units": 0, "connected": True}
        states = {PLAIN: net}
        if cell.method != DENSE:
            rng = stream(cell.seed, cell.method, str(density))
            pruned = prune(net, method=cell.method, density=density, batches=batches, rng=rng)
            states[PLAIN] = sparse_net(net, pruned).net
            states[FAN_IN] = fan_in_corrected(states[PLAIN])
            about = {key: pruned.summary()[key] for key in about}
        nearest = approximate_isometry(states[PLAIN], gain=GAINS[cell.activation])
        states |= {NORMS: _scaled(states[PLAIN], nearest.net), ISOMETRY: nearest.net}
        for state, variant in states.items():
            labels = {**cell.labels, "density": density, "state": state}
            layers = by_layer(variant, samples)
            rows["isometry"] += [labels | layer for layer in layers]
            history, diverged = _trained(variant, task, cell.settings.recipe, cell.seed)
            rows["curves"] += [labels | asdict(epoch) for epoch in history]
            rows["runs"].append(labels | about | {"diverged": diverged})
    return rows


def _drawn(cell: Cell) -> nn.Module:
    net = initial_net(MLP(cell.settings.widths, cell.activation), rng=0)
    rng = stream(cell.seed, "initial weights", cell.init)
    if cell.init == "orthogonal":
        return orthogonal(net, rng=rng, gain=GAINS[cell.activation])
    return {"he": he, "glorot": glorot}[cell.init](net, rng=rng)


def _scored_by(cell: Cell, task: Task) -> Batches:
    """Samples with labels, samples with all classes equally likely, or noise with the same."""
    rng = stream(cell.seed, "samples", cell.samples)
    n = cell.settings.n_samples
    batches = batches_of(task, n_samples=n, batch_size=n, rng=rng)
    if cell.samples == "labelled":
        return batches
    (inputs, _), *_ = batches
    if cell.samples == "noise":
        inputs = torch.from_numpy(rng.standard_normal(inputs.shape, dtype=np.float32))
    return Batches([(inputs, torch.full((n, task.n_outputs), 1 / task.n_outputs))])


def _scaled(net: nn.Module, like: nn.Module) -> nn.Module:
    """A copy whose layers are scaled to the weight norms of another net."""
    clone = copy.deepcopy(net)
    with torch.no_grad():
        for weight, other in zip(prunable(clone).values(), prunable(like).values(), strict=True):
            size = torch.linalg.vector_norm(weight)
            if size > 0:
                weight.mul_(torch.linalg.vector_norm(other) / size)
    return clone


def _trained(net: nn.Module, task: Task, recipe: Recipe, seed: int) -> tuple[list[Epoch], bool]:
    """Metrics of every epoch, and whether the loss became infinite in the next."""
    history: list[Epoch] = []
    try:
        fit(net, task, recipe, rng=stream(seed, "training"), progress=history.append)
    except LimitError:
        return history, True
    return history, False
