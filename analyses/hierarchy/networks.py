"""Networks with a known function graph: compiled from a circuit, or sculpted to compute it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from netsculpt.graph.circuits import (
    Circuit,
    ThresholdCircuit,
    compile_circuit,
    function_graph,
    parse_circuit,
    truth_table,
)
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.matrices import from_matrices
from netsculpt.graph.partition import Partition
from netsculpt.nets.families import MLP
from netsculpt.training.influence import answer_flips
from netsculpt.training.sculpting.sculpt import sculpt
from netsculpt.training.tasks import boolean

__all__ = ["Network", "compiled", "sculpted"]

_SERVES = 0.02  # share of the largest influence on an output from which on a unit serves it
_CHANGES = 1e-6  # relative: smaller changes of an activation are rounding


@dataclass(frozen=True, eq=False)
class Network:
    """A network, what each unit computes, and which function feeds which."""

    name: str
    graph: NetGraph
    labels: NDArray[np.int64]  # [U] index of its function in `functions`, −1: of none
    functions: tuple[str, ...]
    edges: frozenset[tuple[int, int]]  # of the function graph
    influence: NDArray[np.float64]  # [U, O]

    @property
    def truth(self) -> Partition:
        """The units by function."""
        return Partition(self.labels, "truth")


def compiled(name: str, text: str) -> Network:
    """The threshold network of a circuit."""
    circuit = parse_circuit(text)
    net = compile_circuit(circuit)
    number = {function: index for index, function in enumerate(net.modules)}
    edges = frozenset((number[a], number[b]) for a, b in function_graph(circuit))
    inputs, _ = truth_table(circuit)
    return Network(
        name,
        from_matrices(list(net.weights)),
        net.truth.labels.astype(np.int64),
        net.modules,
        edges,
        _flips(net, inputs),
    )


def sculpted(name: str, text: str, *, n_tried: int, n_networks: int) -> list[Network]:
    """Nets sculpted for a circuit's truth table: those of the first seeds that solve it."""
    torch.set_num_threads(1)
    task, circuit = boolean(text, name=name), parse_circuit(text)
    n_hidden = 3 if len(compile_circuit(circuit).weights) > 4 else 2
    widths = (task.n_inputs, *[max(18, 3 * task.n_inputs)] * n_hidden, task.n_outputs)
    result = sculpt(MLP(widths), task, seeds=range(n_tried))
    rows = torch.tensor(result.sparsest()[:n_networks], dtype=torch.long)
    replicas = result.replicas.take(rows)
    influences = answer_flips(replicas, task)
    functions = _functions(circuit)
    number = {function: index for index, function in enumerate(functions)}
    edges = frozenset((number[a], number[b]) for a, b in function_graph(circuit))
    networks = []
    for row, influence in enumerate(influences):
        parameters, masks = replicas.state(row)
        weights = [parameters[key].numpy() for key in replicas.weights]
        kept = [masks[key].numpy() for key in replicas.weights]
        biases = [
            parameters[key.removesuffix("weight") + "bias"].numpy() for key in replicas.weights
        ]
        graph = from_matrices([w * mask for w, mask in zip(weights, kept, strict=True)], kept)
        labels = _functions_served(circuit, functions, weights, biases, influence)
        about = f"{name}, seed {result.seeds[int(rows[row])]}"
        networks.append(Network(about, graph, labels, functions, edges, influence))
    return networks


def _flips(net: ThresholdCircuit, inputs: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How often outputs change with a unit's value [U, O], as `answer_flips` measures it."""
    values = [inputs.astype(np.float64)]
    layers = list(zip(net.weights, net.biases, strict=True))
    for weight, bias in layers:
        values.append((values[-1] @ weight.T + bias > 0).astype(np.float64))
    outputs, rows = values[-1], []
    together = np.zeros((outputs.shape[1], outputs.shape[1]))
    for layer, own in enumerate(values[:-1]):
        for unit in range(own.shape[1]):
            row = np.zeros(outputs.shape[1])
            for value in (0.0, 1.0):
                after = own.copy()
                after[:, unit] = value
                for weight, bias in layers[layer:]:
                    after = (after @ weight.T + bias > 0).astype(np.float64)
                changed = (after != outputs).astype(np.float64)
                often = float((own[:, unit] == value).mean())
                row += often * changed.mean(axis=0)
                if layer == 0:
                    together += often * (changed.T @ changed) / changed.shape[0] / own.shape[1]
            rows.append(row)
    return np.concatenate([np.array(rows), together])


def _functions(circuit: Circuit) -> tuple[str, ...]:
    """Functions and groups of inputs that several share, as `compile_circuit` names them."""
    named = {name for edge in function_graph(circuit) for name in edge}
    own = [name for name in circuit.functions if circuit.origin(name) == name]
    return tuple(dict.fromkeys([*own, *sorted(named)]))


def _functions_served(
    circuit: Circuit,
    functions: tuple[str, ...],
    weights: list[NDArray[np.float32]],
    biases: list[NDArray[np.float32]],
    influence: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Function that each unit of a net computes [U], from what it reads and what it serves.

    A hidden unit reads the inputs whose flip changes its activation, and serves the outputs that
    change with it. It belongs to the function that reads and serves all of that, and least more.
    """
    outputs = [circuit.origin(name) for name in circuit.outputs]
    compiled_net = compile_circuit(circuit)
    n_inputs = len(circuit.inputs)
    owner = [compiled_net.modules[label] for label in compiled_net.truth.labels[:n_inputs]]
    column = {name: index for index, name in enumerate(circuit.inputs)}
    reads, serves = [], []
    for function in functions:
        parts = set(function.split("+"))
        read = {i for i, group in enumerate(owner) if group == function}
        if function in circuit.reads:
            read |= {column[x] for x in circuit.reads[function] if x in column}
        reads.append(read)
        served = {o for o, name in enumerate(outputs) if parts & {name, *circuit.reads[name]}}
        serves.append(served)
    values, _ = truth_table(circuit)
    activation = values.astype(np.float64)
    labels = [functions.index(group) for group in owner]
    rows = np.arange(len(values))
    least = _SERVES * influence.max(axis=0)
    for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
        activation = np.maximum(activation @ weight.T.astype(np.float64) + bias, 0.0)
        slack = _CHANGES * np.maximum(np.abs(activation).max(axis=0), 1.0)
        changes = np.array(
            [
                np.abs(activation[rows ^ (1 << (n_inputs - 1 - i))] - activation).max(axis=0)
                > slack
                for i in range(n_inputs)
            ]
        )  # [I, units]
        for unit in range(activation.shape[1]):
            read = set(np.flatnonzero(changes[:, unit]).tolist())
            served = set(np.flatnonzero(influence[len(labels)] > least).tolist())
            fitting = [
                (len(r - read) / len(r) + len(s - served) / len(s), index)
                for index, (r, s) in enumerate(zip(reads, serves, strict=True))
                if read and served and read <= r and served <= s
            ]
            labels.append(min(fitting)[1] if fitting else -1)
    return np.array([*labels, *(functions.index(name) for name in outputs)])
