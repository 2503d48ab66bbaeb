"""The check that networks fit a task."""

from __future__ import annotations

from collections.abc import Sequence

from netsculpt.core.errors import GraphError
from netsculpt.training.search.tasks.protocol import SearchTask
from netsculpt.training.search.topology import Topology

__all__ = ["check_fits"]


def check_fits(task: SearchTask, topologies: Sequence[Topology]) -> None:
    """Raise `GraphError` unless all topologies have the inputs and outputs of the task."""
    for topology in topologies:
        if (topology.n_inputs - 1, topology.n_outputs) != (task.n_inputs, task.n_outputs):
            raise GraphError(
                f"a network has {topology.n_inputs - 1} inputs and {topology.n_outputs} outputs, "
                f"task {task.name!r} has {task.n_inputs} and {task.n_outputs}: they must be equal"
            )
