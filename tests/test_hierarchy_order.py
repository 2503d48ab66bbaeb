"""Hierarchies of tested links: feedback by brute force, flow by enumeration, planted orders."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array, csr_array

from netsculpt import plots
from netsculpt.core.discoveries import benjamini_hochberg
from netsculpt.core.errors import GraphError, LimitError
from netsculpt.core.random import root_seed, stream
from netsculpt.graph.circuits import compile_circuit, function_graph, parse_circuit
from netsculpt.graph.graph import Block, Layer, NetGraph, live_units
from netsculpt.graph.matrices import from_matrices
from netsculpt.graph.partition import Partition
from netsculpt.graph.synthetic import planted
from netsculpt.hierarchy import Hierarchy, feedback, flow, infer, ordered, subfunctions
from netsculpt.modules.verdict import IN_SHORT
from netsculpt.nulls import rebalanced, rewire

sys.path.insert(0, str(Path(__file__).parents[1] / "analyses"))

from hierarchy.circuits import CIRCUITS

SOLVER = sys.modules["netsculpt.hierarchy.feedback"]


def random_edges(seed: int, n: int, density: float = 0.5, zeros: float = 0.1) -> csr_array:
    rng = np.random.default_rng(seed)
    source, target = np.nonzero((rng.random((n, n)) < density) & ~np.eye(n, dtype=bool))
    weights = rng.random(source.size) * (rng.random(source.size) >= zeros)
    return csr_array(coo_array((weights, (source, target)), shape=(n, n)))


def without(edges: csr_array, taken: np.ndarray) -> nx.DiGraph[int]:
    ends = edges.tocoo()
    rest: nx.DiGraph[int] = nx.DiGraph()
    rest.add_nodes_from(range(edges.shape[0]))
    rest.add_edges_from(zip(ends.row[~taken].tolist(), ends.col[~taken].tolist(), strict=True))
    return rest


def least_back(edges: csr_array) -> float:
    """The least weight of edges that lead back, over all orders."""
    dense = edges.toarray()
    n = len(dense)
    return min(
        sum(dense[order[j], order[i]] for i in range(n) for j in range(i + 1, n))
        for order in itertools.permutations(range(n))
    )


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 6))
def test_feedback_is_the_lightest(seed: int, n: int) -> None:
    edges = random_edges(seed, n)
    taken = feedback(edges)
    assert nx.is_directed_acyclic_graph(without(edges, taken))
    assert edges.data[taken].sum() == pytest.approx(least_back(edges), abs=1e-9)


def test_feedback_of_a_dag_is_empty() -> None:
    edges = csr_array(np.triu(np.ones((20, 20)), 1))
    assert not feedback(edges).any()
    assert feedback(csr_array((0, 0))).shape == (0,)


def test_of_edges_without_weight_the_fewest_are_taken() -> None:
    ends = np.array([0, 1, 2, 0]), np.array([1, 2, 0, 2])
    edges = csr_array(coo_array((np.zeros(4), ends), shape=(3, 3)))
    assert feedback(edges).sum() == 1


@pytest.mark.parametrize("seed", range(4))
def test_large_circles_lose_planted_feedback_alone(seed: int) -> None:
    """A heavy order of 30 nodes and one light edge back across each third of it."""
    rng = np.random.default_rng(seed)
    heavy = np.triu(1.0 + rng.random((30, 30)), 1)
    for first, last in ((0, 12), (9, 21), (18, 29)):
        heavy[last, first] = 0.5
    order = rng.permutation(30)
    edges = csr_array(heavy[order][:, order])
    taken = feedback(edges)
    assert edges.data[taken].tolist() == [0.5] * 3


def test_the_heuristic_is_near_the_optimum(monkeypatch: pytest.MonkeyPatch) -> None:
    ratios = []
    for seed in range(25):
        edges = random_edges(seed, 9, zeros=0)
        best = edges.data[feedback(edges)].sum()
        with monkeypatch.context() as patch:
            patch.setattr(SOLVER, "MOST_EXACT", 1)
            taken = feedback(edges)
        assert nx.is_directed_acyclic_graph(without(edges, taken))
        assert edges.data[taken].sum() >= best - 1e-9
        for edge in np.flatnonzero(taken):
            rest = taken.copy()
            rest[edge] = False
            assert not nx.is_directed_acyclic_graph(without(edges, rest)), "none to spare"
        ratios.append(edges.data[taken].sum() / best)
    assert np.mean(ratios) < 1.1


@pytest.mark.parametrize("seed", range(5))
def test_edges_put_back_by_search(seed: int) -> None:
    """From no order at all: the heaviest first, each if no path leads back in networkx."""
    weights = random_edges(seed, 12, density=0.3, zeros=0).toarray()
    back = weights > 0
    kept: nx.DiGraph[int] = nx.DiGraph()
    kept.add_nodes_from(range(12))
    ends = zip(*(part.tolist() for part in np.nonzero(back)), strict=True)
    for source, target in sorted(ends, key=lambda end: -weights[end]):
        if not nx.has_path(kept, target, source):
            kept.add_edge(source, target)
    SOLVER._restore(weights, back)
    assert set(zip(*np.nonzero((weights > 0) & ~back), strict=True)) == set(kept.edges)


def skipping(seed: int) -> tuple[NetGraph, np.ndarray]:
    """Four layers, every pair connected, some weights 0, some units without a module."""
    rng = np.random.default_rng(seed)
    widths = (3, 4, 3, 2)
    starts = np.cumsum([0, *widths]).tolist()
    layers = tuple(
        Layer(f"l{i}", role, (width,), starts[i], starts[i + 1])  # type: ignore[arg-type]
        for i, (role, width) in enumerate(
            zip(("input", "hidden", "hidden", "output"), widths, strict=True)
        )
    )
    pairs = list(itertools.combinations(range(4), 2))
    dense = np.zeros((starts[-1], starts[-1]))
    for a, b in pairs:
        kept = rng.random((widths[a], widths[b])) < 0.6
        dense[layers[a].units, layers[b].units] = kept
    source, target = np.nonzero(dense)
    weights = rng.normal(size=source.size) * (rng.random(source.size) < 0.85)
    blocks = tuple(Block(f"l{a}", f"l{b}", None, "linear", 1) for a, b in pairs)
    stored = csr_array(coo_array((weights, (source, target)), shape=dense.shape))
    return NetGraph(stored, None, layers, blocks), rng.integers(-1, 3, starts[-1])


def walks(graph: NetGraph) -> list[tuple[list[int], float]]:
    """All input→output paths with their weights."""
    dense = np.abs(graph.weights.toarray().astype(np.float64))
    walks, open_walks = [], [([unit], 1.0) for unit in graph.inputs.tolist()]
    while open_walks:
        walk, weight = open_walks.pop()
        if walk[-1] in graph.outputs:
            walks.append((walk, weight))
        onwards = np.flatnonzero(dense[walk[-1]]).tolist()
        open_walks += [([*walk, unit], weight * dense[walk[-1], unit]) for unit in onwards]
    return walks


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000))
def test_flow_against_all_paths(seed: int) -> None:
    graph, labels = skipping(seed)
    partition = Partition(labels)
    labels, n_modules = partition.labels, partition.n_modules
    measured = flow(graph, partition)
    counts, weights, shares = (np.zeros((n_modules, n_modules)) for _ in range(3))
    ends = zip(graph.sources, graph.weights.indices, graph.balanced.weights.data, strict=True)
    for source, target, weight in ends:
        if labels[source] >= 0 and labels[target] >= 0:
            counts[labels[source], labels[target]] += 1
            weights[labels[source], labels[target]] += weight
    paths = walks(graph)
    total = sum(weight for _, weight in paths)
    for walk, weight in paths:
        for source, target in itertools.pairwise(walk):
            if labels[source] >= 0 and labels[target] >= 0:
                shares[labels[source], labels[target]] += weight / total
    np.testing.assert_array_equal(measured.edges, counts)
    np.testing.assert_allclose(measured.weight, weights)
    np.testing.assert_allclose(measured.steps_per_path, shares, atol=1e-12)
    table = measured.table()
    assert table["edges"].sum() == counts.sum()
    assert (np.diff(table["weight"]) <= 0).all()
    summary = measured.summary()
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary


def test_flow_of_another_graph_or_too_many_modules() -> None:
    graph = from_matrices([np.ones((1, 5000))])
    with pytest.raises(GraphError, match="2 labels"):
        flow(graph, Partition([0, 0]))
    with pytest.raises(LimitError, match="5001 modules"):
        flow(graph, Partition(np.arange(5001)))


def strands(
    seed: int,
    feeds: dict[tuple[int, int], float],
    *,
    n: int = 8,
    k: int = 3,
    within: float = 0.5,
    between: float = 0.03,
    n_layers: int = 5,
) -> tuple[NetGraph, Partition]:
    """Modules through all layers; an edge is there with the probability of its two modules."""
    rng = np.random.default_rng(seed)
    chance = np.full((k, k), between)
    np.fill_diagonal(chance, within)
    for pair, share in feeds.items():
        chance[pair] = share
    of = np.repeat(np.arange(k), n)
    kept = [rng.random((k * n, k * n)) < chance[of][:, of].T for _ in range(n_layers - 1)]
    weights = [mask * rng.lognormal(size=mask.shape) for mask in kept]
    return from_matrices(weights), Partition(np.tile(of, n_layers))


def pairs(result: Hierarchy) -> set[tuple[int, int]]:
    ends = result.edges.tocoo()
    return set(zip(ends.row.tolist(), ends.col.tolist(), strict=True))


@pytest.mark.slow
def test_strands_that_exchange_edges_at_random_feed_nobody() -> None:
    wrong = 0
    for seed in range(10):
        graph, truth = strands(seed, {}, n=6, between=0.1, n_layers=4)
        assert len(infer(graph, truth).modules) == 1, "all feed each other"
        result = ordered(graph.pattern, truth, null=rewire, n=20, rng=seed)
        assert result.merged == ()
        assert len(result.modules) == 3
        wrong += bool(pairs(result))
        assert len(result.left_out) + len(pairs(result)) + len(result.feedback) == 6
    assert wrong <= 2  # each with probability .05 at most; 3 or more: .012


@pytest.mark.parametrize("seed", range(2))
def test_a_planted_chain_is_found(seed: int) -> None:
    graph, truth = strands(seed, {(0, 1): 0.3, (1, 2): 0.3})
    assert len(infer(graph, truth).modules) == 1
    for form, null in ((graph, rebalanced(rewire)), (graph.pattern, rewire)):
        result = ordered(form, truth, null=null, n=40, rng=seed)
        assert pairs(result) == {(0, 1), (1, 2)}
        assert result.level.tolist() == [0, 1, 2]
        assert result.kind == "partly ordered"
        assert all(link.net_z > 2 for link in result.links if link.verdict == "above chance")


def test_feedback_that_exceeds_chance_is_named() -> None:
    graph, truth = strands(0, {(0, 1): 0.5, (1, 2): 0.5, (2, 0): 0.2}, within=0.3)
    result = ordered(graph.pattern, truth, null=rewire, n=40, rng=0)
    assert pairs(result) == {(0, 1), (1, 2)}
    (back,) = result.feedback
    assert (back.source, back.target, back.verdict) == (2, 0, "feedback")
    assert back.z > 0 or back.net_z > 0


def test_links_on_no_circle_are_kept_and_tested() -> None:
    """Two modules at the inputs, read by one at the outputs, as degrees alone would have it."""
    graph = from_matrices([np.ones((4, 4))])
    result = ordered(graph, Partition([0, 0, 1, 1, 2, 2, 2, 2]), null=rewire, n=20, rng=0)
    assert pairs(result) == {(0, 2), (1, 2)}
    assert result.kind == "ordered"
    links = result.links
    assert (
        [(x.verdict, x.n_edges, x.weight, x.chance, x.z, x.net_z, x.p) for x in links]
        == [(x.verdict, x.n_edges, x.weight, x.chance, x.z, x.net_z, x.p) for x in result.links]
        == [("no circle", 8, 8.0, 8.0, None, None, None)] * 2
    )
    assert [x.steps_per_path for x in result.links] == pytest.approx([0.5, 0.5])


def test_numbers_of_links_from_the_draws_themselves() -> None:
    graph, truth = strands(3, {(0, 1): 0.2}, n=5)
    result = ordered(graph.pattern, truth, null=rewire, n=30, rng=9)
    seen, draws = flow(graph.pattern, truth).weight, []

    def kept(graph: NetGraph, *, rng: object = None) -> NetGraph:
        drawn = rewire(graph, rng=rng)  # type: ignore[arg-type]
        draws.append(flow(drawn, truth).weight)
        return drawn

    again = ordered(graph.pattern, truth, null=kept, n=30, rng=9)
    assert again.links == result.links
    assert len(draws) == 30
    networks = np.array([seen, *draws])  # [31, M, M]
    for matrix in networks:
        np.fill_diagonal(matrix, 0.0)
    pairs_of_modules = list(itertools.permutations(range(truth.n_modules), 2))

    def excess(which: int, pair: tuple[int, int]) -> float:
        there, back = networks[:, *pair], networks[:, *pair[::-1]]
        forms = (there, there - back)
        return max((x[which] - x.mean()) / (x.std() + 1) for x in forms)

    drawn = [
        excess(which, pair)
        for which, pair in itertools.product(range(1, 31), pairs_of_modules)
        if networks[which, *pair] > 0
    ]
    for link in result.links:
        pair = (link.source, link.target)
        for form, z in (
            (networks[:, *pair], link.z),
            (networks[:, *pair] - networks[:, *pair[::-1]], link.net_z),
        ):
            assert z == pytest.approx((form[0] - form[1:].mean()) / form[1:].std())
        as_extreme = sum(x >= excess(0, pair) - 1e-9 for x in drawn)
        assert link.p == pytest.approx(min(1.0, (as_extreme + 1) / (30 * len(result.links) + 1)))
        assert link.chance == pytest.approx(networks[1:, *pair].mean())


def test_modules_at_random_are_linked_in_few_networks() -> None:
    """Flows of 25 modules are a few edges each: many have no spread in the null networks."""
    wrong = 0
    for seed in range(20):
        graph, _ = planted([30] * 3, 1, 0.08, 0.08, rng=seed)
        labels = Partition(np.random.default_rng(seed).integers(0, 25, graph.n_units))
        tested = ordered(graph.pattern, labels, null=rewire, n=20, rng=seed)
        wrong += any(link.verdict in ("above chance", "feedback") for link in tested.links)
    assert wrong <= 4  # each with probability .05: 5 or more: .003


def test_the_rule_of_benjamini_and_hochberg() -> None:
    """The largest k of which p_(k) ≤ .05 k / n: all up to it, also those above their own line."""
    q = benjamini_hochberg([0.2, 0.021, 0.001, 0.024, 0.019])
    assert (q <= 0.05).tolist() == [False, True, True, True, True]
    assert (q <= 0.001).tolist() == [False] * 5
    assert benjamini_hochberg([]).size == 0


def scaled(graph: NetGraph, seed: int, *, exact: bool) -> NetGraph:
    """Hidden units with incoming weights × c, outgoing ÷ c; c a power of 2 or any number."""
    rng = np.random.default_rng(seed)
    c = 2.0 ** rng.integers(-6, 7, graph.n_units) if exact else rng.lognormal(size=graph.n_units)
    c[graph.inputs] = c[graph.outputs] = 1.0
    weights = graph.weights.data.astype(np.float64)
    return graph.with_weights(weights * c[graph.weights.indices] / c[graph.sources])


@pytest.mark.parametrize("exact", [True, False])
def test_scales_of_units_change_nothing(exact: bool) -> None:
    graph, truth = strands(1, {(0, 1): 0.3}, n=5)
    graph = graph.with_weights(graph.weights.data.astype(np.float64))
    other = scaled(graph, 2, exact=exact)
    one, two = (ordered(x, truth, null=rebalanced(rewire), n=20, rng=0) for x in (graph, other))
    assert pairs(one) == pairs(two)
    for a, b in zip(one.links, two.links, strict=True):
        assert (a.n_edges, a.verdict) == (b.n_edges, b.verdict)
        for name in ("weight", "steps_per_path", "chance", "z", "net_z", "p"):
            assert getattr(a, name) == pytest.approx(getattr(b, name), rel=1e-6), name
    plain, again = infer(graph, truth), infer(other, truth)
    np.testing.assert_allclose(plain.edges.toarray(), again.edges.toarray(), rtol=1e-6)
    assert plain.trophic_incoherence == pytest.approx(again.trophic_incoherence, rel=1e-6)
    for name in ("edges", "weight", "steps_per_path"):
        np.testing.assert_allclose(
            getattr(flow(graph, truth), name), getattr(flow(other, truth), name), rtol=1e-6
        )


def test_same_seed_same_links_any_number_of_workers() -> None:
    graph, truth = strands(2, {}, n=4)
    one = ordered(graph, truth, null=rebalanced(rewire), n=20, rng=3)
    seen: list[tuple[int, int]] = []
    two = ordered(
        graph,
        truth,
        null=rebalanced(rewire),
        n=20,
        rng=3,
        jobs=2,
        progress=lambda *done: seen.append(done),
    )
    assert one.links == two.links
    assert seen[-1] == (20, 20)
    assert one.links != ordered(graph, truth, null=rebalanced(rewire), n=20, rng=4).links


def test_tables_and_json_of_tested_links() -> None:
    graph, truth = strands(0, {(0, 1): 0.3})
    result = ordered(graph, truth, null=rebalanced(rewire), n=60, rng=0)
    table = result.link_table()
    assert len(table) == len(result.links) == 6
    assert table["verdict"].tolist() == [link.verdict for link in result.links]
    summary = result.summary()
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert summary["kind"] == "partly ordered"
    assert [link["source"] for link in summary["links"]] == table["source"].tolist()
    assert infer(graph, truth).kind == "merged"
    assert len(infer(graph, truth).link_table()) == 0


def test_no_links_and_no_modules() -> None:
    graph = from_matrices([np.eye(2)])
    apart = ordered(graph, Partition([0, 1, 0, 1]), null=rewire, rng=0)
    assert (apart.kind, apart.links, apart.level.tolist()) == ("parallel", (), [0, 0])
    none = ordered(graph, Partition([-1] * 4), null=rewire, rng=0)
    assert (none.kind, none.modules, none.links) == ("one", (), ())


@pytest.mark.parametrize(
    ("n", "level", "text"),
    [
        (19, 0.05, "n is 19: a whole number of at least 20"),
        (20, 0.0, "level is 0.0: .* above 0 and below 1"),
        (20, 1.0, "level is 1.0: .* above 0 and below 1"),
    ],
)
def test_too_few_null_networks_or_no_level(n: int, level: float, text: str) -> None:
    with pytest.raises(GraphError, match=text):
        ordered(from_matrices([np.eye(2)]), Partition([0] * 4), null=rewire, n=n, level=level)


@pytest.mark.parametrize("name", CIRCUITS)
def test_true_modules_of_a_circuit_give_its_function_graph(name: str) -> None:
    circuit = parse_circuit(CIRCUITS[name]())
    net = compile_circuit(circuit)
    graph = from_matrices(list(net.weights))
    result = ordered(graph, net.truth, null=rebalanced(rewire), n=20, rng=0)
    named = {(net.modules[a], net.modules[b]) for a, b in pairs(result)}
    assert named == function_graph(circuit)
    assert result.kind in ("ordered", "parallel", "one")
    assert pairs(result) == pairs(infer(graph, net.truth))


def reads_of(graph: NetGraph, inside: set[int]) -> dict[int, set[int]]:
    """Inputs with a path of units inside to each of them, itself included."""
    ends = zip(graph.sources.tolist(), graph.weights.indices.tolist(), strict=True)
    below: dict[int, set[int]] = {u: {u} if u in graph.inputs else set() for u in inside}
    for source, target in sorted(ends, key=lambda end: end[1]):
        if source in inside and target in inside:
            below[target] |= below[source]
    return below


def funnels_by_definition(graph: NetGraph, inside: set[int]) -> dict[int, frozenset[int]]:
    """The smallest funnel that holds each unit, from its definition, by sets."""
    reads = reads_of(graph, inside)
    ends = list(zip(graph.sources.tolist(), graph.weights.indices.tolist(), strict=True))
    ends = [end for end in ends if set(end) <= inside]
    inputs = set(graph.inputs.tolist())
    funnels = []
    for group in {frozenset(reads[u]) for u in inside - inputs if len(reads[u]) > 1}:
        cone = {u for u in inside if reads[u] and reads[u] <= group}
        out = [(u, v) for u, v in ends if u in cone and v not in cone]
        if not out or any(reads[u] != group for u, _ in out):
            continue
        width = 0
        for layer in graph.layers:
            own = [(u, v) for u, v in out if layer.start <= u < layer.stop]
            width += min(len({u for u, _ in own}), len({v for _, v in own}))
        if width < len(group):
            funnels.append((group, cone))
    for (one, _), (other, _) in itertools.combinations(funnels, 2):
        assert one <= other or other <= one or not one & other, "nested or apart"
    held = {}
    for unit in inside:
        holding = [group for group, cone in funnels if unit in cone]
        if holding:
            held[unit] = min(holding, key=len)
    return held


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000))
def test_subfunctions_by_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    widths = (6, 5, 4, 3)
    matrices = [(rng.random((b, a)) < 0.3).astype(float) for a, b in itertools.pairwise(widths)]
    graph = from_matrices(matrices)
    labels = Partition(rng.integers(-1, 2, graph.n_units)).labels
    live = live_units(graph)
    inside = {u for u in range(graph.n_units) if live[u] and labels[u] >= 0}
    held = funnels_by_definition(graph, inside)
    keys: list[object] = [
        (int(labels[u]), held.get(u)) if labels[u] >= 0 else None for u in range(graph.n_units)
    ]
    ends = list(zip(graph.sources.tolist(), graph.weights.indices.tolist(), strict=True))
    for unit in range(6, graph.n_units):
        readers = [u for u, v in ends if v == unit and {u, v} <= inside]
        same = readers and held.get(unit) is not None and held.get(unit) == held.get(readers[0])
        if len(readers) == 1 and (same or unit not in graph.outputs):
            keys[unit] = keys[readers[0]]
    numbers: dict[object, int] = {None: -1}
    for key in keys:
        numbers.setdefault(key, len(numbers))
    expected = Partition([numbers[key] for key in keys])
    result = subfunctions(graph, Partition(labels, "given"))
    assert result.labels.tolist() == expected.labels.tolist()
    assert result.method == "given"


@pytest.mark.parametrize(
    "name", ["chain-4", "parity-tree-8", "three-gates", "observed-chain-4", "uneven-tree"]
)
def test_one_module_divided_into_the_functions_of_a_circuit(name: str) -> None:
    """Of chains and trees the wiring alone tells all; where functions share no input."""
    circuit = parse_circuit(CIRCUITS[name]())
    net = compile_circuit(circuit)
    graph = from_matrices(list(net.weights))
    given = Partition([0] * graph.n_units)
    assert subfunctions(graph, given).labels.tolist() == net.truth.labels.tolist()


@pytest.mark.parametrize("name", CIRCUITS)
def test_the_functions_of_a_circuit_are_not_divided(name: str) -> None:
    net = compile_circuit(parse_circuit(CIRCUITS[name]()))
    graph = from_matrices(list(net.weights))
    assert pairs(infer(graph, subfunctions(graph, net.truth))) == pairs(infer(graph, net.truth))


def test_an_input_read_by_two_units_is_in_no_funnel() -> None:
    """Inputs 0, 1 go through one unit, 1, 2 through another: input 1 leads out of either cone."""
    graph = from_matrices([np.array([[1, 1, 0], [0, 1, 1]]), np.ones((1, 2))])
    assert subfunctions(graph, Partition([0] * 6)).n_modules == 1


def test_outputs_that_show_a_sub_function_belong_to_it() -> None:
    """Unit 3 reads inputs 0, 1; the first output shows it, the second reads input 2, too."""
    graph = from_matrices([np.array([[1, 1, 0], [0, 0, 1]]), np.array([[1, 0], [0.5, 1]])])
    result = subfunctions(graph, Partition([0, 0, 1, 0, 1, 2, 1]))
    assert result.labels.tolist() == [0, 0, 1, 0, 1, 0, 1]


def test_subfunctions_of_another_graph_or_without_modules() -> None:
    graph = from_matrices([np.eye(2), np.ones((1, 2))])
    assert subfunctions(graph, Partition([-1] * 5)).labels.tolist() == [-1] * 5
    with pytest.raises(GraphError, match="1 labels"):
        subfunctions(graph, Partition([0]))


def test_feedback_is_drawn_dotted_and_what_is_left_out_is_counted() -> None:
    graph, truth = strands(0, {(0, 1): 0.5, (1, 2): 0.5, (2, 0): 0.2}, within=0.3)
    result = ordered(graph.pattern, truth, null=rewire, n=40, rng=0)
    ax = plots.module_hierarchy(result)
    gids = [patch.get_gid() for patch in ax.patches]
    assert gids.count("edge") == 2
    (back,) = (patch for patch in ax.patches if patch.get_gid() == "feedback")
    assert back.get_linestyle() != "solid"
    assert {x.get_linestyle() for x in ax.patches if x.get_gid() == "edge"} == {"solid"}
    said = ["dotted: feedback", "wider: more weight", "not drawn: 3 links, no more than chance"]
    assert ax.get_xlabel() == "; ".join(said)
    assert plots.module_hierarchy(infer(graph, truth)).get_xlabel() == ""


def test_flow_is_drawn_by_row_and_kept_links_are_framed() -> None:
    graph, truth = strands(0, {(0, 1): 0.5, (1, 2): 0.5, (2, 0): 0.2}, within=0.3)
    result = ordered(graph.pattern, truth, null=rewire, n=40, rng=0)
    measured = flow(graph.pattern, truth)
    ax = plots.module_flow(measured, links=result.links)
    share = measured.weight / measured.weight.sum(axis=1, keepdims=True)
    percent = np.array([int(text.get_text()) for text in ax.texts]).reshape(share.shape)
    assert np.abs(percent - 100 * share).max() < 1
    assert percent.sum(axis=1).tolist() == [100, 100, 100]
    frames = {patch.get_gid(): patch.get_linestyle() for patch in ax.patches}
    assert frames == {"link 0 1": "-", "link 1 2": "-", "link 2 0": ":"}
    assert ax.get_xlabel() == "to module\nframed: more than chance; dotted: feedback"
    for verdict in ("weak", "unstable", "chance", "untested"):
        pale = plots.module_flow(measured, links=result.links, verdict=verdict)
        assert IN_SHORT[verdict] in [text.get_text() for text in pale.texts]
        ours, theirs = (x.patches[0].get_edgecolor()[:3] for x in (pale, ax))
        assert ours == pytest.approx((np.array(theirs) + 1) / 2)
        ours, theirs = (x.collections[0].cmap(0.3)[:3] for x in (pale, ax))
        assert ours == pytest.approx((np.array(theirs) + 1) / 2, abs=0.01)


def crossing(heavy: float, n: int = 12) -> tuple[NetGraph, Partition]:
    """Modules 0 and 1 at the inputs, 2 and 3 at the outputs; 0 → 2 and 1 → 3 are denser."""
    rng = np.random.default_rng(0)
    chance = np.kron([[heavy, 1 - heavy], [1 - heavy, heavy]], np.ones((n, n)))
    graph = from_matrices([(rng.random((2 * n, 2 * n)) < chance).astype(float)])
    return graph, Partition(np.repeat([0, 1, 2, 3], n))


def test_links_on_no_circle_say_whether_they_are_more_than_chance() -> None:
    more, less, fixed = "more than chance", "no more than chance", "untested"
    graph, truth = crossing(0.75)
    found = ordered(graph, truth, null=rewire, form="pattern", n=40, rng=0)
    said = {(x.source, x.target): (x.verdict, x.evidence) for x in found.links}
    assert said == {
        (0, 2): ("no circle", more),
        (0, 3): ("no circle", less),
        (1, 2): ("no circle", less),
        (1, 3): ("no circle", more),
    }
    assert pairs(found) == set(said), "all are kept"
    assert found.edge_evidence == (more, less, less, more)
    assert found.summary()["kept"] == {more: 2, less: 2, fixed: 0}
    assert found.link_table()["evidence"].tolist() == [more, less, less, more]
    even, truth = crossing(0.5)
    found = ordered(even, truth, null=rewire, form="pattern", n=40, rng=0)
    assert found.edge_evidence == (less,) * 4
    assert infer(even, truth).edge_evidence == (fixed,) * 4
    assert infer(even, truth).summary()["kept"] == {more: 0, less: 0, fixed: 4}


def test_links_that_no_null_network_changes_are_untested() -> None:
    graph = from_matrices([np.ones((4, 4))])
    found = ordered(graph, Partition([0, 0, 1, 1, 2, 2, 2, 2]), null=rewire, n=20, rng=0)
    assert [x.evidence for x in found.links] == ["untested"] * 2
    ax = plots.module_hierarchy(found)
    assert ax.get_xlabel() == "dashed: 2 links untested"
    assert "solid" not in {x.get_linestyle() for x in ax.patches if x.get_gid() == "edge"}


@pytest.mark.parametrize("seed", range(3))
def test_evidence_of_links_on_circles_is_their_verdict(seed: int) -> None:
    graph, truth = strands(seed, {(0, 1): 0.5, (1, 2): 0.5, (2, 0): 0.2}, within=0.3)
    found = ordered(graph.pattern, truth, null=rewire, n=40, rng=seed)
    for link in found.links:
        more = link.verdict in ("above chance", "feedback")
        assert link.evidence == ("more than chance" if more else "no more than chance")


def test_few_links_are_said_to_be_more_than_chance_where_none_is() -> None:
    """The bound of the expected share of wrong ones holds for links on no circle, too."""
    wrong = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        graph = from_matrices([rng.random((24, 24)) < 0.3 for _ in range(2)]).pattern
        labels = np.concatenate([rng.integers(0, 3, 24) + 3 * layer for layer in range(3)])
        found = ordered(graph, Partition(labels), null=rewire, n=20, rng=seed)
        assert {link.verdict for link in found.links} == {"no circle"}
        wrong += any(link.evidence == "more than chance" for link in found.links)
    assert wrong <= 4  # each with probability .05 at most; 5 or more: .003


def test_styles_of_links_in_figures() -> None:
    graph, truth = crossing(0.75)
    found = ordered(graph, truth, null=rewire, form="pattern", n=40, rng=0)
    ax = plots.module_hierarchy(found)
    styles = [x.get_linestyle() for x in ax.patches if x.get_gid() == "edge"]
    assert styles.count("solid") == 2
    assert len(styles) == 4
    assert ax.get_xlabel() == "dashed: 2 links no more than chance; wider: more weight"
    ax = plots.module_flow(flow(graph, truth, form="pattern"), links=found.links)
    frames = {patch.get_gid(): patch.get_linestyle() for patch in ax.patches}
    assert frames == {"link 0 2": "-", "link 0 3": "--", "link 1 2": "--", "link 1 3": "-"}
    assert ax.get_xlabel().split("\n")[0] == "to module"
    assert "grey: sends nothing" in ax.get_xlabel()
    assert "dashed: no more than chance, or untested" in ax.get_xlabel().replace("\n", " ")


FORMS_GIVEN = {
    "pattern": np.ones_like,
    "magnitude": np.abs,
}


@pytest.mark.parametrize("form", FORMS_GIVEN)
def test_flow_and_links_are_of_the_form_asked_for(form: str) -> None:
    graph, truth = strands(1, {(0, 1): 0.3}, n=5)
    signs = np.where(np.arange(graph.n_edges) % 3, 1.0, -1.0)
    graph = graph.with_weights(graph.weights.data.astype(np.float64) * signs)
    wanted = np.zeros((3, 3))
    source, target = truth.labels[graph.sources], truth.labels[graph.weights.indices]
    np.add.at(wanted, (source, target), FORMS_GIVEN[form](graph.weights.data))
    np.testing.assert_allclose(flow(graph, truth, form=form).weight, wanted)
    found = ordered(graph, truth, null=rewire, form=form, n=20, rng=0)
    for link in found.links:
        assert link.weight == pytest.approx(wanted[link.source, link.target])
    draws = [
        flow(rewire(graph, rng=stream(root_seed(0), "flow", index)), truth, form=form).weight
        for index in range(20)
    ]
    for link in found.links:
        drawn = [x[link.source, link.target] for x in draws]
        assert link.chance == pytest.approx(np.mean(drawn))
    plain = FORMS_GIVEN[form](graph.weights.data)
    assert infer(graph, truth, form=form).trophic_incoherence == pytest.approx(
        infer(graph.with_weights(plain), truth, form="magnitude").trophic_incoherence
    )


@pytest.mark.parametrize("factor", [1e-3, 7.0, 1e4])
def test_links_of_magnitudes_do_not_depend_on_the_unit_of_the_weights(factor: float) -> None:
    graph, truth = strands(1, {(0, 1): 0.3}, n=5)
    graph = graph.with_weights(graph.weights.data.astype(np.float64))
    other = graph.with_weights(graph.weights.data * factor)
    one, two = (
        ordered(x, truth, null=rewire, form="magnitude", n=20, rng=0) for x in (graph, other)
    )
    for a, b in zip(one.links, two.links, strict=True):
        assert (a.verdict, a.evidence, a.p) == (b.verdict, b.evidence, b.p)
        assert b.weight == pytest.approx(factor * a.weight)
        assert b.z == pytest.approx(a.z)


def test_magnitudes_that_cannot_be_balanced_have_a_hierarchy() -> None:
    weights = np.array([1e-300, 1.0, 1.0, 1e-300, 1.0, 1.0, 1.0, 1e300, 1e-300])
    graph = from_matrices([weights.reshape(3, 3), np.ones((3, 3))])
    truth = Partition([0, 1, 2, 0, 1, 2, 0, 1, 2])
    for function in (flow, infer):
        with pytest.raises(GraphError, match="cannot be balanced"):
            function(graph, truth)
        function(graph, truth, form="magnitude")
    with pytest.raises(GraphError, match="cannot be balanced"):
        ordered(graph, truth, null=rewire, n=20, rng=0)
    assert ordered(graph, truth, null=rewire, form="magnitude", n=20, rng=0).links


@pytest.mark.parametrize("function", [flow, infer, partial(ordered, null=rewire)])
def test_unknown_form(function: Callable[..., object]) -> None:
    graph = from_matrices([np.eye(2)])
    with pytest.raises(GraphError, match="form is 'signed': one of balanced, pattern, magnitude"):
        function(graph, Partition([0, 1, 0, 1]), form="signed")
