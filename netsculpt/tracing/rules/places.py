"""Elements put to other places, or added there: message passing, routing, sparse activations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from netsculpt.tracing.engine.activation import NOTHING, Activation, factor_per_unit, of_nothing
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.choice import Choice, Placed, Ranked
from netsculpt.tracing.engine.junction import join_sets
from netsculpt.tracing.engine.rows import distinct
from netsculpt.tracing.engine.uneven import even
from netsculpt.tracing.rules._parts.looked_up import one_of
from netsculpt.tracing.rules._parts.meeting import any_along, meet, merge_inputs

__all__ = ["places"]

_ALONG = ("index_add", "index_copy", "index_fill", "index_reduce")  # one index for each slice
_ADDS = ("scatter_add", "scatter_reduce", "index_add", "index_reduce")
OPS = ("scatter", "scatter_add", "scatter_reduce", "index_put", "_unsafe_index_put", *_ALONG)


def places(call: Call) -> Any:
    """Each element of the result: the units that arrive there, and what was there.

    Where indices depend on the inputs, an element may go anywhere along the dimension.
    """
    base, index, source, dims = _arguments(call)
    shape = call.op.shape
    open_ = [x for x in (index if isinstance(index, list) else [index])
             if isinstance(x, Activation)]  # fmt: skip
    before = base if isinstance(base, Activation) else of_nothing(shape)
    if isinstance(source, Ranked):
        if (
            isinstance(index, Choice)
            and index.of.shape == source.whole.shape
            and not call.op.name.startswith("index")
        ):
            return meet(call, [before, source.whole])
        raise call.refusal("it puts elements that were chosen by size to places of other elements")
    if not open_:
        return _at_constants(call, before, index, source, dims)
    call.leave_out("which elements are chosen depends on values: indices make no edges")
    if before.is_empty and call.op.name == "scatter" and _is_single(index, dims[0]):
        rows = one_of(call, index, shape[dims[0]])  # one 1 among zeros
        return rows.changed(lambda x: x.squeeze(dims[0]).movedim(-1, dims[0]))
    if not isinstance(source, Activation) or source.is_empty:
        return replace(before, private=False)
    if len(dims) != 1:
        raise call.refusal("its indices in several dimensions depend on the inputs")
    anywhere = any_along(call, even(call, source, []), dims)
    if any(x not in (1, y) for x, y in zip(anywhere.shape, shape, strict=True)):
        raise call.refusal("its source is smaller than where it is put, and its indices open")
    arrives = anywhere.broadcast(shape)
    if before.is_empty or torch.equal(before.units, arrives.units):
        return arrives
    return meet(call, [before, arrives])


def _is_single(index: Any, dim: int) -> bool:
    """Whether indices are those of one largest or smallest element, along a dimension of size 1."""
    choice = index.choice if isinstance(index, Placed) else index
    if not isinstance(choice, Choice):
        return False
    return len(choice.shape) < len(choice.of.shape) and index.shape[dim] == 1


def _arguments(call: Call) -> tuple[Any, Any, Any, list[int]]:
    """What is changed, the indices, what is put there, and the dimensions of the indices."""
    if "index_put" in call.op.name:
        arrays = list(call.args[1])
        return (
            call.args[0],
            arrays,
            call.args[2],
            [d for d, x in enumerate(arrays) if x is not None],
        )
    base, dim, index = call.args[:3]
    source = call.args[3] if len(call.args) > 3 else call.op.kwargs.get("value")
    return base, index, source, [dim % max(len(call.op.shape), 1)]


def _at_constants(
    call: Call, before: Activation, index: Any, source: Any, dims: list[int]
) -> Activation:
    shape = call.op.shape
    where = _positions(call, index, dims)  # flat places, of the shape of what is put there
    put = source if isinstance(source, Activation) else of_nothing(())
    if call.op.name.startswith("scatter"):
        put = put.changed(lambda x: x[tuple(slice(n) for n in where.shape)] if x.ndim else x)
    put = put.broadcast(where.shape)
    adds = call.op.name in _ADDS or (
        "index_put" in call.op.name and call.arg(3, "accumulate", False)
    )
    if not adds:

        def replaced(old: Tensor, new: Tensor) -> Tensor:
            flat = old.reshape(-1).clone()
            flat[where.reshape(-1)] = new.reshape(-1)
            return flat.view(shape)

        factor = None
        if before.factor is not None or put.factor is not None:
            factor = replaced(before.factors, put.factors)
        return Activation(replaced(before.units, put.units), factor)
    return _added(call, before, where, put)


def _positions(call: Call, index: Any, dims: list[int]) -> Tensor:
    flat = torch.arange(int(np.prod(call.op.shape))).view(call.op.shape)
    if isinstance(index, list):
        arrays = [None if x is None else x.value for x in index]
        chosen: Tensor = torch.ops.aten.index(flat, arrays)
        return chosen
    if call.op.name in _ALONG:
        return flat.index_select(dims[0], index.value)
    narrow = [slice(None) if d == dims[0] else slice(n) for d, n in enumerate(index.value.shape)]
    return flat[tuple(narrow)].gather(dims[0], index.value)


def _added(call: Call, before: Activation, where: Tensor, put: Activation) -> Activation:
    """Sums of what arrives at each place."""
    n_places = int(np.prod(call.op.shape))
    both = Activation(
        torch.cat([before.units.reshape(-1), put.units.reshape(-1)]),
        torch.cat([before.factors.reshape(-1), put.factors.reshape(-1)]),
    )
    both = even(call, both, [])
    place = np.concatenate([np.arange(n_places), where.reshape(-1).numpy()])
    units, present = both.units.numpy(), (both.units != NOTHING).numpy()
    pairs = np.unique(np.stack([place[present], units[present]], axis=1), axis=0)
    first = np.flatnonzero(np.diff(pairs[:, 0], prepend=-1))
    number = np.cumsum(np.diff(pairs[:, 0], prepend=-1) != 0) - 1  # of its place, among those
    rank = np.arange(len(pairs)) - first[number]
    again = np.flatnonzero(rank)
    alike = pairs[again, 1], pairs[again - 1, 1]
    if not call.builder.are_features(np.concatenate(alike)):  # of a vector, they are units
        merge_inputs(call, *alike)
    width = int(rank.max(initial=0)) + 1
    members = np.full((n_places, width), NOTHING)
    members[pairs[:, 0], rank] = pairs[:, 1]
    factor = factor_per_unit(both.units, both.factors, call.builder.layers[-1].stop)
    assert factor is not None  # as it is even
    if width == 1:
        same = torch.from_numpy(members[:, 0]).view(call.op.shape)
        factors = torch.from_numpy(factor)[same.clamp(min=0)].where(same != NOTHING, 1.0)
        return Activation(same, None if bool((factors == 1).all()) else factors)
    keys = members
    if call.builder.options.granularity == "spatial":  # each place is a unit, whatever it takes
        of_sample = np.arange(n_places) % int(np.prod(call.op.shape[1:]))
        keys = np.column_stack([members, of_sample])
    begin, numbers = distinct(keys)
    sets = members[begin]
    return join_sets(
        call.builder, sets, numbers.reshape(call.op.shape), call.junction_name,
        call.op.shape[1:], factor[sets],
    )  # fmt: skip
