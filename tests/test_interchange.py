"""Interchange against a loop over all pairs of inputs, and on networks whose answer is known."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest
import torch
from interventions import (
    circuit_by_text,
    compiled,
    forward,
    permuted_and_scaled,
    random_net,
    with_dead_copy,
)

from netsculpt import Partition, compile_circuit, parse_circuit, truth_table
from netsculpt.core.errors import FormatError, GraphError
from netsculpt.graph.circuits import forced_outputs, function_values
from netsculpt.nets.families import MLP
from netsculpt.training import SCULPTING, sculpt, task
from netsculpt.training.influence.decoding import decodings
from netsculpt.training.influence.interchange import interchange, interchanges
from netsculpt.training.influence.interchange import interchange as method
from netsculpt.training.influence.intervening import LayeredNet, intervenable
from netsculpt.training.influence.lesions import lesions
from netsculpt.training.tasks import boolean
from netsculpt.training.tasks.families import input_separable

SHARED = "left = a ^ b\nright = c & d\ny1 = left & right\ny2 = left | c\nagain = ~left"
TWO = "f = a ^ b\ng = c ^ d\ny1 = f & g\ny2 = f | g"


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def by_loops(net: LayeredNet, units: np.ndarray, text: str, function: str) -> dict[str, object]:
    """Every pair of inputs in turn; the circuit is read by Python."""
    circuit = parse_circuit(text)
    names, outputs = circuit.inputs, circuit.outputs
    rows = list(product((0, 1), repeat=len(names)))
    natural = {row: forward(net, np.array(row, float), {})[0] for row in rows}
    right, n, stays, n_other = 0, 0, 0, 0
    of_output = {name: [0, 0] for name in outputs}
    for x, donor in product(rows, rows):
        inputs = dict(zip(names, x, strict=True))
        value = circuit_by_text(text, dict(zip(names, donor, strict=True)))[function]
        before = circuit_by_text(text, inputs)
        after = circuit_by_text(text, inputs, {function: value})
        given = {int(u): natural[donor][u] for u in np.flatnonzero(units)}
        answers = forward(net, np.array(x, float), given)[1] > 0
        expected = [after[name] for name in outputs]
        if expected != [before[name] for name in outputs]:
            n += 1
            right += bool((answers == np.array(expected, bool)).all())
            for name, answer in zip(outputs, answers, strict=True):
                if after[name] != before[name]:
                    of_output[name][0] += bool(answer) == bool(after[name])
                    of_output[name][1] += 1
        else:
            n_other += 1
            stays += bool((answers == np.array(expected, bool)).all())
    shares = [a / b if b else np.nan for a, b in of_output.values()]
    return {"accuracy": right / n, "n_pairs": n, "by_output": shares, "unchanged": stays / n_other}


@pytest.mark.parametrize("function", ["left", "right", "y1"])
@pytest.mark.parametrize("kind", ["relu", "step"])
def test_all_pairs_equal_a_loop(kind: str, function: str) -> None:
    circuit = parse_circuit(SHARED)
    net = random_net((4, 5, 4, 3), 7, activation=kind)
    for units in ([4, 5, 9], [1, 6, 10, 11], [8]):
        found = interchange(net, units, circuit, function)
        chosen = net.units(units)
        expected = by_loops(net, chosen, SHARED, function)
        assert found.accuracy == pytest.approx(expected["accuracy"], abs=1e-12)
        assert found.unchanged == pytest.approx(expected["unchanged"], abs=1e-12)
        assert found.n_pairs == expected["n_pairs"]
        np.testing.assert_allclose(found.by_output, expected["by_output"])
        assert found.interval == (found.accuracy, found.accuracy)
        assert found.is_exact


def test_a_compiled_function_equals_a_loop() -> None:
    circuit = parse_circuit(SHARED)
    net, partition, names = compiled(SHARED)
    for name in ("left", "right"):
        units = (partition.labels == names.index(name)) & net.hidden
        found = interchange(net, units, circuit, name)
        expected = by_loops(net, units, SHARED, name)
        assert found.accuracy == expected["accuracy"]
        np.testing.assert_array_equal(found.by_output, expected["by_output"])


def test_modules_of_a_compiled_circuit_carry_their_function_and_no_other() -> None:
    text = "f = a ^ b\ng = c ^ d\ny1 = f\ny2 = g\ny3 = f & g"
    net, partition, names = compiled(text)
    found = interchanges(net, partition, parse_circuit(text), functions=["f", "g"], rng=0)
    order = [names.index(x) for x in ("f", "g")]
    np.testing.assert_array_equal(found.accuracy[order], np.eye(2))
    np.testing.assert_array_equal(np.diag(found.unchanged[order]), 1.0)
    assert (np.diag(found.random_mean[order]) < 0.7).all()
    assert (np.diag(found.p[order]) < 0.2).all()  # few sets have this profile: some are the module
    assert (found.p[order[0], 1], found.p[order[1], 0]) == (1.0, 1.0)
    assert found.summary()["best"]["f"] == {"module": order[0], "accuracy": 1.0}
    json.dumps(found.summary(), allow_nan=False)
    assert len(found.table()) == partition.n_modules * 2


def test_permuted_and_scaled_units_change_nothing() -> None:
    circuit, net = parse_circuit(SHARED), random_net((4, 6, 5, 3), 2)
    other, old = permuted_and_scaled(net, 3)
    units = np.zeros(18, bool)
    units[[4, 6, 11, 12]] = True
    for function in ("left", "right"):
        ours = interchange(net, units, circuit, function)
        theirs = interchange(other, units[old], circuit, function)
        assert ours.accuracy == pytest.approx(theirs.accuracy, abs=1e-12)
        assert ours.unchanged == pytest.approx(theirs.unchanged, abs=1e-12)
    partition = Partition(np.where(units, 0, -1))
    moved = Partition(np.where(units[old], 0, -1))
    ours, theirs = (
        decodings(n, p, circuit, n_random=2, n_controls=30, rank=2.5, rng=0)
        for n, p in ((net, partition), (other, moved))
    )
    np.testing.assert_allclose(ours.accuracy, theirs.accuracy)
    np.testing.assert_allclose(ours.control, theirs.control)


def test_what_is_computed_but_not_used_is_decoded_and_has_no_effect() -> None:
    circuit = parse_circuit(TWO)
    plain, partition, names = compiled(TWO)
    net, wider, dead = with_dead_copy(plain, partition, names.index("f"))
    assert wider.sizes[dead] == ((partition.labels == names.index("f")) & plain.hidden).sum() > 1
    inputs, outputs = truth_table(circuit)
    given = torch.from_numpy(inputs.astype(np.float32))
    np.testing.assert_array_equal((net.outputs(given) > 0).numpy(), outputs)
    f = ["f"]
    read = decodings(net, wider, circuit, functions=f, rng=0)
    assert read.accuracy[dead, 0] == 1.0
    assert read.selectivity[dead, 0] > 0.2
    assert read.p_control[dead, 0] < 0.05
    assert interchanges(net, wider, circuit, functions=f, rng=0).accuracy[dead, 0] == 0.0
    assert not lesions(net, wider, boolean(TWO), rng=0).drop[:, dead].any()


def test_of_two_units_that_compute_a_function_neither_carries_it_alone() -> None:
    text = "f1 = a ^ b\nf2 = (a | b) & ~(a & b)\nf = f1 | f2\ny = f & c"
    circuit = parse_circuit(text)
    net, partition, names = compiled(text)
    top = net.graph.layers[-3]  # where both are ready
    labels = np.arange(partition.labels.size)
    own = [
        np.flatnonzero(
            (partition.labels == names.index(x)) & (labels >= top.start) & (labels < top.stop)
        )
        for x in ("f1", "f2")
    ]
    alone = [interchange(net, units, circuit, "f").accuracy for units in own]
    both = interchange(net, np.concatenate(own), circuit, "f").accuracy
    assert both == 1.0
    # 1 can be put in, 0 cannot: half of the pairs that should change
    assert alone == [0.5, 0.5]


def test_a_unit_that_does_nothing_scores_0_even_for_a_rare_function() -> None:
    text = "rare = a & b & c & d\ny = rare | (e ^ f)\nz = e"
    net, partition, names = compiled(text)
    circuit = parse_circuit(text)
    wider, labels, dead = with_dead_copy(net, partition, names.index("rare"))
    found = interchange(wider, labels.labels == dead, circuit, "rare")
    assert found.accuracy == 0.0
    assert found.unchanged == 1.0


def test_random_networks_are_at_chance() -> None:
    circuit, p, own, chance = parse_circuit(SHARED), [], [], []
    for seed in range(25):
        net = random_net((4, 10, 10, 3), seed, density=1.0)
        partition = Partition(np.random.default_rng(seed).integers(-1, 2, net.graph.n_units))
        found = interchanges(
            net, partition, circuit, functions=["left", "right"], n_random=19, rng=seed
        )
        p.append(found.p)
        own.append(found.accuracy)
        chance.append(found.random_mean)
    assert np.mean(own) < 0.3
    assert abs(np.mean(own) - np.mean(chance)) < 0.03
    assert np.mean(np.array(p) <= 0.1) <= 0.15


def test_noise_takes_interchange_to_chance() -> None:
    net, partition, names = compiled(TWO)
    circuit, means = parse_circuit(TWO), []
    units = (partition.labels == names.index("f")) & net.hidden
    for noise in (0.0, 0.3, 0.6, 1.2, 5.0, 50.0):
        scores = []
        for seed in range(40):
            rng = np.random.default_rng(seed)
            weights = tuple(
                w + noise * torch.from_numpy(rng.standard_normal(w.shape)) for w in net.weights
            )
            noisy = LayeredNet(weights, net.biases, net.activation, net.graph)
            scores.append(interchange(noisy, units, circuit, "f").accuracy)
        means.append(float(np.mean(scores)))
    assert means[0] == 1.0
    assert means[-1] < 0.35
    assert all(b <= a + 0.02 for a, b in pairwise(means)), means


def test_drawn_pairs_have_an_interval_around_all_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    circuit, net = parse_circuit(SHARED), random_net((4, 6, 5, 3), 5)
    exact = interchange(net, [4, 5, 6, 11], circuit, "left")
    monkeypatch.setitem(method.__globals__, "MOST_INPUTS", 3)
    covered = []
    for seed in range(40):
        drawn = interchange(net, [4, 5, 6, 11], circuit, "left", n_pairs=800, rng=seed)
        assert not drawn.is_exact
        assert drawn.interval[0] <= drawn.accuracy <= drawn.interval[1]
        covered.append(drawn.interval[0] <= exact.accuracy <= drawn.interval[1])
        assert drawn.unchanged == pytest.approx(exact.unchanged, abs=0.1)
    assert sum(covered) >= 35


def test_twelve_inputs_are_drawn() -> None:
    text = "f = a ^ b\ng = (c & d) | e\nh = i ^ j\nk = l & m & n\ny = f & g\nz = (h | k) ^ o"
    net, partition, names = compiled(text)
    units = np.flatnonzero((partition.labels == names.index("f")) & net.hidden)
    found = interchange(net, units, parse_circuit(text), "f", n_pairs=3000, rng=0)
    assert not found.is_exact
    assert found.accuracy == 1.0
    assert 0.99 < found.interval[0] < 1.0
    assert found.unchanged == 1.0


def test_a_sculpted_net_and_its_trace_agree() -> None:
    """A trained net, as a stack of one and traced; float32 of the trace rounds no answer here."""
    text = input_separable()
    recipe = replace(SCULPTING, epochs=30)
    done = sculpt(MLP((4, 12, 4)), task("input-separable"), recipe, seeds=range(4))
    nets = done.replicas.take(torch.tensor([int(done.sparsest()[0])]))
    fast = intervenable(nets)
    state, _ = nets.state(0)
    torch_net = nets.spec.build()
    torch_net.load_state_dict(state)
    traced = intervenable(torch_net, example=torch.zeros(1, 4))
    units = np.flatnonzero(fast.hidden)[:12:2]
    circuit = parse_circuit(text)
    for function in ("left", "right"):
        one, two = (interchange(net, units, circuit, function) for net in (fast, traced))
        assert one.accuracy == pytest.approx(two.accuracy)
        assert one.unchanged == pytest.approx(two.unchanged)
    whole = interchange(fast, np.flatnonzero(fast.hidden), circuit, "left")
    assert whole.by_output[0] == 1.0  # all hidden units carry it …
    assert whole.unchanged < 1.0  # … and everything else


@pytest.mark.parametrize("text", [SHARED, TWO, "f = a & b\ng = ~f\nh = (a & b) | c\ny = g ^ h"])
def test_forced_functions_equal_pythons_reading(text: str) -> None:
    circuit = parse_circuit(text)
    inputs, outputs = truth_table(circuit)
    values = function_values(circuit, inputs)
    np.testing.assert_array_equal(np.stack([values[x] for x in circuit.outputs], 1), outputs)
    for row, given in enumerate(inputs):
        named = dict(zip(circuit.inputs, map(int, given), strict=True))
        expected = circuit_by_text(text, named)
        assert {k: int(v[row]) for k, v in values.items()} == {k: expected[k] for k in values}
        for name, value in product(circuit.functions, (0, 1)):
            forced = forced_outputs(circuit, inputs, name, value=bool(value))
            after = circuit_by_text(text, named, {name: value})
            assert forced[row].tolist() == [bool(after[x]) for x in circuit.outputs]


def test_errors_say_what_is_needed() -> None:
    circuit, net = parse_circuit(SHARED), random_net((4, 5, 3), 0)
    with pytest.raises(GraphError, match="no function 'middle'"):
        interchange(net, [4], circuit, "middle")
    with pytest.raises(GraphError, match="cannot be replaced"):
        interchange(net, [11], circuit, "left")
    with pytest.raises(FormatError, match="outputs"):
        interchange(random_net((4, 5, 2), 0), [4], circuit, "left")
    with pytest.raises(GraphError, match="the circuit has 4"):
        function_values(circuit, [[1, 0]])
    with pytest.raises(FormatError, match="inputs"):
        interchange(random_net((5, 5, 3), 0), [5], circuit, "left")


# ------------------------------------------------------------------------------- decoding


def test_a_probe_equals_least_squares_and_every_threshold() -> None:
    from netsculpt.compare.probes import probe_accuracy

    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, 3)) * [1.0, 10.0, 0.1]
    labels = (rng.random((40, 4)) < 0.4).astype(int)
    found = probe_accuracy(x, labels, rank=3)
    for column, own in enumerate(labels.T):
        design = np.column_stack([x, np.ones(40)])
        fitted = design @ np.linalg.lstsq(design, own.astype(float), rcond=None)[0]
        best = 0.0
        for cut in [*fitted, fitted.max() + 1]:
            for sign in (1, -1):
                guess = (fitted >= cut) if sign > 0 else (fitted < cut)
                shares = [np.mean(guess[own == value] == value) for value in (0, 1)]
                best = max(best, float(np.mean(shares)))
        assert found[column] == pytest.approx(best)


def test_the_rank_of_a_probe_is_its_effective_one() -> None:
    from netsculpt.compare.probes import _penalty, probe_accuracy

    singular = np.array([5.0, 3.0, 1.0, 0.2])
    for rank in (0.5, 1.0, 2.5):
        penalty = _penalty(singular, rank)
        assert (singular**2 / (singular**2 + penalty)).sum() == pytest.approx(rank)
    assert _penalty(singular, 4) == 0.0
    rng = np.random.default_rng(0)
    x, labels = rng.standard_normal((64, 64)), rng.random((64, 30)) < 0.5
    assert (probe_accuracy(x, labels, rank=64) == 1.0).all()  # as many units as samples
    assert probe_accuracy(x, labels, rank=2).mean() < 0.95
    constant = probe_accuracy(x, np.ones((64, 1)))
    assert np.isnan(constant).all()
    assert probe_accuracy(np.ones((64, 2)), labels).tolist() == [0.5] * 30
    with pytest.raises(FormatError, match="labels"):
        probe_accuracy(x, labels[:3])


def test_random_functions_are_not_decoded_beyond_their_control() -> None:
    """Selectivity of a function that has nothing to do with the net is 0 on average."""
    net = random_net((6, 12, 8, 1), 0)
    rng = np.random.default_rng(0)
    rows = ["".join(map(str, row)) for row in product((0, 1), repeat=6)]
    found, p = [], []
    for seed in range(12):
        chosen = rng.choice(len(rows), 20, replace=False)
        terms = [
            " & ".join(
                n if bit == "1" else f"~{n}" for n, bit in zip("abcdef", rows[i], strict=True)
            )
            for i in chosen
        ]
        circuit = parse_circuit("r = " + " | ".join(f"({x})" for x in terms))
        partition = Partition(np.random.default_rng(seed).integers(-1, 2, net.graph.n_units))
        read = decodings(net, partition, circuit, n_random=10, n_controls=60, rng=seed)
        found.append(read.selectivity)
        p.append(read.p_control)
    assert abs(np.mean(found)) < 0.03
    assert np.mean(np.array(p) <= 0.05) <= 0.15


def test_decoding_of_a_task_of_the_catalogue() -> None:
    circuit_text = "f = a ^ b\ng = c ^ d\ny = f\nz = g"
    net = compile_circuit(parse_circuit(circuit_text))
    read = decodings(net, net.truth, parse_circuit(circuit_text), rng=0)
    own = [net.modules.index("f"), net.modules.index("g")]
    assert read.functions == ("f", "g")
    np.testing.assert_array_equal(read.accuracy[own, [0, 1]], 1.0)
    np.testing.assert_array_equal(read.accuracy[own, [1, 0]], 0.5)
    json.dumps(read.summary(), allow_nan=False)
    assert {"q_control", "q_random"} <= set(read.table().columns)
    assert task("input-separable").n_inputs == 4
