"""Which units of a net stand for a module, and which random ones are its control."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.random import stream
from netsculpt.graph.graph import live_units
from netsculpt.graph.partition import Partition, labels_of
from netsculpt.graph.unit_sets import matched_sets
from netsculpt.training.influence.intervening.intervenable import Intervenable

__all__ = ["module_units", "random_sets"]

Bits = NDArray[np.bool_]


def module_units(net: Intervenable, partition: Partition, *, inputs: bool) -> Bits:
    """The units of each module that can be replaced [M, U]; input units only if `inputs`.

    Raises
    ------
    GraphError
        If the partition is not of the net's graph.
    """
    labels = labels_of(net.graph, partition)
    modules = labels == np.arange(partition.n_modules)[:, None]
    found: Bits = modules & (net.replaceable if inputs else net.hidden)
    return found


def random_sets(
    net: Intervenable, modules: Bits, n: int, *, inputs: bool, seed: int, stage: str
) -> Bits:
    """Random sets [M, n, U] with as many units in each layer as each module [M, U].

    They are drawn from the units on a path, and those of modules: units that reach no output would
    make any module look as if it did more than chance.
    """
    usable = net.replaceable if inputs else net.hidden
    pool = (live_units(net.graph) & usable) | modules.any(axis=0)
    sets = np.zeros((len(modules), n, net.graph.n_units), dtype=bool)
    for index, units in enumerate(modules):
        rng = stream(seed, stage, "random sets", index)
        sets[index] = matched_sets(net.graph, units, n, among=pool, rng=rng)
    return sets
