"""Sculpted suite: nets trained on Boolean functions, then pruned while they solve their task.

Inputs and outputs belong to the functions of the task. To which function a hidden unit belongs is
measured: it reads the inputs that change its activation, and serves the functions whose answers
change with it; its module is the smallest one that reads and serves as much. Detectors that are
given the data see the same influence, but not the activations.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray

from modbench1.function_graph import FunctionGraph
from modbench1.network import Network, numbered
from modbench1.relu_net import ReluNet
from netsculpt.core.errors import LimitError
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.matrices import from_matrices
from netsculpt.graph.partition import NO_MODULE
from netsculpt.nets.families import MLP
from netsculpt.training.influence import answer_flips
from netsculpt.training.sculpting.replicas import Replicas
from netsculpt.training.sculpting.retraining import SCULPTING
from netsculpt.training.sculpting.sculpt import sculpt
from netsculpt.training.tasks import Task, boolean

__all__ = ["FAMILIES", "Family", "hidden_labels", "networks", "with_truth"]

_CLEAR = 0.1  # of a unit's largest effect, or dependence: less is not counted
_MOST_TRIED = 5  # seeds for each network that is wanted


@dataclass(frozen=True)
class Family:
    """Functions, each an output `uses` times, and how their nets are made."""

    functions: str
    outputs: tuple[str, ...]
    uses: int = 2
    hidden: tuple[int, ...] = (36, 36)

    @property
    def task(self) -> Task:
        """The whole truth table."""
        lines = self.functions.split("; ")
        names = self.outputs * self.uses
        lines += [f"y{number} = {name}" for number, name in enumerate(names, start=1)]
        return boolean("\n".join(lines))


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "two functions": Family("f = (a ^ b) & c; g = (d | e) ^ h", ("f", "g")),
        "chain of three": Family(
            "f = (a ^ b) & c; g = (c | d) ^ e; h = (e & k) | m", ("f", "g", "h")
        ),
        "one input for three": Family(
            "f = (s ^ a) & b; g = (s | c) & d; h = s ^ (e & k)", ("f", "g", "h")
        ),
        "reused by three": Family(
            "s = (a ^ b) & c; f = s | d; g = s ^ e; h = s & k", ("f", "g", "h")
        ),
        "two pairs": Family(
            "p = a ^ b; q = c ^ d; f = p & e; g = p | k; h = q & m; i = q | n",
            ("f", "g", "h", "i"),
        ),
        "levels": Family("p = a ^ b; q = (p & c) | d; f = q ^ e; g = q & k", ("f", "g")),
        "five functions": Family(
            "f = a ^ b; g = b & c; h = c ^ d; i = e | k; j = k ^ m", ("f", "g", "h", "i", "j")
        ),
    }
)


def networks(suite: str, family: str, indices: Iterable[int]) -> Iterator[Network]:  # noqa: ARG001
    """The first networks whose dense net solves the task; those of `indices`, sculpted together."""
    torch.set_num_threads(1)
    wanted = list(indices)
    kind = FAMILIES[family]
    task = kind.task
    assert task.truth is not None
    functions = FunctionGraph(task.truth)
    made = _sculpted(kind, task, max(wanted) + 1)
    flips = answer_flips(made, task)
    for index in wanted:
        state, masks = made.state(index)
        net = ReluNet(
            tuple((state[x] * masks[x]).double().numpy() for x in made.weights),
            tuple(state[x.replace("weight", "bias")].double().numpy() for x in made.weights),
            (),
        )
        weights, kept = ([part[x].numpy() for x in made.weights] for part in (state, masks))
        graph = from_matrices(weights, kept)
        yield with_truth(graph, net, functions, task, flips[index])


def with_truth(
    graph: NetGraph,
    net: ReluNet,
    functions: FunctionGraph,
    task: Task,
    influence: NDArray[np.float64],
) -> Network:
    """A network with the modules of its inputs, outputs and hidden units."""
    labels = np.full(graph.n_units, NO_MODULE, dtype=np.int64)
    labels[graph.inputs] = functions.input_labels
    labels[graph.outputs] = functions.output_labels
    hidden = slice(graph.inputs.size, graph.n_units - graph.outputs.size)
    labels[hidden] = hidden_labels(net, functions, task, influence[hidden])
    return Network(graph, *numbered(labels, functions.feeds), influence)


def hidden_labels(
    net: ReluNet, functions: FunctionGraph, task: Task, influence: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Label of each hidden unit; −1 if no module reads and serves all that it does, or two do.

    `influence` [hidden units, outputs] says how often each output flips with each unit.
    """
    x = task.inputs.numpy() > 0.5
    active = np.concatenate(net.activations(x)[1:-1], axis=1)
    depends = _dependence(active, x.shape[1])
    flips = np.zeros((influence.shape[0], len(functions.modules)))
    np.maximum.at(flips.T, functions.output_labels, influence.T)
    reads, serves = _clear(depends), _clear(flips)
    labels = np.full(influence.shape[0], NO_MODULE, dtype=np.int64)
    for unit in np.flatnonzero(reads.any(axis=1) & serves.any(axis=1)):
        fits = (functions.reads >= reads[unit]).all(axis=1)
        fits &= (functions.serves >= serves[unit]).all(axis=1)
        sizes = sorted(
            (int(functions.reads[m].sum()), int(functions.serves[m].sum()), int(m))
            for m in np.flatnonzero(fits)
        )
        if sizes and (len(sizes) == 1 or sizes[0][:2] < sizes[1][:2]):
            labels[unit] = sizes[0][2]
    return labels


def _dependence(active: NDArray[np.float64], n_inputs: int) -> NDArray[np.float64]:
    """Mean change of each unit with each input [units, inputs], over a whole truth table."""
    table = active.reshape(*(2,) * n_inputs, -1)
    changes = [
        np.abs(np.diff(table, axis=axis)).reshape(-1, active.shape[1]).mean(axis=0)
        for axis in range(n_inputs)
    ]
    return np.stack(changes, axis=1)


def _clear(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which values are more than a tenth of the largest of their row."""
    clear: NDArray[np.bool_] = values > _CLEAR * values.max(axis=1, keepdims=True)
    return clear


def _sculpted(kind: Family, task: Task, n_networks: int) -> Replicas:
    """The first networks that solve the task, one for each seed."""
    spec = MLP((task.n_inputs, *kind.hidden, task.n_outputs))
    recipe = replace(SCULPTING, epochs=30, batch_size=16)
    parts: list[Replicas] = []
    n_found = n_tried = 0
    while n_found < n_networks:
        if n_tried >= _MOST_TRIED * n_networks:
            raise LimitError(f"{n_found} of {n_tried} dense nets solve {kind.functions!r}")
        seeds = range(n_tried, n_tried + n_networks)
        result = sculpt(
            spec, task, recipe, seeds=seeds, unit_gradients=(30.0,), edge_gradients=(2.5,)
        )
        parts.append(result.replicas.take(result.solved.nonzero()[:, 0]))
        n_found += parts[-1].n_replicas
        n_tried += n_networks
    parameters, masks = (
        {name: torch.cat([getattr(x, field)[name] for x in parts]) for name in parts[0].parameters}
        for field in ("parameters", "masks")
    )
    return replace(parts[0], parameters=parameters, masks=masks)
