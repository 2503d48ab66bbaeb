"""A method of sparse training as a composition of its parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

from torch import Tensor

from netsculpt.core.callables import name_of
from netsculpt.core.numbers import checked_whole
from netsculpt.training.dynamic import births, candidates, drops, fractions
from netsculpt.training.dynamic.choosing import Drop, Grow, Lowest, uniformly
from netsculpt.training.dynamic.entries import Entries
from netsculpt.training.dynamic.resizing import Resize
from netsculpt.training.dynamic.states import NewState, fresh

__all__ = ["Exchange", "Rewiring", "Timing", "described"]

_NONE = partial(fractions.constant, share=0.0)
_SMALLEST = Lowest(drops.magnitude)

Layers = Mapping[str, Entries]
Exchange = Callable[[Entries, float], tuple[Tensor, Tensor]]  # flat indices that go, that come


@dataclass(frozen=True)
class Timing:
    """Optimizer steps at which masks are updated: begin, begin + every, … up to and with end.

    >>> Timing(begin=0, end=10, every=4).due(8), Timing(begin=0, end=10, every=4).due(12)
    (True, False)

    Raises
    ------
    NumberError
        If a number is not whole, or `end` is before `begin`.
    """

    begin: int
    end: int
    every: int
    at: tuple[int, ...] | None = None  # instead: just these, or never
    instead: bool = False  # an update takes the place of an optimizer step, as in RigL

    def __post_init__(self) -> None:
        checked_whole(self.begin, "begin", least=0)
        checked_whole(self.end, "end", least=self.begin)
        checked_whole(self.every, "every", least=1)

    def due(self, step: int) -> bool:
        """Whether masks are updated when so many steps are done."""
        if self.at is not None:
            return step in self.at
        return self.begin <= step <= self.end and (step - self.begin) % self.every == 0

    def progress(self, step: int) -> float:
        """How far the way from `begin` to `end` has come, 0 … 1."""
        return min(max(step - self.begin, 0) / max(self.end - self.begin, 1), 1.0)

    @property
    def last(self) -> int:
        """The step of the last update; `end`, or up to every - 1 steps earlier."""
        if self.at is not None:
            return self.end
        return self.begin + (self.end - self.begin) // self.every * self.every

    def descent(self, step: int) -> float:
        """How far the way from `begin` to the last update has come: a budget ends with an update.

        >>> [Timing(begin=0, end=10, every=4).descent(step) for step in (0, 4, 8)]
        [0.0, 0.5, 1.0]
        """
        return (
            1.0 if step >= self.last else max(step - self.begin, 0) / max(self.last - self.begin, 1)
        )


@dataclass(frozen=True)
class Rewiring:
    """Drop × grow × candidates × fraction × budget × constraint × birth × state.

    An update first brings the number of kept weights to the budget, then exchanges a fraction of
    them in each layer: as many come as went. By default nothing is exchanged.
    """

    fraction: Callable[[float], float] = _NONE  # (progress) -> share exchanged; see `fractions`
    drop: Drop = _SMALLEST
    grow: Grow = uniformly
    candidates: Callable[[Tensor, Tensor], Tensor] = candidates.not_kept
    budget: Callable[[float], float] | None = None  # (progress) -> density; None: as it is
    resize: Resize | None = None  # how kept weights are chosen when the budget falls
    share: Callable[[Layers, Mapping[str, int]], Mapping[str, int]] | None = None
    constraint: Callable[[Layers, Mapping[str, Tensor]], Mapping[str, Tensor]] | None = None
    exchange: Exchange | None = None  # in place of drop and grow, within a layer
    start: Callable[[Entries], None] | None = None  # notes into `Entries.memory` at the start
    birth: Callable[[Entries, Tensor], Tensor] = births.zero
    state: NewState = fresh
    noise: Callable[[Entries, float], Tensor] | None = None  # (entries, learning rate) -> added
    masks_gradient: bool = True  # False: the optimizer sees, and remembers, dense gradients
    stored: float = 0.0  # density of weights next to the mask that go on learning (Top-KAST)

    def about(self) -> dict[str, Any]:
        """The composition, as JSON."""
        return {x.name: described(getattr(self, x.name)) for x in fields(self)}


def described(part: object) -> Any:
    """A part as JSON: its name, with the arguments that are bound to it."""
    if part is None or isinstance(part, bool | int | float | str):
        return part
    if isinstance(part, Mapping):
        return {str(key): described(x) for key, x in part.items()}
    if isinstance(part, list | tuple):
        return [described(x) for x in part]
    if isinstance(part, partial):
        bound = {**{str(n): x for n, x in enumerate(part.args)}, **part.keywords}
        return {"function": described(part.func), **described(bound)}
    if hasattr(part, "__dataclass_fields__"):
        return {"function": type(part).__name__, **described(vars(part))}
    return name_of(part) if callable(part) else repr(part)
