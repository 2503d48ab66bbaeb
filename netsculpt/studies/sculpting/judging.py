"""Whether detectors find the structure of the task in a sculpted network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.catalog import names
from netsculpt.graph.partition import Partition
from netsculpt.studies.sculpting.result import Network, Run

if TYPE_CHECKING:
    from netsculpt.graph.graph import NetGraph
    from netsculpt.training.tasks import Task, Truth

__all__ = ["is_grouped", "judged"]


def judged(run: Run, folder: Path, task: Task, detectors: Sequence[str]) -> Network:
    """Read a model from its file, and compare what the detectors find with the truth."""
    from netsculpt.loading import load
    from netsculpt.pipeline import detector_of
    from netsculpt.training.influence import measured_influence

    path = folder / run.model
    graph = load(path)
    by_data = set(detectors).intersection(names("data_aware"))
    influence = measured_influence(path, task) if by_data else None
    inputs_found: dict[str, bool | None] = {}
    outputs_found: dict[str, bool | None] = {}
    for name in detectors:
        partition = detector_of(name, graph, influence)(graph, rng=run.seed)
        verdicts = is_grouped(graph, partition, task.truth) if task.truth else (None, None)
        inputs_found[name], outputs_found[name] = verdicts
    live = tuple(layer.n_units for layer in graph.live().layers)
    return Network(run, run.model, live, inputs_found, outputs_found)


def is_grouped(
    graph: NetGraph, partition: Partition, truth: Truth
) -> tuple[bool | None, bool | None]:
    """Whether a partition groups the inputs, and the outputs, as the truth does.

    The numbers of the groups do not matter; a unit without a module is in none. A unit may stand
    for several inputs in a row, as a channel of an image does; None: they are of several groups.
    """
    return (
        _is_grouped(partition.labels[graph.inputs], truth.input_groups.labels),
        _is_grouped(partition.labels[graph.outputs], truth.output_groups.labels),
    )


def _is_grouped(found: NDArray[np.int32], true: NDArray[np.int32]) -> bool | None:
    """Whether labels of units are the same groups as those of what they stand for."""
    each, rest = divmod(true.size, max(found.size, 1))
    if not each or rest or (true.reshape(-1, each) != true[::each, None]).any():
        return None
    return np.array_equal(Partition(found).labels, Partition(true[::each]).labels)
