"""A net as a chain of layers, each a function of what the one before it returns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from netsculpt.nets.families import Gate
from netsculpt.nets.masking import LayerParameter, MaskHook
from netsculpt.nets.prunable import layer_weights

__all__ = ["Chain", "Link", "chain_of"]


_IN_PLACE: Mapping[type, Callable[[Tensor], Tensor]] = MappingProxyType(
    {nn.ReLU: torch.relu_, nn.Tanh: torch.tanh_, nn.Sigmoid: torch.sigmoid_}
)
_IDLE = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)


@dataclass(frozen=True, eq=False)
class Link:
    """A layer of a chain, and the weights of the net in it."""

    layer: nn.Module
    weights: tuple[LayerParameter, ...]


@dataclass(frozen=True, eq=False)
class Chain:
    """Layers in the order in which they are called."""

    links: tuple[Link, ...]

    def activations(self, inputs: Tensor) -> list[Any]:
        """What each layer is called with, and last what the net returns."""
        values: list[Any] = [inputs]
        for link in self.links:
            values.append(link.layer(values[-1]))
        return values

    def run(self, start: int, value: Any) -> Tensor:
        """What the net returns, if the layer of number `start` is called with `value`.

        `value` may be written to.
        """
        for link in self.links[start:]:
            layer = _IN_PLACE.get(type(link.layer), link.layer)
            value = layer(value)
        result: Tensor = value
        return result


def chain_of(net: nn.Module) -> Chain:
    """The layers of nested `nn.Sequential`; any other net is a chain of one layer.

    So is a net that uses a weight or a layer twice, or in which samples depend on each other.

    >>> net = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.ReLU(), nn.Linear(3, 1)))
    >>> [type(link.layer).__name__ for link in chain_of(net).links]
    ['Linear', 'ReLU', 'Linear']
    """
    layers, weights = [x for x in _leaves(net) if not _is_idle(x)], layer_weights(net)
    users = Counter(id(x) for layer in layers for x in {*layer.parameters(), layer})
    if max(users.values(), default=1) > 1 or _couples_samples(net):
        layers = [net]
    owners = {id(part): number for number, layer in enumerate(layers) for part in layer.modules()}
    owned: Mapping[int, list[LayerParameter]] = {number: [] for number in range(len(layers))}
    for weight in weights:
        owned[owners[id(weight.layer)]].append(weight)
    return Chain(tuple(Link(x, tuple(owned[n])) for n, x in enumerate(layers)))


def _leaves(net: nn.Module) -> Iterator[nn.Module]:
    if type(net) is not nn.Sequential or _hooks(net):
        yield net
        return
    for layer in net:
        yield from _leaves(layer)


def _is_idle(layer: nn.Module) -> bool:
    """Whether a layer does nothing in eval mode."""
    if isinstance(layer, Gate):
        return bool((layer.open == 1).all())
    return type(layer) in _IDLE and not _hooks(layer)


def _hooks(layer: nn.Module) -> Sequence[Any]:
    """What else is called when a layer is; zeroing pruned weights is done already."""
    hooks = [*layer._forward_pre_hooks.values(), *layer._forward_hooks.values()]
    return [hook for hook in hooks if not isinstance(hook, MaskHook)]


def _couples_samples(net: nn.Module) -> bool:
    """Whether a net's output for a sample depends on the others of its batch, in eval mode."""
    return any(
        isinstance(x, nn.modules.batchnorm._NormBase) and x.running_mean is None
        for x in net.modules()
        if not isinstance(x, nn.modules.instancenorm._InstanceNorm)
    )
