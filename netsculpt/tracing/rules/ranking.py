"""Elements chosen by their size: any of a line can be each of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.choice import Choice, Ranked
from netsculpt.tracing.program import Op, Program
from netsculpt.tracing.rules._parts.meeting import each_along
from netsculpt.tracing.rules.elementwise import OPS as _FUNCTIONS
from netsculpt.tracing.rules.softmax import OPS as _SOFTMAX
from netsculpt.tracing.rules.unchanged import OPS as _UNCHANGED

__all__ = ["ranked", "ranking"]

_INDICES = ("argmax", "argmin", "argsort")
_DIM = {"argsort": 1, "msort": None, "sort": 1, "topk": 2, "kthvalue": 2, "mode": 1}
OPS = (*_INDICES, "kthvalue", "mode", "msort", "sort", "topk")
_KEEPS_ORDER = (*_FUNCTIONS, *_SOFTMAX, *_UNCHANGED)
_BACK = {"scatter": 3, "scatter_add": 3}  # the argument that is put back


def ranking(call: Call) -> Any:
    """The chosen elements, and indices that come from no unit.

    Elements that are only put back to their places, as in an activation function that keeps the
    largest, stay the units that they were. Otherwise each rank is a unit that the whole line feeds.
    """
    name, activation, shape = call.op.name, call.activation(), call.op.shape
    n_dims = activation.units.ndim
    stable = name in ("argsort", "sort") and isinstance(call.arg(1, "dim", -1), bool)
    index = 2 if stable else _DIM.get(name, 1)
    default = None if name in ("argmax", "argmin") else -1
    dim = 0 if index is None else call.arg(index, "dim", default)
    if dim is None:
        raise call.refusal(
            "it compares all elements, those of other samples too: name one dimension after the "
            "first"
        )
    dim %= n_dims
    choice = Choice.along(dim, activation, shape)
    if name not in _INDICES and bool((activation.units < NOTHING).any()):
        raise call.refusal("it puts tokens in order: take an embedding of them first")
    if name in _INDICES:
        call.leave_out("which elements are chosen depends on values: indices make no edges")
        return choice
    values = ranked(call, activation, dim, shape)
    return values if name == "msort" else (values, choice)


def ranked(
    call: Call, activation: Activation, dim: int, shape: tuple[int, ...]
) -> Activation:  # fmt: skip
    """Elements of an activation that are chosen along a dimension."""
    call.leave_out("which elements are chosen depends on values: indices make no edges")
    if call.program is not None and _only_put_back(call.program, call.op):
        return Ranked.of(activation, shape)
    size = shape[dim] if len(shape) == len(activation.shape) else 1
    chosen = each_along(call, activation, dim, size, positions=False)
    return chosen.changed(lambda x: x.reshape(shape))


def _only_put_back(program: Program, op: Op) -> bool:
    """Whether its elements are only put back to their places, in the same order as they came."""
    return all(_puts_back(program, taker, name) for taker, name in _takers(program, op))


def _takers(program: Program, op: Op) -> Iterator[tuple[Op, str]]:
    """Operations that take the values of an operation, which may return indices too."""
    if program.uses[op.output] > program.taken[op.output]:
        yield op, ""  # an output of the net
    for taker in program.takers.get(op.output, []):
        if taker.name != "getitem":
            yield taker, op.output
        elif taker.args[1] == 0:
            yield from _takers(program, taker)


def _puts_back(program: Program, op: Op, name: str) -> bool:
    if op.name in _BACK:
        at = _BACK[op.name]
        return len(op.args) > at and getattr(op.args[at], "name", None) == name
    if op.name not in _KEEPS_ORDER or op.inputs != [name]:
        return False
    return all(_puts_back(program, taker, by) for taker, by in _takers(program, op))
