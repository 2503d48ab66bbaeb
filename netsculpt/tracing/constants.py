"""Operations on tensors that do not depend on the inputs: run as they are, masks followed.

A product with a mask, `where` and `masked_fill` say which entries are kept; operations that move
entries move the mask too.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping, Sequence, ValuesView
from typing import Any

import torch
from torch import Tensor

from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.program import Constant
from netsculpt.tracing.rules.moves import OPS as _MOVES

__all__ = ["evaluated"]

_NESTED = (list, tuple, ValuesView)

_SAME = (
    "_to_copy",
    "abs",
    "alias",
    "clone",
    "contiguous",
    "detach",
    "lift_fresh_copy",
    "neg",
    "to",
)
_RANDOM = (
    "bernoulli",
    "multinomial",
    "normal",
    "rand",
    "rand_like",
    "randint",
    "randn",
    "randperm",
)


def evaluated(call: Call) -> Any:
    """The value, or values, of an operation on constants."""
    if call.op.name in _RANDOM:
        raise call.refusal("it draws random numbers, so the net is not the same at every call")
    if call.op.name == "getitem":
        return operator.getitem(*call.args)
    if not hasattr(torch.ops.aten, call.op.name):
        raise call.refusal("it is run on constants, and is no operation of ATen")
    value = _run(call, lambda x: x.value)
    given = _constants((call.args, call.op.options))
    named = sorted((x for x in given if x.parameter), key=lambda x: x.is_mask)
    parameter = named[0].parameter if named else None
    if isinstance(value, list | tuple):
        keeps = _moved(call, given)
        kept = [None] * len(value) if keeps is None else keeps
        return tuple(Constant(x, keep, parameter) for x, keep in zip(value, kept, strict=True))
    if not isinstance(value, Tensor):
        return value
    compared = value.dtype == torch.bool
    binary = bool(((value == 0) | (value == 1)).all())
    if compared or (binary and given and all(x.is_mask for x in given)):
        return Constant(value, None, parameter, is_mask=True)
    return Constant(value, _kept(call, given, value), parameter)


def _kept(call: Call, given: Sequence[Constant], value: Tensor) -> Tensor | None:
    """Which entries of a constant are kept; None: those that are not 0."""
    name = call.op.name
    keeps = [x.keep for x in given if x.keep is not None]
    if name == "mul":
        keeps += [x.value != 0 for x in given if x.is_mask]
    elif name == "masked_fill" and _is_zero(call.args[2]):
        keeps.append(~call.constant(1).value)
    elif name == "where" and len(call.args) == 3 and _is_zero(call.args[2]):
        keeps.append(call.constant(0).value)
    elif name != "div":
        moved: Tensor | None = _moved(call, given)
        return moved
    if not keeps:
        return None
    everything = torch.ones_like(value, dtype=torch.bool)
    return functools.reduce(torch.logical_and, keeps, everything)


def _moved(call: Call, given: Sequence[Constant]) -> Any:  # a tensor, several, or None
    """Masks after an operation that moves entries; None: there were none."""
    if all(x.keep is None for x in given):
        return None
    if call.op.name in _SAME:
        return given[0].keep
    if call.op.name in _MOVES:
        return _run(call, lambda x: x.value != 0 if x.keep is None else x.keep)
    raise call.refusal("it is run on a weight that a mask prunes, and may fill what was pruned")


def _is_zero(given: Any) -> bool:
    return bool((given.value == 0).all()) if isinstance(given, Constant) else given == 0


def _run(call: Call, of: Callable[[Constant], Tensor]) -> Any:
    given = (call.args, dict(call.op.options))
    floats = {of(x).dtype for x in _constants(given) if of(x).is_floating_point()}
    if len(floats) > 1:  # what stands in a weight's place may be wider than the weight
        widest = functools.reduce(torch.promote_types, floats)
        args, options = _replaced(
            given, lambda x: of(x).to(widest) if of(x).is_floating_point() else of(x)
        )
    else:
        args, options = _replaced(given, of)
    return getattr(torch.ops.aten, call.op.name)(*args, **options)


def _replaced(given: Any, of: Callable[[Constant], Tensor]) -> Any:
    if isinstance(given, Constant):
        return of(given)
    if isinstance(given, list | tuple):
        return type(given)(_replaced(x, of) for x in given)
    if isinstance(given, dict):
        return {key: _replaced(x, of) for key, x in given.items()}
    return given


def _constants(given: Any) -> list[Constant]:
    if isinstance(given, Constant):
        return [given]
    items = given.values() if isinstance(given, Mapping) else given
    return [x for y in items for x in _constants(y)] if isinstance(items, _NESTED) else []
