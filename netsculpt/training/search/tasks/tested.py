"""A final test of one network, and the check that networks fit a task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import GraphError
from netsculpt.training.search.tasks.protocol import SearchTask
from netsculpt.training.search.topology import Topology

__all__ = ["Tested", "check_fits"]


@dataclass(frozen=True, eq=False)
class Tested:
    """How well one network does with each of W weights, on what no search has seen."""

    rewards: NDArray[np.float64]  # [W] mean reward
    spreads: NDArray[np.float64] | None = None  # [W] standard deviation over episodes
    accuracies: NDArray[np.float64] | None = None  # [W] share of right answers


def check_fits(task: SearchTask, topologies: Sequence[Topology]) -> None:
    """Raise `GraphError` unless all topologies have the inputs and outputs of the task."""
    for topology in topologies:
        if (topology.n_inputs - 1, topology.n_outputs) != (task.n_inputs, task.n_outputs):
            raise GraphError(
                f"a network has {topology.n_inputs - 1} inputs and {topology.n_outputs} outputs, "
                f"task {task.name!r} has {task.n_inputs} and {task.n_outputs}: they must be equal"
            )
