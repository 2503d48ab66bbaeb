"""What a search for weight agnostic networks found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.training.search.genome import Genome
from netsculpt.training.search.plan import SearchPlan
from netsculpt.training.search.ranking import fronts
from netsculpt.training.search.topology import Topology

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "Champion", "Searched"]

COLUMNS = (
    "mean_best",  # greatest mean reward in the population
    "mean_median",
    "best_best",  # greatest reward by the best shared weight
    "edges_median",
    "units_median",
    "edges_of_best",  # of the network with the greatest mean reward
    "champion",  # mean reward of the champion so far
)


@dataclass(frozen=True, eq=False)
class Champion:
    """A network that was the best one when it was found."""

    generation: int
    genome: Genome
    topology: Topology
    rewards: NDArray[np.float64]  # [W] of each shared weight, means of the final repetitions

    @property
    def mean(self) -> float:
        """Mean reward of the shared weights."""
        return float(self.rewards.mean())


@dataclass(frozen=True, eq=False)
class Searched:
    """What a search found: champions, the last population, and how it came there."""

    plan: SearchPlan
    champions: tuple[Champion, ...]  # one after another, the best last
    population: tuple[Topology, ...]  # [N] of the last generation
    rewards: NDArray[np.float64]  # [N, W] of the last generation
    history: NDArray[np.float64]  # [generations, columns of `COLUMNS`]

    @property
    def champion(self) -> Champion:
        """The best network of all generations."""
        return self.champions[-1]

    @property
    def is_on_front(self) -> NDArray[np.bool_]:
        """Whether no network of the last population has fewer edges and a greater mean [N]."""
        n_edges = np.array([topology.n_edges for topology in self.population])
        front = fronts(np.column_stack([self.rewards.mean(axis=1), -n_edges]))
        return np.asarray(front == 0)

    def table(self) -> pd.DataFrame:
        """One row per generation."""
        import pandas as pd

        table = pd.DataFrame(self.history, columns=list(COLUMNS))
        table.index.name = "generation"
        return table

    def summary(self) -> dict[str, Any]:
        """The champion and its rewards, JSON-able."""
        champion = self.champion
        return {
            "generations": len(self.history),
            "champion": {
                "generation": champion.generation,
                "units": champion.topology.n_units,
                "edges": champion.topology.n_edges,
                "mean": champion.mean,
                "rewards": {
                    f"{weight:g}": float(reward)
                    for weight, reward in zip(self.plan.weights, champion.rewards, strict=True)
                },
            },
        }
