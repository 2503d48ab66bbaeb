"""A network of a suite, with what is known about it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt.core.random import stream
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.partition import Partition

__all__ = ["VERSION", "Network", "digest", "drawn", "numbered", "shuffled"]

VERSION = "ModBench 1"  # frozen: networks of another digest need another version


@dataclass(frozen=True, eq=False)
class Network:
    """A network whose modules are known."""

    graph: NetGraph
    truth: Partition  # [U] true module of each unit; −1: not known, and not scored
    feeds: frozenset[tuple[int, int]] | None = None  # true edges between modules; None: not known
    influence: NDArray[np.float64] | None = None  # [U, O]; None: there are no data

    @property
    def has_modules(self) -> bool:
        """Whether there is more than one module."""
        return self.truth.n_modules > 1


def drawn(suite: str, family: str, index: int) -> np.random.Generator:
    """The random stream of a network."""
    return stream(0, VERSION, suite, family, index)


def shuffled(network: Network, rng: np.random.Generator) -> Network:
    """The same network, with the units of each layer in random order: order tells nothing."""
    graph = network.graph
    assert graph.positions is not None
    order = np.concatenate([x.start + rng.permutation(x.n_units) for x in graph.layers])
    weights = csr_array(graph.weights[order][:, order])
    weights.sort_indices()
    if graph.multiplicity is not None:
        counts = csr_array(
            (graph.multiplicity, graph.weights.indices, graph.weights.indptr), weights.shape
        )
        counts = csr_array(counts[order][:, order])
        counts.sort_indices()
        graph = replace(graph, multiplicity=counts.data, weights=weights)
    else:
        graph = replace(graph, weights=weights)
    influence = network.influence
    if influence is not None:
        outputs = network.graph.outputs
        influence = influence[order][:, np.searchsorted(outputs, order[np.isin(order, outputs)])]
    truth, feeds = numbered(network.truth.labels[order], network.feeds or frozenset())
    return Network(graph, truth, feeds if network.feeds is not None else None, influence)


def numbered(
    labels: NDArray[np.integer], feeds: frozenset[tuple[int, int]]
) -> tuple[Partition, frozenset[tuple[int, int]]]:
    """The partition, whose numbers follow the units, and the edges in these numbers.

    A module without a unit is not there to be found, nor are its edges.
    """
    truth = Partition(labels, "truth")
    number = dict(zip(labels.tolist(), truth.labels.tolist(), strict=True))
    return truth, frozenset((number[a], number[b]) for a, b in feeds if {a, b} <= set(number))


def digest(networks: Iterable[Network]) -> str:
    """SHA-256 of edges, weights, layers, modules and what feeds what, in hexadecimal."""
    sha = hashlib.sha256()
    for network in networks:
        weights = network.graph.weights
        sha.update(repr([layer.n_units for layer in network.graph.layers]).encode())
        for array, kind in (
            (weights.indptr, "<i4"),
            (weights.indices, "<i4"),
            (weights.data, "<f4"),
            (network.truth.labels, "<i4"),
        ):
            sha.update(array.astype(kind).tobytes())
        sha.update(repr(None if network.feeds is None else sorted(network.feeds)).encode())
    return sha.hexdigest()
