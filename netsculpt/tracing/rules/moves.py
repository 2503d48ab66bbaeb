"""Operations that move, repeat or leave out elements: run on the units themselves."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.program import Constant

__all__ = ["moves"]

OPS = (
    *("alias", "cat", "chunk", "clone", "contiguous", "detach", "diagonal", "expand", "flatten"),
    *("flip", "movedim", "narrow", "permute", "pixel_shuffle", "pixel_unshuffle", "repeat"),
    *("repeat_interleave", "rot90", "select_scatter", "slice_scatter", "tile", "unfold"),
    *("reshape", "roll", "select", "slice", "split", "split_with_sizes", "squeeze", "stack", "t"),
    *("transpose", "unbind", "unflatten", "unsqueeze", "view", "_unsafe_view", "channel_shuffle"),
)
_BY_SHAPE = {"view": "reshape", "_unsafe_view": "reshape"}  # shadows have strides of their own


def moves(call: Call) -> Any:
    """Units and factors, moved alike."""
    units = _run(call, lambda x: x.units, NOTHING)
    factors = _run(call, lambda x: x.factors, 1.0) if _has_factor(call.args) else None
    if isinstance(units, Tensor):
        return Activation(units, factors, call.private)
    parts = [None] * len(units) if factors is None else factors
    pairs = zip(units, parts, strict=True)
    return tuple(Activation(unit, factor, call.private) for unit, factor in pairs)


def _run(call: Call, of: Any, constant: float) -> Any:
    def filled(given: Any) -> Any:
        if isinstance(given, Activation):
            return of(given)
        if isinstance(given, Constant):
            return torch.full_like(given.value, constant, dtype=type_of[constant])
        if isinstance(given, list | tuple):
            return type(given)(filled(x) for x in given)
        return given

    type_of = {NOTHING: torch.int64, 1.0: torch.float64}
    options = {key: filled(x) for key, x in call.op.options.items()}
    name = _BY_SHAPE.get(call.op.name, call.op.name)
    return getattr(torch.ops.aten, name)(*filled(call.args), **options)


def _has_factor(given: Any) -> bool:
    if isinstance(given, Activation):
        return given.factor is not None
    return isinstance(given, list | tuple) and any(_has_factor(x) for x in given)
