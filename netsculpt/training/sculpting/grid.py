"""Which runs a sculpting consists of: seeds, and the sizes of their steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netsculpt.core.errors import FormatError, NumberError
from netsculpt.core.numbers import checked_whole, is_number, shown

__all__ = ["Grid"]


@dataclass(frozen=True)
class Grid:
    """One run for each seed, unit gradient and edge gradient, and the accuracy they all keep.

    >>> Grid((0, 1), (10.0,), (2.0, 1.0)).sizes
    (2, 1, 2)
    """

    seeds: tuple[int, ...]
    unit_gradients: tuple[float, ...]  # percent of all units per step
    edge_gradients: tuple[float, ...]  # percent of all edges per step
    goal_accuracy: float = 1.0  # lowest accepted share of right answers

    @property
    def gradients(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Of units and of edges."""
        return self.unit_gradients, self.edge_gradients

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Numbers of seeds, unit gradients and edge gradients."""
        return len(self.seeds), len(self.unit_gradients), len(self.edge_gradients)

    def check(self) -> None:
        """Raise unless there are different seeds, percentages, and a share to reach."""
        for seed in self.seeds:
            checked_whole(seed, "a seed", least=0)
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise FormatError(f"seeds are {list(self.seeds)}: give at least one, and each once")
        for values in self.gradients:
            _check_percentages(values)
        goal = self.goal_accuracy
        if not is_number(goal) or not 0 < goal <= 1:
            raise NumberError(f"goal accuracy is {shown(goal)}: give a share above 0, up to 1")


def _check_percentages(values: Sequence[float]) -> None:
    good = (is_number(gradient) and 0 < gradient <= 100 for gradient in values)
    if not values or not all(good):
        raise NumberError(
            f"gradients are {list(values)}: give at least one, as percentages above 0 up to 100"
        )
