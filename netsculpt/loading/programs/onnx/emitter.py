"""Build a program operation by operation, with the shape of each value.

Shapes come from running the operation on tensors without data. Small values that do not depend on
the inputs are computed too, since arguments such as shapes are made from them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from netsculpt.core.errors import FormatError, LimitError
from netsculpt.files.words import quoted, reason, shape
from netsculpt.loading.programs.memory import Memory
from netsculpt.tracing.program import Constant, Op, Program, Ref, leaves, mapped

__all__ = ["Emitter", "Value"]

_SMALL = 1 << 20  # most elements of a value that is computed
_FACTORIES = ("arange", "full")
_RECURRENT = ("gru", "lstm", "rnn_relu", "rnn_tanh")


@dataclass(frozen=True, eq=False)
class Value:
    """A tensor of the program."""

    name: str
    meta: Tensor  # its shape and type, without data
    constant: bool  # whether it is the same for all inputs
    real: Tensor | None = None  # its data, if it is constant and computed

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes, batch first if it is an activation."""
        return tuple(self.meta.shape)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.meta.ndim


class Emitter:
    """A program while it is being built."""

    def __init__(self, inputs: Mapping[str, Tensor], max_bytes: int, where: str) -> None:
        self._inputs, self._where = inputs, where
        self._memory = Memory(max_bytes, where)
        self._prefix = "%" * (1 + max((len(x) - len(x.lstrip("%")) for x in inputs), default=0))
        self._ops: list[Op] = []
        self._constants: dict[str, Constant] = {}
        self._made_by: dict[str, tuple[str, tuple[Any, ...]]] = {}

        for meta in inputs.values():
            self._count(meta, constant=False)

    def inputs(self) -> dict[str, Value]:
        """The inputs of the net by name."""
        return {name: Value(name, meta, False) for name, meta in self._inputs.items()}

    def constant(self, constant: Constant) -> Value:
        """Add a tensor of the file, or one made from it."""
        name = f"{self._prefix}={len(self._constants)}"
        self._constants[name] = constant
        real = constant.value
        return Value(name, torch.empty(real.shape, dtype=real.dtype, device="meta"), True, real)

    def parameter(self, value: Value) -> str | None:
        """The name of a tensor of the file; None if it has none, or is computed."""
        constant = self._constants.get(value.name)
        return None if constant is None else constant.parameter

    def emit(
        self, layer: str, name: str, args: Any, kwargs: Mapping[str, Any]
    ) -> tuple[Value, ...]:
        """Add an operation of ATen; all its values."""
        inputs = [x for x in leaves((args, kwargs)) if isinstance(x, Value)]
        device = {"device": "meta"} if name in _FACTORIES else {}
        try:
            meta = _meta(name, args, {**kwargs, **device})
        except Exception as error:
            if "overflow" in reason(error):
                raise LimitError(
                    f"{self._where} makes an enormous tensor ({reason(error)}): the limit is "
                    f"{self._memory.max_bytes} bytes. Export a smaller model"
                ) from None
            raise FormatError(
                f"{self._where} cannot be followed in {quoted(layer or name)}: '{name}' does not "
                f"fit its arguments ({reason(error)}). Export the model again"
            ) from None
        several = not isinstance(meta, Tensor)
        metas = [x for x in meta if isinstance(x, Tensor)] if several else [meta]
        constant = all(x.constant for x in inputs)
        for value in metas:
            self._count(value, constant=constant)
        computable = constant and all(x.real is not None for x in inputs)
        small = sum(x.numel() for x in metas) <= _SMALL
        real = _run(name, args, kwargs, lambda x: x.real) if computable and small else None
        ref_args, ref_kwargs = _replaced((args, kwargs), lambda x: Ref(x.name))
        output = self._add(name, ref_args, ref_kwargs, metas[0], layer)
        self._made_by[output] = (name, args)
        if not several:
            return (Value(output, meta, constant, real),)
        parts = [None] * len(metas) if real is None else list(real)
        return tuple(
            Value(self._add("getitem", (Ref(output), index), {}, x, layer), x, constant, part)
            for index, (x, part) in enumerate(zip(metas, parts, strict=True))
        )

    def made_by(self, value: Value) -> tuple[str, tuple[Any, ...]]:
        """The operation that makes a value, and its arguments."""
        return self._made_by.get(value.name, ("", ()))

    def program(self, outputs: list[Value], parameters: frozenset[str]) -> Program:
        """The program, without what the outputs do not need."""
        refs = tuple(Ref(value.name) for value in outputs)
        inputs = {name: tuple(meta.shape) for name, meta in self._inputs.items()}
        return Program(tuple(self._ops), self._constants, inputs, refs, parameters).needed()

    def _add(self, name: str, args: Any, kwargs: Any, meta: Tensor, layer: str) -> str:
        output = f"{self._prefix}{len(self._ops)}"
        self._ops.append(Op(name, args, kwargs, output, tuple(meta.shape), layer))
        return output

    def _count(self, meta: Tensor, *, constant: bool) -> None:
        what = f"a tensor of {shape(meta.shape)}"
        if constant:
            self._memory.take_constant(meta.nbytes, what)
        else:
            self._memory.take(meta.numel(), what)


def _meta(name: str, args: Any, kwargs: Mapping[str, Any]) -> Any:
    """What an operation makes, without data."""
    if name in _RECURRENT:  # torch would take every step
        sequence, states = args[0].meta, args[1] if isinstance(args[1], list) else [args[1]]
        directions, _, hidden = states[0].shape
        return sequence.new_empty(*sequence.shape[:2], directions * hidden), *(
            x.meta for x in states
        )
    return _run(name, args, kwargs, lambda x: x.meta)


def _run(name: str, args: Any, kwargs: Any, change: Callable[[Value], Any]) -> Any:
    args, kwargs = _replaced((args, kwargs), change)
    return getattr(torch.ops.aten, name)(*args, **kwargs)


def _replaced(arguments: Any, change: Callable[[Value], Any]) -> Any:
    """Nested arguments with each value changed."""
    return mapped(arguments, lambda x: change(x) if isinstance(x, Value) else x)
