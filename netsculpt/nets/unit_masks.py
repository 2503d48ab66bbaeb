"""Masks that keep or prune whole units or whole kernels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from netsculpt.core.errors import FormatError
from netsculpt.nets.masking import LayerParameter, layer_parameters

__all__ = ["kernel_mask", "unit_masks"]

Entries = Mapping[str, LayerParameter]  # by name


def kernel_mask(weight: Tensor, keep: Tensor) -> Tensor:
    """Mask that keeps or prunes whole kernels.

    Parameters
    ----------
    weight
        The weight of a convolution, [out, in, …].
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
    """Masks that keep or prune whole units of a layer.

    A pruned unit loses its row (or its kernels) and its bias; in the layers named as following its
    columns (after a flatten those of all its positions); in a norm its factor and its bias. What
    was pruned before stays pruned.

    Parameters
    ----------
    net
        Any net; not changed.
    layer
        Name of a linear layer or a convolution.
    keep
        Boolean [units], True = kept.
    following
        Names of all layers that read the units: the net itself does not say which do.

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
    entries = {entry.name: entry for entry in layer_parameters(net)}
    weight = _weight(entries, layer)
    if keep.dtype != torch.bool or keep.shape != weight.shape[:1]:
        raise FormatError(
            f"units to keep are {keep.dtype} {list(keep.shape)}, {layer!r} has {len(weight)}: "
            "booleans [units] are needed"
        )
    wanted = dict(_rows(entries, layer, keep))
    for name in following:
        if _weight(entries, name).ndim == 1:
            wanted |= _rows(entries, name, keep)
        else:
            wanted |= _columns(entries, name, keep)
    before = {name: entries[name].mask for name in wanted}
    return {
        name: mask if (old := before[name]) is None else mask & old for name, mask in wanted.items()
    }


def _weight(entries: Entries, layer: str) -> Tensor:
    entry = entries.get(f"{layer}.weight")
    if entry is None or entry.is_transposed:
        raise FormatError(
            f"{layer!r} is not a layer with a weight [out, in, …], the net's parameters are "
            f"{', '.join(entries)}: name a linear layer, a convolution or a norm"
        )
    return entry.parameter


def _rows(entries: Entries, layer: str, keep: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Masks of the weight and the bias of a layer, by unit."""
    for name in (f"{layer}.weight", f"{layer}.bias"):
        if name in entries:
            parameter = entries[name].parameter
            if len(parameter) != len(keep):
                raise FormatError(_misfit(layer, len(parameter), keep))
            rows = keep.to(parameter.device).reshape(-1, *(1,) * (parameter.ndim - 1))
            yield name, rows.expand(parameter.shape).clone()


def _columns(entries: Entries, layer: str, keep: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Mask of a weight that reads units, each at one position or, after a flatten, at several."""
    weight = _weight(entries, layer)
    positions, rest = divmod(weight.shape[1], len(keep))
    if rest or not positions or (weight.ndim > 2 and positions > 1):
        raise FormatError(_misfit(layer, weight.shape[1], keep))
    columns = keep.to(weight.device).repeat_interleave(positions)
    taps = (1,) * (weight.ndim - 2)
    yield f"{layer}.weight", columns.reshape(1, -1, *taps).expand(weight.shape).clone()


def _misfit(layer: str, n_units: int, keep: Tensor) -> str:
    return (
        f"{layer!r} reads {n_units} units, but the mask is of {len(keep)}: name only layers that "
        "read those units"
    )
