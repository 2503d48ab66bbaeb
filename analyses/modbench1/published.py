"""Published suite: networks that the authors of Neural Sculpting published, from a folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import torch
from patil2023.data_aware import influence_of, task_of
from patil2023.networks import Network, find_networks

from modbench1.function_graph import FunctionGraph
from modbench1.network import Network as Known
from modbench1.relu_net import ReluNet
from modbench1.sculpted import with_truth
from netsculpt.loading import load

__all__ = ["families", "networks"]


@cache
def families(folder: Path) -> dict[str, list[Network]]:
    """The networks of each experiment, each task, architecture and seed once."""
    by_experiment: dict[str, list[Network]] = {}
    for network in find_networks(folder)[0]:
        if network.first_listed:
            by_experiment.setdefault(network.experiment, []).append(network)
    return by_experiment


def networks(folder: Path, family: str, indices: Iterable[int]) -> Iterator[Known]:
    """Networks of an experiment, by their place in the list."""
    torch.set_num_threads(1)
    for index in indices:
        network = families(folder)[family][index]
        graph, task = load(network.weights, mask=network.masks), task_of(network)
        assert task.truth is not None
        state = torch.load(network.weights, map_location="cpu", weights_only=True)
        net = ReluNet(
            tuple(graph.block(x.source, x.target).toarray().T.astype(float) for x in graph.blocks),
            tuple(value.double().numpy() for value in state.values() if value.ndim == 1),
            (),
        )
        influence = influence_of(network, graph)
        yield with_truth(graph, net, FunctionGraph(task.truth), task, influence)
