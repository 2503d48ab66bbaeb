"""What a rule receives: an operation with the values of its arguments."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor

from netsculpt.core.errors import TopologyError
from netsculpt.tracing.engine.activation import Activation, refusal
from netsculpt.tracing.engine.builder import Builder
from netsculpt.tracing.engine.edges import Floats, Units
from netsculpt.tracing.identity import same
from netsculpt.tracing.program import Constant, Op, Program, Ref, leaves
from netsculpt.tracing.samples import sample_dimensions

__all__ = ["Call"]


@dataclass(frozen=True, eq=False)
class Call:
    """An operation with the values of its arguments."""

    op: Op  # its arguments are `Activation`, `Constant`, or plain values
    private: bool  # whether the activations that it takes are private and taken nowhere else
    last: bool  # whether only the net's outputs take its value
    builder: Builder
    program: Program | None = None  # that the operation is part of

    @property
    def args(self) -> tuple[Any, ...]:
        """The positional arguments."""
        return self.op.args

    @property
    def junction_name(self) -> str:
        """Name of the layer where two activations meet."""
        return f"{self.op.layer}.{self.op.name}" if self.op.layer else self.op.name

    def layer_name(self, weight: Constant) -> str:
        """Name of the layer that calls the operation, or of the weight if another layer owns it."""
        layer, parameter = self.op.layer, weight.parameter
        if parameter is None or f"{layer}.weight" in self.builder.names:
            return layer or self.op.name
        return parameter.removesuffix(".weight")

    def arg(self, index: int, name: str, default: Any = None) -> Any:
        """An argument by position or by name."""
        return self.op.arg(index, name, default)

    @property
    def activations(self) -> list[Activation]:
        """All arguments that depend on the inputs."""
        given = leaves((self.args, self.op.kwargs))
        return [x for x in given if isinstance(x, Activation)]

    def activation(self, index: int = 0) -> Activation:
        """The argument at an index, which must depend on the inputs."""
        value = self.args[index]
        if not isinstance(value, Activation):
            raise self.refusal(f"its argument {index + 1} does not depend on the net's inputs")
        return value

    def constant(self, index: int) -> Constant:
        """The argument at an index, which must not depend on the inputs."""
        value = self.args[index]
        if not isinstance(value, Constant):
            raise self.refusal(
                f"its argument {index + 1} depends on the net's inputs, so that its numbers cannot "
                "be weights of edges: a parameter or a buffer is needed there. Write it as a "
                "product of two activations for each sample, by matmul or einsum (a convolution: "
                "of its kernel and functional.unfold(x)), which is traced as where they meet"
            )
        return value

    def same(self, moving: Container[str]) -> Tensor | None:
        """Where its first two arguments are the same number; None: nowhere known."""
        written = self.program.makers.get(self.op.output) if self.program is not None else None
        if self.program is None or written is None or written.name != self.op.name:
            return None  # it is a part of another operation
        one, two = written.args[:2]
        where = same(self.program, one.name, two.name, moving)
        return None if where is None else where.broadcast_to(self.op.shape)

    def check_samples(self, dims: Sequence[int]) -> None:
        """Raise if what it takes has samples along some dimensions, counted from 0.

        They are along the first, unless a stack of activations put another one before it.
        """
        written = self.program.makers.get(self.op.output) if self.program is not None else None
        samples: int | None = 0
        if self.program is not None and written is not None:
            known = self.builder.sample_dimensions
            known.update({} if known else sample_dimensions(self.program))
            samples = known[written.inputs[0]]
        if samples in dims or (samples is None and 0 in dims):
            raise self.refusal("it mixes the samples of a batch: name other dimensions")

    def silent(self, index: int, argument: int | None = None) -> Tensor | None:
        """Where its argument at an index is always 0, as nothing arrives there; None: nowhere.

        With `argument` the index is that of an item of this argument, which is a list.
        """
        written = self.program.makers.get(self.op.output) if self.program is not None else None
        if written is None or written.name != self.op.name:
            return None  # it is a part of another operation
        given = (written.args if argument is None else written.args[argument])[index]
        return self.builder.silent.get(given.name) if isinstance(given, Ref) else None

    def sample(self, activation: Activation | None = None) -> tuple[Units, Floats | None]:
        """Units and factors of one sample [channels, positions]; all samples must be the same."""
        activation = self.activation() if activation is None else activation
        units, factor = activation.units, activation.factor
        if bool((units != units[:1]).any()):
            raise self.refusal("samples of its batch have different units")
        factors = None if factor is None else factor[0].flatten(1).numpy()
        return units[0].flatten(1).numpy().astype(np.int32), factors

    def passed(self, activation: Activation) -> Activation:
        """An activation after this operation, which at most adds constants to it."""
        return replace(activation, private=self.private)

    def leave_out(self, reason: str) -> None:
        """Say in the provenance that this operation makes no edges, and why."""
        self.builder.left_out[self.junction_name] = reason

    def refusal(self, reason: str) -> TopologyError:
        """The error that this operation cannot be followed."""
        return refusal(self.op.name, self.op.layer, reason)
