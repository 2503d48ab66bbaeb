"""Planted networks of up to 10⁸ edges, drawn edge by edge, for benchmarks of module detection."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt.core.random import stream
from netsculpt.graph.graph import Block, Layer, NetGraph
from netsculpt.graph.partition import Partition

K, INSIDE, SKIPS, TAIL, TAPER = 10, 0.6, 0.05, 2.5, 3.0


def layered_network(
    n_edges: int, n_layers: int, degree: float, seed: int, inside: float = INSIDE
) -> tuple[NetGraph, Partition]:
    """A network with about `n_edges` edges and this mean in-degree, and the module of each unit.

    Every unit's module is drawn from ten. In-degrees are Pareto with exponent 2.5; widths fall by a
    factor of three from first to last, densities are those of ERK. A twentieth of the edges skip a
    layer, from every other layer on. An edge comes from its target's own module with probability
    `inside`, else from any unit; weights are normal.
    """
    shape = _shape(n_layers)
    return _network(n_edges, n_edges / degree / (n_layers - 1) * shape / shape.mean(), seed, inside)


def dense_network(
    n_edges: int, n_layers: int, density: float, seed: int, inside: float = INSIDE
) -> tuple[NetGraph, Partition]:
    """The same with this share of the possible edges, so that in-degrees grow with n.

    What is drawn twice is one edge: at a density of .1 a quarter of the edges is missing, most of
    them inside modules.
    """
    shape = _shape(n_layers)
    places = sum(shape[a] * shape[b] for a, b in (*_pairs(n_layers), *_skips(n_layers)))
    return _network(n_edges, shape * np.sqrt(n_edges / density / places), seed, inside)


def _shape(n_layers: int) -> NDArray[np.float64]:
    return np.geomspace(TAPER, 1.0, n_layers)


def _pairs(n_layers: int) -> list[tuple[int, int]]:
    return [(layer, layer + 1) for layer in range(n_layers - 1)]


def _skips(n_layers: int) -> list[tuple[int, int]]:
    return [(layer, layer + 2) for layer in range(0, n_layers - 2, 2)]


def _network(
    n_edges: int, widths: NDArray[np.float64], seed: int, inside: float
) -> tuple[NetGraph, Partition]:
    widths = np.maximum(1, widths).astype(int)
    pairs, skips = _pairs(widths.size), _skips(widths.size)
    starts = np.concatenate([[0], np.cumsum(widths)])
    module_of = stream(seed, "modules").integers(K, size=starts[-1])
    rows, columns = [], []
    for share, group in ((1 - SKIPS, pairs), (SKIPS, skips)):
        sizes = np.array([widths[a] + widths[b] for a, b in group])  # density × entries of ERK
        for (a, b), n in zip(group, share * n_edges * sizes / sizes.sum(), strict=True):
            sources, targets = slice(starts[a], starts[a + 1]), slice(starts[b], starts[b + 1])
            rng = stream(seed, "edges", a, b)
            row, column = _edges(module_of[sources], module_of[targets], n, inside, rng)
            rows.append(row + starts[a])
            columns.append(column + starts[b])
    row, column = np.concatenate(rows), np.concatenate(columns)
    weights = stream(seed, "weights").standard_normal(row.size, dtype=np.float32)
    layers = tuple(
        Layer(
            f"layer{layer}",
            "input" if layer == 0 else "output" if layer == widths.size - 1 else "hidden",
            (int(width),),
            int(starts[layer]),
            int(starts[layer + 1]),
        )
        for layer, width in enumerate(widths)
    )
    blocks = tuple(
        Block(layers[a].name, layers[b].name, f"W{a}.{b}", "linear", int(widths[a] * widths[b]))
        for a, b in (*pairs, *skips)
    )
    matrix = csr_array((weights, (row, column)), (module_of.size, module_of.size))
    matrix.sort_indices()
    return NetGraph(matrix, None, layers, blocks), Partition(module_of, "planted")


def _edges(
    here: NDArray[np.int64],
    there: NDArray[np.int64],
    n: float,
    inside: float,
    rng: np.random.Generator,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sources and targets of about n distinct edges between units of these modules."""
    degree = 1 + rng.pareto(TAIL, there.size)
    degree = np.minimum(rng.poisson(degree * n / degree.sum()), here.size)
    target = np.repeat(np.arange(there.size), degree)
    by_module = np.argsort(here, kind="stable")
    count = np.bincount(here, minlength=K)
    first = np.cumsum(count) - count
    own = there[target]
    stays = (rng.random(target.size) < inside) & (count[own] > 0)
    drawn = rng.random(target.size)
    source = (drawn * here.size).astype(np.int64)
    within = first[own] + (drawn * count[own]).astype(np.int64)
    source[stays] = by_module[within[stays]]
    edges = np.unique(source * there.size + target)
    return edges // there.size, edges % there.size
