"""Pairs of circuits: they compute their texts, and share what they say."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from interchanges import all_inputs, evaluated

from netsculpt.core.errors import FormatError, LimitError, NumberError
from netsculpt.graph.circuits import Circuit, shared_circuits, truth_table
from netsculpt.training import boolean

FORMS = ("copied", "rewritten", "duplicated", "unread")


@pytest.mark.parametrize("how", FORMS)
@pytest.mark.parametrize(("n", "k"), [(3, 0), (4, 2), (6, 6), (5, 4)])
def test_networks_compute_their_texts(how: str, n: int, k: int) -> None:
    pair = shared_circuits(n, k, shared_as=how, rng=n)
    x = all_inputs(8)
    for net, text in ((pair.source, pair.source_text), (pair.target, pair.target_text)):
        values = evaluated(text, pair.inputs, x)
        outputs = np.stack([v for name, v in values.items() if name.startswith("out")], axis=1)
        assert np.array_equal(net(x), outputs)
        functions = [line.split(" = ")[0] for line in text.split("\n")]
        activations = net.activations(x)
        for f in (name for name in functions if not name.startswith("out")):
            own = activations[:, net.truth.labels == net.modules.index(f)]
            assert any(np.array_equal(unit, values[f]) for unit in own.T)
    assert [w.shape for w in pair.source.weights] == [w.shape for w in pair.target.weights]


@pytest.mark.parametrize("how", FORMS)
def test_shared_gates_are_in_the_same_places_or_not(how: str) -> None:
    pair = shared_circuits(4, 2, shared_as=how, rng=1)
    hidden = pair.source.layer_of > 0
    for f in pair.shared:
        source, target = (
            net.truth.labels == net.modules.index(f) for net in (pair.source, pair.target)
        )
        if how == "rewritten":
            assert not (source & target & hidden).any()
            continue
        assert np.array_equal(source & hidden, target & hidden)
        rows = np.flatnonzero(source & hidden)
        for net_layer in range(1, 4):
            own = rows[pair.source.layer_of[rows] == net_layer]
            start = np.flatnonzero(pair.source.layer_of == net_layer)[0]
            weights = [
                net.weights[net_layer - 1][own - start] for net in (pair.source, pair.target)
            ]
            assert np.array_equal(*weights)
            assert weights[0].any(axis=1).all()


def test_all_functions_differ_and_no_gate_is_in_two() -> None:
    pair = shared_circuits(7, 0, rng=0)
    x = all_inputs(8)
    values = evaluated(pair.source_text, pair.inputs, x)
    values |= evaluated(pair.target_text, pair.inputs, x)
    functions = {f: values[f] for f in (*pair.functions, *pair.target_functions)}
    assert len(functions) == 14
    for a, b in itertools.combinations(functions.values(), 2):
        assert not np.array_equal(a, b)
        assert not np.array_equal(a, ~b)
    for net in (pair.source, pair.target):
        first = net.weights[0][net.weights[0].any(axis=1)]
        assert len(np.unique(first, axis=0)) == len(first) == 4 * 7


def test_the_unrelated_task_shares_no_pair_of_inputs() -> None:
    pair = shared_circuits(4, 1, rng=3)
    unrelated = pair.unrelated_circuit
    assert unrelated is not None
    assert unrelated.inputs == pair.inputs
    assert len(unrelated.outputs) == 4

    def brackets(circuit: Circuit) -> set[frozenset[str]]:
        """Pairs of inputs that one gate reads."""
        read = (frozenset(x for x, _ in gate.operands) for gate in circuit.gates)
        return {each for each in read if each <= set(circuit.inputs)}

    assert len(brackets(unrelated)) == 8
    others = brackets(pair.source_circuit) | brackets(pair.target_circuit)
    assert len(others) == 14
    assert not others & brackets(unrelated)
    assert shared_circuits(6, 2, rng=3).unrelated_circuit is None


def test_seeds_and_sizes() -> None:
    texts = {shared_circuits(4, 2, rng=seed).source_text for seed in (0, 0, 1, 2)}
    assert len(texts) == 3
    twelve = shared_circuits(8, 3, n_inputs=12, rng=0)
    assert len(twelve.inputs) == 12
    partition, names = twelve.source.hidden
    layer_of = twelve.source.layer_of
    assert (partition.labels[(layer_of == 0) | (layer_of == 5)] == -1).all()
    assert len(names) == partition.n_modules == 16
    for module, name in enumerate(names):
        old = twelve.source.truth.labels[partition.labels == module]
        assert {twelve.source.modules[label] for label in old} == {name}


def test_what_cannot_be_made_is_said() -> None:
    with pytest.raises(LimitError, match="16 different sub-functions are needed, and 8 inputs"):
        shared_circuits(8, 0)
    with pytest.raises(LimitError, match="even number of inputs"):
        shared_circuits(3, 3, n_inputs=9)
    with pytest.raises(FormatError, match="shared_as is 'moved'"):
        shared_circuits(3, 1, shared_as="moved")
    for n, k in ((2, 1), (4, 5)):
        with pytest.raises(NumberError):
            shared_circuits(n, k)


@pytest.mark.parametrize("how", FORMS)
def test_both_tasks_have_the_same_inputs_in_the_same_order(how: str) -> None:
    pair = shared_circuits(4, 2, shared_as=how, n_inputs=10 if how == "unread" else 8, rng=5)
    x = all_inputs(len(pair.inputs))
    for circuit, net in (
        (pair.source_circuit, pair.source),
        (pair.target_circuit, pair.target),
    ):
        assert circuit.inputs == pair.inputs
        rows, outputs = truth_table(circuit)
        assert np.array_equal(rows, x)
        assert np.array_equal(outputs, net(x))
        task = boolean(circuit)
        assert np.array_equal(task.inputs.numpy(), x)
        assert np.array_equal(task.targets.numpy(), outputs)
        names = [function.name for function in task.truth.functions]
        assert {line.split(" = ")[0] for line in texts_of(pair, net)} == set(names)


def texts_of(pair, net) -> list[str]:
    return (pair.source_text if net is pair.source else pair.target_text).split("\n")
