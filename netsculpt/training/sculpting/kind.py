"""What sculpting needs to know of a kind of nets: what can be cut, and how it is trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np
from torch import Tensor

from netsculpt.nets.families import NetSpec
from netsculpt.training.fitting.recipe import Recipe
from netsculpt.training.sculpting.method import SculptingMethod
from netsculpt.training.sculpting.stack import Stack
from netsculpt.training.tasks import Task

__all__ = ["Kind", "Retrained"]

S = TypeVar("S", bound=Stack)
S_co = TypeVar("S_co", bound=Stack, covariant=True)


class Retrained(Protocol[S_co]):
    """Nets at their best epoch: highest accuracy, then lowest loss."""

    @property
    def replicas(self) -> S_co:
        """The nets."""

    @property
    def accuracy(self) -> Tensor:
        """Share of right answers on the noise-free validation samples, float64 [R]."""

    @property
    def diverged(self) -> Tensor:
        """Whether a loss or a parameter was not finite, bool [R]."""


class Kind(Protocol[S]):
    """Nets of one shape, made of units and edges that can be cut.

    A unit is what can only be cut as a whole, with all parameters that belong to it; an edge is a
    weight, or the kernel between two units. Everything else of sculpting is the same for all nets.
    """

    @property
    def spec(self) -> NetSpec:
        """The shape of the nets."""

    @property
    def n_units(self) -> int:
        """Units that can be cut."""

    @property
    def n_edges(self) -> int:
        """Edges that can be cut."""

    def check(self, task: Task, recipe: Recipe, method: SculptingMethod) -> None:
        """Raise unless such nets can learn the task by the recipe, and be sculpted so."""

    def initial(self, seeds: Sequence[int]) -> S:
        """Dense nets, each of which depends only on its own seed."""

    def without_units(self, stack: S, keep: Tensor) -> S:
        """Prune all units but `keep` [R, units], with what belongs to them."""

    def without_edges(self, stack: S, keep: Tensor) -> S:
        """Prune all edges but `keep` [R, edges], and constants of units that nothing feeds."""

    def kept_edges(self, stack: S) -> Tensor:
        """Which edges have a kept weight, bool [R, edges]."""

    def trained(
        self,
        stack: S,
        task: Task,
        recipe: Recipe,
        rngs: Sequence[np.random.Generator],
        *,
        latest: bool,
    ) -> Retrained[S]:
        """Train the kept parameters of each net with a fresh optimizer and its own generator.

        With `latest`, of equally accurate epochs the last is kept.
        """

    def accuracy(self, stack: S, task: Task) -> Tensor:
        """Share of right answers on the noise-free validation samples, float64 [R]."""

    def measured(self, stack: S, samples: Task) -> tuple[Tensor, Tensor]:
        """Share of right answers on samples, float64 [R], and loss [R]."""
