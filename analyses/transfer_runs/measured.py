"""One cell: the samples, the net that learned the source, and its transfers to every target."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from netsculpt.core.random import stream
from netsculpt.nets.weight_counts import weight_counts
from netsculpt.training.tasks import Task, digits, hold_out
from netsculpt.training.tasks.views import viewed
from netsculpt.training.transfer import Transferred, full_transfer, linear_transfer
from netsculpt.training.transfer.heads import features
from transfer_runs.cells import FEW, INPUTS, Cell, Pair
from transfer_runs.sources import source_net

__all__ = ["measured", "tasks_of"]

_VALIDATION = 0.2  # of the source's training samples: chooses the epoch


def measured(cell: Cell) -> dict[str, list[dict[str, Any]]]:
    """A row of "sources", and one of "transfers" for each target and mode."""
    torch.set_num_threads(1)  # the same bits whatever the machine
    source, targets = tasks_of(cell.setup, cell.seed)
    net, accuracy = source_net(cell, source)
    seen = next(iter(targets.values())).inputs
    row = {"density": weight_counts(net).density, "source_accuracy": accuracy}
    row |= _of_features(features(net, seen).double().numpy())
    rows = [
        {**cell.about, "target": name, **_row(found)}
        for name, target in targets.items()
        for found in _transfers(cell, net, target)
    ]
    return {"sources": [{**cell.about, **row}], "transfers": rows}


def _of_features(values: NDArray[np.float64]) -> dict[str, float]:
    """How many features there are, vary at all, and count: those of the first target.

    The dimension is the participation ratio of the eigenvalues of their correlations,
    (Σ λ)² / Σ λ²: 1 if all say the same, their number if they are uncorrelated.
    """
    live = values[:, values.std(axis=0) > 0]
    dimension = 0.0
    if live.shape[1]:
        correlations = np.atleast_2d(np.corrcoef(live, rowvar=False))
        dimension = live.shape[1] ** 2 / float((correlations**2).sum())
    return {"features": values.shape[1], "live_features": live.shape[1], "dimension": dimension}


def tasks_of(pair: Pair, seed: int) -> tuple[Task, dict[str, Task]]:
    """Source and targets; what is held out of the digits is the test of every target.

    The source's own held-out samples are a part of its training samples, and choose its epoch.
    """
    whole = hold_out(digits(), pair.held_out, rng=stream(seed, "test"))
    learned = replace(viewed(whole, pair.source, seed=seed), held_out=None)
    source = hold_out(learned, _VALIDATION, rng=stream(seed, "source"))
    targets = {view: viewed(whole, view, seed=seed) for view in pair.targets}
    if pair.few:
        first = pair.targets[0]
        rows = stream(seed, "few").permutation(targets[first].n_samples)[: pair.few]
        targets[first + FEW] = _some(targets[first], np.sort(rows))
    return source, targets


def _some(task: Task, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Task:
    return replace(task, inputs=task.inputs[rows], targets=task.targets[rows])


def _transfers(cell: Cell, net: nn.Module, target: Task) -> list[Transferred]:
    found = [linear_transfer(net, target, rng=cell.seed)]
    if cell.method != INPUTS:  # there is nothing but a head
        recipe, rates = cell.setup.full, cell.setup.rates
        found.append(full_transfer(net, target, recipe, learning_rates=rates, rng=cell.seed))
    return found


def _row(found: Transferred) -> dict[str, Any]:
    return {
        "mode": found.mode,
        "accuracy": found.accuracy,
        "class_accuracy": found.class_accuracy,
        **found.counts,
        **{key: found.chosen.get(key) for key in ("l2", "learning_rate", "epoch")},
    }
