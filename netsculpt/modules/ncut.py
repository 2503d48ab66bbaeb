"""The n-cut of a partition: how much of each module's weight leaves it."""

from __future__ import annotations

import numpy as np

from netsculpt.graph.graph import NetGraph, live_units
from netsculpt.graph.partition import NO_MODULE, Partition, labels_of
from netsculpt.modules.magnitudes import live_magnitudes

__all__ = ["ncut"]


def ncut(graph: NetGraph, partition: Partition) -> float:
    r"""n-cut of a partition, on the undirected graph of \|weight\|.

    .. math:: \sum_c \frac{\mathrm{cut}(c, \mathrm{rest})}{\mathrm{vol}(c)}

    where vol(c) is the summed strength of a module's units, and cut(c, rest) the weight of the
    edges between them and all other units. Only live units and the edges between them count; a
    live unit without a module (−1) belongs to the rest. n-cut grows with the number of modules:
    compare only partitions with equally many.

    Parameters
    ----------
    graph
        The network. For the n-cut of the mask alone pass ``graph.pattern``.
    partition
        Module of each unit [U].

    Returns
    -------
    float
        0 (nothing leaves a module) … number of modules. A module without volume adds 0.

    Raises
    ------
    GraphError
        If the partition is not of this network's units.

    Notes
    -----
    Cost O(E). Filan et al., "Clusterability in neural networks", arXiv:2103.03386, section 2.

    Examples
    --------
    >>> from netsculpt.graph.synthetic import planted
    >>> graph, truth = planted([4, 4, 4], 2, 1.0, 0.0, rng=0)
    >>> ncut(graph, truth)
    0.0
    """
    live = live_units(graph)
    labels = np.where(live, labels_of(graph, partition), NO_MODULE)
    sources, targets = graph.sources, graph.weights.indices
    weight = live_magnitudes(graph, live)
    here, there = labels[sources], labels[targets]
    size = partition.n_modules + 1
    volume = np.bincount(here + 1, weight, size) + np.bincount(there + 1, weight, size)
    leaving = weight * (here != there)
    cut = np.bincount(here + 1, leaving, size) + np.bincount(there + 1, leaving, size)
    filled = volume[1:] > 0
    return float((cut[1:][filled] / volume[1:][filled]).sum())
