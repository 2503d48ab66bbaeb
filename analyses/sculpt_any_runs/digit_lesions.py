"""Whether silencing the module of a digit hurts that digit, and not the other one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netsculpt.graph.partition import NO_MODULE, Partition
from netsculpt.training.influence.intervening import Intervenable, module_units, random_sets
from netsculpt.training.influence.lesions.outcomes import (
    outcomes_of,
    samples_for,
    share_of_output,
)
from netsculpt.training.influence.lesions.silencing import Silencing
from netsculpt.training.tasks import Task

__all__ = ["DigitLesion", "digit_lesions"]

Floats = NDArray[np.float64]

_TIE = 1e-9


@dataclass(frozen=True)
class DigitLesion:
    """The lesion of the module that holds most outputs of a digit."""

    digit: int  # 0: left, 1: right
    n_units: int  # that were silenced
    drop: float  # accuracy that the digit loses
    drop_of_other: float
    p: float  # that random units of the same layers do as much to the one rather than the other


def digit_lesions(
    net: Intervenable, partition: Partition, task: Task, *, n_random: int, seed: int
) -> list[DigitLesion]:
    """The lesion of each digit's own module; none where both have the same one, or one has none.

    Units are given their mean activation. Random sets have as many units in each layer.
    """
    samples = samples_for(net, task)
    digit_of = np.asarray(samples.goal.answer_of_output)
    own = [_most(partition.labels[net.graph.outputs[digit_of == digit]]) for digit in (0, 1)]
    if NO_MODULE in own or own[0] == own[1]:
        return []
    modules = module_units(net, partition, inputs=False)[own]
    sets = random_sets(net, modules, n_random, inputs=False, seed=seed, stage="digit lesions")
    silencing = Silencing.of(net, samples, "mean", n_draws=1, seed=seed)
    whole = outcomes_of(samples.goal, net.outputs(samples.inputs)[None], samples.targets).accuracy
    share = share_of_output(samples)

    def drops(units: NDArray[np.bool_]) -> Floats:
        """Accuracy that each digit loses [B, 2]."""
        lost = np.nan_to_num(whole - silencing.outcomes(units).accuracy) * share
        of_digit = [lost[:, digit_of == x].sum(1) / share[digit_of == x].sum() for x in (0, 1)]
        return np.stack(of_digit, axis=1)

    found = []
    for digit, (units, drawn) in enumerate(zip(modules, sets, strict=True)):
        (drop,), by_chance = drops(units[None]), drops(drawn)
        contrast = drop[digit] - drop[1 - digit]
        n_as_large = sum(by_chance[:, digit] - by_chance[:, 1 - digit] >= contrast - _TIE)
        p = (1 + int(n_as_large)) / (1 + n_random) if units.any() else 1.0
        other = float(drop[1 - digit])
        found.append(DigitLesion(digit, int(units.sum()), float(drop[digit]), other, p))
    return found


def _most(labels: NDArray[np.int32]) -> int:
    """The most frequent module; `NO_MODULE` if there is none."""
    known = labels[labels != NO_MODULE]
    return int(np.bincount(known).argmax()) if known.size else NO_MODULE
