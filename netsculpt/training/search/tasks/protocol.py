"""What a search needs to know of a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netsculpt.training.search.topology import Topology

__all__ = ["SearchTask", "Tested"]


@dataclass(frozen=True, eq=False)
class Tested:
    """How well one network does with each of W weights, on what no search has seen."""

    rewards: NDArray[np.float64]  # [W] mean reward
    spreads: NDArray[np.float64] | None = None  # [W] standard deviation over episodes
    accuracies: NDArray[np.float64] | None = None  # [W] share of right answers

    def summary(self) -> dict[str, Any]:
        """Plain values, JSON-able."""
        parts = {name: values.tolist() for name, values in vars(self).items() if values is not None}
        return {"mean": float(self.rewards.mean()), **parts}


class SearchTask(Protocol):
    """A task that networks without weights are rewarded for."""

    @property
    def name(self) -> str:
        """Name of the task."""

    @property
    def n_inputs(self) -> int:
        """Inputs of a network, without the bias."""

    @property
    def n_outputs(self) -> int:
        """Outputs of a network."""

    @property
    def activations(self) -> Sequence[str]:
        """Names of the activations that hidden units may have."""

    @property
    def output_activation(self) -> str:
        """Name of the activation of the outputs."""

    @property
    def fixed(self) -> bool:
        """Whether rewards depend on networks and weights alone: nothing is drawn."""

    @property
    def about(self) -> Mapping[str, Any]:
        """What tells the task from others, JSON-able, with digests of its samples."""

    def rewards(
        self,
        topologies: Sequence[Topology],
        weights: NDArray[np.float64],
        *,
        repetitions: int,
        rng: np.random.Generator,
        threads: int = 1,
    ) -> NDArray[np.float64]:
        """Reward of each network with each shared weight [P, W], finite, the greater the better.

        The mean over `repetitions` episodes or batches, drawn once for all networks and weights.
        The same bytes for any number of threads.
        """

    def tested(self, topology: Topology, weights: ArrayLike, *, threads: int = 1) -> Tested:
        """Test one network by what no search has drawn, with weights [W], or [W, E] of all edges.

        Held-out samples, or other starts; always the same.
        """
