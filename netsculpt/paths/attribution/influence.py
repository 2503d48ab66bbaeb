"""Influence of units and edges on the outputs of an attribution graph."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netsculpt.core.errors import GraphError
from netsculpt.graph.attribution import TOKEN_PROB
from netsculpt.graph.graph import NetGraph
from netsculpt.paths.per_unit import paths_out

__all__ = ["Influence", "cumulative", "influence"]

_LEAST = 1e-10  # sum of |weights| into a unit by which shares are at least divided


@dataclass(frozen=True, eq=False)
class Influence:
    """Influence on the weighted outputs; that of an output itself is what reaches others: 0."""

    shares: NDArray[np.float64]  # [E] |weight| over the sum of those into the target, 0 … 1
    units: NDArray[np.float64]  # [U] 0 … sum of the output weights
    edges: NDArray[np.float64]  # [E] the same of each edge
    output_weights: NDArray[np.float64]  # [U] 0 but at outputs

    @property
    def cumulative(self) -> NDArray[np.float64]:
        """Share of all influence that is in each unit or in more influential ones [U], 0 … 1.

        The field writes it into its files as "influence" of a node.
        """
        return cumulative(self.units)


def influence(graph: NetGraph, output_weights: ArrayLike | None = None) -> Influence:
    r"""How much each unit and edge of an attribution graph influences its outputs.

    With :math:`S_{uv} = |w_{uv}| / \sum_{u'} |w_{u'v}|`, the share of the edge (u, v) in all that
    feeds v, and weights p of the outputs,

    .. math:: I_u = \sum_v S_{uv} (I_v + p_v), \qquad I_{uv} = S_{uv} (I_v + p_v)

    This is the sum over all paths from u to an output of the product of shares, times the output's
    weight: :math:`p\,(S^T + (S^T)^2 + …)`. Signs do not matter, nor does the scale of a target.

    Parameters
    ----------
    graph
        Any network; weights enter as |weight|.
    output_weights
        Weight of each output, at least 0, in the order of ``graph.outputs``; None: the
        probabilities of the logits, the graph's column "token_prob".

    Raises
    ------
    GraphError
        If there is no such column, the weights do not fit or sum to 0, or an output feeds a unit.

    Notes
    -----
    One sweep over the edges, O(E), where the published code multiplies matrices until nothing is
    left. Shares are of at least 1e-10 in all, as published: where less feeds a unit, they sum to
    less than 1.

    Source: Ameisen et al. 2025, "Circuit Tracing: Revealing Computational Graphs in Language
    Models" (Transformer Circuits), appendix on graph pruning.

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([np.array([[3.0, -1.0], [0.0, 1.0]]), np.array([[1.0, 1.0]])])
    >>> influence(graph, [1.0]).units.tolist()
    [0.375, 0.625, 0.5, 0.5, 0.0]
    """
    weights = _output_weights(graph, output_weights)
    sizes, targets = np.abs(graph.weights.data.astype(np.float64)), graph.weights.indices
    into = np.bincount(targets, sizes, minlength=graph.n_units)
    shares = sizes / np.maximum(into, _LEAST)[targets]
    ends = np.zeros(graph.n_units, dtype=bool)
    ends[graph.outputs] = True
    if np.diff(graph.weights.indptr)[ends].any():
        raise GraphError(
            "an output feeds other units: influence needs outputs that end all paths, as logits do"
        )
    # Paths end at outputs with 1: the last edge of each carries the output's weight.
    swept = graph.with_weights(np.where(ends[targets], shares * weights[targets], shares))
    units = np.where(ends, 0.0, paths_out(swept))
    return Influence(shares, units, shares * (units + weights)[targets], weights)


def cumulative(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the sum that is in each value and all larger ones, ties in their order."""
    order = np.argsort(-values, kind="stable")
    sums = np.cumsum(values[order])
    shares = np.empty(values.size)
    shares[order] = sums / (sums[-1] or 1.0)
    return shares


def _output_weights(graph: NetGraph, given: ArrayLike | None) -> NDArray[np.float64]:
    """Weight of each unit, 0 where it is not an output [U]."""
    outputs, column = graph.outputs, graph.attributes.get(TOKEN_PROB)
    if given is None and (column is None or column.dtype.kind != "f"):
        raise GraphError(
            f"the graph has no column {TOKEN_PROB!r} of numbers: pass the weight of each output"
        )
    values = np.asarray(column[outputs] if given is None and column is not None else given)
    if values.shape != outputs.shape or values.dtype.kind not in "iuf":
        raise GraphError(
            f"output weights are {values.dtype} of shape {list(values.shape)}: one number for each "
            f"output is needed, [{outputs.size}]"
        )
    if not (np.isfinite(values).all() and values.min(initial=0) >= 0 and values.sum() > 0):
        raise GraphError("output weights are to be at least 0, finite, and not all 0")
    weights = np.zeros(graph.n_units)
    weights[outputs] = values
    return weights
