"""What stands for an activation while a net is followed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from netsculpt.core.errors import TopologyError

__all__ = ["NOTHING", "Activation", "holds_tokens", "refusal"]

NOTHING = -1  # the unit of an element that is always the same, as padding is


@dataclass(frozen=True, eq=False)
class Activation:
    """The shadow of a tensor: batch first, the same units for every sample."""

    units: Tensor  # int64, of the activation's shape
    factor: Tensor | None = None  # float64, what the unit's value was multiplied by (None: 1)
    private: bool = False  # whether its units are weighted sums that nothing else has seen

    @property
    def factors(self) -> Tensor:
        """Factors, where they are 1 too."""
        if self.factor is None:
            return torch.ones_like(self.units, dtype=torch.float64)
        return self.factor

    def broadcast(self, shape: Sequence[int]) -> Activation:
        """The same units at a shape's positions."""
        return self.changed(lambda x: x.broadcast_to(shape))

    def slim(self) -> Activation:
        """The same, held once along dimensions where nothing changes."""
        return self.changed(_once)

    def changed(self, change: Callable[[Tensor], Tensor]) -> Activation:
        """With its elements moved, and their factors alike."""
        factor = None if self.factor is None else change(self.factor)
        return replace(self, units=change(self.units), factor=factor)


def holds_tokens(value: Any) -> bool:
    """Whether any element of an activation, or of several, is a token of a vocabulary."""
    if isinstance(value, list | tuple):
        return any(map(holds_tokens, value))
    return isinstance(value, Activation) and bool((value.units < NOTHING).any())


def refusal(op: str, layer: str, found: str) -> TopologyError:
    """The error that an operation in a layer cannot be followed."""
    where = f"layer '{layer}'" if layer else "the net itself"
    return TopologyError(
        f"operation '{op}' in {where}: {found}. Trace the net without that part, or "
        f"add the case to a rule in netsculpt/tracing/rules/"
    )


def _once(given: Tensor) -> Tensor:
    found = given
    for dim, size in enumerate(given.shape):
        first = found.narrow(dim, 0, min(size, 1))
        if size > 1 and torch.equal(found.narrow(dim, 1, 1), first) and (found == first).all():
            found = first.clone()
    return found.expand(given.shape)
