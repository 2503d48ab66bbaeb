"""Multi-layer perceptrons."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn

from netsculpt.nets.families._layers import ACTIVATIONS
from netsculpt.nets.families._spec import Stored, check, one_of, sizes

__all__ = ["MLP", "Gate"]


class Gate(nn.Module):
    """Multiplies each hidden unit by 1: the point where units are scored.

    The derivative of a loss by a unit's gate is activation × ∂loss/∂activation.
    """

    open: Tensor  # [n_units]

    def __init__(self, n_units: int) -> None:
        super().__init__()
        self.register_buffer("open", torch.ones(n_units), persistent=False)

    def forward(self, activation: Tensor) -> Tensor:
        """Activation [n, n_units], gated."""
        return activation * self.open


@dataclass(frozen=True)
class MLP(Stored):
    """A multi-layer perceptron: linear layers "fc1", "fc2", … with an activation between them.

    >>> net = MLP((4, 8, 2))
    >>> net.spec
    {'family': 'mlp', 'widths': [4, 8, 2], 'activation': 'relu'}
    >>> list(net.build().state_dict())
    ['fc1.weight', 'fc1.bias', 'fc2.weight', 'fc2.bias']
    """

    family: ClassVar = "mlp"

    widths: tuple[int, ...]  # units of each layer, inputs and outputs included
    activation: str = "relu"  # of the hidden units

    def __post_init__(self) -> None:
        check(
            self,
            widths=sizes(self.widths, least=2),
            activation=one_of(self.activation, ACTIVATIONS),
        )

    @property
    def n_inputs(self) -> int:
        """Input units."""
        return self.widths[0]

    @property
    def n_outputs(self) -> int:
        """Output units."""
        return self.widths[-1]

    @property
    def n_hidden(self) -> int:
        """Hidden units."""
        return sum(self.widths[1:-1])

    @property
    def n_weights(self) -> int:
        """Weights before pruning, biases not counted."""
        return sum(a * b for a, b in pairwise(self.widths))

    def build(self) -> nn.Sequential:
        """The net, with torch's own initial weights and a gate behind each hidden layer."""
        layers: list[tuple[str, nn.Module]] = []
        for index, (n_in, n_out) in enumerate(pairwise(self.widths), start=1):
            layers.append((f"fc{index}", nn.Linear(n_in, n_out)))
            if index < len(self.widths) - 1:
                layers.append((f"{self.activation}{index}", ACTIVATIONS[self.activation]()))
                layers.append((f"gate{index}", Gate(n_out)))
        return nn.Sequential(OrderedDict(layers))
