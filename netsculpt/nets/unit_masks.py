"""Masks that keep or prune whole units and whole kernels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from netsculpt.core.errors import FormatError
from netsculpt.nets.held import Place, places

__all__ = ["kernel_mask", "unit_masks"]

_TRANSPOSED = nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d


def kernel_mask(weight: Tensor, keep: Tensor) -> Tensor:
    """Keep or prune whole kernels.

    Parameters
    ----------
    weight
        Of a convolution, [out, in, …].
    keep
        Boolean [out, in], True = kept.

    Returns
    -------
    Tensor
        Boolean, of the shape of `weight`.
    """
    if keep.dtype != torch.bool or weight.ndim < 3 or keep.shape != weight.shape[:2]:
        raise FormatError(
            f"kernels to keep are {keep.dtype} {list(keep.shape)}, the weight is "
            f"{list(weight.shape)}: a convolution [out, in, …] and booleans [out, in] are needed"
        )
    taps = (1,) * (weight.ndim - 2)
    return keep.reshape(*keep.shape, *taps).expand(weight.shape).clone()


def unit_masks(
    net: nn.Module, layer: str, keep: Tensor, *, following: Sequence[str] = ()
) -> dict[str, Tensor]:
    """Keep or prune whole units of a layer, with what they take along.

    A unit takes its row (or its kernels) and its bias. In the layers named as following it takes
    its columns; after a flatten those of all its positions; of a norm its factor and its bias.
    What was pruned before stays so.

    Parameters
    ----------
    net
        Any net; left as it is.
    layer
        Name of a linear layer or a convolution.
    keep
        Boolean [units], True = kept.
    following
        Names of the layers that read the units. Nothing else says who does.

    Returns
    -------
    dict[str, Tensor]
        Masks for `mask_net`.

    Examples
    --------
    >>> from netsculpt.nets.masks import mask_net, masks_of
    >>> from netsculpt.nets.families import MLP
    >>> net = MLP((3, 2, 2)).build()
    >>> mask_net(net, unit_masks(net, "fc1", torch.tensor([True, False]), following=["fc2"]))
    >>> {name: int(mask.sum()) for name, mask in masks_of(net).items()}
    {'fc1.weight': 3, 'fc1.bias': 1, 'fc2.weight': 2}
    """
    found = {place.name: place for place in places(net)}
    weight = _weight(found, layer)
    if keep.dtype != torch.bool or keep.shape != weight.shape[:1]:
        raise FormatError(
            f"units to keep are {keep.dtype} {list(keep.shape)}, {layer!r} has {len(weight)}: "
            "booleans [units] are needed"
        )
    wanted = dict(_rows(found, layer, keep))
    for name in following:
        if _weight(found, name).ndim == 1:
            wanted |= _rows(found, name, keep)
        else:
            wanted |= _columns(found, name, keep)
    before = {name: found[name].mask for name in wanted}
    return {
        name: mask if (old := before[name]) is None else mask & old for name, mask in wanted.items()
    }


def _weight(found: Mapping[str, Place], layer: str) -> Tensor:
    place = found.get(f"{layer}.weight")
    if place is None or isinstance(place.layer, _TRANSPOSED):
        raise FormatError(
            f"{layer!r} is no layer with a weight [out, in, …], the net's parameters are "
            f"{', '.join(found)}: name a linear layer, a convolution or a norm"
        )
    return place.parameter


def _rows(found: Mapping[str, Place], layer: str, keep: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Masks of all that belongs to the units of a layer."""
    for name in (f"{layer}.weight", f"{layer}.bias"):
        if name in found:
            parameter = found[name].parameter
            if len(parameter) != len(keep):
                raise FormatError(_misfit(layer, len(parameter), keep))
            rows = keep.to(parameter.device).reshape(-1, *(1,) * (parameter.ndim - 1))
            yield name, rows.expand(parameter.shape).clone()


def _columns(found: Mapping[str, Place], layer: str, keep: Tensor) -> Iterator[tuple[str, Tensor]]:
    """The mask of a weight that reads units, each at one or, after a flatten, more positions."""
    weight = _weight(found, layer)
    positions, rest = divmod(weight.shape[1], len(keep))
    if rest or not positions or (weight.ndim > 2 and positions > 1):
        raise FormatError(_misfit(layer, weight.shape[1], keep))
    columns = keep.to(weight.device).repeat_interleave(positions)
    taps = (1,) * (weight.ndim - 2)
    yield f"{layer}.weight", columns.reshape(1, -1, *taps).expand(weight.shape).clone()


def _misfit(layer: str, n_units: int, keep: Tensor) -> str:
    return (
        f"{layer!r} takes {n_units} units, {len(keep)} are kept or pruned: name only layers that "
        "read those units"
    )
