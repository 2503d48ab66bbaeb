"""Nets made from frozen specs."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["MLP", "Gate"]


class Gate(nn.Module):
    """Multiplies each hidden unit by 1: where a unit is scored.

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
class MLP:
    """A multi-layer perceptron: linear layers "fc1", "fc2", … with ReLU between them."""

    widths: tuple[int, ...]  # units of each layer, inputs and outputs included

    @property
    def n_hidden(self) -> int:
        """Hidden units."""
        return sum(self.widths[1:-1])

    @property
    def n_weights(self) -> int:
        """Weights before pruning, biases not counted."""
        return sum(a * b for a, b in zip(self.widths, self.widths[1:], strict=False))

    @property
    def spec(self) -> dict[str, Any]:
        """The net as ``model.pt`` stores it."""
        return {"family": "mlp", "widths": list(self.widths), "activation": "relu"}

    def build(self) -> nn.Sequential:
        """The net, with torch's own initial weights and a gate behind each hidden layer."""
        layers: list[tuple[str, nn.Module]] = []
        pairs = list(zip(self.widths, self.widths[1:], strict=False))
        for at, (n_in, n_out) in enumerate(pairs, start=1):
            layers.append((f"fc{at}", nn.Linear(n_in, n_out)))
            if at < len(pairs):
                layers += [(f"relu{at}", nn.ReLU()), (f"gate{at}", Gate(n_out))]
        return nn.Sequential(OrderedDict(layers))
