"""Random layered networks with planted modules."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt.core.errors import GraphError
from netsculpt.core.numbers import checked_number, checked_whole
from netsculpt.core.provenance import step
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.graph.graph import Block, Layer, NetGraph
from netsculpt.graph.matrices import layers_in_chain
from netsculpt.graph.partition import Partition

__all__ = ["planted"]

_CHUNK = 1 << 22  # entries of a block drawn in one step: 16 MB


def planted(
    widths: Sequence[int],
    k: int,
    p_in: float,
    p_out: float,
    degree_heterogeneity: float = 0.0,
    skips: float = 0.0,
    *,
    rng: RNG = None,
) -> tuple[NetGraph, Partition]:
    r"""Draw a layered network with k planted modules.

    Ground truth for detectors, null models and their power. Every layer is divided among the k
    modules as evenly as its width allows. The odds of an edge from unit i to unit j of a later
    layer are

    .. math:: \theta_i \theta_j \frac{p_{c_i c_j}}{1 - p_{c_i c_j}}, \qquad
              p_{cc} = p_\mathrm{in},\ p_{cd} = p_\mathrm{out}

    In odds, propensities determine only degrees: without modules (p_in = p_out) all networks with
    the same degrees are equally likely, which is the null model `netsculpt.nulls.rewire`.

    All weights are 1: the modules are in the pattern. ``graph.with_weights`` sets other weights.

    Parameters
    ----------
    widths
        Units of each layer [L], inputs first.
    k
        Number of modules, at most the width of the narrowest layer.
    p_in, p_out
        Probability, 0 … 1, of an edge inside a module and between modules if θ = 1. With 1 and 0
        the modules are perfect; with p_in = p_out there are none.
    degree_heterogeneity
        σ of the lognormal propensities :math:`\theta` (mean 1; one per unit, for its incoming
        and its outgoing edges). 0: all are equal. Larger values lower the density.
    skips
        Multiple of p_in and p_out in the blocks that skip one layer. 0: no such blocks.
    rng
        Seed or generator.

    Returns
    -------
    tuple[NetGraph, Partition]
        The network, and the planted module of each unit [U], dead ones included.

    Raises
    ------
    GraphError
        If a parameter is out of its range.

    Notes
    -----
    Cost O(entries of the blocks) in time, O(E) in memory.

    Examples
    --------
    >>> graph, truth = planted([4, 4, 4], 2, 1.0, 0.0, rng=0)
    >>> graph
    NetGraph(4-4-4: 12 units, 16 edges)
    >>> truth.labels.tolist()
    [0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1]
    """
    _check(widths, k, p_in, p_out, degree_heterogeneity, skips)
    seed = root_seed(rng)
    layers = layers_in_chain(widths)
    module_of = np.concatenate([np.arange(width) * k // width for width in widths])
    z = stream(seed, "propensity").standard_normal(module_of.size)
    propensity = np.exp(degree_heterogeneity * (z - degree_heterogeneity / 2))
    pairs = [(layer, layer + 1, 1.0) for layer in range(len(widths) - 1)]
    if skips > 0:
        pairs += [(layer, layer + 2, skips) for layer in range(len(widths) - 2)]
    edges = [
        _edges(
            layers[a],
            layers[b],
            module_of,
            propensity,
            (min(factor * p_in, 1.0), min(factor * p_out, 1.0)),
            stream(seed, "edges", a, b),
        )
        for a, b, factor in pairs
    ]
    rows, columns = (np.concatenate(ends) for ends in zip(*edges, strict=True))
    ones = np.ones(rows.size, dtype=np.float32)
    pattern = csr_array((ones, (rows, columns)), (module_of.size, module_of.size))
    pattern.sum_duplicates()  # only sorts: an edge is drawn once
    blocks = tuple(
        Block(
            layers[a].name,
            layers[b].name,
            f"{'W' if b == a + 1 else 'skip'}{a + 1}",
            "linear",
            widths[a] * widths[b],
        )
        for a, b, _ in pairs
    )
    taken = step(
        "planted",
        widths=[int(width) for width in widths],
        k=k,
        p_in=p_in,
        p_out=p_out,
        degree_heterogeneity=degree_heterogeneity,
        skips=skips,
        seed=seed,
    )
    return NetGraph(pattern, None, layers, blocks, (taken,)), Partition(module_of, "planted")


def _edges(
    source: Layer,
    target: Layer,
    module_of: NDArray[np.int64],
    propensity: NDArray[np.float64],
    p: tuple[float, float],
    rng: np.random.Generator,
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Sources and targets of the edges of a block, drawn some rows at a time."""
    there = module_of[target.units]
    rows, columns = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
    n_rows = max(1, _CHUNK // target.n_units)
    for start in range(source.start, source.stop, n_rows):
        units = slice(start, min(start + n_rows, source.stop))
        even = np.where(module_of[units, None] == there, np.float32(p[0]), np.float32(p[1]))
        weighted = even * np.outer(propensity[units], propensity[target.units]).astype(np.float32)
        odds = 1 - even + weighted  # 0 where an edge is certain for any propensity
        chance = np.divide(weighted, odds, out=even.copy(), where=odds > 0)
        row, column = np.nonzero(rng.random(chance.shape, dtype=np.float32) < chance)
        rows.append((row + start).astype(np.int32))
        columns.append((column + target.start).astype(np.int32))
    return np.concatenate(rows), np.concatenate(columns)


def _check(
    widths: Sequence[int], k: int, p_in: float, p_out: float, heterogeneity: float, skips: float
) -> None:
    for width in widths:
        checked_whole(width, "a width in widths", least=1)
    checked_whole(k, "k")
    for name, value in {"p_in": p_in, "p_out": p_out, "skips": skips}.items():
        checked_number(value, name, least=0)
    checked_number(heterogeneity, "degree_heterogeneity", least=0)
    if len(widths) < 2 or not 1 <= k <= min(widths):
        raise GraphError(
            f"widths {list(widths)} with k = {k} modules: at least two layers are needed, each at "
            "least k ≥ 1 units wide"
        )
    if not (0 <= p_in <= 1 and 0 <= p_out <= 1):
        raise GraphError(f"p_in is {p_in} and p_out {p_out}: probabilities 0 … 1 are needed")
