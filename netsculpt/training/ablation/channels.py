"""Layers that treat each channel by itself, and what they do to a few of the channels.

A channel is a unit of a linear layer [n, units], or a channel of an image [n, channels, …].
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn.functional import batch_norm, conv2d, prelu

from netsculpt.nets.families import Gate

__all__ = ["is_flatten", "is_mixing", "mixed", "of_channels"]

OfChannels = Callable[[Tensor, Tensor], Tensor]  # values [n, some, …], which channels → values

_POINTWISE = (
    *(nn.ReLU, nn.LeakyReLU, nn.Tanh, nn.Sigmoid, nn.SiLU, nn.GELU, nn.ELU, nn.SELU, nn.CELU),
    *(nn.Softplus, nn.Hardtanh, nn.ReLU6, nn.Hardswish, nn.Hardsigmoid, nn.Mish, nn.Softsign),
    *(nn.LogSigmoid, nn.Softshrink, nn.Hardshrink, nn.Tanhshrink, nn.Threshold),
)
_POOLS = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)


def of_channels(layer: nn.Module) -> OfChannels | None:
    """What a layer does to some channels in eval mode; None if it does not keep them apart.

    >>> import torch
    >>> scale = of_channels(Gate(3))
    >>> scale(torch.tensor([[2.0]]), torch.tensor([1])).tolist()
    [[2.0]]
    """
    kind = type(layer)
    if kind in _POINTWISE or (kind in _POOLS and not getattr(layer, "return_indices", False)):
        return lambda values, _: layer(values)
    if isinstance(layer, Gate):
        is_open = layer.open
        return lambda values, channels: values * is_open[channels]
    if isinstance(layer, nn.PReLU):
        weight = layer.weight
        shared = weight.numel() == 1
        return lambda values, channels: prelu(values, weight if shared else weight[channels])
    if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d) and layer.running_mean is not None:
        return _of_batch_norm(layer)
    return None


def _of_batch_norm(layer: nn.BatchNorm1d | nn.BatchNorm2d) -> OfChannels:
    mean, variance, epsilon = layer.running_mean, layer.running_var, layer.eps

    def norm(values: Tensor, channels: Tensor) -> Tensor:
        weight, bias = (x if x is None else x[channels] for x in (layer.weight, layer.bias))
        assert mean is not None
        assert variance is not None
        return batch_norm(values, mean[channels], variance[channels], weight, bias, eps=epsilon)

    return norm


def is_flatten(layer: nn.Module) -> bool:
    """Whether a layer makes units of the positions of each channel."""
    return type(layer) is nn.Flatten and (layer.start_dim, layer.end_dim) == (1, -1)


def is_mixing(layer: nn.Module, n_dimensions: int) -> bool:
    """Whether a layer is linear in its channels, as `mixed` can compute."""
    if type(layer) is nn.Linear:
        return n_dimensions == 2
    if type(layer) is nn.Conv2d:
        return n_dimensions == 4 and layer.groups == 1 and layer.padding_mode == "zeros"
    return False


def mixed(layer: nn.Module, weight: Tensor, values: Tensor) -> Tensor:
    """What a layer would add to its output for `values`, with `weight` for its own."""
    if isinstance(layer, nn.Conv2d):
        return conv2d(values, weight, None, layer.stride, layer.padding, layer.dilation)
    return values @ weight.T
