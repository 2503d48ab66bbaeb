"""Layers without weights that several families share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from torch import Tensor, nn

__all__ = ["ACTIVATIONS", "Mean", "Reshape"]

ACTIVATIONS: Final[dict[str, Callable[[], nn.Module]]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
}


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
