"""The hierarchy of a graph's modules, of edges between them that a null model does not explain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.special import ndtr

from netsculpt.core.errors import GraphError
from netsculpt.core.parallel import for_threads, in_parallel
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.partition import Partition, labels_of
from netsculpt.hierarchy._quotient import described, end_names, quotient
from netsculpt.hierarchy.feedback import feedback
from netsculpt.hierarchy.levels import flow_hierarchy, incoherence, levels, strong_components
from netsculpt.hierarchy.reach import edge_path_shares
from netsculpt.hierarchy.result import Hierarchy, Link, Verdict

__all__ = ["ordered"]

_COUNTED: Final = 10  # draws as extreme from which on their share is p; with fewer, the normal tail
_TIE: Final = 1e-9  # relative: flows that differ by rounding alone count as equal


def ordered(
    graph: NetGraph,
    partition: Partition,
    *,
    null: Callable[..., NetGraph],
    n: int = 100,
    level: float = 0.05,
    rng: RNG = None,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Hierarchy:
    r"""Find the hierarchy of a graph's modules without merging those that feed each other.

    The flow from module m to n is F, the summed balanced weight of its edges (see `flow`). Null
    networks with the same partition say how much of it to expect.

    1. A link on no circle of the module graph is kept: nothing contradicts it. In networks whose
       modules end and begin at some depth (sub-functions) these are all links, each about as heavy
       as degrees alone make it.
    2. A link on a circle is kept if it carries more than chance: more than the null networks do, or
       more than they do *net* of the way back, F_mn − F_nm. The smaller of the two p is doubled,
       and Benjamini and Hochberg's rule over all links on circles bounds the expected share of
       wrong ones by `level`. The others are left out: modules that exchange a few edges both
       ways, fewer than chance, are parallel.
    3. If circles remain, the links of least weight that close them (`feedback`) are left out of the
       levels, and named.

    ``Hierarchy.links`` has every link with its numbers and what became of it; ``Hierarchy.merged``
    is empty.

    Parameters
    ----------
    graph
        The network; balanced weights are used. Pass ``graph.pattern`` to count edges.
    partition
        Modules of its units [U]; −1 for none.
    null
        Null model of that form, ``(graph, *, rng) -> NetGraph``: ``rebalanced(rewire)``, and
        ``rewire`` for the pattern (`netsculpt.nulls`).
    n
        Number of null networks, at least 20.
    level
        Bound of the expected share of wrong links among those kept in step 2, between 0 and 1.
    rng
        Seed or generator. Null network i depends on the seed and i alone.
    jobs, progress
        As in `netsculpt.core.parallel.in_parallel`.

    Returns
    -------
    Hierarchy
        Of the given modules. ``edges`` [M, M] are the links kept, by balanced weight.

    Raises
    ------
    GraphError
        If the partition has another number of units, `n` or `level` is out of range, or the weights
        cannot be balanced.

    Notes
    -----
    Cost: n null networks, and O(E · M) as in `infer`. p of a flow is the share of draws as extreme,
    (k + 1)/(n + 1), if ten or more are; with fewer it is the normal tail of z, at most that share:
    the rule needs smaller p than draws can show. The two statistics are alternatives: a chain of
    modules exceeds chance in direction only, since its links replace edges inside. A module whose
    units send more than they take appears as a source in the null networks, too: degrees explain
    such a direction.

    Y. Benjamini, Y. Hochberg, Controlling the false discovery rate, 1995,
    doi:10.1111/j.2517-6161.1995.tb02031.x.

    Examples
    --------
    Two strands that exchange an edge each way are parallel.

    >>> from netsculpt.graph.synthetic import planted
    >>> from netsculpt.nulls import rewire
    >>> graph, truth = planted([12, 12, 12], 2, 0.6, 0.05, rng=0)
    >>> found = ordered(graph, truth, null=rewire, rng=0)
    >>> found.kind, [link.verdict for link in found.links]
    ('parallel', ['chance', 'chance'])
    """
    if n < 20 or not 0 < level < 1:
        raise GraphError(
            f"n is {n} and level {level}: at least 20 null networks and a level between 0 and 1 "
            "are needed"
        )
    labels, n_modules = labels_of(graph, partition), partition.n_modules
    given = quotient(graph.balanced, labels, n_modules)
    ends = given.tocoo()
    chance = _chance(graph, labels, given, null, n, rng, jobs, progress)
    _, part = strong_components(given)
    on_circle = part[ends.row] == part[ends.col]
    exceeds = np.zeros(given.nnz, dtype=bool)
    exceeds[on_circle] = _discovered(chance.p[on_circle], level)
    kept = exceeds | ~on_circle
    candidates = _some(given, kept)
    back = np.zeros(given.nnz, dtype=bool)
    back[kept] = feedback(candidates)
    edges = _some(given, kept & ~back)
    verdicts = np.select(
        [~on_circle, back, exceeds], ["no circle", "feedback", "above chance"], "chance"
    )
    level_of = levels(edges)
    return Hierarchy(
        partition,
        described(graph, partition, edges, level_of),
        edges,
        level_of,
        (),
        flow_hierarchy(given),
        incoherence(given),
        end_names(graph),
        _links(graph, labels, given, chance, verdicts.tolist()),
    )


@dataclass(frozen=True, eq=False)
class _Chance:
    """What null networks say of each of K links."""

    mean: NDArray[np.float64]  # [K]
    z: NDArray[np.float64]  # [K]
    net_z: NDArray[np.float64]  # [K] of the flow minus that of the way back
    p: NDArray[np.float64]  # [K]


class _Moments:
    """Mean, standard deviation and exceedances of draws, without keeping them."""

    def __init__(self, observed: NDArray[np.float64]) -> None:
        self.observed = observed
        self.slack = _TIE * np.maximum(np.abs(observed), 1.0)
        self.n = 0
        self.mean = np.zeros(observed.size)
        self.squares = np.zeros(observed.size)
        self.extreme = np.zeros(observed.size, dtype=np.int64)

    def add(self, draw: NDArray[np.float64]) -> None:
        self.n += 1
        change = draw - self.mean
        self.mean += change / self.n
        self.squares += change * (draw - self.mean)
        self.extreme += draw >= self.observed - self.slack

    def z(self) -> NDArray[np.float64]:
        """Standard deviations above the mean; 0 where draws are all equal to what is observed."""
        sd = np.sqrt(self.squares / self.n)
        apart = self.observed - self.mean
        constant = sd <= self.slack
        z = np.where(constant, 0.0, apart / np.where(constant, 1.0, sd))
        beyond = constant & (np.abs(apart) > self.slack)
        return np.where(beyond, np.copysign(np.inf, apart), z)

    def p(self) -> NDArray[np.float64]:
        """Chance of a flow as large."""
        share = (self.extreme + 1) / (self.n + 1)
        few = self.extreme < _COUNTED
        return np.where(few, np.minimum(share, ndtr(-self.z())), share)


def _chance(
    graph: NetGraph,
    labels: NDArray[np.int32],
    given: csr_array,
    null: Callable[..., NetGraph],
    n: int,
    rng: RNG,
    jobs: int,
    progress: Callable[[int, int], None] | None,
) -> _Chance:
    ends = given.tocoo()
    n_modules = given.shape[0]
    there = ends.row.astype(np.int64) * n_modules + ends.col
    back = ends.col.astype(np.int64) * n_modules + ends.row
    pairs = np.unique(np.concatenate([there, back]))
    forward, backward = np.searchsorted(pairs, there), np.searchsorted(pairs, back)
    seen = np.zeros(pairs.size)
    seen[forward] = ends.data
    flows, net = _Moments(seen[forward]), _Moments(seen[forward] - seen[backward])
    if pairs.size:
        draw = partial(_drawn_flows, graph, null, root_seed(rng), labels, pairs)
        for drawn in in_parallel(draw, n, jobs, progress):
            flows.add(drawn[forward])
            net.add(drawn[forward] - drawn[backward])
    p = np.minimum(1.0, 2 * np.minimum(flows.p(), net.p())) if pairs.size else np.zeros(0)
    return _Chance(flows.mean, flows.z(), net.z(), p) if pairs.size else _Chance(p, p, p, p)


@for_threads
def _drawn_flows(
    graph: NetGraph,
    null: Callable[..., NetGraph],
    seed: int,
    labels: NDArray[np.int32],
    pairs: NDArray[np.int64],
    index: int,
) -> NDArray[np.float64]:
    """Flow between the pairs of modules in one null network."""
    drawn = null(graph, rng=stream(seed, "flow", index)).balanced
    source, target = labels[drawn.sources], labels[drawn.weights.indices]
    n_modules = int(labels.max(initial=-1)) + 1
    pair = source.astype(np.int64) * n_modules + target
    place = np.minimum(np.searchsorted(pairs, pair), pairs.size - 1)
    inside = (source >= 0) & (target >= 0) & (pairs[place] == pair)
    flows = np.bincount(place[inside], drawn.weights.data[inside], pairs.size)
    return flows.astype(np.float64, copy=False)


def _discovered(p: NDArray[np.float64], level: float) -> NDArray[np.bool_]:
    """Which hypotheses Benjamini and Hochberg's rule rejects."""
    order = np.argsort(p, kind="stable")
    below = np.flatnonzero(p[order] <= level * np.arange(1, p.size + 1) / max(p.size, 1))
    found = np.zeros(p.size, dtype=bool)
    if below.size:
        found[order[: below[-1] + 1]] = True
    return found


def _some(edges: csr_array, chosen: NDArray[np.bool_]) -> csr_array:
    """Some of the stored edges, in the same order; those of weight 0 stay stored."""
    ends = edges.tocoo()
    part = ends.data[chosen], (ends.row[chosen], ends.col[chosen])
    return csr_array(coo_array(part, shape=edges.shape))


def _links(
    graph: NetGraph,
    labels: NDArray[np.int32],
    given: csr_array,
    chance: _Chance,
    verdicts: list[str],
) -> tuple[Link, ...]:
    n_modules = given.shape[0]
    counts = quotient(graph.pattern, labels, n_modules).data
    # An edge on no path has share 0, and stays stored: the order is that of `given`.
    shares = quotient(graph.with_weights(edge_path_shares(graph)), labels, n_modules).data
    ends = given.tocoo()
    return tuple(
        Link(
            source=int(ends.row[at]),
            target=int(ends.col[at]),
            n_edges=int(counts[at]),
            weight=float(ends.data[at]),
            path_share=float(shares[at]),
            chance=float(chance.mean[at]),
            z=float(chance.z[at]),
            net_z=float(chance.net_z[at]),
            p=float(chance.p[at]),
            verdict=cast("Verdict", verdict),
        )
        for at, verdict in enumerate(verdicts)
    )
