"""What a search asks of a task: rewards of many topologies, and a final test of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netsculpt.core.errors import GraphError
from netsculpt.core.random import RNG
from netsculpt.training.search.topology import Topology

__all__ = ["SearchTask", "Tested", "check_fits"]


@dataclass(frozen=True, eq=False)
class Tested:
    """How well one topology does with each of W weights, in a test that no selection has seen."""

    rewards: NDArray[np.float64]  # [W] mean reward
    spreads: NDArray[np.float64] | None = None  # [W] standard deviation over starts
    accuracies: NDArray[np.float64] | None = None  # [W] share of right answers


class SearchTask(Protocol):
    """A task that topologies are searched for."""

    @property
    def name(self) -> str:
        """Name of the task."""

    @property
    def n_inputs(self) -> int:
        """Inputs, without the bias; a `Topology` counts one more."""

    @property
    def n_outputs(self) -> int:
        """Outputs."""

    @property
    def activations(self) -> tuple[str, ...]:
        """Names of the activations that hidden units may have, the one of new units first."""

    def rewards(
        self,
        topologies: Sequence[Topology],
        weights: ArrayLike,
        *,
        rng: RNG = None,
        threads: int = 1,
    ) -> NDArray[np.float64]:
        """Mean reward of each topology with each shared weight [P, W], higher is better.

        `rng` draws starts or samples, the same for all topologies and weights. The bytes do not
        depend on the number of threads.
        """

    def tested(
        self,
        topology: Topology,
        weights: ArrayLike,
        *,
        rng: RNG = None,
        threads: int = 1,
    ) -> Tested:
        """Test one topology on held-out samples, or from 100 starts.

        Weights are [W], shared by all edges, or [W, E], one for each edge.
        """


def check_fits(task: SearchTask, topologies: Sequence[Topology]) -> None:
    """Raise `GraphError` unless all topologies have the inputs and outputs of the task."""
    for topology in topologies:
        if (topology.n_inputs - 1, topology.n_outputs) != (task.n_inputs, task.n_outputs):
            raise GraphError(
                f"a topology has {topology.n_inputs - 1} inputs and {topology.n_outputs} outputs, "
                f"task {task.name!r} has {task.n_inputs} and {task.n_outputs}: both must be the "
                "same"
            )
