"""How published networks do their task with shared, random and tuned weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from gaier2019.networks import TUNED, network
from netsculpt.core.random import stream
from netsculpt.studies.study import Rows
from netsculpt.training.search.graphs import topology_of
from netsculpt.training.search.plan import SHARED_WEIGHTS
from netsculpt.training.search.tasks import SwingUp
from netsculpt.training.search.topology import Topology

LARGEST = 2.0  # of shared weights on the grid and of random ones


@dataclass(frozen=True)
class Scored:
    """A published network of swing-up, from many starts."""

    folder: str
    name: str
    content: str  # digest of the file
    n_starts: int = 100
    n_random: int = 50
    n_grid: int = 81
    seed: int = 0

    def rows(self) -> Rows:
        """One row per kind of weights."""
        graph = network(self.folder, self.name)
        rows = scores(topology_of(graph), self.n_starts, self.n_random, self.n_grid, self.seed)
        if self.name in TUNED:
            weights = network(self.folder, self.name, tuned=True).weights.tocsc().data
            tested = SwingUp().tested(
                topology_of(graph), weights[None], n_starts=self.n_starts, rng=self.seed
            )
            assert tested.spreads is not None
            rows.append({"weights": "tuned", "mean": tested.rewards[0], "sd": tested.spreads[0]})
        return {"scores": [{"network": self.name, **row} for row in rows]}


def scores(
    topology: Topology, n_starts: int, n_random: int, n_grid: int, seed: int
) -> list[dict[str, Any]]:
    """Rewards with each shared weight, their mean, the best of a grid, and random weights.

    The spread is over starts for a shared weight, and over draws for random weights.
    """
    from_starts = partial(SwingUp().tested, topology, n_starts=n_starts, rng=seed)
    shared = from_starts(np.array(SHARED_WEIGHTS))
    assert shared.spreads is not None
    rows: list[dict[str, Any]] = [
        {"weights": f"{weight:g}", "mean": mean, "sd": sd}
        for weight, mean, sd in zip(SHARED_WEIGHTS, shared.rewards, shared.spreads, strict=True)
    ]
    rows.append({"weights": "mean of six", "mean": shared.rewards.mean(), "sd": None})
    grid = np.linspace(-LARGEST, LARGEST, n_grid)
    tuned = from_starts(grid)
    assert tuned.spreads is not None
    best = int(tuned.rewards.argmax())
    rows.append(
        {
            "weights": "best shared",
            "mean": tuned.rewards[best],
            "sd": tuned.spreads[best],
            "at": grid[best],
        }
    )
    one = stream(seed, "random shared").uniform(-LARGEST, LARGEST, n_random)
    rewards = from_starts(one).rewards
    rows.append({"weights": "random shared", "mean": rewards.mean(), "sd": rewards.std()})
    each = stream(seed, "random").uniform(-LARGEST, LARGEST, (n_random, topology.n_edges))
    rewards = from_starts(each).rewards
    rows.append({"weights": "random", "mean": rewards.mean(), "sd": rewards.std()})
    return rows
