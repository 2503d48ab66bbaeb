"""Layers without weights that several families share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

from torch import Tensor, nn

__all__ = ["ACTIVATIONS", "Mean", "Reshape", "linear_layers"]

ACTIVATIONS: Final[dict[str, Callable[[], nn.Module]]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
}


def linear_layers(widths: Sequence[int], activation: str = "relu") -> list[tuple[str, nn.Module]]:
    """Linear layers "fc1", "fc2", … with an activation between them, by name."""
    layers: list[tuple[str, nn.Module]] = []
    for index, (n_in, n_out) in enumerate(pairwise(widths), start=1):
        if index > 1:
            layers.append((f"fc{index - 1}_{activation}", ACTIVATIONS[activation]()))
        layers.append((f"fc{index}", nn.Linear(n_in, n_out)))
    return layers


class Reshape(nn.Module):
    """Reshapes each sample: tasks hold samples as rows [n, n_inputs].

    Samples that have the shape already pass unchanged.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, inputs: Tensor) -> Tensor:
        """Inputs [n, …] as [n, *shape]."""
        return inputs.reshape(inputs.shape[0], *self.shape)

    def extra_repr(self) -> str:
        """The shape."""
        return str(self.shape)


class Mean(nn.Module):
    """The mean over the positions of each channel."""

    def forward(self, activation: Tensor) -> Tensor:
        """Activation [n, channels, height, width] to [n, channels]."""
        return activation.mean(dim=(2, 3))
