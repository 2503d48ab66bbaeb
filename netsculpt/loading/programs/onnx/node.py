"""One node of an ONNX graph, as a translation sees it.

Whatever a translation does not ask for, an input or an attribute, is an error: nothing that may
change what the node means is passed over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from netsculpt.core.errors import TopologyError
from netsculpt.files.words import listed, quoted, shown
from netsculpt.loading.programs.onnx.emitter import Emitter
from netsculpt.loading.programs.onnx.values import Value
from netsculpt.tracing.program import Constant

__all__ = ["Node"]

_MOST = 1 << 31  # sizes, strides and paddings beyond it are nonsense


@dataclass(eq=False)
class Node:
    """An operation with the values and attributes that it is given."""

    type: str
    name: str
    layer: str
    opset: int
    inputs: Sequence[Value | None]
    n_outputs: int
    attributes: Mapping[str, Any]
    emitter: Emitter
    _asked: set[str | int] = field(default_factory=set)

    @property
    def n_inputs(self) -> int:
        """How many inputs it lists, left out ones too."""
        return len(self.inputs)

    def input(self, at: int) -> Value:
        """An input that must be there."""
        value = self.optional(at)
        if value is None:
            raise self.refusal(f"its input {at + 1} is missing")
        return value

    def optional(self, at: int) -> Value | None:
        """An input, or None if it is left out."""
        self._asked.add(at)
        return self.inputs[at] if at < len(self.inputs) else None

    def known(self, at: int) -> Tensor:
        """The data of an input that must not depend on the net's inputs."""
        value = self.input(at)
        if value.real is None:
            raise self.refusal(
                f"its input {at + 1} depends on the net's inputs, or is too large to be an argument"
            )
        return value.real

    def number(self, at: int, default: Any = None) -> Any:
        """The only element of an input."""
        if self.optional(at) is None:
            return default
        data = self.known(at)
        if data.numel() != 1:
            raise self.refusal(f"its input {at + 1} is {list(data.shape)}, one number is needed")
        return data.item()

    def numbers(self, at: int) -> list[int]:
        """The elements of an input of integers."""
        data = self.known(at)
        if data.is_floating_point() or data.ndim > 1:
            raise self.refusal(f"its input {at + 1} is no list of integers")
        return [int(x) for x in data.reshape(-1).tolist()]

    def attribute(self, name: str, default: Any = None) -> Any:
        """An attribute of the default's type."""
        self._asked.add(name)
        found = self.attributes.get(name, default)
        if default is not None and type(found) is not type(default):
            raise self.refusal(f"its attribute {quoted(name)} is {shown(repr(found))}")
        return found

    def sizes(self, name: str, default: Sequence[int] | None, *, least: int = 0) -> list[int]:
        """An attribute that lists integers which are not below a least one."""
        found = self.attribute(name, None if default is None else list(default))
        if not isinstance(found, list) or not all(
            type(x) is int and least <= x < _MOST for x in found
        ):
            raise self.refusal(f"its attribute {quoted(name)} is {shown(repr(found))}")
        return found

    def axis(self, axis: int, ndim: int) -> int:
        """An axis counted from the front."""
        if not -ndim <= axis < ndim:
            raise self.refusal(f"axis {axis} is none of a tensor of {ndim} axes")
        return axis % ndim

    def ignore(self, *names: str | int) -> None:
        """Attributes, or inputs, that change nothing here."""
        self._asked.update(names)

    def emit(self, op: str, *args: Any, **options: Any) -> Value:
        """Add an operation of ATen to the program; its value, or the first of several."""
        return self.emit_all(op, *args, **options)[0]

    def emit_all(self, op: str, *args: Any, **options: Any) -> tuple[Value, ...]:
        """Add an operation of ATen to the program; all its values."""
        return self.emitter.emit(self.layer, op, args, options)

    def constant(self, value: Any, dtype: torch.dtype | None = None) -> Value:
        """A tensor that the file does not name."""
        return self.emitter.constant(Constant(torch.as_tensor(value, dtype=dtype)))

    def check_all_asked(self) -> None:
        """Refuse what the translation has not looked at."""
        names = {key for key in self.attributes if key not in self._asked}
        if names:
            raise self.refusal(f"nobody knows what its attributes {listed(names)} mean")
        given = (at for at, value in enumerate(self.inputs) if value is not None)
        for at in given:
            if at not in self._asked:
                raise self.refusal(f"it has an input {at + 1}, which its translation does not take")

    def refusal(self, found: str) -> TopologyError:
        """The error that this node cannot be translated."""
        return TopologyError(
            f"node {quoted(self.name)} of type {quoted(self.type)}: {found}. Export the model "
            "without it, trace the torch net with netsculpt.trace, or add the case to a "
            "translation in netsculpt/loading/_onnx/ops/"
        )
