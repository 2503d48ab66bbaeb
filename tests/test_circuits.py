"""Compiled circuits compute what Python's own operators compute."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsculpt.core.errors import FormatError, LimitError
from netsculpt.graph.circuits import compile_circuit, parse_circuit, truth_table

NAMES = "abcd"
expressions = st.recursive(
    st.sampled_from(NAMES),
    lambda inner: st.one_of(
        inner.map("~{}".format),
        st.tuples(inner, st.sampled_from("&|^"), inner).map(lambda x: "({} {} {})".format(*x)),
    ),
    max_leaves=8,
)


def by_python(text: str, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> np.ndarray:
    rows = []
    for bits in itertools.product([False, True], repeat=len(inputs)):
        values = {name: np.bool_(bit) for name, bit in zip(inputs, bits, strict=True)}
        exec(text, {}, values)
        rows.append([values[name] for name in outputs])
    return np.array(rows)


@settings(max_examples=60, deadline=None)
@given(expressions, expressions, expressions)
def test_compiled_network_equals_truth_table(f: str, g: str, h: str) -> None:
    text = f"f = {f}\ng = {g}\nh = f ^ ({h})"
    circuit = parse_circuit(text)
    inputs, outputs = truth_table(circuit)
    np.testing.assert_array_equal(outputs, by_python(text, circuit.inputs, circuit.outputs))
    net = compile_circuit(circuit)
    np.testing.assert_array_equal(net(inputs), outputs)
    assert net.truth.labels.size == inputs.shape[1] + sum(len(bias) for bias in net.biases)


def test_modules_are_the_functions() -> None:
    net = compile_circuit(parse_circuit("f = a & b\ng = c | d\nh = f ^ g"))
    assert net.modules == ("f", "g", "h")
    assert net.truth.labels[:4].tolist() == [0, 0, 1, 1]


def test_shared_inputs_are_a_module_of_their_own() -> None:
    net = compile_circuit(parse_circuit("f = a & b\ng = b & c"))
    assert net.modules == ("f", "f+g", "g")


def test_a_chain_of_one_operator_is_one_gate() -> None:
    net = compile_circuit(parse_circuit("f = a & b & c & d"))
    assert [weight.shape for weight in net.weights] == [(1, 4)]


def test_negated_output_and_alias() -> None:
    circuit = parse_circuit("f = a & b\ng = ~f\nh = c")
    net = compile_circuit(circuit)
    np.testing.assert_array_equal(net(truth_table(circuit)[0]), truth_table(circuit)[1])


def test_every_output_has_a_unit_of_its_own() -> None:
    circuit = parse_circuit("f = a & b\ng = f | c\nx = f\ny = f\nz = ~f\nv = g\nw = a & b")
    net = compile_circuit(circuit)
    inputs, outputs = truth_table(circuit)
    np.testing.assert_array_equal(net(inputs), outputs)
    assert [net.modules[label] for label in net.truth.labels[-5:]] == ["f", "f", "f", "g", "f"]


def test_inputs_belong_to_the_lowest_function_that_uses_them() -> None:
    net = compile_circuit(parse_circuit("f = a & b\ng = f ^ c\nh = g & a"))
    assert [net.modules[label] for label in net.truth.labels[:3]] == ["f", "f", "g"]


def test_origin_and_reads() -> None:
    circuit = parse_circuit("f = a & b\ng = ~f\nh = g\nk = h ^ c\nm = c")
    assert [circuit.origins[x] for x in circuit.functions] == ["f", "f", "f", "k", "m"]
    assert circuit.reads["k"] == {"a", "b", "c", "f", "g", "h"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("f = a +", "line 1"),
        ("f = a + b", "names, & | ^ ~"),
        ("f = g & a\ng = b", "already in use"),
        ("f = a\nf = b", "already in use"),
        ("f = a & ~f", "defined by itself"),
        ("print(a)", "'name = expression' needed"),
        ("", "at least one line"),
        ("f = (a\ng = b", "line 1: '(' was never closed"),
        ("f = a)", "without a '('"),
        ("f = a b", "where an operator is needed"),
        ("f = & a", "where a name is needed"),
        ("f = ()", "where a name is needed"),
        ("f =", "nothing found after '='"),
        ("f = a &", "a name is needed after '&'"),
        ("f = not a", "names, & | ^ ~"),
        ("f = True", "names, & | ^ ~"),
        ("f = __import__('os')", "names, & | ^ ~"),
    ],
)
def test_what_is_no_circuit_is_refused(text: str, message: str) -> None:
    with pytest.raises(FormatError, match=re.escape(message)):
        parse_circuit(text)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["", "~", "~~"]), st.sampled_from(NAMES)), min_size=1),
    st.lists(st.sampled_from("&|^"), min_size=9, max_size=9),
)
def test_operators_bind_as_in_python(terms: list[tuple[str, str]], operators: list[str]) -> None:
    parts = [sign + name for sign, name in terms[:10]]
    text = "f = " + "".join(x + y for x, y in zip(parts, [*operators, ""], strict=False))
    text = text.rstrip("&|^")
    circuit = parse_circuit(text)
    _, outputs = truth_table(circuit)
    np.testing.assert_array_equal(outputs, by_python(text, circuit.inputs, circuit.outputs))


@pytest.mark.parametrize(
    "text", ["f = (a &\n   b) # and\n\ng = f; h = c", "f = a & \\\n b\ng=f\nh=c"]
)
def test_lines_go_on_as_in_python(text: str) -> None:
    circuit = parse_circuit(text)
    assert circuit.inputs == ("a", "b", "c")
    assert circuit.outputs == ("g", "h")


@pytest.mark.parametrize("n", [3, 17, 20])
def test_parity_on_one_line_is_as_large_as_its_text(n: int) -> None:
    circuit = parse_circuit("f = " + " ^ ".join(f"x{i:02}" for i in range(n)))
    assert len(circuit.gates) == 3 * (n - 1)
    assert len(repr(circuit)) < 400 * n
    inputs, outputs = truth_table(circuit)
    np.testing.assert_array_equal(outputs[:, 0], inputs.sum(axis=1) % 2)


def test_long_and_deep_circuits_are_read() -> None:
    n = 20_000
    terms = [f"x{i % 9}" for i in range(n)]
    assert truth_table(parse_circuit("f = " + " & ".join(terms)))[1].sum() == 1
    inputs, outputs = truth_table(parse_circuit("f = " + "~(" * n + "a" + ")" * n))
    np.testing.assert_array_equal(outputs, inputs)
    lines = ["f0 = ~a"] + [f"f{i} = ~f{i - 1}" for i in range(1, n)]
    inputs, outputs = truth_table(parse_circuit("\n".join(lines)))
    np.testing.assert_array_equal(outputs, inputs)


def test_a_deep_circuit_is_compiled() -> None:
    net = compile_circuit(parse_circuit("f = " + " ^ ".join(f"x{i:03}" for i in range(200))))
    inputs = np.random.default_rng(0).random((20, 200)) < 0.5
    np.testing.assert_array_equal(net(inputs)[:, 0], inputs.sum(axis=1) % 2)


def test_what_is_too_large_is_said() -> None:
    with pytest.raises(LimitError, match="21 inputs found: truth tables hold at most 20"):
        truth_table(parse_circuit("f = " + " & ".join(f"x{i}" for i in range(21))))
    with pytest.raises(LimitError, match="use fewer levels"):
        compile_circuit(parse_circuit("f = " + " ^ ".join(f"x{i}" for i in range(2_000))))
