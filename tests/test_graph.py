"""The core: graphs, partitions, chains of matrices, random streams, catalogue."""

from __future__ import annotations

import dataclasses
import pickle
from typing import Any

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.sparse import coo_array, csr_array

from netsculpt.core.catalog import catalog, names
from netsculpt.core.errors import FormatError, GraphError, LimitError, NetsculptError
from netsculpt.core.provenance import Step, step
from netsculpt.core.random import root_seed, stream
from netsculpt.graph.graph import (
    Block,
    Layer,
    NetGraph,
    balancing_groups,
    live_units,
    unit_names,
)
from netsculpt.graph.matrices import from_matrices, kept_entries
from netsculpt.graph.partition import Partition

ROLES = ["input", "hidden", "output", "junction", "state"]


def sample(seed: int, dtype: Any = np.float32) -> tuple[NetGraph, np.ndarray]:
    """A random graph with skips, empty layers and zero weights, and a dense [U, U] that has NaN
    where there is no edge."""
    rng = np.random.default_rng(seed)
    widths = rng.integers(0, 5, size=rng.integers(2, 6)).tolist()
    starts = np.concatenate([[0], np.cumsum(widths)]).tolist()
    roles = ["input", *rng.choice(ROLES, len(widths) - 2), "output"]
    layers = tuple(
        Layer(f"l{at}", role, (width,), start, start + width)
        for at, (role, width, start) in enumerate(zip(roles, widths, starts, strict=False))
    )
    dense, blocks = np.full((starts[-1], starts[-1]), np.nan), []
    for a in range(len(layers)):
        for b in range(a + 1, len(layers)):
            if rng.random() < 0.6:
                blocks.append(Block(f"l{a}", f"l{b}", f"W{a}{b}", "linear", widths[a] * widths[b]))
                shape = (widths[a], widths[b])
                values = rng.integers(-2, 3, shape).astype(float)
                kept = np.where(rng.random(shape) < 0.5, values, np.nan)
                dense[layers[a].units, layers[b].units] = kept
    return NetGraph(stored(dense, dtype), None, layers, tuple(blocks)), dense


def stored(dense: np.ndarray, dtype: Any = np.float32) -> csr_array:
    """All entries of a dense matrix that are not NaN, zeros too."""
    rows, columns = np.nonzero(~np.isnan(dense))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(dense)))])
    return csr_array((dense[rows, columns].astype(dtype), columns, indptr), dense.shape)


def opened(matrix: csr_array) -> np.ndarray:
    """The inverse of `stored`."""
    dense = np.full(matrix.shape, np.nan)
    ends = matrix.tocoo()
    dense[ends.row, ends.col] = ends.data
    return dense


def tiny(**changes: Any) -> NetGraph:
    """Two inputs, one output, edges 0→2 (weight 0) and 1→2 (weight −3)."""
    parts: dict[str, Any] = {
        "weights": csr_array((np.array([0.0, -3.0]), [2, 2], [0, 1, 2, 2]), (3, 3)),
        "multiplicity": None,
        "layers": (Layer("in", "input", (2,), 0, 2), Layer("out", "output", (1,), 2, 3)),
        "blocks": (Block("in", "out", "W", "linear", 2),),
    }
    return NetGraph(**(parts | changes))


# ---- the object -------------------------------------------------------------------------------


@given(st.integers(0, 10_000))
def test_edges_are_what_is_stored(seed: int) -> None:
    graph, dense = sample(seed)
    assert graph.n_edges == np.count_nonzero(~np.isnan(dense))
    np.testing.assert_array_equal(opened(graph.weights), dense)
    np.testing.assert_array_equal(opened(graph.magnitude.weights), np.abs(dense))
    np.testing.assert_array_equal(
        opened(graph.pattern.weights), np.where(np.isnan(dense), dense, 1)
    )
    ends = np.argwhere(~np.isnan(dense))
    np.testing.assert_array_equal(np.c_[graph.sources, graph.weights.indices], ends)


@given(st.integers(0, 10_000))
def test_blocks_are_cut_out_of_the_dense_matrix(seed: int) -> None:
    graph, dense = sample(seed)
    edge_at = np.full(dense.shape, -1)
    edge_at[graph.sources, graph.weights.indices] = np.arange(graph.n_edges)
    for block in graph.blocks:
        rows, columns = graph.layer(block.source).units, graph.layer(block.target).units
        np.testing.assert_array_equal(
            opened(graph.block(block.source, block.target)), dense[rows, columns]
        )
        edges = np.arange(graph.n_edges)[graph.block_edges(block.source, block.target)]
        of_block = edge_at[rows, columns]
        np.testing.assert_array_equal(edges, of_block[of_block >= 0])


@pytest.mark.parametrize(("source", "target"), [("input", "output"), ("hidden1", "input")])
def test_block_that_is_not_connected_holds_nothing(source: str, target: str) -> None:
    graph = from_matrices([np.ones((2, 3)), np.ones((1, 2))])
    assert np.arange(graph.n_edges)[graph.block_edges(source, target)].size == 0
    shape = (graph.layer(source).n_units, graph.layer(target).n_units)
    assert graph.block(source, target).shape == shape
    assert graph.block(source, target).nnz == 0


@given(st.integers(0, 10_000))
def test_live_against_reachability(seed: int) -> None:
    graph, dense = sample(seed)
    other = nx.DiGraph()
    other.add_nodes_from(range(graph.n_units))
    other.add_edges_from(np.argwhere(~np.isnan(dense)).tolist())
    fed = {block.target for block in graph.blocks}
    feeding = {block.source for block in graph.blocks}
    begins, ends = set(), set()
    for layer in graph.layers:
        units = range(layer.start, layer.stop)
        if layer.role == "input" or (layer.role == "state" and layer.name not in fed):
            begins.update(units)
        if layer.role == "output" or (layer.role == "state" and layer.name not in feeding):
            ends.update(units)
    assert graph.inputs.tolist() == sorted(begins)
    assert graph.outputs.tolist() == sorted(ends)
    down = set().union(*({u} | nx.descendants(other, u) for u in begins))
    up = set().union(*({u} | nx.ancestors(other, u) for u in ends))
    alive = np.array([unit in down & up for unit in range(graph.n_units)], dtype=bool)
    np.testing.assert_array_equal(live_units(graph), alive)
    live = graph.live()
    np.testing.assert_array_equal(opened(live.weights), dense[np.ix_(alive, alive)])
    all_names = np.array(unit_names(graph), dtype=object)
    assert unit_names(live) == all_names[alive].tolist()
    assert [x.name for x in live.layers] == [x.name for x in graph.layers]
    dropped = live.provenance[-1].parameters["dropped_units"]
    assert dropped == graph.n_units - live.n_units


def test_live_keeps_multiplicity_and_zero_weights() -> None:
    # hidden unit 1 (unit 3) has no inputs; its edge goes, the zero edge on the path stays
    matrices = [np.zeros((2, 2)), np.ones((1, 2))]
    masks = [np.array([[1, 0], [0, 0]]), np.ones((1, 2))]
    graph = from_matrices(matrices, masks)
    counted = dataclasses.replace(graph, multiplicity=np.array([5, 7, 9]))
    live = counted.live()
    assert live.multiplicity is not None
    assert live.multiplicity.tolist() == [5, 7]
    assert live.weights.data.tolist() == [0.0, 1.0]
    assert unit_names(live) == ["input[0]", "hidden1[0]", "output[0]"]
    assert unit_names(live.live()) == unit_names(live)


def test_arrays_are_read_only() -> None:
    graph = tiny(multiplicity=np.array([1, 2]))
    csr = graph.weights
    for array in (csr.data, csr.indices, csr.indptr, graph.multiplicity, graph.positions):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        graph.layers = ()  # type: ignore[misc]


@pytest.mark.parametrize(
    ("given_dtype", "kept"),
    [(np.float16, np.float32), (np.float32, np.float32), (np.float64, np.float64)],
)
def test_dtypes(given_dtype: Any, kept: Any) -> None:
    data = np.array([0.0, -3.0], dtype=given_dtype)
    graph = tiny().with_weights(data)
    assert graph.weights.dtype == kept
    assert graph.weights.indices.dtype == graph.weights.indptr.dtype == np.int32
    assert from_matrices([data.reshape(1, 2)]).weights.dtype == kept


def test_with_weights_shares_the_indices() -> None:
    graph = tiny()
    other = graph.with_weights(np.array([1.0, 2.0]))
    assert np.shares_memory(graph.weights.indices, other.weights.indices)
    with pytest.raises(GraphError, match=r"shape \[3\], \[2\] needed"):
        graph.with_weights(np.ones(3))


def test_counts() -> None:
    layers = (
        Layer("in", "input", (2,), 0, 2),
        Layer("mid", "hidden", (2,), 2, 4),
        Layer("sum", "junction", (2,), 4, 6),
    )
    blocks = (
        Block("in", "mid", "W", "conv", 36),
        Block("in", "sum", None, "wiring", 0),
        Block("mid", "sum", None, "wiring", 0),
    )
    edges = [(0, 2), (0, 3), (1, 3), (0, 4), (1, 5), (2, 4), (3, 5)]
    rows, columns = np.array(sorted(edges)).T
    weights = csr_array(coo_array((np.ones(7), (rows, columns)), shape=(6, 6)))
    counts = np.where((rows < 2) & (columns < 4), 9, 1)
    graph = NetGraph(weights, counts, layers, blocks)
    assert graph.n_parameters == 27
    assert graph.density == 27 / 36
    assert dataclasses.replace(graph, multiplicity=None).n_parameters == 3
    assert tiny().density == 1.0
    assert from_matrices([np.zeros((2, 2))]).density == 0.0


def test_names_and_positions() -> None:
    graph = tiny(positions=np.array([4, 9, 0]))
    assert unit_names(graph) == ["in[4]", "in[9]", "out[0]"]
    assert unit_names(tiny()) == ["in[0]", "in[1]", "out[0]"]
    assert graph.layer_of.tolist() == [0, 0, 1]
    assert graph.layer("out").n_units == 1
    assert repr(graph) == "NetGraph(2-1: 3 units, 2 edges)"


def test_empty_graphs() -> None:
    none = NetGraph(csr_array((0, 0)), None, (), ())
    assert (none.n_units, none.n_edges, none.inputs.size, none.live().n_units) == (0, 0, 0, 0)
    bare = tiny(weights=csr_array((3, 3)))
    assert bare.n_edges == 0
    assert bare.live().n_units == 0
    assert bare.block("in", "out").shape == (2, 1)


def test_steps_are_frozen_and_added_at_the_end() -> None:
    taken = step("prune", input_hash="sha256:0", density=0.1)
    graph = tiny().with_step(taken)
    assert graph.provenance == (taken,)
    assert taken.parameters["density"] == 0.1
    assert taken.version
    with pytest.raises(TypeError):
        taken.parameters["density"] = 1.0  # type: ignore[index]
    given_parameters = {"a": 1}
    made = Step("f", given_parameters)
    given_parameters["a"] = 2
    assert made.parameters["a"] == 1


def test_graphs_travel_to_other_processes() -> None:
    graph = from_matrices([np.array([[0.0, 1.0]])], [np.ones((1, 2))])
    other = pickle.loads(pickle.dumps(graph))
    np.testing.assert_array_equal(opened(other.weights), opened(graph.weights))
    assert other.provenance == graph.provenance


HOLED = csr_array((np.array([1.0, np.nan]), [2, 2], [0, 1, 2, 2]), (3, 3))
DOUBLED = csr_array((np.ones(2), [2, 2], [0, 2, 2, 2]), (3, 3))
UNSORTED = csr_array((np.ones(2), [2, 1], [0, 2, 2, 2]), (3, 3))
IN, OUT = Layer("in", "input", (2,), 0, 2), Layer("out", "output", (1,), 2, 3)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"weights": csr_array((4, 4))}, r"\[4, 4\], the layers have 3 units"),
        ({"weights": csr_array(np.eye(3))}, "not strictly upper triangular"),
        ({"weights": csr_array(np.tril(np.ones((3, 3)), -1))}, "not strictly upper triangular"),
        ({"weights": HOLED}, "NaN or infinite"),
        ({"weights": HOLED * np.inf}, "NaN or infinite"),
        ({"weights": DOUBLED}, "unsorted or repeated"),
        ({"weights": UNSORTED}, "unsorted or repeated"),
        ({"weights": csr_array((np.ones(1), [9], [0, 1, 1, 1]), (3, 3))}, "indices from 9 to 9"),
        ({"weights": csr_array((np.ones(1), [1], [0, 1, 1, 1]), (3, 3))}, "no block names"),
        ({"multiplicity": np.ones(3, int)}, r"multiplicity has shape \[3\], \[2\] needed"),
        ({"multiplicity": np.array([1, 0])}, "holds int64 from 0: .* whole number"),
        ({"positions": np.arange(2)}, r"positions has shape \[2\], \[3\] needed"),
        ({"layers": (IN, dataclasses.replace(OUT, name="in"))}, "each must be different"),
        ({"layers": (IN, dataclasses.replace(OUT, start=1))}, "must start at 2"),
        ({"layers": (dataclasses.replace(IN, start=1), OUT)}, "must start at 0"),
        ({"layers": (dataclasses.replace(IN, stop=-1), OUT)}, "contiguous"),
        ({"blocks": ()}, "2 edges from layer 'in'"),
        ({"blocks": (Block("in", "out", "W", "linear", 2),) * 2}, "may have one block"),
        ({"blocks": (Block("in", "away", "W", "linear", 2),)}, "does not lead to a later layer"),
        ({"blocks": (Block("out", "in", "W", "linear", 2),)}, "does not lead to a later layer"),
        ({"blocks": (Block("in", "in", "W", "linear", 2),)}, "does not lead to a later layer"),
    ],
)
def test_illegal_graphs(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(GraphError, match=text):
        tiny(**changes)


def test_unknown_layer_lists_the_known() -> None:
    with pytest.raises(GraphError, match=r"no layer is called 'fc9'; the layers are 'in', 'out'"):
        tiny().layer("fc9")


# ---- chains of matrices -----------------------------------------------------------------------


def torch_layouts(dense: torch.Tensor) -> dict[str, torch.Tensor]:
    return {
        "strided": dense,
        "transposed view": dense.t().contiguous().t(),
        "coo": dense.to_sparse_coo(),
        "csr": dense.to_sparse_csr(),
        "csc": dense.to_sparse_csc(),
        "bsr": dense.to_sparse_bsr((1, 1)),
    }


@pytest.mark.filterwarnings("ignore:Sparse:UserWarning")
@pytest.mark.parametrize("layout", ["strided", "transposed view", "coo", "csr", "csc", "bsr"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_torch_layouts(layout: str, dtype: torch.dtype) -> None:
    dense = torch.tensor([[1.5, 0.0, 0.0, -2.0], [0.0, 0.0, 3.0, 0.25]], dtype=dtype)
    graph = from_matrices([torch_layouts(dense)[layout]])
    assert graph.weights.dtype == (np.float64 if dtype == torch.float64 else np.float32)
    np.testing.assert_array_equal(
        graph.block("input", "output").toarray(), dense.to(torch.float64).numpy().T
    )
    assert graph.n_edges == 4


@pytest.mark.filterwarnings("ignore:Sparse:UserWarning")
@pytest.mark.parametrize(
    "layout",
    [
        *("strided", "csr", "csc", "coo", "bsr"),
    ],
)
def test_half_precision(layout: str) -> None:
    dense = torch.tensor([[1.5, 0.0], [0.0, 3.0]], dtype=torch.float16)
    graph = from_matrices([torch_layouts(dense)[layout]])
    assert graph.weights.dtype == np.float32
    assert graph.weights.data.tolist() == [1.5, 3.0]


@pytest.mark.filterwarnings("ignore:Sparse:UserWarning")
def test_torch_blocks_store_zeros() -> None:
    dense = torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0]])
    graph = from_matrices([dense.to_sparse_bsr((2, 2))])
    assert graph.n_edges == 4  # the whole stored block
    np.testing.assert_array_equal(graph.block("input", "output").toarray(), dense.numpy().T)


@pytest.mark.filterwarnings("ignore:Sparse:UserWarning")
def test_uncoalesced_entries_are_summed() -> None:
    tensor = torch.sparse_coo_tensor(
        torch.tensor([[0, 0, 1, 1], [2, 2, 0, 0]]), torch.tensor([1.0, 0.5, 4.0, -4.0]), (2, 3)
    )
    assert not tensor.is_coalesced()
    graph = from_matrices([tensor])
    assert graph.sources.tolist() == [0, 2]
    assert graph.weights.data.tolist() == [0.0, 1.5]  # a sum of 0 is an edge: it is stored


@pytest.mark.filterwarnings("ignore:Sparse:UserWarning")
def test_gradients_and_parameters() -> None:
    layer = torch.nn.Linear(3, 2)
    graph = from_matrices([layer.weight])
    weight = layer.weight.detach().numpy()
    np.testing.assert_array_equal(graph.block("input", "output").toarray(), weight.T)


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "lil", "dok", "dia", "bsr"])
@pytest.mark.parametrize("array", [True, False])
def test_scipy_formats(form: str, array: bool) -> None:
    dense = np.array([[1.0, 0.0, 2.0], [0.0, -3.0, 0.0]])
    matrix = getattr(sparse, f"{form}_{'array' if array else 'matrix'}")(dense)
    graph = from_matrices([matrix])
    np.testing.assert_array_equal(graph.block("input", "output").toarray(), dense.T)


def test_stored_zeros_stay() -> None:
    matrix = csr_array((np.array([0.0, 5.0]), np.array([1, 0]), np.array([0, 1, 2])), (2, 3))
    graph = from_matrices([matrix])
    assert graph.n_edges == 2
    assert graph.weights.data.tolist() == [5.0, 0.0]


@pytest.mark.parametrize(
    "turn",
    [
        "csr",
        "csc",
    ],
)
def test_input_matrix_is_left_alone(turn: str) -> None:
    indices, data = np.array([2, 0, 1, 1]), np.array([1.0, 2.0, 3.0, 4.0])  # unsorted, repeated
    indptr = np.array([0, 2, 4])
    shape = (2, 3) if turn == "csr" else (3, 2)
    matrix = getattr(sparse, f"{turn}_array")((data, indices, indptr), shape)
    before = [x.tobytes() for x in (matrix.data, matrix.indices, matrix.indptr)]
    graph = from_matrices([matrix])
    assert graph.n_edges == 3
    assert [x.tobytes() for x in (matrix.data, matrix.indices, matrix.indptr)] == before


@given(st.integers(0, 10_000))
def test_chain_of_masked_matrices(seed: int) -> None:
    rng = np.random.default_rng(seed)
    widths = rng.integers(0, 4, size=rng.integers(2, 5))
    shapes = list(zip(widths[1:], widths[:-1], strict=True))
    matrices = [rng.integers(-1, 2, shape).astype(float) for shape in shapes]
    masks = [rng.random(shape) < 0.5 for shape in shapes]
    graph = from_matrices(matrices, masks)
    names_ = [layer.name for layer in graph.layers]
    assert [layer.n_units for layer in graph.layers] == widths.tolist()
    assert graph.n_edges == sum(mask.sum() for mask in masks)
    for at, (matrix, mask) in enumerate(zip(matrices, masks, strict=True)):
        block = opened(graph.block(names_[at], names_[at + 1]))
        np.testing.assert_array_equal(block, np.where(mask, matrix, np.nan).T)
        assert graph.blocks[at].parameter == f"W{at + 1}"
        assert graph.blocks[at].size == matrix.size


def test_masks_alone_decide() -> None:
    weight = np.array([[0.0, np.nan], [7.0, 1.0]])
    graph = from_matrices([weight], [np.array([[1, 0], [0, 2]])])
    np.testing.assert_array_equal(
        opened(graph.weights)[:2, 2:], np.array([[0.0, np.nan], [np.nan, 1.0]])
    )
    sparse_mask = csr_array((np.array([0, 3]), np.array([0, 1]), np.array([0, 1, 2])), (2, 2))
    assert from_matrices([np.ones((2, 2))], [sparse_mask]).n_edges == 1
    stored_zero = csr_array((np.zeros(1), np.array([1]), np.array([0, 1, 1])), (2, 2))
    assert from_matrices([stored_zero], [np.array([[1, 1], [0, 0]])]).n_edges == 2
    assert from_matrices([np.ones((2, 2)), np.ones((1, 2))], [None, [[1, 0]]]).n_edges == 5


def test_torch_masks() -> None:
    weight = torch.tensor([[0.0, 1.0], [2.0, 3.0]])
    mask = torch.tensor([[True, False], [True, False]])
    for given_mask in (mask, mask.to(torch.uint8), mask.to_sparse_coo(), mask.float()):
        assert from_matrices([weight], [given_mask]).weights.data.tolist() == [0.0, 2.0]


def test_names_of_layers_and_parameters() -> None:
    graph = from_matrices(
        [np.ones((2, 3)), np.ones((1, 2))], names=["x", "h", "y"], parameters=["a.weight", "b"]
    )
    assert [layer.name for layer in graph.layers] == ["x", "h", "y"]
    assert [(x.source, x.target, x.parameter) for x in graph.blocks] == [
        ("x", "h", "a.weight"),
        ("h", "y", "b"),
    ]
    assert [layer.role for layer in graph.layers] == ["input", "hidden", "output"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (([],), "no matrices found"),
        (([np.ones(3)],), r"'W1' has shape \[3\]: a matrix \[out, in\] is needed"),
        (([np.ones((2, 3)), np.ones((2, 3))],), "'W2' is .2, 3. but 'W1' before it has 2 outputs"),
        (([np.ones((2, 3))], []), "0 masks found for 1 matrices"),
        (([np.ones((2, 3))], [np.ones((3, 2))]), "as in torch; transpose it"),
        (([np.ones((2, 3))], [np.ones((2, 2))]), "as in torch; they must be equal"),
        (([np.array([[np.inf]])],), "NaN or infinite"),
    ],
)
def test_matrices_that_do_not_fit(arguments: Any, text: str) -> None:
    with pytest.raises(GraphError, match=text):
        from_matrices(*arguments)


def test_names_that_do_not_fit() -> None:
    with pytest.raises(GraphError, match="2 layer names and 1 parameter names; 1 and 1 found"):
        from_matrices([np.ones((1, 1))], names=["x"])
    with pytest.raises(GraphError, match="2 and 0 found"):
        from_matrices([np.ones((1, 1))], parameters=[])


def test_kept_entries_are_turned_and_sorted() -> None:
    entries = kept_entries(np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 0.0]]))
    assert entries.shape == (2, 3)
    assert entries.indices.tolist() == [1, 2, 0, 1]
    assert entries.has_canonical_format


def test_layers_of_many_blocks_are_checked_and_grouped_as_those_of_few() -> None:
    """One layer feeds twelve others; edges into one of them are not declared at first."""
    rng = np.random.default_rng(0)
    layers = tuple(Layer(str(at), "hidden", (3,), 3 * at, 3 * at + 3) for at in range(13))
    blocks = tuple(Block("0", str(at), None, "linear", 9) for at in range(12, 0, -1))
    dense = np.full((39, 39), np.nan, np.float32)
    dense[:3, 3:][rng.random((3, 36)) < 0.5] = 1
    with pytest.raises(GraphError, match="edges from layer '0' lead to layers that no"):
        NetGraph(stored(dense), None, layers, blocks[:-1])
    graph = NetGraph(stored(dense), None, layers, blocks)
    found = balancing_groups(graph)
    live = live_units(graph)
    for edge, (source, target) in enumerate(
        zip(graph.sources.tolist(), graph.weights.indices.tolist(), strict=True)
    ):
        block = [x.target for x in blocks].index(layers[target // 3].name)
        assert found[edge] == 2 * block + (not (live[source] and live[target]))


def test_live_graphs_of_many_parts_are_those_of_dense_matrices() -> None:
    rng = np.random.default_rng(0)
    one, two = (rng.random((1100, 1100), dtype=np.float32) for _ in range(2))  # of 2²⁰ edges each
    one[rng.random(1100) < 0.2] = 0  # units that nothing feeds
    two[:, rng.random(1100) < 0.2] = 0  # units that feed nothing
    graph = from_matrices([one, two])
    live = graph.live()
    middle = (one != 0).any(axis=1) & (two != 0).any(axis=0)
    assert live.positions[live.layer("hidden1").units].tolist() == np.flatnonzero(middle).tolist()
    assert np.array_equal(live.block("input", "hidden1").toarray(), one[middle].T)
    assert np.array_equal(live.block("hidden1", "output").toarray(), two[:, middle].T)
    assert live.n_parameters == live.n_edges


@pytest.mark.parametrize("top", [3, 25, 2**31 - 1])
def test_scalars_are_counted_as_numbers_say(top: int) -> None:
    rng = np.random.default_rng(top)
    graph = from_matrices([rng.random((4, 5)), rng.random((3, 4))])
    numbers = rng.integers(-1, top, graph.n_edges, endpoint=False).astype(np.int32)
    counts = rng.integers(1, 9, graph.n_edges)
    shared = dataclasses.replace(graph, scalars=numbers)
    assert shared.n_parameters == len(set(numbers.tolist()) - {-1})
    first: dict[int, int] = {}
    for number, count in zip(numbers.tolist(), counts.tolist(), strict=True):
        first.setdefault(number, count)
    several = dataclasses.replace(shared, multiplicity=counts)
    assert several.n_parameters == sum(first.values()) - first.get(-1, 0)


# ---- partitions -------------------------------------------------------------------------------


@given(st.lists(st.integers(-1, 6)))
def test_labels_are_numbered_by_first_appearance(labels: list[int]) -> None:
    number: dict[int, int] = {-1: -1}
    expected = [number.setdefault(label, len(number) - 1) for label in labels]
    partition = Partition(labels)
    assert partition.labels.tolist() == expected
    assert partition.labels.dtype == np.int32
    assert partition.n_modules == len(number) - 1
    assert partition.sizes.tolist() == [expected.count(at) for at in range(len(number) - 1)]
    assert Partition(partition.labels).labels.tolist() == expected


def test_partitions_are_frozen() -> None:
    partition = Partition(np.array([3, 3, -1]), method="leiden", quality=0.25)
    assert repr(partition) == "Partition(leiden: 1 modules, quality 0.2500)"
    assert repr(Partition([0])) == "Partition(given: 1 modules)"
    with pytest.raises(ValueError, match="read-only"):
        partition.labels[0] = 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        partition.method = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ([0.0, 1.0], "labels are float64"),
        ([[0, 1]], r"shape \[1, 2\]"),
        ([0, -2], "label -2 found"),
        (["a"], "labels are <U1"),
        ([True], "labels are bool"),
    ],
)
def test_illegal_labels(labels: Any, text: str) -> None:
    with pytest.raises(GraphError, match=text):
        Partition(labels)


# ---- random streams, catalogue, errors ----------------------------------------------------------


def test_streams_do_not_shift_each_other() -> None:
    first = stream(7, "leiden").random(4)
    stream(7, "nulls", 3).random(100)
    np.testing.assert_array_equal(stream(7, "leiden").random(4), first)
    for other in (stream(8, "leiden"), stream(7, "leiden", 0), stream(7, "0"), stream(7, 0)):
        assert (other.random(4) != first).all()
    assert stream(7, 0).random() != stream(7, "0").random()
    assert stream(7, "a", "b").random() != stream(7, "ab").random()


def test_root_seeds() -> None:
    assert root_seed(5) == root_seed(np.int64(5)) == 5
    one, other = np.random.default_rng(1), np.random.default_rng(1)
    assert root_seed(one) == root_seed(other)
    assert root_seed(one) != root_seed(np.random.default_rng(1))  # it moved on
    assert root_seed(None) != root_seed(None)
    assert 0 <= root_seed(None) < 2**63
    with pytest.raises(ValueError, match="seed is -1: a whole number of at least 0"):
        root_seed(-1)


def test_catalogue_finds_functions_by_file_name() -> None:
    package = "metrics"
    found = catalog(package)
    assert list(names(package)) == list(found) == sorted(found)
    for name, method in found.items():
        assert method.__name__ == name
        assert not name.startswith("_")


def test_errors_have_exit_codes() -> None:
    assert {FormatError.exit_code, GraphError.exit_code} == {3}
    assert LimitError.exit_code == 6
    assert issubclass(GraphError, NetsculptError)
    assert issubclass(GraphError, ValueError)


@pytest.mark.parametrize("matrix", [np.array([[1j]]), np.array([["a"]]), csr_array([[1j]])])
def test_weights_are_real_numbers(matrix: object) -> None:
    with pytest.raises(GraphError, match="real numbers are needed"):
        from_matrices([matrix])


@pytest.mark.parametrize("turn", [np.array, csr_array])
def test_whole_numbers_become_float32(turn: type) -> None:
    assert from_matrices([turn(np.array([[1, 2]]))]).weights.dtype == np.float32


def test_a_wrong_flag_is_not_trusted() -> None:
    lying = csr_array((np.ones(2), [2, 2], [0, 2, 2, 2]), (3, 3))
    lying.has_canonical_format = True
    with pytest.raises(GraphError, match="unsorted or repeated"):
        NetGraph(lying, None, (IN, OUT), (Block("in", "out", "w", "linear", 2),))


def test_multiplicity_is_whole() -> None:
    graph = from_matrices([np.ones((1, 2))])
    with pytest.raises(GraphError, match="whole number of scalars"):
        dataclasses.replace(graph, multiplicity=np.array([1.5, 2.0]))


def test_graphs_are_read_only_after_travel() -> None:
    other = pickle.loads(pickle.dumps(from_matrices([np.ones((1, 2))])))
    with pytest.raises(ValueError, match="read-only"):
        other.weights.data[0] = 2


def test_nothing_outside_changes_a_graph() -> None:
    graph = from_matrices([np.ones((1, 2))])
    with pytest.raises(ValueError, match="read-only"):
        graph.layer_of[:] = 1
    given = np.ones(2, dtype=np.float32)
    other = graph.with_weights(given)
    given[0] = np.nan
    assert np.isfinite(other.weights.data).all()


def test_arguments_in_their_natural_forms() -> None:
    matrices = [np.eye(2), np.ones((1, 2))]
    assert from_matrices(x for x in matrices).n_edges == 4
    with pytest.raises(GraphError, match=r"has shape \[2\]"):
        from_matrices(np.eye(2))
    with pytest.raises(GraphError, match="meta tensor"):
        from_matrices([torch.empty(2, 2, device="meta")])
