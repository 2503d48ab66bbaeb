"""Whether a network's modules, and the images that its units read, follow the two digits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.random import stream
from netsculpt.graph.graph import NetGraph, live_units
from netsculpt.graph.partition import Partition
from netsculpt.modules import compare, quality
from netsculpt.modules.detectors import layered
from netsculpt.nulls import rewire
from netsculpt.training.tasks import Truth

__all__ = ["BOTH", "Structure", "chances", "images_read", "structure"]

BOTH = 3  # images 1 and 2, as bits
_TIE = 1e-9


@dataclass(frozen=True)
class Structure:
    """Three numbers of a network, each of which is compared with that of rewired networks."""

    quality: float  # layer-aware modularity of the modules
    agreement: float  # adjusted Rand index of the outputs' modules with their digits; NaN: one kind
    pure: float  # share of live channels of convolutions that read one of the two images


def structure(graph: NetGraph, partition: Partition, truth: Truth) -> Structure:
    """The numbers of a network, with the modules that were found in it."""
    outputs, digits = graph.outputs, truth.output_groups
    of_output = Partition(digits.labels[np.asarray(graph.positions)[outputs]])
    found = compare(Partition(partition.labels[outputs]), of_output)
    read = images_read(graph)
    channels = np.concatenate([read[x.units] for x in graph.layers if x.name.startswith("conv")])
    live = channels[channels > 0]
    agreement = found.ari if digits.n_modules == 2 else np.nan
    pure = float(np.mean(live < BOTH)) if live.size else np.nan
    return Structure(quality(graph, partition), agreement, pure)


def images_read(graph: NetGraph) -> NDArray[np.int64]:
    """Which images each unit depends on [U]: 1, 2, or `BOTH`; 0 for units that are not live."""
    live = live_units(graph)
    pattern = graph.pattern.weights.toarray() > 0
    read = np.zeros(graph.n_units, np.int64)
    first_of_right = np.prod(graph.layers[0].shape) // 2  # pixels of the left image come first
    read[graph.inputs] = 1 + (np.asarray(graph.positions)[graph.inputs] >= first_of_right)
    for unit in np.setdiff1d(np.flatnonzero(live), graph.inputs):  # after those that feed it
        read[unit] = np.bitwise_or.reduce(read[pattern[:, unit]])
    return np.where(live, read, 0)


def chances(graph: NetGraph, truth: Truth, found: Structure, n: int, seed: int) -> Structure:
    """The p of each number: how often a rewired network, with modules of its own, has as much."""
    live = graph.live()
    drawn = []
    for index in range(n):
        null = rewire(live, rng=stream(seed, "rewired", index))
        drawn.append(vars(structure(null, layered(null, rng=seed), truth)))
    p = {
        key: np.nan
        if np.isnan(value)
        else (1 + sum(not x[key] < value - _TIE for x in drawn)) / (n + 1)
        for key, value in vars(found).items()
    }
    return Structure(**p)
