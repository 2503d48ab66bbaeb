"""The hierarchy of a graph's modules, of edges between them that a null model does not explain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

from netsculpt.core.discoveries import benjamini_hochberg
from netsculpt.core.numbers import checked_number, checked_whole
from netsculpt.core.parallel import for_threads, in_parallel
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.partition import Partition, labels_of
from netsculpt.hierarchy._quotient import described, end_names, in_form, quotient
from netsculpt.hierarchy.feedback import feedback
from netsculpt.hierarchy.levels import flow_hierarchy, incoherence, levels, strong_components
from netsculpt.hierarchy.reach import edge_path_shares
from netsculpt.hierarchy.result import Evidence, Hierarchy, Link, Verdict

__all__ = ["ordered"]

_TIE: Final = 1e-9  # relative: flows that differ by rounding alone count as equal


def ordered(
    graph: NetGraph,
    partition: Partition,
    *,
    null: Callable[..., NetGraph],
    form: str = "balanced",
    n: int = 100,
    level: float = 0.05,
    rng: RNG = None,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Hierarchy:
    r"""Find the hierarchy of a graph's modules without merging those that feed each other.

    The flow from module m to n is F, the summed weight of its edges (see `flow`). Null networks
    with the same partition say how much of it to expect.

    1. A link on no circle of the module graph is kept: nothing contradicts it. In networks whose
       modules end and begin at some depth (sub-functions) these are all links, each about as heavy
       as degrees alone make it; ``Link.evidence`` says of each whether it carries more than chance.
    2. A link on a circle is kept if it carries more than chance: more than the null networks do, or
       more than they do *net* of the way back, F_mn − F_nm. Of the links with
       the most excess as many are kept as leave the expected share of wrong ones within `level`.
       The others are left out: modules that exchange a few edges both ways, fewer than chance, are
       parallel.
    3. If circles remain, the links of least weight that close them (`feedback`) are left out of the
       levels, and named.

    ``Hierarchy.links`` has every link with its numbers and what became of it; ``Hierarchy.merged``
    is empty.

    Parameters
    ----------
    graph
        The network.
    partition
        Modules of its units [U]; −1 for none.
    null
        Null model that suits the form, ``(graph, *, rng) -> NetGraph``: ``rebalanced(rewire)`` for
        balanced weights, ``rewire`` for the others (`netsculpt.nulls`).
    form
        Form of the weights in F: "balanced", "pattern" (F counts edges) or "magnitude".
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
        Of the given modules. ``edges`` [M, M] are the links kept, by their flow.

    Raises
    ------
    GraphError
        If the partition has another number of units, `n` or `level` is out of range, the form is
        unknown, or the weights cannot be balanced where that form is asked for.

    Notes
    -----
    Cost: n null networks, O(E · M) as in `infer`, and memory for 1 + n matrices [M, M] a few times.
    The excess of a link is the larger of (x − mean) / (sd + e) for its flow and its net flow, over
    the n + 1 networks alike; e, the weight of an average edge (1 in balanced weights and in the
    pattern), keeps counts of a few edges, of sd near 0, from being the most extreme (Tusher and
    others). p is the number of links in a null network
    with at least that excess, between any two modules, divided by the number K of links:
    (k + 1)/(n K + 1) for k in all n. Benjamini and Hochberg's rule on these p keeps r links if a
    null network has at most `level` · r with their excess. Comparing each link with its own n draws
    would take n ≥ K/level null networks to find one; here n ≥ 1/level is enough, hence 20 (with
    fewer, only several links at once are found). In random networks with random modules, 5, 15 or
    25 of them, one or more links were kept in 40 of 720.

    The same rule says which links on no circle carry more than chance, among these alone: what is
    kept of the others does not depend on them. A link that weighs the same in all null networks,
    since degrees alone fix it, is untested and has no z or p. In random networks of three layers of
    24 units, three random modules in each, one link or more was said to carry more than chance in
    13 of 200 (pattern) and 4 of 100 (balanced weights).

    The two statistics are alternatives: a chain of modules exceeds chance in direction only, since
    its links replace edges inside. A module whose units send more than they take appears as a
    source in the null networks, too: degrees explain such a direction.

    V. G. Tusher, R. Tibshirani, G. Chu, Significance analysis of microarrays, 2001,
    doi:10.1073/pnas.091062498. Y. Benjamini, Y. Hochberg, Controlling the false discovery rate,
    1995, doi:10.1111/j.2517-6161.1995.tb02031.x.

    Examples
    --------
    Two strands that exchange an edge each way are parallel.

    >>> from netsculpt.graph.synthetic import planted
    >>> from netsculpt.nulls import rewire
    >>> graph, truth = planted([12, 12, 12], 2, 0.6, 0.05, rng=0)
    >>> result = ordered(graph, truth, null=rewire, rng=0)
    >>> result.kind, [link.verdict for link in result.links]
    ('parallel', ['chance', 'chance'])
    """
    n = checked_whole(n, "n", least=20)
    checked_number(level, "level", above=0, below=1)
    labels, n_modules = labels_of(graph, partition), partition.n_modules
    given = quotient(in_form(graph, form), labels, n_modules)
    ends = given.tocoo()
    chance = _chance(graph, form, labels, given, null, n, rng, jobs, progress)
    _, part = strong_components(given)
    on_circle = part[ends.row] == part[ends.col]
    exceeds = benjamini_hochberg(np.where(on_circle, chance.p, 1.0)) <= level
    kept = exceeds | ~on_circle
    candidates = _some(given, kept)
    back = np.zeros(given.nnz, dtype=bool)
    back[kept] = feedback(candidates)
    edges = _some(given, kept & ~back)
    tested = np.where(on_circle | chance.is_fixed, 1.0, chance.p)
    beyond = exceeds | (benjamini_hochberg(tested) <= level)
    evidence = np.select(
        [beyond, chance.is_fixed & ~on_circle],
        ["more than chance", "untested"],
        "no more than chance",
    )
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
        _links(graph, labels, given, chance, verdicts.tolist(), evidence.tolist()),
    )


@dataclass(frozen=True, eq=False)
class _Chance:
    """What null networks say of each of K links."""

    mean: NDArray[np.float64]  # [K]
    z: NDArray[np.float64]  # [K]
    net_z: NDArray[np.float64]  # [K] of the flow minus that of the way back
    p: NDArray[np.float64]  # [K]
    is_fixed: NDArray[np.bool_]  # [K] whether flow and net flow are the same in all networks


def _chance(
    graph: NetGraph,
    form: str,
    labels: NDArray[np.int32],
    given: csr_array,
    null: Callable[..., NetGraph],
    n: int,
    rng: RNG,
    jobs: int,
    progress: Callable[[int, int], None] | None,
) -> _Chance:
    if not given.nnz:
        none = np.zeros(0)
        return _Chance(none, none, none, none, none.astype(bool))
    draw = partial(_drawn_flows, graph, form, null, root_seed(rng), labels, given.shape[0])
    edge = _average_edge(graph, form)
    flows = np.array([given.toarray(), *in_parallel(draw, n, jobs, progress)])  # [1 + n, M, M]
    flows /= edge  # in average edges, whatever the scale of the weights
    net = flows - flows.swapaxes(1, 2)
    excess = np.where(flows > 0, np.maximum(_excess(flows), _excess(net)), -np.inf)
    ends = given.tocoo()
    observed = excess[0, ends.row, ends.col]
    slack = _TIE * np.maximum(np.abs(observed), 1.0)
    drawn = np.sort(excess[1:], axis=None)
    of_links, net_of_links = flows[:, ends.row, ends.col], net[:, ends.row, ends.col]
    extreme = drawn.size - np.searchsorted(drawn, observed - np.where(observed < 0, 0, slack))
    return _Chance(
        edge * of_links[1:].mean(axis=0),
        _z(of_links),
        _z(net_of_links),
        np.minimum(1.0, (extreme + 1) / (n * given.nnz + 1)),
        _is_fixed(of_links) & _is_fixed(net_of_links),
    )


def _average_edge(graph: NetGraph, form: str) -> float:
    """Weight of an average edge: 1, but for magnitudes, which have the scale of the network."""
    if form != "magnitude":
        return 1.0
    magnitude = np.abs(graph.weights.data.astype(np.float64))
    heaviest = float(magnitude.max(initial=0.0))
    return heaviest * float((magnitude / heaviest).mean()) if heaviest > 0 else 1.0


def _is_fixed(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether all networks have the same value, up to rounding [K]."""
    fixed: NDArray[np.bool_] = np.ptp(values, axis=0) <= _TIE * np.abs(values).max(axis=0)
    return fixed


def _excess(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Excess over the mean of all networks, the given one included, so that none is special."""
    excess: NDArray[np.float64] = (values - values.mean(axis=0)) / (values.std(axis=0) + 1.0)
    return excess


def _z(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard deviations of the first above the mean of the others; 0 if all are equal [K]."""
    observed, mean, sd = values[0], values[1:].mean(axis=0), values[1:].std(axis=0)
    slack = _TIE * np.maximum(np.abs(observed), 1.0)
    apart, constant = observed - mean, sd <= slack
    z = np.where(constant, 0.0, apart / np.where(constant, 1.0, sd))
    beyond = constant & (np.abs(apart) > slack)
    return np.where(beyond, np.copysign(np.inf, apart), z)


@for_threads
def _drawn_flows(
    graph: NetGraph,
    form: str,
    null: Callable[..., NetGraph],
    seed: int,
    labels: NDArray[np.int32],
    n_modules: int,
    index: int,
) -> NDArray[np.float64]:
    """Flow between modules in one null network [M, M], 0 on the diagonal."""
    drawn = in_form(null(graph, rng=stream(seed, "flow", index)), form)
    return np.asarray(quotient(drawn, labels, n_modules).toarray(), dtype=np.float64)


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
    evidence: list[str],
) -> tuple[Link, ...]:
    n_modules = given.shape[0]
    counts = quotient(graph.pattern, labels, n_modules).data
    # An edge on no path has share 0, and stays stored: the order is that of `given`.
    shares = quotient(graph.with_weights(edge_path_shares(graph)), labels, n_modules).data
    ends = given.tocoo()
    return tuple(
        Link(
            source=int(ends.row[index]),
            target=int(ends.col[index]),
            n_edges=int(counts[index]),
            weight=float(ends.data[index]),
            steps_per_path=float(shares[index]),
            chance=float(chance.mean[index]),
            z=None if said == "untested" else float(chance.z[index]),
            net_z=None if said == "untested" else float(chance.net_z[index]),
            p=None if said == "untested" else float(chance.p[index]),
            verdict=cast("Verdict", verdict),
            evidence=cast("Evidence", said),
        )
        for index, (verdict, said) in enumerate(zip(verdicts, evidence, strict=True))
    )
