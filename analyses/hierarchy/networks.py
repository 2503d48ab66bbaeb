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
from netsculpt.graph.graph import NetGraph, live_units
from netsculpt.graph.matrices import from_matrices
from netsculpt.graph.partition import Partition
from netsculpt.nets.families import MLP
from netsculpt.training.influence import answer_flips
from netsculpt.training.sculpting.sculpt import sculpt
from netsculpt.training.tasks import boolean

__all__ = ["Network", "Sculptures", "compiled", "sculpted"]

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


@dataclass(frozen=True, eq=False)
class Sculptures:
    """Nets sculpted for one circuit that compute it by its own functions."""

    n_solved: int  # nets that reached the goal
    n_alike: int  # of them, nets whose function graph is the circuit's
    networks: tuple[Network, ...]  # the first of those


def sculpted(name: str, text: str, *, n_tried: int, n_networks: int) -> Sculptures:
    """Sculpt nets for a circuit's truth table, and take those that compute it as the circuit does.

    A net may find a way of its own, with functions that the circuit does not have, or without some
    of its own: what its modules should be is then unknown. It computes the circuit if each unit
    that serves an output fits a function (`_functions_served`), these feed each other exactly as in
    the circuit, and each has a unit that depends on all of its inputs. No detector has a part in
    this.
    """
    torch.set_num_threads(1)
    task, circuit = boolean(text, name=name), parse_circuit(text)
    n_hidden = 3 if len(compile_circuit(circuit).weights) > 4 else 2
    widths = (task.n_inputs, *[max(18, 3 * task.n_inputs)] * n_hidden, task.n_outputs)
    result = sculpt(MLP(widths), task, seeds=range(n_tried))
    rows = torch.tensor(result.sparsest(), dtype=torch.long)
    replicas = result.replicas.take(rows)
    influences = answer_flips(replicas, task)
    functions = tuple(name for name in circuit.functions if circuit.origins[name] == name)
    networks, n_alike = list[Network](), 0
    for row, influence in enumerate(influences):
        parameters, masks = replicas.state(row)
        weights = [parameters[key].numpy() for key in replicas.weights]
        kept = [masks[key].numpy() for key in replicas.weights]
        biases = [
            parameters[key.removesuffix("weight") + "bias"].numpy() for key in replicas.weights
        ]
        graph = from_matrices([w * mask for w, mask in zip(weights, kept, strict=True)], kept)
        served, whole = _functions_served(circuit, functions, weights, biases, influence)
        names, labels = _with_inputs(circuit, functions, graph, served)
        source, target = labels[graph.sources], labels[graph.weights.indices]
        pairs = set(zip(source.tolist(), target.tolist(), strict=True))
        edges = frozenset((a, b) for a, b in pairs if a != b and -1 not in (a, b))
        serves = (influence > _SERVES * influence.max(axis=0)).any(axis=1)
        alike = {(names[a], names[b]) for a, b in edges} == function_graph(circuit)
        if not (alike and whole) or (labels[serves & live_units(graph)] < 0).any():
            continue
        n_alike += 1
        if len(networks) < n_networks:
            about = f"{name}, seed {result.seeds[int(rows[row])]}"
            networks.append(Network(about, graph, labels, names, edges, influence))
    return Sculptures(len(influences), n_alike, tuple(networks))


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


def _functions_served(
    circuit: Circuit,
    functions: tuple[str, ...],
    weights: list[NDArray[np.float32]],
    biases: list[NDArray[np.float32]],
    influence: NDArray[np.float64],
) -> tuple[NDArray[np.int64], bool]:
    """Function that each unit of a net but the inputs computes [U]; whether all have a whole unit.

    A hidden unit reads the inputs whose flip changes its activation, and serves the outputs that
    change with it. It belongs to the function that reads all that and least more, of several to the
    one that serves all that and least more; to none (−1) if there is none, or it serves nothing.
    A unit is whole that reads all that its function reads; output units are.
    """
    outputs = [circuit.origins[name] for name in circuit.outputs]
    n_inputs = len(circuit.inputs)
    column = {name: index for index, name in enumerate(circuit.inputs)}
    reads = [{column[x] for x in circuit.reads[name] if x in column} for name in functions]
    serves = [
        {o for o, output in enumerate(outputs) if name in (output, *circuit.reads[output])}
        for name in functions
    ]
    values, _ = truth_table(circuit)
    activation = values.astype(np.float64)
    labels, whole = [-1] * n_inputs, {functions.index(name) for name in outputs}
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
                (len(r - read), len(s - served), index)
                for index, (r, s) in enumerate(zip(reads, serves, strict=True))
                if read and served and read <= r and served <= s
            ]
            labels.append(min(fitting)[-1] if fitting else -1)
            if fitting and min(fitting)[0] == 0:
                whole.add(labels[-1])
    every = np.array([*labels, *(functions.index(name) for name in outputs)])
    return every, len(whole) == len(functions)


def _with_inputs(
    circuit: Circuit, functions: tuple[str, ...], graph: NetGraph, labels: NDArray[np.int64]
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Give each input to the lowest functions that read it in this net; several are a group.

    So a function that no unit computes, because those that use it read its inputs themselves, is
    not there. Names and labels then include the groups.
    """
    names, labels = list(functions), labels.copy()
    below = {a: {b for b in functions if b in circuit.reads[a]} for a in functions}
    for unit in graph.inputs.tolist():
        row = graph.weights.indptr[unit : unit + 2]
        readers = {int(x) for x in labels[graph.weights.indices[row[0] : row[1]]] if x >= 0}
        of = {functions[reader] for reader in readers}
        lowest = [name for name in functions if name in of and not below[name] & of]
        if lowest:
            group = "+".join(lowest)
            if group not in names:
                names.append(group)
            labels[unit] = names.index(group)
    return tuple(names), labels
