"""ReLU nets that compute Boolean functions, as arrays, with the module of each unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from modbench1.function_graph import FunctionGraph
from modbench1.network import Network, numbered
from netsculpt.graph.circuits import ThresholdCircuit
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.matrices import from_matrices
from netsculpt.nets.families import MLP
from netsculpt.training.influence import answer_flips
from netsculpt.training.sculpting.replicas import Replicas
from netsculpt.training.tasks import Task

__all__ = ["ReluNet", "influence_of", "of_circuit"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ReluNet:
    """Hidden units are ReLUs; an output is true if its logit is above 0."""

    weights: tuple[Array, ...]  # [out, in] per layer; 0: no edge
    biases: tuple[Array, ...]
    labels: tuple[NDArray[np.int64], ...]  # module of each unit, layer by layer; −1: none

    def activations(self, inputs: NDArray[np.bool_]) -> list[Array]:
        """Inputs, hidden activations and logits [n, units] on inputs [n, n_in]."""
        values = [inputs.astype(np.float64)]
        for weight, bias in zip(self.weights, self.biases, strict=True):
            below = values[-1] if len(values) == 1 else np.maximum(values[-1], 0)
            values[-1] = below
            values.append(below @ weight.T + bias)
        return values

    def __call__(self, inputs: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Outputs [n, n_out] on inputs [n, n_in]."""
        answers: NDArray[np.bool_] = self.activations(inputs)[-1] > 0
        return answers

    @property
    def graph(self) -> NetGraph:
        """The net as a graph."""
        return from_matrices([weight.astype(np.float32) for weight in self.weights])

    def network(self, functions: FunctionGraph, influence: Array | None = None) -> Network:
        """The network with its modules, what feeds what, and the influence of its units."""
        labels = np.concatenate(self.labels)
        return Network(self.graph, *numbered(labels, functions.feeds), influence)


def of_circuit(circuit: ThresholdCircuit, functions: FunctionGraph) -> ReluNet:
    """A ReLU net that computes the same as a net of step units, with as many units and edges.

    With z = w·x + b of a step unit on true values, ReLU(2z) is 1 if all operands of an AND hold and
    else 0, and ReLU(−2z) is 1 if no operand of an OR does: that unit holds the negation of its
    value, which its readers take back. Outputs keep z.
    """
    sign = np.ones(circuit.weights[0].shape[1])  # a value is sign · activation + shift
    shift = np.zeros_like(sign)
    weights, biases = [], []
    for layer, (weight, bias) in enumerate(zip(circuit.weights, circuit.biases, strict=True)):
        inner = weight.astype(np.float64) * sign
        outer = bias.astype(np.float64) + weight @ shift
        if layer < len(circuit.weights) - 1:
            negated = bias != 0.5 - np.maximum(weight, 0).sum(axis=1)  # an OR of several operands
            factor = np.where(negated, -2.0, 2.0)
            inner, outer = factor[:, None] * inner, factor * outer
            sign, shift = np.where(negated, -1.0, 1.0), negated.astype(np.float64)
        weights.append(inner)
        biases.append(outer)
    label = np.array([functions.label[name] for name in circuit.modules])
    widths = [weights[0].shape[1], *(weight.shape[0] for weight in weights)]
    labels = np.split(label[circuit.truth.labels], np.cumsum(widths)[:-1])
    return ReluNet(tuple(weights), tuple(biases), tuple(labels))


def influence_of(weights: Sequence[Array], biases: Sequence[Array], task: Task) -> Array:
    """How often each output of a ReLU net flips with each unit [U, O]."""
    spec = MLP((weights[0].shape[1], *(weight.shape[0] for weight in weights)))
    parameters, masks = dict[str, torch.Tensor](), dict[str, torch.Tensor]()
    for number, (weight, bias) in enumerate(zip(weights, biases, strict=True), start=1):
        for name, values in (("weight", weight), ("bias", bias)):
            tensor = torch.from_numpy(values).float()[None]
            parameters[f"fc{number}.{name}"] = tensor
            masks[f"fc{number}.{name}"] = (tensor != 0) | (name == "bias")
    every = answer_flips(Replicas(spec, spec.build(), parameters, masks), task)
    only: Array = every[0]
    return only
