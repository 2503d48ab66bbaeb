"""Description length: nats that a partition saves in telling where the edges are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlogy

from netsculpt.core.errors import GraphError
from netsculpt.graph.graph import NetGraph, live_units
from netsculpt.graph.partition import NO_MODULE, Partition, labels_of

__all__ = ["gain"]

_NONE = 1e-12  # a share of edges that is 0 or 1 but for rounding


def gain(graph: NetGraph, partition: Partition) -> float:
    r"""Nats by which a partition shortens the description of a network's edges.

    .. math:: \sum_b E_b\, \mathrm{KL}(p_b \,\|\, q_b) - \sum_b \tfrac12 \ln E_b - \sum_l \left[
              \ln \frac{N_l!}{\prod_c n_{lc}!} + \ln \binom{N_l + B - 1}{B - 1} \right]

    over the blocks b (connected layer pairs; wiring counts) with :math:`E_b` edges and the layers l
    with :math:`N_l` units, :math:`n_{lc}` of them in module c of B. :math:`p_b` is the share of
    edges inside modules and :math:`q_b = \sum_c K^\mathrm{out}_c K^\mathrm{in}_c / E_b^2` the share
    that the units' degrees lead to expect. What the modules save in telling each edge is set
    against what it takes to tell one share per block, and each unit's module. B modules run
    through all layers.

    A block whose edges all lie inside modules for any pattern with its degrees (q = 1), or all
    outside (q = 0), has no share to tell. So a single module gains 0. A gain above 0 means that the
    modules are worth telling; e^gain is about the odds for these modules against none. Being a code
    for *this* partition it asks more than `netsculpt.modules.module_evidence`, which sums over all
    partitions.

    Live units and the edges of nonzero weight between them enter, each edge as one: weights and
    labels of dead units make no difference.

    Parameters
    ----------
    graph
        The network.
    partition
        Module of each unit [U]; every live unit needs one.

    Returns
    -------
    float
        The gain in nats; below 0 if the modules cost more than they save.

    Raises
    ------
    GraphError
        If the partition is not of this network's units, or a live unit has no module.

    Notes
    -----
    Cost O(E). The parameter's price is half its Fisher information's logarithm (Rissanen,
    Automatica 14, 465 (1978), doi:10.1016/0005-1098(78)90005-5), the labels' that of Peixoto, Phys.
    Rev. X 4, 011047 (2014), doi:10.1103/PhysRevX.4.011047, arXiv:1310.4377, eq. 4, in every layer.

    Examples
    --------
    >>> from netsculpt.graph.synthetic import planted
    >>> graph, truth = planted([20, 20, 20], 2, 0.6, 0.05, rng=0)
    >>> gain(graph, truth) > 0
    True
    >>> gain(graph, Partition([0] * 60))
    0.0
    """
    labels = labels_of(graph, partition)
    live = live_units(graph)
    if (labels[live] == NO_MODULE).any():
        unit = int(np.flatnonzero(live & (labels == NO_MODULE))[0])
        raise GraphError(
            f"live unit {unit} has no module: a description needs one for each; give it its own"
        )
    _, number = np.unique(labels[live], return_inverse=True)
    module = np.zeros(graph.n_units, dtype=np.int64)
    module[live] = number
    n_modules = int(number.max(initial=-1)) + 1
    if n_modules <= 1:
        return 0.0
    sources, targets = graph.sources, graph.weights.indices
    counts = (graph.weights.data != 0) & live[sources] & live[targets]
    saved = 0.0
    for block in graph.blocks:
        edges = graph.block_edges(block.source, block.target)
        kept = counts[edges]
        saved += _saved(module[sources[edges][kept]], module[targets[edges][kept]], n_modules)
    layer_of, n_layers = graph.layer_of[live].astype(np.int64), len(graph.layers)
    sizes = np.bincount(layer_of * n_modules + number, minlength=n_layers * n_modules)
    return saved - _label_price(sizes.reshape(n_layers, n_modules))


def _saved(source: NDArray[np.int64], target: NDArray[np.int64], n_modules: int) -> float:
    """E · KL(p ‖ q) − ½ ln E of a block, from the modules at both ends of its edges."""
    n_edges = source.size
    if n_edges == 0:
        return 0.0
    out, into = (np.bincount(side, minlength=n_modules) for side in (source, target))
    q = float(out @ into) / n_edges**2
    if not _NONE < q < 1 - _NONE:
        return 0.0
    p = float((source == target).mean())
    divergence = float(xlogy(p, p / q) + xlogy(1 - p, (1 - p) / (1 - q)))
    return n_edges * divergence - 0.5 * float(np.log(n_edges))


def _label_price(sizes: NDArray[np.int64]) -> float:
    """Nats that tell the units of each layer and module [L, B]: how many, and which."""
    n, n_modules = sizes.sum(axis=1), sizes.shape[1]
    which = gammaln(n + 1).sum() - gammaln(sizes + 1).sum()
    how_many = (gammaln(n + n_modules) - gammaln(n + 1) - gammaln(n_modules)).sum()
    return float(which + how_many)
