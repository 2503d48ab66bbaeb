"""A pruning, round by round."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from netsculpt.core.random import RNG
from netsculpt.nets.copies import copy_of
from netsculpt.nets.masks import mask_net, masks_of
from netsculpt.training.dynamic.record import Record
from netsculpt.training.fitting.evaluating import evaluated
from netsculpt.training.history.graphs import recorded_layers
from netsculpt.training.history.result import History, Point
from netsculpt.training.tasks import Task

__all__ = ["drawn", "pruning_history"]


def pruning_history(record: Record, net: nn.Module, samples: Task | None = None) -> History:
    """The rounds of a pruning, with losses of the net under the masks of each.

    Parameters
    ----------
    record
        The masks, by `netsculpt.training.dynamic.record.MaskRecorder`; it says which net it is of.
    net
        The net that was pruned, with its weights; not changed.
    samples
        Samples, and held-out ones, to measure on; None: losses are NaN.

    Raises
    ------
    FormatError
        If the record does not say which net it is of.
    """
    masked = copy_of(net)
    present = masks_of(masked)
    points = []
    for number, step in enumerate(record.steps):
        kept = record.masks(number)
        masks = {name: torch.from_numpy(mask) for name, mask in kept.items()}
        mask_net(masked, {**present, **masks})
        density = sum(int(mask.sum()) for mask in masks.values()) / max(record.n_weights, 1)
        points.append(Point(step, "", False, number > 0, density, *_losses(masked, samples)))
    layers = recorded_layers(record, [(step, number) for number, step in enumerate(record.steps)])
    return History("round", tuple(points), *layers)


def drawn(task: Task, n_samples: int, *, rng: RNG = None) -> Task:
    """A task with so many of its samples, and as many held-out ones, at most.

    The training samples are those that `netsculpt.training.batches_of` draws.

    >>> from netsculpt.training.tasks import digits
    >>> few = drawn(digits(), 100, rng=0)
    >>> few.n_samples, few.validation.n_samples
    (100, 100)
    """
    generator = np.random.default_rng(rng)

    def some(samples: Task) -> Task:
        rows = torch.from_numpy(generator.permutation(samples.n_samples)[:n_samples])
        return replace(samples, inputs=samples.inputs[rows], targets=samples.targets[rows])

    few = some(task)
    return few if task.held_out is None else replace(few, held_out=some(task.held_out))


def _losses(net: nn.Module, samples: Task | None) -> tuple[float, float, float, float]:
    """Loss and accuracy in training, and on held-out samples."""
    if samples is None:
        return (math.nan,) * 4
    accuracy, loss = evaluated(net, samples)
    held_out = (accuracy, loss)
    if samples.held_out is not None:
        held_out = evaluated(net, samples.held_out)
    return loss, accuracy, held_out[1], held_out[0]
