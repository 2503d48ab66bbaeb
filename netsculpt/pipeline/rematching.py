"""Randomised networks, matched as the network itself was, and what they share with another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt.compare.networks import Signatures, UnitMatching, edge_changes, match_by_paths
from netsculpt.core.progress import silent
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.partition import NO_MODULE, Partition
from netsculpt.modules import compare
from netsculpt.paths import end_shares
from netsculpt.pipeline.detecting import Detecting, detector_of

if TYPE_CHECKING:
    from netsculpt.pipeline.analysis import Analysis

__all__ = ["ami", "jaccard", "labels_on", "moved", "rematched", "signatures_of"]

Rematch = Callable[[NetGraph], UnitMatching]


def signatures_of(graph: NetGraph) -> Signatures:
    """What tells the units of a network apart, by their paths."""
    graph = graph.magnitude
    shares = end_shares(graph)
    indices, indptr, shape = graph.weights.indices, graph.weights.indptr, graph.weights.shape
    arriving, leaving = (
        csr_array((x, indices, indptr), shape) for x in (shares.arriving, shares.leaving)
    )
    return Signatures(graph.layers, np.hstack([shares.inputs, shares.outputs]), arriving, leaving)


def rematched(signatures: Signatures, matching: UnitMatching, second: NetGraph) -> UnitMatching:
    """The units of a randomised second network, matched as in `matching`."""
    if matching.kind != "paths":
        return matching
    return match_by_paths(signatures, signatures_of(second), rng=0)


def jaccard(first: NetGraph, rematch: Rematch, second: NetGraph) -> float:
    """The Jaccard index of all edges."""
    return edge_changes(first, second, rematch(second)).total.jaccard


def ami(
    partition: Partition,
    second: Analysis,
    rematch: Rematch,
    graph: NetGraph,
) -> float:
    """AMI of a partition and the modules of a randomised second network, or of it itself."""
    found = second.detected[0]
    if graph is not second.graph:
        plan = replace(second.plan, n_nulls=0, n_seeds=0)
        stage = Detecting(graph, plan, second.seed, 1, silent)
        given = plan.functions.get(found.detector, found.detector)
        found = stage.detected(found.detector, detector_of(given, graph, None), found.weights)
    value = compare(partition, moved(found.partition, rematch(graph))).ami
    return 0.0 if np.isnan(value) else value  # no unit has a module in both: nothing in common


def moved(partition: Partition, matching: UnitMatching) -> Partition:
    """A partition of the second network as one of the first's units."""
    return Partition(labels_on(partition, matching), partition.method)


def labels_on(partition: Partition, matching: UnitMatching) -> NDArray[np.int32]:
    """Label of each unit's partner [U of the first]; −1 without one."""
    return np.append(partition.labels, NO_MODULE)[matching.partner].astype(np.int32)
