"""Parameters, by their names before a pruning tool or a parametrization changed them."""

from __future__ import annotations

from collections.abc import Container

from torch import Tensor

from netsculpt.tracing.program import Constant

__all__ = ["constant_of", "is_binary", "plain"]


def plain(name: str, buffers: Container[str]) -> str:
    """A parameter's name before a pruning tool or a parametrization changed it.

    >>> plain("fc1.weight_orig", {"fc1.weight_mask"})
    'fc1.weight'
    """
    layer, inside, leaf = name.partition("parametrizations.")
    if inside:
        return layer + leaf.split(".")[0]
    stem = name.removesuffix("_orig")
    return stem if f"{stem}_mask" in buffers else name


def constant_of(
    value: Tensor, keep: Tensor | None, name: str, buffers: Container[str], *, trained: bool
) -> Constant:
    """The constant of a parameter, which is a mask itself if it is frozen and binary."""
    is_mask = not trained and keep is None and is_binary(value)
    return Constant(value, keep, plain(name, buffers), is_mask)


def is_binary(value: Tensor) -> bool:
    """Whether there are entries and all are 0 or 1."""
    return bool(value.numel()) and bool(((value == 0) | (value == 1)).all())
