"""Operations that move, repeat or leave out elements or values: run on the units themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.choice import Choice, Placed
from netsculpt.tracing.program import Constant, leaves

__all__ = ["moves"]

_LIKE = ("expand_as", "reshape_as", "view_as")  # which take a shape from their second argument
OPS = (
    *("alias", "cat", "chunk", "clone", "contiguous", "detach", "diagonal", "expand", "flatten"),
    *("flip", "getitem", "movedim", "narrow", "permute", "pixel_shuffle", "pixel_unshuffle"),
    *("repeat", "repeat_interleave", "rot90", "select_scatter", "slice_scatter", "tile", "unfold"),
    *("reshape", "roll", "select", "slice", "split", "split_with_sizes", "squeeze", "stack", "t"),
    *("transpose", "unbind", "unflatten", "unsqueeze", "view", "_unsafe_view", "channel_shuffle"),
    *("adjoint", "concat", "concatenate", "fliplr", "flipud", "hsplit", "hstack", "mH", "mT"),
    *("moveaxis", "numpy_T", "swapaxes", "swapdims", "tensor_split", "vsplit", "vstack", "ravel"),
    *("atleast_1d", "atleast_2d", "atleast_3d", "broadcast_to", "unsafe_chunk", "unsafe_split"),
    *(
        "dstack",
        "column_stack",
    ),
    *_LIKE,
)


def moves(call: Call) -> Any:
    """Units and factors, moved in the same way."""
    if call.op.name == "getitem" and isinstance(call.args[0], tuple):
        return _item(call)
    if call.op.name in _LIKE and isinstance(call.args[0], Constant):
        return call.args[0].changed(_reshaped(call))
    if len(call.activations) == 1 and isinstance(call.args[0], Choice | Placed):
        moved = call.args[0].changed(_by(call))
        if isinstance(moved.units, Tensor):
            return moved
    units = _run(call, lambda x: x.units, NOTHING, torch.int64)
    if units is None:  # an item of values
        raise call.refusal("it takes indices, or another value that has no units")
    activations = (x for x in leaves(call.args) if isinstance(x, Activation))
    scaled = any(x.factor is not None for x in activations)
    factors = _run(call, lambda x: x.factors, 1.0, torch.float64) if scaled else None
    if isinstance(units, Tensor):
        return Activation(units, factors, call.private)
    parts = [None] * len(units) if factors is None else factors
    pairs = zip(units, parts, strict=True)
    return tuple(Activation(unit, factor, call.private) for unit, factor in pairs)


def _item(call: Call) -> Any:
    """One of several values."""
    value = call.args[0][call.args[1]]
    if value is None:
        raise call.refusal("it takes indices, or another value that has no units")
    return call.passed(value) if isinstance(value, Activation) else value


def _by(call: Call) -> Callable[[Tensor], Tensor]:
    """The operation, on what takes the place of the activation."""

    def moved(values: Tensor) -> Tensor:
        result: Tensor = call.op.run(lambda leaf: values if isinstance(leaf, Activation) else leaf)
        return result

    return moved


def _reshaped(call: Call) -> Callable[[Tensor], Tensor]:
    shape = call.op.shape
    expands = call.op.name == "expand_as"
    return lambda x: x.expand(shape) if expands else x.reshape(shape)


def _run(
    call: Call, tensor: Callable[[Activation], Tensor], constant: float, dtype: torch.dtype
) -> Any:
    def change(leaf: Any) -> Any:
        if isinstance(leaf, Activation):
            return tensor(leaf)
        if isinstance(leaf, Constant):
            return torch.full_like(leaf.value, constant, dtype=dtype)
        return leaf

    return call.op.run(change)
