"""The hierarchy of modules, against networkx and against enumerated paths."""

from __future__ import annotations

import json
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array, csr_array

from netsculpt.core.errors import GraphError
from netsculpt.graph.graph import Block, Layer, NetGraph, unit_names
from netsculpt.graph.matrices import from_matrices
from netsculpt.graph.partition import Partition
from netsculpt.hierarchy import Hierarchy, Module, infer


def sample(seed: int, n_modules: int = 4, widths: tuple[int, ...] = (3, 4, 0, 3, 3)) -> NetGraph:
    """Skips, an empty layer, a state layer, zero and negative weights."""
    rng = np.random.default_rng(seed)
    starts = np.concatenate([[0], np.cumsum(widths)]).tolist()
    roles = ["input", *rng.choice(["hidden", "state", "output"], len(widths) - 2), "output"]
    layers = tuple(
        Layer(f"l{at}", role, (width,), start, start + width)
        for at, (role, width, start) in enumerate(zip(roles, widths, starts, strict=False))
    )
    n = len(widths)
    pairs = [(a, b) for a in range(n) for b in range(a + 1, n) if b == a + 1 or rng.random() < 0.4]
    kept = np.zeros((starts[-1], starts[-1]), dtype=bool)
    for a, b in pairs:
        kept[layers[a].units, layers[b].units] = rng.random((widths[a], widths[b])) < 0.4
    ends = np.nonzero(kept)
    values = rng.normal(size=ends[0].size) * (rng.random(ends[0].size) < 0.8)
    weights = csr_array(coo_array((values, ends), shape=kept.shape))
    blocks = tuple(Block(f"l{a}", f"l{b}", None, "linear", 1) for a, b in pairs)
    return NetGraph(weights, None, layers, blocks)


def labels_for(graph: NetGraph, seed: int, n_modules: int = 4) -> np.ndarray:
    """Modules that mostly follow depth, so that not all of them merge."""
    rng = np.random.default_rng(seed + 1)
    labels = graph.layer_of // 2 * 2 + rng.integers(0, n_modules - 1, graph.n_units)
    return np.where(rng.random(graph.n_units) < 0.2, -1, labels)


def as_networkx(graph: NetGraph) -> nx.DiGraph[int]:
    other: nx.DiGraph[int] = nx.DiGraph()
    other.add_nodes_from(range(graph.n_units))
    ends = zip(graph.sources, graph.weights.indices, graph.weights.data, strict=True)
    for source, target, weight in ends:
        other.add_edge(int(source), int(target), weight=abs(float(weight)))
    return other


def module_graph(graph: NetGraph, labels: np.ndarray) -> nx.DiGraph[int]:
    other: nx.DiGraph[int] = nx.DiGraph()
    other.add_nodes_from(range(labels.max(initial=-1) + 1))
    for u, v, weight in as_networkx(graph).edges(data="weight"):
        a, b = int(labels[u]), int(labels[v])
        if -1 not in (a, b) and a != b:
            before = other.get_edge_data(a, b, {"weight": 0.0})["weight"]
            other.add_edge(a, b, weight=before + weight)
    return other


def paths_of(graph: NetGraph) -> list[tuple[list[int], float]]:
    """All input→output paths with their weights, one by one."""
    follow, ends = as_networkx(graph), set(graph.outputs.tolist())
    found, open_paths = [], [([unit], 1.0) for unit in graph.inputs.tolist()]
    while open_paths:
        path, weight = open_paths.pop()
        if path[-1] in ends:
            found.append((path, weight))
        for _, v, w in follow.edges(path[-1], data="weight"):
            open_paths.append(([*path, v], weight * w))
    return found


def trophic(weights: np.ndarray) -> tuple[np.ndarray, float]:
    """Minimise Σ w (h_n − h_m − 1)² directly, as least squares over the edges."""
    rows, columns = np.nonzero(weights)
    root = np.sqrt(weights[rows, columns])
    design = np.zeros((rows.size, len(weights)))
    design[np.arange(rows.size), columns] += root
    design[np.arange(rows.size), rows] -= root
    level = np.linalg.lstsq(design, root, rcond=None)[0]
    for part in nx.weakly_connected_components(nx.DiGraph(weights)):
        level[list(part)] -= level[list(part)].min()
    return level, float(np.sum((design @ level - root) ** 2) / weights.sum())


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_against_networkx(seed: int) -> None:
    graph = sample(seed)
    given_partition = Partition(labels_for(graph, seed))
    given_labels = given_partition.labels
    found = infer(graph, given_partition)
    quotient = module_graph(graph.balanced, given_labels)
    groups = [sorted(group) for group in nx.strongly_connected_components(quotient)]
    assert list(map(list, found.merged)) == sorted(group for group in groups if len(group) > 1)
    assert len(found.modules) == len(groups) == found.partition.n_modules
    labels = found.partition.labels
    assert ((labels == -1) == (given_labels == -1)).all()
    for group in groups:
        assert len(set(labels[np.isin(given_labels, group)].tolist())) == 1
    merged = module_graph(graph.balanced, labels)
    assert nx.is_directed_acyclic_graph(merged)
    if quotient.number_of_edges():
        assert found.flow_hierarchy == pytest.approx(nx.flow_hierarchy(quotient))
    expected = nx.to_numpy_array(merged, nodelist=range(len(found.modules)), nonedge=np.nan)
    dense = np.full_like(expected, np.nan)
    ends = found.edges.tocoo()
    dense[ends.row, ends.col] = ends.data
    np.testing.assert_allclose(dense, expected)
    units = as_networkx(graph)
    for at, module in enumerate(found.modules):
        members = np.flatnonzero(labels == at).tolist()
        up = set(members).union(*(nx.ancestors(units, u) for u in members))
        down = set(members).union(*(nx.descendants(units, u) for u in members))
        before = merged.subgraph(nx.ancestors(merged, at) | {at})
        bare = {v for u in members for v in units[u]} & set(graph.outputs.tolist())
        bare -= set(np.flatnonzero(labels >= 0).tolist())
        assert module.label == at
        assert module.n_units == len(members)
        assert module.units_by_layer == tuple(
            sum(layer.start <= u < layer.stop for u in members) for layer in graph.layers
        )
        assert module.level == found.level[at]
        assert module.level == nx.dag_longest_path_length(before, weight=None)
        assert module.feeds == tuple(sorted(merged.successors(at)))
        assert module.fed_by == tuple(sorted(merged.predecessors(at)))
        assert module.reuse == len(module.feeds) + len(bare)
        assert module.inputs_seen == tuple(u for u in graph.inputs if u in up)
        assert module.outputs_served == tuple(u for u in graph.outputs if u in down)


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_path_share_against_all_paths(seed: int) -> None:
    graph = sample(seed)
    found = infer(graph, Partition(labels_for(graph, seed)))
    paths = paths_of(graph)
    total = sum(weight for _, weight in paths)
    for module in found.modules:
        members = set(np.flatnonzero(found.partition.labels == module.label).tolist())
        through = sum(weight for path, weight in paths if members & set(path))
        expected = through / total if total > 0 else 0.0
        assert module.path_share == pytest.approx(expected, rel=1e-12, abs=0)
        assert 0.0 <= module.path_share <= 1.0


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_trophic_levels_are_the_least_squares(seed: int) -> None:
    graph = sample(seed)
    partition = Partition(labels_for(graph, seed))
    found = infer(graph, partition)
    weights = found.edges.toarray()
    if not weights.any():
        assert [module.trophic_level for module in found.modules] == [0.0] * len(weights)
    else:
        levels = [module.trophic_level for module in found.modules]
        np.testing.assert_allclose(levels, trophic(weights)[0], atol=1e-9)
    quotient = nx.to_numpy_array(
        module_graph(graph.balanced, partition.labels), nodelist=range(partition.n_modules)
    )
    if not quotient.any():
        assert np.isnan(found.trophic_incoherence)
        return
    assert found.trophic_incoherence == pytest.approx(trophic(quotient)[1], abs=1e-9)
    assert 0.0 <= found.trophic_incoherence <= 1.0 + 1e-12


def chain(labels: list[int], weight: float = 1.0) -> Hierarchy:
    """A chain of single units, each labelled."""
    graph = from_matrices([np.array([[weight]])] * (len(labels) - 1))
    return infer(graph, Partition(labels))


def test_a_chain_climbs() -> None:
    found = chain([0, 1, 2, 3])
    assert found.level.tolist() == [0, 1, 2, 3]
    assert [module.trophic_level for module in found.modules] == pytest.approx([0, 1, 2, 3])
    assert found.trophic_incoherence == pytest.approx(0.0, abs=1e-12)
    assert found.flow_hierarchy == 1.0
    assert found.merged == ()
    assert [module.reuse for module in found.modules] == [1, 1, 1, 0]
    assert [module.path_share for module in found.modules] == [1.0] * 4


def test_a_ring_is_all_incoherent_and_one_module() -> None:
    found = chain([0, 1, 2, 0])
    assert found.trophic_incoherence == pytest.approx(1.0)
    assert found.flow_hierarchy == 0.0
    assert found.merged == ((0, 1, 2),)
    assert found.partition.labels.tolist() == [0, 0, 0, 0]
    assert len(found.modules) == 1
    assert found.modules[0].feeds == ()
    assert found.modules[0].level == 0
    assert found.edges.nnz == 0


def test_a_shortcut() -> None:
    """A → B → C and A → C, all equal: h = 0, 2/3, 4/3 and F₀ = 1/9."""
    layers = tuple(
        Layer(name, role, (1,), at, at + 1)  # type: ignore[arg-type]
        for at, (name, role) in enumerate([("a", "input"), ("b", "hidden"), ("c", "output")])
    )
    pairs = [("a", "b"), ("b", "c"), ("a", "c")]
    blocks = tuple(Block(*pair, None, "linear", 1) for pair in pairs)
    graph = NetGraph(csr_array(np.triu(np.full((3, 3), 2.0), 1)), None, layers, blocks)
    found = infer(graph, Partition([0, 1, 2]))
    assert [module.trophic_level for module in found.modules] == pytest.approx([0, 2 / 3, 4 / 3])
    assert found.trophic_incoherence == pytest.approx(1 / 9)
    assert found.level.tolist() == [0, 1, 2]
    assert [module.reuse for module in found.modules] == [2, 1, 0]
    assert found.modules[1].path_share == pytest.approx(4 / 6)  # 2·2 of 2·2 + 2


def test_reuse_counts_outputs_without_a_module() -> None:
    graph = from_matrices([np.ones((2, 2)), np.array([[1, 0], [1, 1], [1, 0]])])
    found = infer(graph, Partition([0, 0, 1, 2, 3, -1, -1]))
    by_label = {module.label: module for module in found.modules}
    assert by_label[0].feeds == (1, 2)
    assert by_label[1].feeds == (3,)
    assert by_label[1].reuse == 3
    assert by_label[2].reuse == 1
    assert by_label[2].outputs_served == (5,)
    assert by_label[3].outputs_served == (4,)


def test_stored_zeros_connect_but_carry_nothing() -> None:
    graph = from_matrices([np.zeros((1, 2)), np.ones((1, 1))], [np.ones((1, 2)), np.ones((1, 1))])
    found = infer(graph, Partition([0, 1, 2, 3]))
    assert found.edges.nnz == 3
    assert found.level.tolist() == [0, 0, 1, 2]
    assert found.modules[2].inputs_seen == (0, 1)
    assert [module.trophic_level for module in found.modules] == [0.0, 0.0, 0.0, 1.0]
    assert [module.path_share for module in found.modules] == [0.0] * 4
    weightless = infer(graph.with_weights(np.zeros(3)), Partition([0, 1, 2, 3]))
    assert np.isnan(weightless.trophic_incoherence)
    assert weightless.summary()["trophic_incoherence"] is None


@pytest.mark.parametrize("weight", [1e-30, 1e30])
def test_depth_does_not_overflow(weight: float) -> None:
    """40 layers of 3 units: path weights of 10^±1200."""
    rng = np.random.default_rng(0)
    matrices = [weight * rng.random((3, 3)) for _ in range(40)]
    labels = np.tile([0, 1, -1], 41)
    found = infer(from_matrices(matrices), Partition(labels))
    tame = infer(from_matrices([matrix / weight for matrix in matrices]), Partition(labels))
    for one, other in zip(found.modules, tame.modules, strict=True):
        assert one.path_share == pytest.approx(other.path_share, rel=1e-9)
        assert 0.5 < one.path_share <= 1.0
    assert found.trophic_incoherence == pytest.approx(tame.trophic_incoherence)


def test_a_heavy_dead_end_hides_nothing() -> None:
    """A branch that leads nowhere outweighs the live one by 10^1200."""
    up = np.diag([1e30, 1e-30])
    graph = from_matrices([up] * 40 + [np.array([[0.0, 1.0]])])
    labels = np.tile([0, 1], 41).tolist()
    found = infer(graph, Partition([*labels, -1]))
    assert [module.path_share for module in found.modules] == [0.0, 1.0]


def test_more_modules_than_bits() -> None:
    graph = from_matrices([np.eye(150), np.eye(150)])
    found = infer(graph, Partition(np.tile(np.arange(150), 3)))
    assert len(found.modules) == 150
    for at, module in enumerate(found.modules):
        assert (module.inputs_seen, module.outputs_served) == ((at,), (300 + at,))
        assert module.path_share == pytest.approx(1 / 150)


def test_renaming_modules_changes_nothing() -> None:
    graph = sample(5)
    labels = labels_for(graph, 5)
    one, other = (
        infer(graph, Partition(labels)),
        infer(graph, Partition(np.where(labels < 0, -1, 9 - labels))),
    )
    assert one.modules == other.modules
    assert one.merged == other.merged


def isolated() -> NetGraph:
    return from_matrices([np.array([[1.0, 0.0], [0.0, 0.0]])])


def test_one_module() -> None:
    found = infer(isolated(), Partition([0] * 4))
    (module,) = found.modules
    assert (module.n_units, module.level, module.reuse, module.path_share) == (4, 0, 0, 1.0)
    assert module.inputs_seen == (0, 1)
    assert module.outputs_served == (2, 3)


def test_a_module_of_isolated_units() -> None:
    found = infer(isolated(), Partition([0, 1, 0, 1]))
    module = found.modules[1]
    assert (module.inputs_seen, module.outputs_served) == ((1,), (3,))
    assert (module.feeds, module.fed_by, module.reuse) == ((), (), 0)
    assert module.path_share == 0.0
    assert module.trophic_level == 0.0


@pytest.mark.parametrize(
    "graph",
    [
        isolated(),
        from_matrices([np.zeros((2, 2))]),
        NetGraph(csr_array((0, 0)), None, (), ()),
        from_matrices([np.zeros((0, 2)), np.zeros((1, 0))]),
    ],
    ids=["isolated", "no edges", "nothing", "empty layer"],
)
def test_no_modules(graph: NetGraph) -> None:
    found = infer(graph, Partition(np.full(graph.n_units, -1)))
    assert found.modules == ()
    assert found.edges.shape == (0, 0)
    assert found.level.shape == (0,)
    assert found.flow_hierarchy == 1.0
    assert np.isnan(found.trophic_incoherence)
    assert len(found.table()) == 0
    assert list(found.table().columns) == list(
        infer(isolated(), Partition([0] * 4)).table().columns
    )
    assert found.summary()["n_levels"] == 0


def test_partition_of_another_graph() -> None:
    with pytest.raises(GraphError, match="3 labels, the graph 4 units"):
        infer(isolated(), Partition([0, 0, 0]))


def test_unmerged_partition_is_kept() -> None:
    partition = Partition([0, 1, 2], method="leiden", quality=0.5)
    assert infer(from_matrices([np.ones((1, 2))]), partition).partition is partition
    ring = Partition([0, 1, 0], method="leiden", quality=0.5)
    merged = infer(from_matrices([np.eye(1), np.eye(1)]), ring).partition
    assert (merged.method, merged.quality) == ("leiden", None)


def test_table() -> None:
    table = chain([0, 1, 2, 2]).table()
    assert table["label"].tolist() == [0, 1, 2]
    assert table["feeds"].tolist() == [(1,), (2,), ()]
    assert table["n_inputs_seen"].tolist() == [1, 1, 1]
    assert table["n_outputs_served"].tolist() == [1, 1, 1]
    assert table["units_by_layer"].tolist()[2] == (0, 0, 1, 1)


def test_summary_is_json_with_names() -> None:
    graph = from_matrices([np.ones((1, 2)), np.ones((1, 1))])
    summary = infer(graph, Partition([0, 0, 1, 1])).summary()
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    names = unit_names(graph)
    assert summary["modules"][1]["inputs_seen"] == names[:2]
    assert summary["modules"][0]["outputs_served"] == names[3:]
    assert summary["modules"][0]["feeds"] == [1]
    assert summary["n_levels"] == 2


def test_a_hierarchy_made_by_hand_shows_numbers() -> None:
    module: Any = Module(0, 1, (1,), 0, 0.0, 0, (), (), (7,), (), 1.0)
    found = Hierarchy(Partition([0]), (module,), csr_array((1, 1)), np.zeros(1, int), (), 1.0, 0.0)
    assert found.summary()["modules"][0]["inputs_seen"] == ["7"]
