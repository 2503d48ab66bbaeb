"""One node of an ONNX graph, as a translation sees it.

An input or attribute that a translation does not read is an error: nothing that may change the
meaning of the node is ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from netsculpt.core.errors import TopologyError
from netsculpt.files.words import listed, quoted, shown
from netsculpt.loading.programs.onnx.emitter import Emitter, Value
from netsculpt.tracing.program import Constant

__all__ = ["OnnxNode", "plain"]

_MOST = 1 << 31  # larger sizes, strides and paddings make no sense


@dataclass(eq=False)
class OnnxNode:
    """An operation with its inputs and attributes."""

    type: str
    name: str
    layer: str
    opset: int
    inputs: Sequence[Value | None]
    n_outputs: int
    attributes: Mapping[str, Any]
    emitter: Emitter
    _read: set[str | int] = field(default_factory=set)

    def input(self, index: int) -> Value:
        """A required input."""
        value = self.optional(index)
        if value is None:
            raise self.refusal(f"its input {index + 1} is missing")
        return value

    def optional(self, index: int) -> Value | None:
        """An input, or None if it is left out."""
        self._read.add(index)
        return self.inputs[index] if index < len(self.inputs) else None

    def data(self, index: int) -> Tensor:
        """The data of an input that must not depend on the net's inputs."""
        value = self.input(index)
        if value.real is None:
            raise self.refusal(
                f"its input {index + 1} depends on the net's inputs or is too large for an argument"
            )
        return value.real

    def number(self, index: int, default: Any = None) -> Any:
        """The only element of an input."""
        if self.optional(index) is None:
            return default
        data = self.data(index)
        if data.numel() != 1:
            raise self.refusal(f"its input {index + 1} is {list(data.shape)}, one number is needed")
        return data.item()

    def numbers(self, index: int) -> list[int]:
        """The elements of an input of integers."""
        data = self.data(index)
        if data.is_floating_point() or data.ndim > 1:
            raise self.refusal(f"its input {index + 1} is not a list of integers")
        return [int(x) for x in data.reshape(-1).tolist()]

    def optional_numbers(self, index: int) -> list[int] | None:
        """The elements of an input of integers, or None if it is left out."""
        return None if self.optional(index) is None else self.numbers(index)

    def setting(self, name: str, index: int, *, since: int) -> list[int] | None:
        """A list that was an attribute before opset `since` and is an input from then on."""
        if self.opset >= since:
            return self.optional_numbers(index)
        value: list[int] | None = self.attribute(name)
        return value

    def attribute(self, name: str, default: Any = None) -> Any:
        """An attribute of the default's type."""
        self._read.add(name)
        value = self.attributes.get(name, default)
        if default is not None and type(value) is not type(default):
            raise self.refusal(f"its attribute {quoted(name)} is {shown(repr(value))}")
        return value

    def sizes(self, name: str, default: Sequence[int] | None, *, least: int = 0) -> list[int]:
        """An attribute that is a list of integers, at least `least`."""
        value = self.attribute(name, None if default is None else list(default))
        if not isinstance(value, list) or not all(
            type(x) is int and least <= x < _MOST for x in value
        ):
            raise self.refusal(f"its attribute {quoted(name)} is {shown(repr(value))}")
        return value

    def axis(self, axis: int, ndim: int) -> int:
        """An axis, counted from the first."""
        if not -ndim <= axis < ndim:
            raise self.refusal(f"axis {axis} is out of range for a tensor of {ndim} axes")
        return axis % ndim

    def ignore(self, *names: str | int) -> None:
        """Mark attributes, or inputs, as read that change nothing here."""
        self._read.update(names)

    def emit(self, op: str, *args: Any, **kwargs: Any) -> Value:
        """Add an operation of ATen to the program; its first value."""
        return self.emit_all(op, *args, **kwargs)[0]

    def emit_all(self, op: str, *args: Any, **kwargs: Any) -> tuple[Value, ...]:
        """Add an operation of ATen to the program; all its values."""
        return self.emitter.emit(self.layer, op, args, kwargs)

    def constant(self, value: Any, dtype: torch.dtype | None = None) -> Value:
        """Add a tensor that the file does not name."""
        return self.emitter.constant(Constant(torch.as_tensor(value, dtype=dtype)))

    def check_all_read(self) -> None:
        """Raise if the translation has not read an attribute or an input."""
        names = {key for key in self.attributes if key not in self._read}
        if names:
            raise self.refusal(f"its attributes {listed(names)} have no translation")
        for index, value in enumerate(self.inputs):
            if value is not None and index not in self._read:
                raise self.refusal(f"its input {index + 1} has no translation")

    def refusal(self, reason: str) -> TopologyError:
        """The error that this node cannot be translated."""
        return TopologyError(
            f"node {quoted(self.name)} of type {quoted(self.type)}: {reason}. Export the model "
            "without it, trace the torch net with netsculpt.trace, or add the case to a "
            "translation in netsculpt/loading/programs/onnx/ops/"
        )


def plain(op: str, n_inputs: int) -> Callable[[OnnxNode], Value]:
    """The translation that passes the first inputs of a node to an operation of ATen."""
    return lambda node: node.emit(op, *(node.input(index) for index in range(n_inputs)))
