"""Networks of a family: sculpted until they barely solve it, and two controls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from netsculpt.core.random import stream
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.matrices import from_matrices
from netsculpt.nets.families import MLP
from netsculpt.training.sculpting.replicas import Replicas, initial_replicas
from netsculpt.training.sculpting.retraining import SCULPTING, train
from netsculpt.training.sculpting.sculpt import sculpt
from netsculpt.training.tasks import Task

__all__ = ["DENSE", "SCULPTED", "UNSOLVED", "Made", "networks"]

SCULPTED, DENSE, UNSOLVED = "sculpted", "dense", "unsolved"

_RECIPE = replace(SCULPTING, epochs=60, batch_size=32, learning_rate=0.05)
_UNIT_GRADIENTS, _EDGE_GRADIENTS = (70.0, 25.0), (2.5,)  # the sparsest of both is taken
_MISSED = 0.85  # accuracy down to which the unsolved ones are pruned


@dataclass(frozen=True, eq=False)
class Made:
    """One network."""

    kind: str  # SCULPTED, DENSE or UNSOLVED
    seed: int
    net: Replicas  # one replica
    accuracy: float  # share of right answers on the truth table

    @property
    def graph(self) -> NetGraph:
        """Its graph."""
        state, masks = self.net.state(0)
        weights = [state[name].numpy() for name in masks]
        return from_matrices(weights, [mask.numpy() for mask in masks.values()])


def networks(task: Task, hidden: tuple[int, ...], seeds: range) -> Iterator[Made]:
    """Yield the networks of all seeds whose dense net solves the task, of each kind.

    Unsolved ones are sculpted for the same task, but only to 85 % of right answers; those that
    happen to solve it are left out.
    """
    torch.set_num_threads(1)
    spec = MLP((task.n_inputs, *hidden, task.n_outputs))
    rngs = [stream(seed, "sculpt", "dense") for seed in seeds]  # as `sculpt` opens them
    trained = train(initial_replicas(spec, seeds), task, _RECIPE, rngs)
    solved = [at for at, right in enumerate(trained.accuracy.tolist()) if right == 1]
    for at in solved:
        yield _made(DENSE, seeds[at], trained.replicas, at, task)
    for kind, goal in ((SCULPTED, 1.0), (UNSOLVED, _MISSED)):
        result = sculpt(
            spec,
            task,
            _RECIPE,
            seeds=[seeds[at] for at in solved],
            unit_gradients=_UNIT_GRADIENTS,
            edge_gradients=_EDGE_GRADIENTS,
            goal_accuracy=goal,
        )
        for at in result.sparsest():
            made = _made(kind, result.seeds[at], result.replicas, at, task)
            if kind == SCULPTED or made.accuracy < 1:
                yield made


def _made(kind: str, seed: int, replicas: Replicas, at: int, task: Task) -> Made:
    net = replicas.take(torch.tensor([at]))
    logits = net.forward(task.inputs)(net.parameters)[0]
    return Made(kind, seed, net, task.goal.accuracy(logits, task.targets))
