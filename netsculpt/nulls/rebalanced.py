"""A null model for balanced weights, made from any null model."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import GraphError
from netsculpt.core.parallel import for_threads
from netsculpt.core.provenance import step
from netsculpt.core.random import RNG
from netsculpt.graph.balancing import dispersed_weights
from netsculpt.graph.graph import NetGraph, balancing_groups
from netsculpt.nulls.significance import Null

__all__ = ["rebalanced"]


def rebalanced(null: Null) -> Null:
    r"""Turn a null model into one of ``graph.balanced``, whose draws are balanced as well.

    A null model permutes weights, after which units are no longer balanced; and balancing them
    again takes part of their dispersion away, so that Q of draws would be too low. So the draw's
    weights are raised to a power in each block and balanced again, such that their dispersion
    :math:`\sqrt{\mathrm{mean}((b - 1)^2)}` over the edges between live units is that of the
    network. With `netsculpt.nulls.rewire` a draw has the same degrees, the same strengths and
    equally dispersed weights, and nothing else in common with the network.

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
    balanced = graph.balanced
    drawn = null(balanced, rng=rng)
    try:
        weights, powers = dispersed_weights(
            drawn.weights.data,
            drawn.sources,
            drawn.weights.indices,
            balancing_groups(drawn),
            _live_dispersions(balanced),
        )
    except GraphError as error:
        raise GraphError(
            f"the weights of the network are balanced, but those of a null network are not: {error}"
        ) from None
    return drawn.with_weights(weights).with_step(step("rebalanced", powers=powers[::2].tolist()))


def _live_dispersions(balanced: NetGraph) -> NDArray[np.float64]:
    """Dispersion of each group of edges; NaN for those on no path, which no statistic sees."""
    n_groups = 2 * len(balanced.blocks)
    nonzero = balanced.weights.data > 0
    groups = balancing_groups(balanced)[nonzero]
    squares = (balanced.weights.data[nonzero] - 1) ** 2
    counts = np.bincount(groups, minlength=n_groups)
    dispersions = np.sqrt(np.bincount(groups, squares, n_groups) / np.maximum(counts, 1))
    dispersions[1::2] = np.nan
    return dispersions
