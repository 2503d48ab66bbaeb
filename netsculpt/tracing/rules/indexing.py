"""Elements chosen by indices: constant ones, or any along a dimension if they depend on inputs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from netsculpt.tracing.engine.activation import Activation, of_nothing
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.choice import Choice, Placed
from netsculpt.tracing.program import Constant, mapped
from netsculpt.tracing.rules._parts.meeting import any_along
from netsculpt.tracing.rules.embedding import embedding
from netsculpt.tracing.rules.ranking import ranked

__all__ = ["indexing"]

OPS = ("gather", "index", "index_select", "take_along_dim")
_CHOSEN = "which elements are chosen depends on values: indices make no edges"


def indexing(call: Call) -> Activation:
    """Units and factors at the indices."""
    activation, *indices = call.args
    if not isinstance(activation, Activation):
        return _of_constant(call, activation)
    if len(call.activations) > 1:
        return _open(call, activation)
    constants = mapped(indices, lambda x: x.value if isinstance(x, Constant) else x)
    choose = getattr(torch.ops.aten, call.op.name)
    return call.passed(activation.changed(lambda x: choose(x, *constants)))


def _open(call: Call, activation: Activation) -> Activation:
    """Any of the elements that the indices could choose."""
    call.leave_out(_CHOSEN)
    shape, n_dims = call.op.shape, len(activation.shape)
    if call.op.name == "index":
        return _by_arrays(call, activation)
    at = (2, "dim") if call.op.name == "take_along_dim" else (1, "dim")
    dim, index = call.arg(*at) % n_dims, call.activations[1]
    if call.op.name == "index_select":
        return any_along(call, activation, [dim]).broadcast(shape)
    for other in set(range(n_dims)) - {dim}:
        activation = _narrowed(activation, other, shape[other])
    whole = isinstance(index, Choice) and index.dim == dim and index.of.shape == activation.shape
    if whole:  # as far as the order goes, it is what was compared
        return ranked(call, activation, dim, shape)
    return any_along(call, activation, [dim]).broadcast(shape)


def _narrowed(activation: Activation, dim: int, size: int) -> Activation:
    return activation.changed(lambda x: x.narrow(dim, 0, size))


def _by_arrays(call: Call, activation: Activation) -> Activation:
    """Advanced indexing, where some of the arrays depend on the inputs."""
    arrays = list(call.args[1])
    dims = [dim for dim, array in enumerate(arrays) if isinstance(array, Activation)]
    same = any_along(call, activation, dims)

    def array(leaf: Any) -> Any:
        if isinstance(leaf, Activation):
            return torch.zeros(leaf.shape, dtype=torch.int64)
        return leaf.value if isinstance(leaf, Constant) else leaf

    chosen = mapped(arrays, array)
    moved = same.changed(lambda x: torch.ops.aten.index(x, chosen))
    fixed = all(isinstance(size, int) for size in call.op.shape)
    if not fixed or tuple(moved.shape) != call.op.shape:
        raise call.refusal(
            "how many elements it returns depends on a mask, so the net has no fixed shape. "
            "Multiply by the mask instead, as in a dense form of the layer"
        )
    return moved


def _of_constant(call: Call, constant: Any) -> Activation:
    """Rows of a table by tokens, as an embedding has them."""
    index = call.activations[0]
    chosen = isinstance(index, Choice | Placed)
    by_row = call.op.name == "index" and len(call.args[1]) == 1
    by_row |= call.op.name == "index_select" and call.args[1] == 0
    is_table = isinstance(constant, Constant) and constant.value.ndim == 2 and by_row
    if index.is_empty and not (chosen and is_table):
        call.leave_out(_CHOSEN)
        return of_nothing(call.op.shape)
    if not is_table:
        raise call.refusal(
            "its indices are an activation, and it chooses from a constant that is not a table "
            "with one row per token"
        )
    by_id = replace(call.op, name="embedding", args=(constant, index), kwargs={})
    rows: Activation = embedding(replace(call, op=by_id))
    return rows
