"""What a sculpting comes to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from torch import Tensor

from netsculpt.training.sculpting.replicas import Replicas
from netsculpt.training.sculpting.stack import Stack

__all__ = ["Runs", "Sculpted"]

S = TypeVar("S", bound=Stack)


@dataclass(frozen=True, eq=False)
class Runs(Generic[S]):
    """Sculpted nets, one for each (seed, unit gradient, edge gradient), in that order."""

    replicas: S
    seeds: tuple[int, ...]  # [R]
    unit_gradients: tuple[float, ...]  # [R] percent of the hidden units per step
    edge_gradients: tuple[float, ...]  # [R] percent of the weights per step
    solved: Tensor  # bool [R]: the net reaches the goal; by the strict protocol it is dense if not
    edge_gradient_first: bool = False  # of the method

    def sparsest(self) -> list[int]:
        """Index of the replica with the fewest weights of each solved seed, in the order of seeds.

        Of equally sparse ones the first: with the first unit gradient, and of these with the first
        edge gradient; or the other way round if the method says so.
        """
        kept, best = self.replicas.n_kept().tolist(), dict[int, int]()
        for index in self._by_preference():
            seed = self.seeds[index]
            if self.solved[index] and (seed not in best or kept[index] < kept[best[seed]]):
                best[seed] = index
        return sorted(best.values())

    def _by_preference(self) -> Iterable[int]:
        if not self.edge_gradient_first:
            return range(len(self.seeds))
        gradients = dict.fromkeys(self.edge_gradients)
        order = {gradient: place for place, gradient in enumerate(gradients)}
        return sorted(range(len(self.seeds)), key=lambda row: order[self.edge_gradients[row]])


@dataclass(frozen=True, eq=False)
class Sculpted(Runs[Replicas]):
    """Sculpted multi-layer perceptrons."""
