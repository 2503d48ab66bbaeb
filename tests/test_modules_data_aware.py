"""Modules by function: hand-made influences with a known answer, and sculpted networks."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array

import netsculpt
from netsculpt import NetGraph, Partition, from_matrices
from netsculpt.core.catalog import catalog
from netsculpt.core.errors import GraphError
from netsculpt.files.model import read_model, write_model
from netsculpt.graph.graph import unit_names
from netsculpt.hierarchy import infer
from netsculpt.modules.data_aware import functional
from netsculpt.modules.memberships import Memberships, functional_memberships
from netsculpt.nets.families import MLP
from netsculpt.paths import pair_weights
from netsculpt.training.influence import answer_flips, replica_of_model
from netsculpt.training.sculpting.retraining import SCULPTING
from netsculpt.training.sculpting.sculpt import Sculpted, sculpt
from netsculpt.training.tasks import Task, task

DETECTORS = catalog("data_aware")
APART = [[0.3, 0.0], [0.0, 0.3]]  # two outputs that never change together


def chain(*layers: list[list[int]]) -> NetGraph:
    """A graph from patterns [out, in]."""
    return from_matrices([np.array(layer, dtype=np.float32) for layer in layers])


def found(graph: NetGraph, *rows: list[float], together: list[list[float]] = APART) -> list[int]:
    labels: list[int] = functional(graph, np.array([*rows, *together])).labels.tolist()
    return labels


def test_an_idle_path_joins_nothing() -> None:
    """Input 0 reaches both outputs by kept edges, but decides only the first."""
    graph = chain([[1, 0], [1, 1]], [[1, 0], [0, 1]])
    assert (pair_weights(graph.magnitude) > 0).tolist() == [[True, True], [False, True]]
    idle = found(graph, [0.5, 0.0], [0.0, 0.5], [0.5, 0.0], [0.0, 0.5])
    assert idle == [0, 1, 0, 1, 0, 1]
    carrying = found(graph, [0.5, 0.2], [0.0, 0.5], [0.5, 0.0], [0.0, 0.5])
    assert carrying == [0, 1, 2, 1, 2, 1]


def test_idle_is_a_share_of_the_largest_influence_on_a_function() -> None:
    graph = chain([[1, 0], [1, 1]], [[1, 0], [0, 1]])
    rows = np.array([[0.5, 0.008], [0.0, 0.4], [0.5, 0.0], [0.0, 0.5], *APART])
    assert functional(graph, rows).labels.tolist() == [0, 1, 0, 1, 0, 1]
    assert functional(graph, rows, idle=0.01).labels.tolist() == [0, 1, 2, 1, 2, 1]


def test_functions_of_the_same_inputs_are_distinguished() -> None:
    """Four outputs, two functions of both inputs; the inputs' rows are all alike."""
    graph = chain([[1, 1], [1, 1]], [[1, 1]] * 4)
    one, two = [0.3, 0.1, 0.3, 0.1], [0.1, 0.3, 0.1, 0.3]
    same = [0.2] * 4
    labels = found(graph, same, same, one, two, together=[one, two, one, two])
    assert labels == [0, 0, 0, 0, 1, 2, 1, 2]


def test_alike_is_a_cosine() -> None:
    graph = chain([[1], [1]])
    inputs = [0.5, 0.5]
    for share, modules in ((0.84, 3), (0.86, 1)):
        together = [[0.4, 0.2 * share], [0.2 * share, 0.1]]  # √(0.4 · 0.1) = 0.2
        assert functional(graph, np.array([inputs, *together])).n_modules == modules


def test_what_is_reused_holds_no_output() -> None:
    """Inputs 0, 1 and hidden unit 0 serve both functions, units 1 and 2 one each."""
    graph = chain([[1, 1], [1, 0], [0, 1]], [[1, 1, 0], [1, 0, 1]])
    labels = found(graph, [0.2, 0.2], [0.2, 0.2], [0.3, 0.2], [0.1, 0.0], [0.0, 0.4])
    assert labels == [0, 0, 0, 1, 2, 1, 2]
    assert infer(graph, Partition(labels)).level.tolist() == [0, 1, 1]


def levels(third: list[int]) -> tuple[NetGraph, list[list[float]]]:
    """Inputs 0, 1 through unit 0, inputs 2, 3 through unit 1; unit 2 reads `third`."""
    graph = chain([[1, 1, 0, 0], [0, 0, 1, 1], third], [[1, 1, 1], [1, 1, 1]])
    left, right = [0.4, 0.1], [0.1, 0.4]
    return graph, [left, left, right, right, left, right, [0.3, 0.3]]


def test_subfunctions_that_are_used_differently_part() -> None:
    graph, rows = levels([0, 0, 1, 1])
    assert found(graph, *rows) == [0, 0, 1, 1, 0, 1, 1, 2, 3]


def test_a_unit_that_reads_several_subfunctions_is_a_module_above_them() -> None:
    graph = chain(
        [[1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]],
        [[1, 0, 0], [1, 1, 0], [0, 0, 1]],
        [[1, 1, 1], [1, 1, 1]],
    )
    left, right = [0.4, 0.1], [0.1, 0.4]
    middle = [left, left, right, right, left, right, right, left, [0.3, 0.3], right]
    labels = found(graph, *middle)
    assert labels == [0, 0, 1, 1, 0, 1, 1, 0, 2, 1, 3, 4]
    assert infer(graph, Partition(labels)).merged == ()


def test_inputs_that_are_read_together_do_not_part() -> None:
    """An asymmetric function of all inputs does not divide them."""
    graph, rows = levels([0, 1, 1, 0])
    assert found(graph, *rows) == [0, 0, 0, 0, 0, 0, 0, 1, 2]


def test_an_input_of_one_function_joins_no_subfunctions() -> None:
    """Inputs 0 and 1 part, though input 2, which serves output 0 alone, is read with either."""
    graph = chain([[1, 0, 1], [0, 1, 1]], [[1, 1], [1, 1]])
    left, right = [0.4, 0.1], [0.1, 0.4]
    assert found(graph, left, right, [0.2, 0.0], left, right) == [0, 1, 2, 0, 1, 3, 4]


def test_outputs_join_no_inputs() -> None:
    graph = chain([[1, 1], [1, 1]])
    assert found(graph, [0.4, 0.1], [0.1, 0.4]) == [0, 1, 2, 3]


def test_inputs_that_are_used_in_the_same_proportion_do_not_part() -> None:
    graph, rows = levels([0, 0, 1, 1])
    rows[2] = rows[3] = [0.2, 0.05]
    assert found(graph, *rows) == [0, 0, 0, 0, 0, 0, 0, 1, 2]


def test_inputs_below_what_serves_more_are_apart() -> None:
    """Input 0 decides only output 0, but also feeds unit 1, which decides both outputs."""
    graph = chain([[1, 0], [1, 1]], [[1, 1], [0, 1]])
    labels = found(graph, [0.4, 0.0], [0.3, 0.3], [0.2, 0.0], [0.3, 0.3])
    assert labels == [0, 1, 2, 1, 2, 3]
    assert infer(graph, Partition(labels)).merged == ()


def test_hidden_units_serve_what_they_decide() -> None:
    """Unit 0 feeds a unit that serves both functions, but only one ever changes with it."""
    graph = chain([[1, 1], [1, 1]], [[1, 1]], [[1], [1]])
    both = [0.3, 0.3]
    assert found(graph, both, both, [0.3, 0.0], both, both) == [0, 0, 1, 0, 0, 1, 2]


def test_one_function_is_one_module() -> None:
    graph = chain([[1, 1], [1, 0]], [[1, 1], [1, 1]])
    together = [[0.3, 0.3], [0.3, 0.3]]
    rows = [[0.5, 0.5], [0.1, 0.1], [0.2, 0.2], [0.4, 0.4]]
    assert found(graph, *rows, together=together) == [0] * 6


def test_dead_idle_and_constant_units_have_no_module() -> None:
    """Unit 1 feeds nothing, unit 2 is never fed, unit 3 is idle; output 1 is constant."""
    graph = chain([[1, 1], [1, 1], [0, 0], [1, 0]], [[1, 0, 1, 1], [1, 0, 0, 0]])
    rows = [[0.5, 0.0], [0.5, 0.0], [0.5, 0.0], [0.5, 0.0], [0.5, 0.0], [0.0, 0.0]]
    assert found(graph, *rows, together=[[0.3, 0.0], [0.0, 0.0]]) == [0, 0, 0, -1, -1, -1, 0, -1]


def test_an_output_on_no_path_has_no_module() -> None:
    graph = chain([[1, 1], [0, 0]])
    assert found(graph, [0.5, 0.5], [0.5, 0.5]) == [0, 0, 0, -1]


def test_stored_zeros_are_edges() -> None:
    """The only reader of both inputs reads one of them by a kept weight of 0."""
    first: csr_array = csr_array(
        (np.array([0.0, 1, 1, 1]), ([0, 0, 1, 2], [0, 1, 0, 1])), shape=(3, 2)
    )
    graph = from_matrices([first, np.ones((2, 3), dtype=np.float32)])
    left, right = [0.4, 0.1], [0.1, 0.4]
    assert found(graph, left, right, [0.3, 0.3], left, right) == [0, 0, 0, 0, 0, 1, 2]


def test_skips() -> None:
    """Influence along every path, skip connections included: what is live is in a module."""
    graph, _ = netsculpt.planted([6, 6, 6, 4], 2, 0.7, 0.0, skips=0.5, rng=1)
    paths = np.linalg.inv(np.eye(graph.n_units) - graph.pattern.weights.toarray())
    rows = (paths[:, graph.outputs] > 0.5).astype(float)
    rows[graph.outputs] = rows[graph.inputs].T @ rows[graph.inputs]
    found = functional(graph, rows)
    np.testing.assert_array_equal(found.labels >= 0, netsculpt.graph.graph.live_units(graph))
    assert found.n_modules == 2


@pytest.mark.parametrize("widths", [(3, 2), (3, 2, 3)])
def test_without_edges_nothing_is_found(widths: tuple[int, ...]) -> None:
    pairs = pairwise(widths)
    graph = from_matrices([np.zeros((b, a)) for a, b in pairs])
    assert (functional(graph, np.ones((graph.n_units, widths[-1]))).labels == -1).all()


def random_case(seed: int) -> tuple[NetGraph, NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    graph, _ = netsculpt.planted([8, 9, 7, 6], 2, 0.3, 0.05, rng=rng)
    rows = rng.random((graph.n_units, 6)) * (rng.random((graph.n_units, 6)) < 0.4)
    rows[graph.outputs] = np.kron(np.eye(3), np.ones((2, 2)))
    return graph, rows


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("seed", range(5))
def test_same_seed_same_bytes_and_no_unit_numbers(name: str, seed: int) -> None:
    graph, rows = random_case(seed)
    before = rows.copy(), graph.weights.toarray()
    first = DETECTORS[name](graph, rows, rng=0)
    assert first.method == name
    assert first.labels.tobytes() == DETECTORS[name](graph, rows, rng=0).labels.tobytes()
    np.testing.assert_array_equal(rows, before[0])
    np.testing.assert_array_equal(graph.weights.toarray(), before[1])

    rng = np.random.default_rng(seed)
    orders = [rng.permutation(layer.n_units) for layer in graph.layers]
    old = np.concatenate(
        [layer.start + order for layer, order in zip(graph.layers, orders, strict=True)]
    )
    dense = graph.weights.toarray()[np.ix_(old, old)]
    other = NetGraph(csr_array(dense), None, graph.layers, graph.blocks)
    again = DETECTORS[name](other, rows[old][:, orders[-1]], rng=0)
    assert Partition(again.labels[np.argsort(old)]).labels.tobytes() == first.labels.tobytes()


@pytest.mark.parametrize("name", DETECTORS)
def test_the_scale_of_influence_says_nothing(name: str) -> None:
    graph, rows = random_case(7)
    assert DETECTORS[name](graph, rows * 1e-9).labels.tobytes() == (
        DETECTORS[name](graph, rows).labels.tobytes()
    )
    assert len(DETECTORS[name].__doc__ or "") > 100


def test_errors_say_what_is_needed() -> None:
    graph = chain([[1, 1], [1, 1]])
    good = np.ones((4, 2))
    with pytest.raises(GraphError, match=r"influence is \[3, 2\], the graph has 4 units and 2"):
        functional(graph, good[:3])
    for wrong in (-1.0, np.nan, np.inf):
        with pytest.raises(GraphError, match="negative, infinite or NaN"):
            functional(graph, np.where(np.eye(4, 2) > 0, wrong, good))
    with pytest.raises(GraphError, match="alike is 1"):
        functional(graph, good, alike=1)
    with pytest.raises(GraphError, match=r"idle is -0\.1"):
        functional(graph, good, idle=-0.1)


def test_a_unit_may_serve_two_functions() -> None:
    """Input 1 serves both, output 0's function more; unit 1 both equally."""
    graph = chain([[1, 1, 0], [1, 1, 1]], [[1, 1], [0, 1]])
    rows = [[0.5, 0.0], [0.4, 0.1], [0.0, 0.5], [0.2, 0.0], [0.3, 0.3], *APART]
    service = functional_memberships(graph, np.array(rows))
    expected = [[1, 0], [0.8, 0.2], [0, 1], [0.4, 0], [0.6, 0.6], [1, 0], [0, 1]]
    np.testing.assert_allclose(service.strength, expected)
    assert service.partition.labels.tolist() == [0, 0, 1, 0, 0, 0, 1]
    assert service.sets.labels.tolist() == [0, 1, 2, 0, 1, 0, 2]
    assert service.summary() == {
        "method": "functional",
        "n_modules": 2,
        "sizes": [5, 4],
        "in_no_module": 0,
        "in_several": 2,
    }
    table = service.table(graph)
    assert table.shape == (7, 2)
    assert table.index[4] == unit_names(graph)[4]


def test_hard_forms_are_those_of_the_definition() -> None:
    rng = np.random.default_rng(0)
    strength = rng.integers(0, 4, size=(40, 5)) / 4 * (rng.random((40, 5)) < 0.5)
    given = Memberships(strength)
    first = [int(np.flatnonzero(row == row.max())[0]) if row.any() else -1 for row in strength]
    assert given.partition.labels.tolist() == Partition(first).labels.tolist()
    sets = {tuple(np.flatnonzero(row)): number for number, row in enumerate(strength)}
    names = [sets[tuple(np.flatnonzero(row))] if row.any() else -1 for row in strength]
    assert given.sets.labels.tolist() == Partition(names).labels.tolist()
    assert not given.strength.flags.writeable


def test_units_without_any_module() -> None:
    none = Memberships(np.zeros((3, 0)))
    assert none.n_modules == 0
    assert none.partition.labels.tolist() == none.sets.labels.tolist() == [-1] * 3


@pytest.mark.parametrize("wrong", [[[1.5]], [[-0.1]], [[np.nan]], [0.5]])
def test_memberships_are_shares(wrong: list[list[float]]) -> None:
    with pytest.raises(GraphError, match="memberships have shape"):
        Memberships(wrong)


def test_memberships_are_of_one_graph() -> None:
    with pytest.raises(GraphError, match="of 1 units, the graph has 4"):
        Memberships([[1.0]]).table(chain([[1, 1], [1, 1]]))


SCULPTED = {  # name → widths of hidden layers
    "overlap-1-use-1": (24,),
    "overlap-3-use-1": (24,),
    "overlap-3-use-4": (24, 24),
    "overlap-4-use-1": (24, 24),
    "overlap-4-use-4": (24,),
    "levels-2": (36, 36),
    "reused-use-4": (24,),
}


def sculpted(name: str) -> tuple[Task, Sculpted]:
    made = task(name)
    spec = MLP((made.n_inputs, *SCULPTED[name], made.n_outputs))
    batch_size, rate = max(16, made.n_samples // 4), 0.1 if len(spec.widths) == 3 else 0.05
    recipe = replace(SCULPTING, epochs=40, batch_size=batch_size, learning_rate=rate)
    seeds = range(200, 204)
    return made, sculpt(
        spec, made, recipe, seeds=seeds, unit_gradients=[50.0], edge_gradients=[5.0]
    )


@pytest.mark.parametrize("name", SCULPTED)
def test_sculpted_networks_show_their_task(name: str, tmp_path: Path) -> None:
    """Newly sculpted ones, by way of a model.pt: every input and output grouped as it truly is."""
    torch.set_num_threads(1)
    made, networks = sculpted(name)
    assert made.truth
    chosen = networks.sparsest()
    assert chosen
    path = tmp_path / "model.pt"
    for at in chosen:
        state, masks = networks.replicas.state(at)
        write_model(path, net=networks.replicas.spec.spec, state=state, masks=masks)

        graph = netsculpt.load(path)
        partition = functional(graph, answer_flips(replica_of_model(read_model(path)), made)[0])

        of_inputs = Partition(partition.labels[graph.inputs]).labels
        of_outputs = Partition(partition.labels[graph.outputs]).labels
        np.testing.assert_array_equal(of_inputs, made.truth.input_groups.labels)
        np.testing.assert_array_equal(of_outputs, made.truth.output_groups.labels)
        assert infer(graph, partition).merged == ()
