"""Elements that are chosen by their size, and the indices at which they were."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from torch import Tensor

from netsculpt.tracing.engine.activation import Activation, of_nothing

__all__ = ["Choice", "Placed", "Ranked"]

_NONE = of_nothing(())


@dataclass(frozen=True, eq=False)
class Choice(Activation):
    """Indices along a dimension, which come from no unit that is followed."""

    dim: int = 0
    of: Activation = _NONE  # what was compared

    @classmethod
    def along(cls, dim: int, of: Activation, shape: tuple[int, ...]) -> Choice:
        """The indices of chosen elements, of a shape."""
        return cls(of_nothing(shape).units, dim=dim, of=of)

    def slim(self) -> Activation:
        """The indices as they are."""
        return self

    def changed(self, change: Callable[[Tensor], Tensor]) -> Activation:
        """The indices moved: they no longer fit what they were chosen from."""
        return Placed(change(self.units), choice=self, changes=(change,))


@dataclass(frozen=True, eq=False)
class Placed(Activation):
    """Indices that were moved since they were chosen."""

    choice: Choice = field(default_factory=lambda: Choice(_NONE.units))
    changes: tuple[Callable[[Tensor], Tensor], ...] = ()  # in order

    def slim(self) -> Activation:
        """The indices as they are."""
        return self

    def changed(self, change: Callable[[Tensor], Tensor]) -> Activation:
        """The indices moved again."""
        return replace(self, units=change(self.units), changes=(*self.changes, change))


@dataclass(frozen=True, eq=False)
class Ranked(Activation):
    """Chosen elements on their way back to their places; they have units only there."""

    whole: Activation = _NONE  # what they were chosen from

    @classmethod
    def of(cls, whole: Activation, shape: tuple[int, ...]) -> Ranked:
        """Elements of `whole`, in another order."""
        return cls(of_nothing(shape).units, whole=replace(whole, private=False))

    def slim(self) -> Activation:
        """The elements as they are."""
        return self

    def changed(self, change: Callable[[Tensor], Tensor]) -> Activation:  # noqa: ARG002
        """Raise: only operations that keep the order are followed on the way back."""
        raise AssertionError("elements that were chosen by size were moved")
