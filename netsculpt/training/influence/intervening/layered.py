"""Multi-layer perceptrons and compiled circuits, many runs in one batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netsculpt.core.errors import FormatError, GraphError
from netsculpt.graph.circuits import ThresholdCircuit
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.matrices import from_matrices
from netsculpt.nets.families import ACTIVATIONS
from netsculpt.training.influence.intervening.intervenable import Intervenable
from netsculpt.training.sculpting.replicas import Replicas

__all__ = ["LayeredNet", "of_circuit", "of_replicas", "step"]

_NUMBERS = 1 << 22  # activations of a layer that are computed at a time

Activation = Callable[[Tensor], Tensor]


def step(sums: Tensor) -> Tensor:
    """1 where a sum is above 0, otherwise 0: the activation of a threshold unit."""
    return (sums > 0).to(sums.dtype)


@dataclass(frozen=True, eq=False)
class LayeredNet(Intervenable):
    """Linear layers with one activation function between them, computed in float64.

    Activations have one column per unit. What the net returns are the sums of its last layer, not
    passed through the activation: an answer is whether they are above 0, or which is the largest.

    >>> weights, biases = (torch.ones(1, 2), torch.ones(1, 1)), (torch.zeros(1),) * 2
    >>> net = LayeredNet(weights, biases, torch.relu, from_matrices(weights))
    >>> net.outputs(torch.tensor([[1.0, 2.0]])).tolist()
    [[3.0]]
    >>> net.replaced(torch.ones(1, 2), net.units([2])[None], torch.full((1, 4), 7.0)).tolist()
    [[[7.0]]]
    """

    weights: tuple[Tensor, ...]  # [out, in] per layer, pruned entries are 0
    biases: tuple[Tensor, ...]  # [out] per layer
    activation: Activation
    graph: NetGraph  # of these weights: ``from_matrices(weights, masks)``, or its live()
    unit_of: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        for name in ("weights", "biases"):
            wide = tuple(torch.as_tensor(x).detach().double() for x in getattr(self, name))
            object.__setattr__(self, name, wide)
        object.__setattr__(self, "unit_of", _unit_of(self.graph, self.widths))

    @property
    def widths(self) -> list[int]:
        """Units of each layer, inputs and outputs included."""
        return [self.weights[0].shape[1], *(x.shape[0] for x in self.weights)]

    @property
    def n_outputs(self) -> int:
        """Number of outputs, O."""
        return self.widths[-1]

    @property
    def replaceable(self) -> NDArray[np.bool_]:
        """All units but the outputs [U]."""
        return self.graph.layer_of < len(self.weights)

    @torch.no_grad()
    def activations(self, inputs: Tensor) -> Tensor:
        """Activations [n, K] of all units; those of outputs are their sums."""
        parts = [self._given(inputs)]
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            sums = parts[-1] @ weight.T + bias
            parts.append(sums if layer == len(self.weights) - 1 else self.activation(sums))
        return torch.cat(parts, dim=1)

    @torch.no_grad()
    def replaced(self, inputs: Tensor, units: NDArray[np.bool_], values: Tensor) -> Tensor:
        """Outputs [B, n, O], each time with the activations of some units [B, U] replaced."""
        self.require_replaceable(units)
        self.require_values(values, len(units), len(inputs))
        columns = torch.from_numpy(self.columns(units)).to(inputs.device)
        given, values = self._given(inputs), values.double()
        widest = max(1, *(x.numel() for x in self._used))
        at_once = max(1, _NUMBERS // (len(inputs) * widest))
        runs = [
            self._run(given, columns[part], values[part] if values.ndim == 3 else values)
            for part in torch.split(torch.arange(len(units)), at_once)
        ]
        return torch.cat(runs) if runs else inputs.new_zeros((0, len(inputs), self.n_outputs))

    def _given(self, inputs: Tensor) -> Tensor:
        if inputs.ndim != 2 or inputs.shape[1] != self.widths[0]:
            raise FormatError(
                f"inputs are {list(inputs.shape)}, the net has {self.widths[0]} inputs: "
                f"[n, {self.widths[0]}] is needed"
            )
        return inputs.double()

    @cached_property
    def _used(self) -> list[Tensor]:
        """Indices of the units of each layer that others read; of outputs, all."""
        return [*(x.any(dim=0).nonzero()[:, 0] for x in self.weights), torch.arange(self.n_outputs)]

    @cached_property
    def _parts(self) -> list[tuple[Tensor, Tensor]]:
        """Weights [in, out] and biases of the units that are read."""
        ends = zip(self.weights, self.biases, pairwise(self._used), strict=True)
        return [(weight[stop][:, start].T, bias[stop]) for weight, bias, (start, stop) in ends]

    def _run(self, inputs: Tensor, columns: Tensor, values: Tensor) -> Tensor:
        x = inputs[:, self._used[0]]  # [n, width] until something is replaced, then [B, n, width]
        first = np.cumsum([0, *self.widths])
        for layer, (weight, bias) in enumerate(self._parts):
            here = self._used[layer] + int(first[layer])
            chosen = columns[:, None, here]
            if bool(chosen.any()):
                x = torch.where(chosen, values[..., here], x)
            x = x @ weight + bias
            if layer < len(self.weights) - 1:
                x = self.activation(x)
        return x.expand(len(columns), *x.shape[-2:])


def of_replicas(nets: Replicas, row: int = 0, *, graph: NetGraph | None = None) -> LayeredNet:
    """One of a stack of multi-layer perceptrons; by default with the graph of its masks.

    >>> from netsculpt.nets.families import MLP
    >>> from netsculpt.training.sculpting.replicas import initial_replicas
    >>> of_replicas(initial_replicas(MLP((4, 6, 2)), [0, 1]), 1).graph
    NetGraph(4-6-2: 12 units, 36 edges)
    """
    if not -nets.n_replicas <= row < nets.n_replicas:
        raise GraphError(f"row is {row}: there are {nets.n_replicas} nets in the stack, from 0 on")
    weights = [nets.parameters[name][row] for name in nets.weights]
    biases = [nets.parameters[name.replace(".weight", ".bias")][row] for name in nets.weights]
    masks = [nets.masks[name][row] for name in nets.weights]
    if graph is None:
        graph = from_matrices(
            [x.cpu() for x in weights], [x.cpu() for x in masks], parameters=nets.weights
        )
    kept = tuple(weight * mask for weight, mask in zip(weights, masks, strict=True))
    return LayeredNet(kept, tuple(biases), ACTIVATIONS[nets.spec.activation](), graph)


def of_circuit(net: ThresholdCircuit, *, graph: NetGraph | None = None) -> LayeredNet:
    """A compiled circuit, whose units are those of its graph ``from_matrices(net.weights)``.

    >>> from netsculpt import compile_circuit, parse_circuit
    >>> net = of_circuit(compile_circuit(parse_circuit("f = a ^ b")))
    >>> (net.outputs(torch.tensor([[0.0, 1.0], [1.0, 1.0]])) > 0).tolist()
    [[True], [False]]
    """
    weights, biases = (tuple(map(torch.from_numpy, x)) for x in (net.weights, net.biases))
    return LayeredNet(weights, biases, step, graph or from_matrices(net.weights))


def _unit_of(graph: NetGraph, widths: Sequence[int]) -> NDArray[np.int64]:
    """The unit of each column; live() drops units, whose columns have none."""
    here = [layer.n_units for layer in graph.layers]
    few = len(here) == len(widths) and all(a <= b for a, b in zip(here, widths, strict=True))
    positions = graph.positions
    if (
        not few
        or positions is None
        or any(
            positions[layer.units].max(initial=-1) >= width
            for layer, width in zip(graph.layers, widths, strict=True)
        )
    ):
        raise GraphError(
            f"the graph has layers of {here} units, the net of {list(widths)}: give the graph of "
            "this net, or that graph's live()"
        )
    unit_of = np.full(sum(widths), -1, dtype=np.int64)
    bounds = np.cumsum([0, *widths])
    for layer, start in zip(graph.layers, bounds[:-1], strict=True):
        units = np.arange(layer.start, layer.stop)
        unit_of[start + positions[layer.units]] = units
    return unit_of
