"""Outputs of many networks for the same samples and weights, on any number of threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netsculpt.core.errors import GraphError
from netsculpt.core.parallel import in_threads
from netsculpt.training.search.engine.population import Population, packed
from netsculpt.training.search.topology import Topology

__all__ = ["Reduction", "individual_outputs", "outputs", "reduced"]

Reduction = Callable[[NDArray[np.float32]], NDArray[np.float64]]

_WIDTH = 256  # samples that all units' rows are computed for at once: some 100 kB, in the cache
_COLUMNS = 32  # their number is a multiple of it: four registers
_BLOCK = 1 << 22  # bytes of outputs that a thread holds at a time


def outputs(
    topologies: Sequence[Topology], inputs: ArrayLike, weights: ArrayLike, *, threads: int = 1
) -> NDArray[np.float32]:
    """Compute the outputs of networks whose edges all have the same weight.

    Parameters
    ----------
    topologies
        P patterns of the same inputs and outputs.
    inputs
        [S, inputs without the bias] samples.
    weights
        [W] shared weights; each network is evaluated with each of them.
    threads
        Threads that share the networks; −1: one per core. The bytes are the same for any number.

    Returns
    -------
    float32 [P, W, S, outputs]
        A view: samples are contiguous in memory. Use `reduced` where only a number per network and
        weight is needed, so that the outputs of all are not held at once.

    Raises
    ------
    GraphError
        If the topologies are not legal, or the inputs do not fit them.

    Notes
    -----
    O(P W S E); sums of inputs are computed once for all weights. tanh, sin, cos and exp are
    approximations within 10⁻⁶.
    """
    parts = _parts(topologies, inputs, weights, threads)
    return np.concatenate([*parts]).swapaxes(-1, -2)


def reduced(
    topologies: Sequence[Topology],
    inputs: ArrayLike,
    weights: ArrayLike,
    reduction: Reduction,
    *,
    threads: int = 1,
) -> NDArray[np.float64]:
    """Compute a number per network and weight from the outputs of networks.

    `reduction` is given the outputs of some networks as float32 [p, W, outputs, S], returns [p, W],
    and is called from several threads. The outputs of a few networks per thread are held at a
    time, whatever P is. See `outputs` for the rest.
    """
    return np.concatenate([*_parts(topologies, inputs, weights, threads, reduction)])


def individual_outputs(
    topology: Topology, inputs: ArrayLike, weights: ArrayLike
) -> NDArray[np.float32]:
    """Compute the outputs of one network with a weight for each edge.

    Parameters
    ----------
    topology
        The pattern, of E edges.
    inputs
        [S, inputs without the bias] samples.
    weights
        [W, E] sets of weights, in the order of ``topology.sources``.

    Returns
    -------
    float32 [W, S, outputs]

    Raises
    ------
    GraphError
        If the topology is not legal, or inputs or weights do not fit it.
    """
    from netsculpt.training.search.engine._compiled import weighted_outputs

    population = packed([topology])
    columns = _columns(inputs, population)
    values = np.ascontiguousarray(weights, np.float32)
    if values.ndim != 2 or values.shape[1] != topology.n_edges:
        raise GraphError(
            f"weights are {list(values.shape)}: [sets of weights, {topology.n_edges} edges] are "
            "needed"
        )
    result = np.empty((len(values), topology.n_outputs, columns.shape[1]), np.float32)
    weighted_outputs(
        population.indptr,
        population.sources,
        population.activations,
        columns,
        values,
        _width(columns.shape[1]),
        result,
    )
    return result.swapaxes(-1, -2)


def _parts(
    topologies: Sequence[Topology],
    inputs: ArrayLike,
    weights: ArrayLike,
    threads: int,
    reduction: Reduction | None = None,
) -> list[NDArray[np.generic]]:
    """What is computed for one block of networks after another."""
    from netsculpt.training.search.engine._compiled import shared_outputs

    population = packed(topologies)
    columns = _columns(inputs, population)
    values = np.ascontiguousarray(weights, np.float32)
    if values.ndim != 1 or not values.size:
        raise GraphError(f"weights are {list(values.shape)}: at least one number [W] is needed")
    n_samples = columns.shape[1]
    shape = values.size, population.n_outputs, n_samples
    at_once = max(1, min(_BLOCK // (4 * int(np.prod(shape))), -(-population.size // 16)))

    def run(begin: int) -> NDArray[np.generic]:
        found = np.empty((min(at_once, population.size - begin), *shape), np.float32)
        shared_outputs(
            population.unit_starts,
            population.edge_starts,
            population.indptr,
            population.sources,
            population.activations,
            columns,
            values,
            begin,
            _width(n_samples),
            population.most_units,
            found,
        )
        return found if reduction is None else reduction(found)

    return [*in_threads(run, range(0, population.size, at_once), threads)]


def _columns(inputs: ArrayLike, population: Population) -> NDArray[np.float32]:
    """The inputs of all samples, contiguous for each input [inputs without the bias, S]."""
    given = np.asarray(inputs, np.float32)
    if given.ndim != 2 or given.shape[1] != population.n_inputs - 1 or not given.shape[0]:
        raise GraphError(
            f"inputs are {list(given.shape)}: [samples, {population.n_inputs - 1}] are needed; the "
            "bias is added"
        )
    return np.ascontiguousarray(given.T)


def _width(n_samples: int) -> int:
    """Samples in a block, so that the last one is not much shorter than the others."""
    n_blocks = -(-n_samples // _WIDTH)
    return -(-n_samples // (n_blocks * _COLUMNS)) * _COLUMNS
