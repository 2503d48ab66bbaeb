"""What a rule is given: an operation with its arguments' values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from netsculpt.core.errors import TopologyError
from netsculpt.tracing.engine.activation import Activation, refusal
from netsculpt.tracing.engine.builder import Builder
from netsculpt.tracing.program import Constant, Op

__all__ = ["Call"]


@dataclass(frozen=True, eq=False)
class Call:
    """An operation with its arguments' values."""

    op: Op
    args: tuple[Any, ...]  # `Activation`, `Constant`, or as in the operation
    private: bool  # whether the activations that it takes are private and taken nowhere else
    last: bool  # whether only the net's outputs take what it gives
    build: Builder

    @property
    def junction_name(self) -> str:
        """Of the layer that two activations meet in."""
        return f"{self.op.layer}.{self.op.name}" if self.op.layer else self.op.name

    def arg(self, at: int, name: str, default: Any = None) -> Any:
        """An argument by place or by name."""
        return self.args[at] if len(self.args) > at else self.op.options.get(name, default)

    def activation(self, at: int = 0) -> Activation:
        """The argument at a place, which must depend on the inputs."""
        value = self.args[at]
        if not isinstance(value, Activation):
            raise self.refusal(f"its argument {at + 1} does not depend on the net's inputs")
        return value

    def constant(self, at: int) -> Constant:
        """The argument at a place, which must not depend on the inputs."""
        value = self.args[at]
        if not isinstance(value, Constant):
            raise self.refusal(f"its argument {at + 1} is no parameter but depends on the inputs")
        return value

    def passed(self, given: Activation) -> Activation:
        """An activation after this operation, which changes nothing but by adding constants."""
        return replace(given, private=self.private)

    def refusal(self, found: str) -> TopologyError:
        """The error that this operation cannot be followed."""
        return refusal(self.op.name, self.op.layer, found)
