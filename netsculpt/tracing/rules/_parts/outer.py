"""One number at several places, each with a constant of its own: as distances to prototypes."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from netsculpt.tracing.engine.activation import HIDES, NOTHING, Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.junction import join_sets
from netsculpt.tracing.engine.rows import distinct
from netsculpt.tracing.identity import copies
from netsculpt.tracing.program import Constant, Ref

__all__ = ["spread_apart"]


def spread_apart(
    call: Call, activation: Activation, constant: object, moving: Container[str], *, always: bool
) -> Activation:
    """The activation with a unit for each different constant that the same number meets.

    In x − p with x [1, D] and p [K, D], the K elements of a number differ as units do, not as
    positions. They are units where a weight or the net's output takes them along K, which shows
    later: then the net is followed again. With `always` they are in any case.
    """
    spread = activation.broadcast(call.op.shape)
    if not isinstance(constant, Constant) or _is_mask(constant):
        return spread
    value = constant.value.broadcast_to(call.op.shape)
    dims = [d for d in range(1, value.ndim) if _same(spread.units, d) and not _same(value, d)]
    dims = [d for d in dims if value.shape[d] > 1]
    elements = _elements(call, moving) if dims else None
    if elements is None:
        return spread
    dims = [d for d in dims if _same(elements.broadcast_to(value.shape), d)]
    builder = call.builder
    if not dims:
        return spread
    if not always and call.op.output not in builder.apart:
        builder.together.add(call.op.output)
        return spread
    present = spread.units != NOTHING
    index = torch.zeros((), dtype=torch.int64)
    for d in dims:
        place = torch.arange(value.shape[d]).view([-1 if x == d else 1 for x in range(value.ndim)])
        index = index * value.shape[d] + place
    keys = torch.stack([spread.units, index.broadcast_to(value.shape)], -1)[present].numpy()
    first, number = distinct(keys)
    numbers = np.full(value.shape, first.size)  # the last set has no units
    numbers[present.numpy()] = number
    members = np.append(keys[first, 0], NOTHING)[:, None]
    name = f"{call.junction_name}.apart"
    made = join_sets(builder, members, numbers, name, call.op.shape[1:])
    return replace(made, factor=spread.factor)


def _same(values: Tensor, dim: int) -> bool:
    """Whether values are the same at all indices along a dimension."""
    return values.shape[dim] < 2 or bool((values == values.narrow(dim, 0, 1)).all())


def _elements(call: Call, moving: Container[str]) -> Tensor | None:
    """Which elements of an earlier value the activation has, if it is written as an argument."""
    written = call.program.makers.get(call.op.output) if call.program is not None else None
    if call.program is None or written is None or written.name != call.op.name:
        return None
    (at,) = [n for n, x in enumerate(call.args[:2]) if isinstance(x, Activation)]
    named = written.args[at]
    found = copies(call.program, named.name, moving) if isinstance(named, Ref) else None
    return None if found is None else found.elements


def _is_mask(constant: Constant) -> bool:
    """Whether a constant only hides elements, or lets them pass."""
    value = constant.value
    if value.is_complex():
        return False
    hides = (value == 0) | (value == 1) | (value <= HIDES)
    return constant.parameter is None and bool(hides.all())
