"""A net of a family, its example, and how nets are put together from functions and parts."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Family", "Model", "ids", "net_of", "numbers", "sparse"]


@dataclass(frozen=True, eq=False)
class Model:
    """A net, and inputs of the shapes and types that it takes."""

    net: nn.Module
    example: tuple[Tensor, ...]
    density: float = 0.5  # of its weights; low enough that not every input reaches every output
    unroll: int = 1  # steps of recurrent layers


Family = Callable[[], Model]


class _Net(nn.Module):
    """Parts, and a function that is called with the net and its inputs."""

    def __init__(self, called: Callable[..., Any], parts: dict[str, Any]) -> None:
        super().__init__()
        self.called = called
        for name, part in parts.items():
            if isinstance(part, Tensor) and not isinstance(part, nn.Parameter):
                self.register_buffer(name, part)
            else:
                setattr(self, name, part)

    def forward(self, *given: Any) -> Any:
        """What the function returns."""
        return self.called(self, *given)


def net_of(called: Callable[..., Any], /, **parts: Any) -> Any:
    """A net whose forward is a function of the net and its inputs.

    Layers and parameters in `parts` are its own, tensors its buffers. Its type is `Any`, because
    which attributes it has is not known.
    """
    return _Net(called, parts)


def numbers(*shape: int) -> Tensor:
    """An example of numbers."""
    return torch.linspace(-1, 1, math.prod(shape)).reshape(shape)


def ids(n_tokens: int, *shape: int) -> Tensor:
    """An example of tokens."""
    return torch.arange(math.prod(shape)).reshape(shape) % n_tokens


def sparse(model: Model, seed: int) -> Model:
    """The model with a share of its weights 0, random statistics of norms, and no zero biases.

    Weights with a kernel lose whole kernels, so that channels lose their connections.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in model.net.modules():
            if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                layer.running_mean = torch.randn(layer.num_features, generator=generator) / 4
                layer.running_var = torch.rand(layer.num_features, generator=generator) + 0.5
        for parameter in model.net.parameters():
            if parameter.ndim < 2:
                noise = torch.randn(parameter.shape, generator=generator)
                parameter.add_(0.2 * noise)
                continue
            kept = torch.rand(parameter.shape[:2], generator=generator) < model.density
            if parameter.ndim == 2 or parameter.shape[1] > 1:
                shape = (*parameter.shape[:2], *[1] * (parameter.ndim - 2))
                parameter.mul_(kept.reshape(shape))
    model.net.eval()
    return model
