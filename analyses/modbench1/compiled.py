"""Compiled suite: circuits as ReLU nets that compute them exactly, in disguise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from modbench1.circuits import circuit_text, resynthesised
from modbench1.disguises import DISGUISES, fine_tuned
from modbench1.function_graph import FunctionGraph
from modbench1.network import Network, drawn
from modbench1.relu_net import ReluNet, influence_of, of_circuit
from netsculpt.graph.circuits import compile_circuit, parse_circuit, truth_table
from netsculpt.training.tasks import boolean

__all__ = ["FAMILIES", "TRAINED", "disguised", "functions_of", "networks"]

FAMILIES = tuple(DISGUISES)
TRAINED = tuple(name for name, steps in DISGUISES.items() if fine_tuned in steps)
_OTHER_GATES = ("resynthesised", "all")


def networks(suite: str, family: str, indices: Iterable[int]) -> Iterator[Network]:
    """Networks of a disguise; index i has the same circuit in all of them."""
    for index in indices:
        text, net = disguised(suite, family, index)
        task = boolean(text)
        yield net.network(functions_of(text), influence_of(net.weights, net.biases, task))


def disguised(suite: str, family: str, index: int) -> tuple[str, ReluNet]:
    """The text of a circuit, and a net in disguise that computes it."""
    text = circuit_text(index, drawn(suite, "circuit", index))
    rng = drawn(suite, family, index)
    circuit = parse_circuit(text)
    compiled_from = parse_circuit(resynthesised(text, rng)) if family in _OTHER_GATES else circuit
    net = of_circuit(compile_circuit(compiled_from), functions_of(text))
    inputs, _ = truth_table(circuit)
    for disguise in DISGUISES[family]:
        net = disguise(net, inputs, rng)
    return text, net


def functions_of(text: str) -> FunctionGraph:
    """The modules of a circuit."""
    truth = boolean(text).truth
    assert truth is not None
    return FunctionGraph(truth)
