"""Shares of the paths from tokens to the logits of a task."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.progress import Progress, silent
from netsculpt.core.random import RNG
from netsculpt.nets.gpt.net import GPT
from netsculpt.paths import edge_path_weight
from netsculpt.training.influence.circuits.channels import channels_of
from netsculpt.training.influence.circuits.traced import traced
from netsculpt.training.tasks import Task

__all__ = ["path_share"]


def path_share(
    net: GPT,
    task: Task,
    *,
    ablation: str = "mean",  # noqa: ARG001 - as all scores
    progress: Progress = silent,  # noqa: ARG001
    rng: RNG = None,  # noqa: ARG001
) -> dict[str, NDArray[np.float64]]:
    r"""Share of the weight of all paths that runs through each channel, 0 … 1.

    Paths run from tokens to the logits of the task's choices alone. Their weights are products of
    balanced magnitudes (`NetGraph.balanced`), which no scale of a unit changes. Of a channel that
    attention or an MLP reads, those paths count that go on there; of a value, those that leave
    its head by that channel, from the pattern too. The task enters by its choices: no sample is
    looked at. Channels that only positions reach are on no path.

    >>> from netsculpt.nets.families import SparseGPT, initial_net
    >>> from netsculpt.training.tasks import quotes
    >>> net = initial_net(SparseGPT(16, 16, width=8, layers=1, heads=1), rng=0)
    >>> shares = path_share(net, quotes(4, rng=0))
    >>> bool(0 < shares["transformer.h.0.mlp.at.mlp_neuron"].sum() < 1)
    True
    """
    found, sizes = traced(net, task), channels_of(net, task.inputs).sizes
    graph = found.graph
    weights = np.where(found.leads_to_choices, graph.balanced.weights.data, 0.0)
    through = edge_path_weight(graph.with_weights(weights))
    total = through[np.isin(graph.weights.indices, graph.outputs)].sum()
    shares = {name: np.zeros(size) for name, size in sizes.items()}
    if total > 0:
        for place, end in {**found.writes, **found.reads}.items():
            own = np.bincount(end.channel, through[end.edges], minlength=sizes[place])
            shares[place] = own / total
    return shares
