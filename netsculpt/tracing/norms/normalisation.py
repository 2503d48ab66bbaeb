"""Several operations that normalise an activation together, as one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from netsculpt.tracing.program import Op, Ref, mapped

__all__ = ["NAME", "Normalisation", "run_parts"]

NAME = "normalisation"  # not an operation of ATen


@dataclass(frozen=True, eq=False)
class Normalisation(Op):
    """A normalisation over some dimensions; its first argument is what is normalised."""

    parts: tuple[Op, ...]  # in the order in which they run
    takes: tuple[str, ...]  # what the parts call the values of the arguments
    dims: tuple[int, ...]  # dimensions over which the statistics are taken
    kind: str  # "layer", "rms", or "other"
    factor: Tensor  # of each unit; broadcasts to the shape

    def run(self, change: Callable[[Any], Any]) -> Any:
        """The value of the last part."""
        values = dict(zip(self.takes, mapped(self.args, change), strict=True))
        return run_parts(self.parts, values)[self.parts[-1].output]


def run_parts(parts: tuple[Op, ...], values: dict[str, Any]) -> dict[str, Any]:
    """The value of each operation, from those that they take.

    In float64 throughout if anything that they take is, whatever the casts between them.
    """
    tensors = [x for x in values.values() if isinstance(x, Tensor)]
    double = any(x.dtype == torch.float64 for x in tensors)

    def wide(value: Any) -> Any:
        is_float = isinstance(value, Tensor) and value.is_floating_point()
        return value.double() if double and is_float else value

    known = {name: wide(value) for name, value in values.items()}
    for op in parts:
        value = op.run(lambda leaf: known[leaf.name] if isinstance(leaf, Ref) else leaf)
        known[op.output] = mapped(value, wide)
    return known
