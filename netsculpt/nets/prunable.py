"""Which parameters of a net are weights."""

from __future__ import annotations

from torch import nn
from torch.nn.utils.parametrizations import _WeightNorm
from torch.nn.utils.parametrize import ParametrizationList

from netsculpt.nets.masking import LayerParameter, layer_parameters

__all__ = ["layer_weights", "prunable"]

_NORMS = (nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.modules.batchnorm._NormBase)


def layer_weights(net: nn.Module) -> list[LayerParameter]:
    """The weights of a net: parameters of two or more dimensions, except those of norms.

    The lengths that weight normalisation keeps apart from its directions are not weights either.
    """
    return [
        entry
        for entry in layer_parameters(net)
        if entry.parameter.ndim > 1
        and not isinstance(entry.layer, _NORMS)
        and not _is_length(entry)
    ]


def _is_length(entry: LayerParameter) -> bool:
    """Whether a parameter is the lengths of a weight's rows, as torch's weight norms store them."""
    normed = isinstance(entry.layer, ParametrizationList) and any(
        isinstance(x, _WeightNorm) for x in entry.layer
    )
    stem = entry.leaf.removesuffix("_g")
    return (normed and entry.leaf == "original0") or (
        stem != entry.leaf and hasattr(entry.layer, f"{stem}_v")
    )


def prunable(net: nn.Module) -> dict[str, nn.Parameter]:
    """The weights of a net by name; biases and norms are neither pruned nor counted.

    >>> list(prunable(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))))
    ['0.weight']
    """
    return {weight.name: weight.parameter for weight in layer_weights(net)}
