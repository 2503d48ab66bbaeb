"""Influence of units in published networks, on the truth tables of their tasks."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from netsculpt.graph.graph import NetGraph
from netsculpt.nets.families import MLP
from netsculpt.training.influence import answer_flips
from netsculpt.training.sculpting.replicas import Replicas
from netsculpt.training.tasks import Task, task
from patil2023.networks import Network
from patil2023.truth import truth_of

__all__ = ["influence_of", "task_of"]

_TASKS = {  # netsculpt's name by the authors', with {} for the uses
    (8, 2): "overlap-0-use-{}",
    (7, 3, 2): "overlap-1-use-{}",
    (6, 3, 2): "overlap-2-use-{}",
    (5, 3, 2): "overlap-3-use-{}",
    (4, 1, 2, 2): "overlap-4-use-{}",
    (4, 1, 2): "reused-use-{}",
    (4, 2): "input-separable",
    (6, 3, 3): "input-separable-reused",
    (4, 1): "non-modular",
    (8, 2, 1, 2): "levels-{}",
}


def task_of(network: Network) -> Task:
    """The task of a network, with its truth table."""
    uses = network.task[-1] // len(truth_of(network.task).functions)
    return task(_TASKS[network.task[:-1]].format(uses))


def influence_of(network: Network, graph: NetGraph) -> NDArray[np.float64]:
    """How often each output of a network flips with each of its units [U, O].

    The graph gives weights and masks, the file the biases.
    """
    state = torch.load(network.weights, map_location="cpu", weights_only=True)
    biases = [value.float() for value in state.values() if value.ndim == 1]
    parameters: dict[str, torch.Tensor] = {}
    masks: dict[str, torch.Tensor] = {}
    for number, (block, bias) in enumerate(zip(graph.blocks, biases, strict=True), start=1):
        weights, pattern = (
            torch.from_numpy(form.block(block.source, block.target).toarray().T.copy())
            for form in (graph, graph.pattern)
        )
        parameters |= {f"fc{number}.weight": weights[None], f"fc{number}.bias": bias[None]}
        kept = torch.ones_like(bias, dtype=torch.bool)
        masks |= {f"fc{number}.weight": pattern[None] > 0, f"fc{number}.bias": kept[None]}
    spec = MLP(network.arch)
    flips = answer_flips(Replicas(spec, spec.build(), parameters, masks), task_of(network))
    first: NDArray[np.float64] = flips[0]
    return first
