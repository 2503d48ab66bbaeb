"""Operations on tensors that do not depend on the inputs: run as they are, with their masks.

A product with a mask, `where` and `masked_fill` say which entries are kept. Operations that move
entries move the mask too.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from netsculpt.tracing.addresses import NOWHERE, Addresses, Stored, addresses, is_view, memory_of
from netsculpt.tracing.engine.activation import of_nothing
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.names import is_binary
from netsculpt.tracing.program import Constant, leaves
from netsculpt.tracing.rules.elementwise import OPS as _ELEMENTWISE
from netsculpt.tracing.rules.indexing import OPS as _INDEXING
from netsculpt.tracing.rules.moves import OPS as _MOVES

__all__ = ["evaluated"]

_SAME = (
    *("_to_copy", "abs", "alias", "clone", "contiguous", "detach", "lift_fresh_copy", "neg", "to"),
)
_PICKS = ("embedding", "take", *_INDEXING)  # entries of the first argument, by the others
_BY_ENTRY = {*_SAME, *_ELEMENTWISE, "add", "div", "masked_fill", "mul", "sub", "where"}
_RANDOM = (
    *("bernoulli", "multinomial", "normal", "rand", "rand_like", "randint", "randn", "randperm"),
)


def evaluated(call: Call) -> Any:
    """The value, or values, of an operation on constants."""
    if call.op.name in _RANDOM:
        call.leave_out("it draws random numbers, which come from no unit")
        return of_nothing(call.op.shape)
    if call.op.name == "getitem":
        return call.op.run(lambda leaf: leaf)
    if not hasattr(torch.ops.aten, call.op.name):
        raise call.refusal("it is run on constants, and is not an operation of ATen")
    value = _run(call, lambda x: x.value)
    constants = _constants(call)
    named = sorted((x for x in constants if x.parameter), key=lambda x: x.is_mask)
    parameter = named[0].parameter if named else None
    if isinstance(value, list | tuple):
        keeps = _moved(call, constants)
        made = _moved_from(call, named, value)
        every = (([None] * len(value) if x is None else x) for x in (keeps, made))
        return tuple(
            Constant(x, keep, parameter, made_from=stored)
            for x, keep, stored in zip(value, *every, strict=True)
        )
    if not isinstance(value, Tensor):
        return value
    of_masks = constants and all(x.is_mask for x in constants)
    if value.dtype == torch.bool or (of_masks and is_binary(value)):
        return Constant(value, None, parameter, is_mask=True)
    if parameter is None and all(x.keep is None for x in constants):
        return Constant(value)  # no weight: its zeros are numbers like others
    made_from = _made_from(call, named, value)
    return Constant(value, _kept(call, constants, value), parameter, made_from=made_from)


def _made_from(call: Call, named: Sequence[Constant], value: Tensor) -> Stored | None:
    """The stored scalars that the entries of a value are functions of, one by one; None: its own.

    So 2 W, W² and g W/|W| are made of the scalars of W, which count once.
    """
    same = [x for x in named if x.shape == value.shape and not x.is_mask]
    if call.op.name not in _BY_ENTRY or len({x.parameter for x in same}) != 1:
        moved: Stored | None = _moved_from(call, named, value)
        return moved
    return same[0].stored


def _moved_from(call: Call, named: Sequence[Constant], value: Any) -> Any:  # one, or several
    """The same after an operation that moves entries; the views that it makes need no other."""
    if call.op.name not in (*_MOVES, *_PICKS) or not named:
        return None
    several = isinstance(value, list | tuple)
    values = list(value) if several else [value]
    sources = [x.stored for x in named if not x.is_mask]
    if all(x.made_from is None for x in named) and all(
        any(is_view(part, x) for x in sources) for part in values
    ):
        return None
    picks = call.op.name in _PICKS

    def places(x: Constant) -> Tensor:
        if x.parameter is not None and not x.is_mask:
            return addresses(x.stored)
        return x.value if picks else torch.full(x.shape, NOWHERE)

    memory = tuple(tensor for x in sources for tensor in memory_of(x))
    made = _run(call, places)
    return [Addresses(x, memory) for x in made] if several else Addresses(made, memory)


def _kept(call: Call, constants: Sequence[Constant], value: Tensor) -> Tensor | None:
    """Which entries of an operation's value are kept; None: the nonzero ones."""
    name = call.op.name
    keeps = [x.keep for x in constants if x.keep is not None]
    if name == "mul":
        keeps += [x.value != 0 for x in constants if x.is_mask]
    elif name == "masked_fill" and _is_zero(call.args[2]):
        keeps.append(~call.constant(1).value)
    elif name == "where" and len(call.args) == 3 and _is_zero(call.args[2]):
        keeps.append(call.constant(0).value)
    elif name != "div":
        moved: Tensor | None = _moved(call, constants)
        return moved
    if not keeps:
        return None
    everything = torch.ones_like(value, dtype=torch.bool)
    return functools.reduce(torch.logical_and, keeps, everything)


def _moved(call: Call, constants: Sequence[Constant]) -> Any:  # a tensor, several, or None
    """Masks after an operation that moves entries; None if there were none."""
    if all(x.keep is None for x in constants):
        return None
    if call.op.name in _SAME:
        return constants[0].keep
    if call.op.name in _PICKS:
        picked = _constants(call)[0]
        return _run(call, lambda x: x.keep if x is picked and x.keep is not None else x.value)
    if call.op.name in _MOVES:
        return _run(call, lambda x: x.value != 0 if x.keep is None else x.keep)
    raise call.refusal("it is run on a weight that a mask prunes, and may fill pruned entries")


def _is_zero(value: Any) -> bool:
    return bool((value.value == 0).all()) if isinstance(value, Constant) else value == 0


def _run(call: Call, tensor: Callable[[Constant], Tensor]) -> Any:
    constants = _constants(call)
    floats = {tensor(x).dtype for x in constants if tensor(x).is_floating_point()}
    # a tensor in a weight's place may have a wider type than the weight
    widest = functools.reduce(torch.promote_types, floats) if len(floats) > 1 else None

    def change(leaf: Any) -> Any:
        value = tensor(leaf) if isinstance(leaf, Constant) else leaf
        wider = widest is not None and isinstance(leaf, Constant) and value.is_floating_point()
        return value.to(widest) if wider else value

    return call.op.run(change)


def _constants(call: Call) -> list[Constant]:
    return [x for x in leaves((call.args, call.op.kwargs)) if isinstance(x, Constant)]
