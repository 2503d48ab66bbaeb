"""Outputs of one function: those with equal weights, or in clear groups of similar weights."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt.graph.graph import NetGraph

__all__ = ["output_functions"]

# The geometric mean of the largest distance inside a function (.0037) and the smallest between two
# (.0442) in the published exemplars.
_SAME = 0.0127
_STRUCTURE = 0.5  # mean silhouette from which groups are more than chance (Kaufman, Rousseeuw)
# Largest distance in groups of two or three outputs, which may be functions that share a part: on
# the tuning tasks of analyses/detectors.py this keeps them apart nearly always. The uses of one
# function differ by up to .127 in the published networks with four shared inputs.
_NEAR = 0.18
_FEW = 3
_SLACK = 0.3  # share of the best silhouette, over the number of groups, that a coarser cut may lose
_MOST = 64  # groups to look for
_FEWEST = 4  # outputs: two groups of two


def output_functions(
    graph: NetGraph, outputs: NDArray[np.intp], even: NDArray[np.float64]
) -> NDArray[np.intp]:
    r"""Function of each of `outputs`, 0 … K−1 [n].

    Outputs that learn one function from the same units end with the same weights, or with negated
    ones if one is the other's negation. The distance of two is one minus their Dice coefficient,
    :math:`1 - 2 |a \cdot b| / (|a|^2 + |b|^2)` of the rows of incoming weights: 0 if they are equal
    up to sign, 1 if they share no unit. `even` are the edges' `log_even_squares` [E]:
    no factor of a hidden unit changes the distance. Outputs linked by distances up to .0127 are one
    function.

    If four or more outputs differ by more, they are grouped by average linkage: by the coarsest cut
    that is nearly as good as the best, if its mean silhouette is .5 or more. If no group is larger
    than three, no distance in a group may be above .18: functions that share a part are alike, too.
    Otherwise each distinct row is a function.
    """
    distances = _distances(graph, outputs, even)
    distinct = _linked(distances)
    if distinct.max(initial=0) == 0 or outputs.size < _FEWEST:
        return distinct
    return _grouped(np.where(distinct[:, None] == distinct, 0.0, distances), distinct)


def _distances(
    graph: NetGraph, outputs: NDArray[np.intp], even: NDArray[np.float64]
) -> NDArray[np.float64]:
    into = np.isin(graph.weights.indices, outputs)  # others may be larger than a float can be
    largest = even[into].max(initial=-np.inf)
    relative = np.zeros(even.size)
    relative[into] = np.exp((even[into] - (largest if np.isfinite(largest) else 0.0)) / 2)
    weights, pattern = np.copysign(relative, graph.weights.data), graph.weights
    rows = csr_array((weights, pattern.indices, pattern.indptr), pattern.shape)[:, outputs]
    products = (rows.T @ rows).toarray()
    squares = products.diagonal()
    sums = np.add.outer(squares, squares)
    likeness = np.divide(2 * np.abs(products), sums, out=np.zeros_like(products), where=sums > 0)
    distances: NDArray[np.float64] = np.clip(1 - likeness, 0, 1)
    np.fill_diagonal(distances, 0)
    return distances


def _linked(distances: NDArray[np.float64]) -> NDArray[np.intp]:
    from scipy.sparse.csgraph import connected_components

    labels = connected_components(distances <= _SAME, directed=False)[1]
    return labels.astype(np.intp)


def _grouped(distances: NDArray[np.float64], distinct: NDArray[np.intp]) -> NDArray[np.intp]:
    """The coarsest cut of the dendrogram that is nearly as good as the best, else the distinct."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    merges = linkage(squareform(distances, checks=False), "average")
    heights = np.unique(merges[:-1, 2])[: -_MOST - 1 : -1]  # coarsest first
    cuts = [fcluster(merges, height, "distance").astype(np.intp) - 1 for height in heights]
    cuts = [cut for cut in cuts if 0 < cut.max() < min(_MOST, cut.size // 2)]
    cuts = [cut for cut in cuts if _may_be_uses(distances, cut)]
    if not cuts:
        return distinct
    widths = [_silhouette(distances, cut) for cut in cuts]
    best = int(np.argmax(widths))
    # Joining two of many groups lowers the silhouette of few outputs, so the slack is divided.
    least = max(widths[best] * (1 - _SLACK / (cuts[best].max() + 1)), _STRUCTURE)
    good = (cut for cut, width in zip(cuts, widths, strict=True) if width >= least)
    return next(good, distinct)


def _may_be_uses(distances: NDArray[np.float64], labels: NDArray[np.intp]) -> bool:
    """Whether outputs of a group may be one function: there are many, or they are near."""
    many = np.bincount(labels).max() > _FEW
    return bool(many or distances[labels[:, None] == labels].max() <= _NEAR)


def _silhouette(distances: NDArray[np.float64], labels: NDArray[np.intp]) -> float:
    """Mean silhouette, rounded to 9 decimals; 0 for a group of one."""
    members = np.eye(labels.max() + 1)[labels]
    sizes = members.sum(axis=0)
    rows = np.arange(labels.size)
    sums = distances @ members
    own = sums[rows, labels] / np.maximum(sizes[labels] - 1, 1)
    others = sums / sizes
    others[rows, labels] = np.inf
    nearest = others.min(axis=1)
    larger = np.maximum(own, nearest)
    width = np.divide(nearest - own, larger, out=np.zeros_like(own), where=larger > 0)
    return round(float(np.where(sizes[labels] > 1, width, 0).mean()), 9)
