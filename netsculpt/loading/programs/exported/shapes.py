"""Every shape that a file claims against the one that torch finds, on tensors without data.

So a file can make the walk along it take about as much memory as `max_bytes`, and not more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from netsculpt.core.errors import FormatError, LimitError
from netsculpt.files.words import shown
from netsculpt.loading.programs.exported.operations import FACTORIES
from netsculpt.loading.programs.exported.recurrent import GATES, fitting
from netsculpt.tracing.program import Op, Program, Ref

__all__ = ["check_shapes"]

_NOTED = 8  # bytes for each element of each activation: the walk notes its unit
_WORKED = 64  # and while it works on one activation
_META = torch.device("meta")
_MOST_PARTS = 10_000
_MOST_STEPS = 10_000


def check_shapes(
    program: Program, dtypes: Mapping[str, torch.dtype], *, max_bytes: int, where: str
) -> None:
    """Follow all operations on tensors that have a shape and a type only."""
    values: dict[str, Any] = {name: x.value.to("meta") for name, x in program.constants.items()}
    room = _Room(max_bytes, where)
    for name, shape in program.inputs.items():
        room.take(math.prod(shape), f"input '{name}'")
        values[name] = torch.empty(shape, dtype=dtypes[name], device="meta")
    for op in program.ops:
        value = values[op.output] = _value(op, values, where)
        if isinstance(value, Tensor) and tuple(value.shape) != op.shape:
            raise FormatError(
                f"{where} says that {_told(op)} gives {list(op.shape)}, which torch finds to be "
                f"{list(value.shape)}: it is damaged or made up; save the program again"
            )
        given = value if isinstance(value, list | tuple) else [value]
        room.take(sum(x.numel() for x in given if isinstance(x, Tensor)), _told(op))


class _Room:
    """Memory for elements that is left."""

    def __init__(self, max_bytes: int, where: str) -> None:
        self.left, self.max_bytes, self.where = max_bytes, max_bytes, where

    def take(self, n_elements: int, what: str) -> None:
        self.left -= n_elements * _NOTED
        if self.left < 0 or n_elements * _WORKED > self.max_bytes:
            raise LimitError(
                f"{self.where} claims {n_elements} elements at {what}, for which the limit of "
                f"{self.max_bytes} bytes has no room: export the net with a batch of 1, or raise "
                "max_bytes (--max-bytes) if the file is trusted and the memory is there"
            )


def _value(op: Op, values: Mapping[str, Any], where: str) -> Any:
    args, options = _filled((op.args, dict(op.options)), values)
    if op.name == "getitem":
        return args[0][args[1]]
    if op.name in FACTORIES:
        options["device"] = _META
    if op.name in GATES and not fitting(op.name, args):
        raise FormatError(
            f"{where} calls {_told(op)} with states or weights that do not fit, or in a way that "
            "is not followed: export the net on a batch of sequences that are not packed"
        )
    _check_effort(op, args)
    try:
        with torch.no_grad():
            return getattr(torch.ops.aten, op.name)(*args, **options)
    except Exception as error:
        reason = shown(str(error).strip().partition("\n")[0] or type(error).__name__)
        raise FormatError(
            f"{where} calls {_told(op)} with arguments that torch refuses ({reason}): it is "
            "damaged or made up; save the program again"
        ) from None


def _filled(given: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(given, Ref):
        return values[given.name]
    if isinstance(given, torch.device):
        return _META
    if isinstance(given, dict):
        return {key: _filled(x, values) for key, x in given.items()}
    if isinstance(given, list | tuple):
        return type(given)(_filled(x, values) for x in given)
    return given


def _check_effort(op: Op, args: tuple[Any, ...]) -> None:
    """Refuse what would take very many steps, or take a tensor apart into very many."""
    if op.name in GATES:
        n_steps, most = max(args[0].shape[:2], default=0), _MOST_STEPS
    elif op.name in ("chunk", "split", "unbind"):
        n_steps, most = _n_parts(op.name, args), _MOST_PARTS
    else:
        return
    if n_steps > most:
        raise LimitError(
            f"{_told(op)} takes {n_steps} steps or gives as many parts, at most {most} are "
            "followed: export the net on a shorter example"
        )


def _n_parts(name: str, args: tuple[Any, ...]) -> int:
    at = 1 if name == "unbind" else 2
    length: int = args[0].shape[args[at] if len(args) > at else 0]
    if name == "unbind":
        return length
    if isinstance(args[1], int):
        return args[1] if name == "chunk" else length // max(args[1], 1)
    return len(args[1])


def _told(op: Op) -> str:
    return f"operation '{op.name}'" + (f" in layer '{op.layer}'" if op.layer else "")
