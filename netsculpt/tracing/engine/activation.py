"""The shadow of an activation while a net is followed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from netsculpt.core.errors import TopologyError
from netsculpt.tracing.engine.edges import Floats

__all__ = [
    "NOTHING",
    "Activation",
    "factor_per_unit",
    "of_channels",
    "of_elements",
    "of_nothing",
    "refusal",
]

NOTHING = -1  # the unit of an element that is always the same, like padding
HIDES = -1e4  # what masks add to scores, or put in their place, is at most that


@dataclass(frozen=True, eq=False)
class Activation:
    """The shadow of a tensor: batch first, the same units for every sample."""

    units: Tensor  # int64, of the activation's shape
    factor: Tensor | None = None  # float64, multiplies the unit's value (None: 1)
    private: bool = False  # whether its units are weighted sums that nothing else takes

    @property
    def shape(self) -> torch.Size:
        """The shape of the tensor that it shadows."""
        return self.units.shape

    @property
    def factors(self) -> Tensor:
        """Factors, also where all of them are 1."""
        if self.factor is None:
            return torch.ones_like(self.units, dtype=torch.float64)
        return self.factor

    @property
    def is_empty(self) -> bool:
        """Whether none of its elements has a unit."""
        return bool((self.units == NOTHING).all())

    def broadcast(self, shape: Sequence[int]) -> Activation:
        """The activation broadcast to a shape."""
        return self.changed(lambda x: x.broadcast_to(shape))

    def without(self, mask: Tensor) -> Activation:
        """The activation without the units of elements where a mask is True."""
        return replace(self, units=self.units.masked_fill(mask, NOTHING))

    def hidden(self, mask: Tensor, value: float) -> Activation:
        """The activation where elements under a mask always have a value: 0, or −∞ for softmax.

        Their factor is that value, though they have no unit. Any other constant has factor 1.
        """
        factors = self.factors.masked_fill(mask, value)
        return replace(self, units=self.units.masked_fill(mask, NOTHING), factor=factors)

    @property
    def zero(self) -> Tensor | None:
        """Where elements are always 0; None: nowhere."""
        if self.factor is None:
            return None
        zero = (self.factor == 0) & (self.units == NOTHING)
        return zero if bool(zero.any()) else None

    def shifted(self, where: Tensor | None = None) -> Activation:
        """The activation after what makes constants of zeros, everywhere or where a mask is True.

        They no longer count as 0: a layer that takes them takes what they are multiplied by.
        """
        zero = self.zero
        if zero is None or self.factor is None:
            return self
        moved = zero if where is None else zero & where
        return replace(self, factor=self.factor.masked_fill(moved, 1.0))

    @property
    def is_scaled(self) -> bool:
        """Whether any unit is multiplied by another factor than 1."""
        if self.factor is None:
            return False
        return bool(((self.factor != 1) & (self.units != NOTHING)).any())

    def slim(self) -> Activation:
        """The same activation, stored once along dimensions where nothing changes."""
        return self.changed(_once)

    def changed(self, change: Callable[[Tensor], Tensor]) -> Activation:
        """The activation with its units and factors changed in the same way."""
        factor = None if self.factor is None else change(self.factor)
        return replace(self, units=change(self.units), factor=factor)


def of_channels(start: int, shape: Sequence[int]) -> Activation:
    """The activation of a new layer whose units are channels."""
    units = torch.arange(start, start + shape[1]).view(-1, *[1] * (len(shape) - 2))
    return Activation(units.expand(*shape), private=True)


def of_elements(start: int, shape: Sequence[int]) -> Activation:
    """The activation of a new layer in which each element is a unit."""
    units = torch.arange(start, start + math.prod(shape[1:]))
    return Activation(units.view(1, *shape[1:]).expand(*shape), private=True)


def of_nothing(shape: Sequence[int]) -> Activation:
    """An activation without units: its values come from no unit that is followed."""
    return Activation(torch.full(tuple(shape), NOTHING))


def factor_per_unit(units: Tensor, factors: Tensor, n_units: int) -> Floats | None:
    """The factor of each unit [U], 1 if it has none; None if a unit has several factors."""
    present = units != NOTHING
    of_element, elements = factors[present].numpy(), units[present].numpy()
    of_unit = np.ones(n_units)
    of_unit[elements] = of_element
    return None if (of_unit[elements] != of_element).any() else of_unit


def refusal(op: str, layer: str, reason: str) -> TopologyError:
    """The error that an operation in a layer cannot be followed."""
    where = f"layer '{layer}'" if layer else "the net itself"
    return TopologyError(
        f"operation '{op}' in {where}: {reason}. Trace the net without that part, or "
        f"add the case to a rule in netsculpt/tracing/rules/"
    )


def _once(values: Tensor) -> Tensor:
    slim = values
    for dim, size in enumerate(values.shape):
        first = slim.narrow(dim, 0, min(size, 1))
        if size > 1 and torch.equal(slim.narrow(dim, 1, 1), first) and (slim == first).all():
            slim = first.clone()
    return slim.expand(values.shape)
