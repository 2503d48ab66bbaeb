"""Which parameters of a net are weights."""

from __future__ import annotations

from torch import nn

from netsculpt.nets.held import Place, places

__all__ = ["prunable", "weight_places"]

_NORMS = (nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.modules.batchnorm._NormBase)


def weight_places(net: nn.Module) -> list[Place]:
    """Where its weights stand: parameters of two and more dimensions but those of norms."""
    return [x for x in places(net) if x.parameter.ndim > 1 and not isinstance(x.layer, _NORMS)]


def prunable(net: nn.Module) -> dict[str, nn.Parameter]:
    """The weights of a net by name; biases and norms are neither pruned nor counted.

    >>> list(prunable(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))))
    ['0.weight']
    """
    return {place.name: place.parameter for place in weight_places(net)}
