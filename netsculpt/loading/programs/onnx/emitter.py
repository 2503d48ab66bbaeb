"""Operations as they are added to a program, each with the shape of what it gives.

Shapes come from running the operation on tensors without data; small values that do not depend
on the inputs are also computed, since arguments such as a shape to take are made from them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from netsculpt.core.errors import FormatError, LimitError
from netsculpt.files.words import quoted, shape, shown
from netsculpt.loading.programs.onnx.values import Value, referring, replaced, values_in
from netsculpt.tracing.program import Constant, Op, Program, Ref, refs

__all__ = ["Emitter"]

_SMALL = 1 << 20  # elements of values that are computed
_KEPT_BYTES = 8  # that an element of an activation takes while it is followed
_RULE_BYTES = 56  # that it takes more while its rule runs
_FACTORIES = ("arange", "full")


class Emitter:
    """A program in the making."""

    def __init__(self, inputs: Mapping[str, tuple[int, ...]], max_bytes: int, where: str) -> None:
        self._inputs, self._max_bytes, self._where = inputs, max_bytes, where
        self._prefix = "%" * (1 + max((len(x) - len(x.lstrip("%")) for x in inputs), default=0))
        self._ops: list[Op] = []
        self._constants: dict[str, Constant] = {}
        self._made_by: dict[str, tuple[str, tuple[Any, ...]]] = {}
        self._n_bytes = 0

    def input(self, name: str, dtype: torch.dtype) -> Value:
        """One of the net's inputs."""
        value = Value(name, torch.empty(self._inputs[name], dtype=dtype, device="meta"), False)
        self._count(value.meta, constant=False)
        return value

    def constant(self, constant: Constant) -> Value:
        """A tensor of the file, or made from it."""
        name = self._name("=", len(self._constants))
        self._constants[name] = constant
        real = constant.value
        return Value(name, torch.empty(real.shape, dtype=real.dtype, device="meta"), True, real)

    def emit(
        self, layer: str, name: str, args: Any, options: Mapping[str, Any]
    ) -> tuple[Value, ...]:  # fmt: skip
        """Add an operation of ATen; its value, or all of them."""
        given = values_in((args, options))
        device = {"device": "meta"} if name in _FACTORIES else {}
        try:
            meta = _run(name, args, {**options, **device}, lambda x: x.meta)
        except Exception as error:
            reason = shown(str(error).strip().partition("\n")[0] or type(error).__name__)
            if "overflow" in reason:
                raise self._too_large(f"a tensor beyond all bounds ({reason})") from None
            raise FormatError(
                f"{self._where} cannot be followed in {quoted(layer or name)}: '{name}' does not "
                f"fit what it is given ({reason}). Export the model again"
            ) from None
        several = not isinstance(meta, Tensor)
        metas = [x for x in meta if isinstance(x, Tensor)] if several else [meta]
        constant = all(x.constant for x in given)
        for each in metas:
            self._count(each, constant=constant)
        known = constant and all(x.real is not None for x in given)
        small = sum(x.numel() for x in metas) <= _SMALL
        real = _run(name, args, options, lambda x: x.real) if known and small else None
        output = self._add(name, referring(args), referring(options), metas[0], layer)
        self._made_by[output] = (name, args)
        if not several:
            return (Value(output, meta, constant, real),)
        parts = [None] * len(metas) if real is None else list(real)
        return tuple(
            Value(self._add("getitem", (Ref(output), at), {}, x, layer), x, constant, part)
            for at, (x, part) in enumerate(zip(metas, parts, strict=True))
        )

    def made_by(self, value: Value) -> tuple[str, tuple[Any, ...]]:
        """The operation that gives a value, and its arguments."""
        return self._made_by.get(value.name, ("", ()))

    def program(self, outputs: list[Value], parameters: frozenset[str]) -> Program:
        """What the outputs need, in order."""
        needed = {value.name for value in outputs}
        kept = []
        for op in reversed(self._ops):
            if op.output in needed:
                kept.append(op)
                needed |= {ref.name for ref in refs((op.args, op.options))}
        return Program(
            tuple(reversed(kept)),
            {name: x for name, x in self._constants.items() if name in needed},
            self._inputs,
            tuple(Ref(value.name) for value in outputs),
            parameters,
        )

    def _name(self, kind: str, number: int) -> str:
        return f"{self._prefix}{kind}{number}"

    def _add(self, name: str, args: Any, options: Any, meta: Tensor, layer: str) -> str:
        op = Op(name, args, options, self._name("", len(self._ops)), tuple(meta.shape), layer)
        self._ops.append(op)
        return op.output

    def _count(self, meta: Tensor, *, constant: bool) -> None:
        n = math.prod(meta.shape)
        self._n_bytes += n * (meta.itemsize if constant else _KEPT_BYTES)
        needed = self._n_bytes + (0 if constant else n * _RULE_BYTES)
        if needed > self._max_bytes:
            raise self._too_large(
                f"a tensor of {shape(meta.shape)}, for which it needs {needed} bytes with those "
                "before it"
            )

    def _too_large(self, found: str) -> LimitError:
        return LimitError(
            f"{self._where} makes {found}: the limit is {self._max_bytes} bytes. Raise max_bytes "
            "if the file is trusted and the memory is there (--max-bytes)"
        )


def _run(name: str, args: Any, options: Any, of: Callable[[Value], Any]) -> Any:
    args, options = replaced((args, dict(options)), of)
    return getattr(torch.ops.aten, name)(*args, **options)
