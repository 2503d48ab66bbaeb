"""What a search needs to know of a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from netsculpt.training.search.topology import Topology

__all__ = ["SearchTask"]


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
