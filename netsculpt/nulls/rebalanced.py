"""A null model for balanced weights, made from any null model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from threading import Lock
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import GraphError
from netsculpt.core.parallel import for_threads
from netsculpt.core.provenance import step
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.graph.balancing import dispersed_weights
from netsculpt.graph.cycles import cycles, independent_cycles
from netsculpt.graph.graph import NetGraph, balancing_groups
from netsculpt.nulls.significance import Null

__all__ = ["rebalanced"]

_LONG = 1_000_000  # weights
_ENOUGH = 20  # edges on cycles of a block whose own weights say how they are dispersed


def rebalanced(null: Null) -> Null:
    r"""Turn a null model into one of ``graph.balanced``, whose draws are balanced as well.

    A null model permutes weights, after which units are no longer balanced; and balancing them
    again takes part of their dispersion away, so that Q of draws would be too low. So the draw's
    weights are raised to a power in each block and balanced again, such that they are as dispersed
    as those of the network: :math:`\sum (b - 1)^2` per independent cycle of the block is the same.
    With `netsculpt.nulls.rewire` a draw has the same degrees, the same strengths and equally
    dispersed weights, and nothing else in common with the network.

    Edges on no cycle of their block tell nothing: their balanced weights are 1. Where blocks have
    two edges a unit or fewer, one may have no cycle, and its draws some. A block with fewer than
    twenty edges on cycles is therefore dealt the weights on cycles of all blocks, and its
    dispersion counts one cycle of the average block in addition to its own.

    Only relative weights decide: networks that differ by scales of units have the same draws.

    Parameters
    ----------
    null
        A null model, e.g. ``netsculpt.nulls.models.rewire``.

    Returns
    -------
    Null
        A function ``(graph, *, rng) -> NetGraph``. Compare its draws with ``graph.balanced``: their
        weights are balanced, float64. Provenance: the step of `null`, then one with the power of
        each block, which is limited to 1/8 … 8. If no such power gives the dispersion (where edges
        form a forest all balanced weights are 1), the closest is taken.

    Raises
    ------
    GraphError
        From the null model, if the weights of the network or of a draw cannot be balanced.

    Notes
    -----
    Cost: `null`, and O(E) for each of some 50 sweeps.

    Examples
    --------
    >>> from netsculpt.graph.synthetic import planted
    >>> from netsculpt.nulls import rewire
    >>> graph, _ = planted([20, 20], 2, 0.5, 0.1, rng=0)
    >>> graph = graph.with_weights(np.random.default_rng(0).lognormal(size=graph.n_edges))
    >>> drawn = rebalanced(rewire)(graph, rng=0)
    >>> abs(drawn.weights.data.std() / graph.balanced.weights.data.std() - 1) < 1e-3
    np.True_
    """
    return partial(_rebalanced, null)


@for_threads
def _rebalanced(null: Null, graph: NetGraph, *, rng: RNG = None) -> NetGraph:
    seed = root_seed(rng)
    balanced = graph.balanced
    drawn = null(balanced, rng=seed)
    with _measuring:
        if balanced not in _measured:
            _measured[balanced] = _noise_of(balanced)
        noise = _measured[balanced]
    groups = balancing_groups(drawn)
    values, dispersions = _dealt(noise, drawn, groups, stream(seed, "weights"))
    try:
        weights, powers = dispersed_weights(
            values, drawn.sources, drawn.weights.indices, groups, dispersions
        )
    except GraphError as error:
        raise GraphError(
            f"the weights of the network are balanced, but those of a null network are not: {error}"
        ) from None
    return drawn.with_weights(weights).with_step(step("rebalanced", powers=powers[::2].tolist()))


@dataclass(frozen=True, eq=False)
class _Noise:
    """What draws need to know of a network: its balanced weights on cycles, in numbers by group."""

    squares: NDArray[np.float64]  # [groups] Σ (b − 1)² on cycles
    n_cycles: NDArray[np.int64]  # [groups] independent ones
    n_informative: NDArray[np.int64]  # [groups] edges on them
    from_all: NDArray[np.float64]  # b on cycles of all blocks, on paths


_measured: WeakKeyDictionary[NetGraph, _Noise] = WeakKeyDictionary()
_measuring = Lock()  # threads that draw from one network begin at once, and measure it once


def _noise_of(balanced: NetGraph) -> _Noise:
    groups, n_groups = balancing_groups(balanced), 2 * len(balanced.blocks)
    carrying = balanced.weights.data > 0
    informative = np.zeros(carrying.size, dtype=bool)
    ends = balanced.sources[carrying], balanced.weights.indices[carrying]
    informative[carrying], n_cycles = cycles(*ends, groups[carrying], n_groups)
    excess = (balanced.weights.data - 1) ** 2 * informative
    return _Noise(
        np.bincount(groups, excess, n_groups).astype(np.float64, copy=False),
        n_cycles,
        np.bincount(groups[informative], minlength=n_groups),
        balanced.weights.data[informative & (groups % 2 == 0)],
    )


def _dealt(
    noise: _Noise, drawn: NetGraph, groups: NDArray[np.int64], rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights for a draw [E], from those on cycles of the network; the dispersion of each group.

    The dispersion is NaN for edges on no path, which no statistic sees.
    """
    n_groups = noise.squares.size
    dispersions = np.full(n_groups, np.nan)
    values = drawn.weights.data.astype(np.float64)
    carrying = values > 0
    ends = drawn.sources, drawn.weights.indices
    n_edges, n_cycles = independent_cycles(*ends, groups, carrying, n_groups)
    pooled = noise.squares[::2].sum() / max(int(noise.n_cycles[::2].sum()), 1)
    from_all, few = noise.from_all, noise.n_informative < _ENOUGH
    to_deal = np.flatnonzero(few[groups] & carrying)
    for group in range(0, n_groups, 2):
        if not n_edges[group] or not from_all.size:
            continue
        variance = noise.squares[group] / max(int(noise.n_cycles[group]), 1)
        if few[group]:
            edges = to_deal[groups[to_deal] == group]
            values[edges] = _drawn_from(from_all, edges.size, rng)
            variance = (noise.squares[group] + pooled) / (noise.n_cycles[group] + 1)
        dispersions[group] = np.sqrt(variance * n_cycles[group] / n_edges[group])
    return values, dispersions


def _drawn_from(
    weights: NDArray[np.float64], n: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Some of the weights in random order [n], each once before one comes twice."""
    if weights.size > max(_LONG, n):  # shuffling all to deal out a few would take the most time
        return weights[rng.choice(weights.size, n, replace=False)]
    decks = [rng.permutation(weights) for _ in range(-(-n // weights.size))]
    return np.concatenate(decks)[:n]
