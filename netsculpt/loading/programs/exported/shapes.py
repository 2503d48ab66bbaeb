"""Check every shape that a file claims, by running torch on tensors without data.

So following the program takes about `max_bytes` of memory at most.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from netsculpt.core.errors import FormatError, LimitError
from netsculpt.files.words import reason
from netsculpt.loading.programs.exported.operations import FACTORIES
from netsculpt.loading.programs.exported.recurrent import GATES, fits
from netsculpt.loading.programs.memory import Memory
from netsculpt.tracing.program import Op, Program, Ref, leaves, mapped

__all__ = ["check_shapes"]

_META = torch.device("meta")
_MOST_PARTS = 10_000
_MOST_STEPS = 10_000


def check_shapes(
    program: Program, dtypes: Mapping[str, torch.dtype], *, max_bytes: int, where: str
) -> None:
    """Raise unless all operations run on tensors without data and make the claimed shapes."""
    values: dict[str, Any] = {name: x.value.to("meta") for name, x in program.constants.items()}
    memory = Memory(max_bytes, where)
    for name, shape in program.inputs.items():
        memory.take(math.prod(shape), f"input '{name}' of {math.prod(shape)} elements")
        values[name] = torch.empty(shape, dtype=dtypes[name], device="meta")
    for op in program.ops:
        value = values[op.output] = _value(op, values, where)
        if isinstance(value, Tensor) and tuple(value.shape) != op.shape:
            raise FormatError(
                f"{where} says that {_described(op)} makes {list(op.shape)}, but torch makes "
                f"{list(value.shape)}: it is damaged or forged; save the program again"
            )
        n_elements = sum(x.numel() for x in leaves(value) if isinstance(x, Tensor))
        memory.take(n_elements, f"{n_elements} elements by {_described(op)}")


def _value(op: Op, values: Mapping[str, Any], where: str) -> Any:
    def change(leaf: Any) -> Any:
        value = values[leaf.name] if isinstance(leaf, Ref) else leaf
        return _META if isinstance(value, torch.device) else value

    args, kwargs = mapped((op.args, op.kwargs), change)
    if op.name == "getitem":
        return args[0][args[1]]
    if op.name in FACTORIES:
        kwargs["device"] = _META
    if op.name in GATES and not fits(op.name, args):
        raise FormatError(
            f"{where} calls {_described(op)} with states or weights that do not fit, or in a way "
            "that is not supported: export the net on a batch of sequences that are not packed"
        )
    _check_effort(op, args)
    try:
        with torch.no_grad():
            return getattr(torch.ops.aten, op.name)(*args, **kwargs)
    except Exception as error:
        raise FormatError(
            f"{where} calls {_described(op)} with arguments that torch refuses ({reason(error)}): "
            "it is damaged or forged; save the program again"
        ) from None


def _check_effort(op: Op, args: tuple[Any, ...]) -> None:
    """Raise if an operation would take too many steps, or split a tensor into too many parts."""
    if op.name in GATES:
        n_steps, most = max(args[0].shape[:2], default=0), _MOST_STEPS
    elif op.name in ("chunk", "split", "unbind"):
        n_steps, most = _n_parts(op.name, args), _MOST_PARTS
    else:
        return
    if n_steps > most:
        raise LimitError(
            f"{_described(op)} takes {n_steps} steps or makes as many parts, at most {most} are "
            "followed: export the net on a shorter example"
        )


def _n_parts(name: str, args: tuple[Any, ...]) -> int:
    index = 1 if name == "unbind" else 2
    length: int = args[0].shape[args[index] if len(args) > index else 0]
    if name == "unbind":
        return length
    if isinstance(args[1], int):
        return args[1] if name == "chunk" else length // max(args[1], 1)
    return len(args[1])


def _described(op: Op) -> str:
    return f"operation '{op.name}'" + (f" in layer '{op.layer}'" if op.layer else "")
