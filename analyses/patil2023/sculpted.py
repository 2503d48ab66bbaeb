"""Networks of one cell: sculpting, and their file."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netsculpt.core.random import stream
from netsculpt.core.writing import replacing
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.matrices import from_matrices
from netsculpt.nets.families import MLP
from netsculpt.training.influence import answer_flips
from netsculpt.training.sculpting.replicas import Replicas, initial_replicas
from netsculpt.training.sculpting.retraining import train
from netsculpt.training.sculpting.sculpt import STRICT, SculptingMethod, sculpt
from netsculpt.training.tasks import Task, digit_sum, digits, hold_out, idx, separate_digits, task
from patil2023.cells import Cell

__all__ = ["Sculptures", "read_cell", "sculpt_cell", "task_of", "write_cell"]

Arrays = Mapping[str, NDArray[Any]]  # parameter → [networks, …]

_MOST_TRIED = 20  # seeds tried for each that is wanted
_HELD_OUT = 1 / 5
_PAIRED = {"two-digits-separate": separate_digits, "two-digits-sum": digit_sum}
_PARTS = ("dense", "sculpted", "masks")


@dataclass(frozen=True, eq=False)
class Sculptures:
    """Networks of one cell: the sparsest of each seed over the grid, and its dense net."""

    networks: list[dict[str, Any]]  # one row per network
    seeds_tried: int  # until enough dense nets reached the goal
    seconds: float
    dense: Arrays
    sculpted: Arrays  # pruned entries are 0
    masks: Arrays  # of the weights, True = kept

    def graph(self, index: int) -> NetGraph:
        """A sculpted network."""
        weights = [self.sculpted[name][index] for name in self.masks]
        return from_matrices(weights, [mask[index] for mask in self.masks.values()])

    def influence(self, index: int, cell: Cell) -> NDArray[np.float64]:
        """How often each output of a sculpted network flips with each of its units [U, O]."""
        spec, row = MLP(cell.widths), slice(index, index + 1)
        parameters = {name: torch.from_numpy(x[row]) for name, x in self.sculpted.items()}
        masks = {name: torch.ones_like(x, dtype=torch.bool) for name, x in parameters.items()}
        masks |= {name: torch.from_numpy(mask[row]) for name, mask in self.masks.items()}
        every = answer_flips(Replicas(spec, spec.build(), parameters, masks), task_of(cell))
        only: NDArray[np.float64] = every[0]
        return only

    def dense_graph(self, index: int) -> NetGraph:
        """The dense net of a sculpted network."""
        weights = [self.dense[name][index] for name in self.masks]
        return from_matrices(weights, [np.ones(x.shape, dtype=bool) for x in weights])


def sculpt_cell(cell: Cell) -> Sculptures:
    """Sculpt the first seeds whose dense net reaches the goal, with all pairs of gradients."""
    torch.set_num_threads(1)
    began = time.perf_counter()
    spec, learnt = MLP(cell.widths), task_of(cell)
    seeds, n_tried, dense, accuracy = _dense(cell, spec, learnt)
    goals = [1.0 if cell.margin == 0 else own - cell.margin for own in accuracy]
    units = cell.grid.unit_gradients
    networks, sculpted = list[dict[str, Any]](), list[Replicas]()
    for goal in dict.fromkeys(goals):
        result = sculpt(
            spec,
            learnt,
            cell.settings,
            seeds=[seed for seed, own in zip(seeds, goals, strict=True) if own == goal],
            unit_gradients=units if cell.prunes_units else units[:1],
            edge_gradients=cell.grid.edge_gradients,
            goal_accuracy=goal,
            method=STRICT if cell.prunes_units else SculptingMethod(unit_score=_alike),
        )
        for index in result.sparsest():
            seed, replica = result.seeds[index], result.replicas.take(torch.tensor([index]))
            sculpted.append(replica)
            networks.append(
                {
                    "seed": seed,
                    "goal": goal,
                    "dense_accuracy": accuracy[seeds.index(seed)],
                    "accuracy": _accuracy(replica, learnt),
                    "unit_gradient": result.unit_gradients[index] if cell.prunes_units else None,
                    "edge_gradient": result.edge_gradients[index],
                }
            )
    rows = torch.tensor([seeds.index(row["seed"]) for row in networks], dtype=torch.long)
    started = dense.take(rows)
    weights = dense.weights
    return Sculptures(
        networks,
        n_tried,
        time.perf_counter() - began,
        {name: values.numpy() for name, values in started.parameters.items()},
        _joined([x.parameters for x in sculpted]),
        _joined([{name: x.masks[name] for name in weights} for x in sculpted]),
    )


def task_of(cell: Cell) -> Task:
    """The cell's task: a truth table, or pairs of digits."""
    if cell.task not in _PAIRED:
        return task(cell.task)
    source = idx(*cell.idx) if cell.idx else digits()
    source = hold_out(source, _HELD_OUT, rng=stream(0, "patil2023", "held out"))
    return _PAIRED[cell.task](source, cell.n_pairs, rng=stream(0, "patil2023", "pairs"))


def write_cell(path: Path, networks: Sculptures) -> None:
    """Write the file, whole or not at all."""
    about = {
        "networks": networks.networks,
        "seeds_tried": networks.seeds_tried,
        "seconds": networks.seconds,
    }
    arrays = {
        f"{part}/{name}": values
        for part in _PARTS
        for name, values in getattr(networks, part).items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        np.savez_compressed(file, about=np.array(json.dumps(about)), **arrays)


def read_cell(path: Path) -> Sculptures:
    """Read the file of `write_cell`."""
    parts: dict[str, Any] = {part: {} for part in _PARTS}
    with np.load(path) as arrays:
        about = json.loads(str(arrays["about"]))
        for key in arrays.files:
            part, _, name = key.partition("/")
            if name:
                parts[part][name] = arrays[key]
    return Sculptures(**about, **parts)


def _dense(cell: Cell, spec: MLP, learnt: Task) -> tuple[list[int], int, Replicas, list[float]]:
    """Seeds whose dense net reaches the goal, the number tried, the nets and accuracies."""
    at_once = 2 * cell.n_seeds if cell.margin == 0 else cell.n_seeds
    seeds, nets, accuracy = list[int](), list[Replicas](), list[float]()
    n_tried = 0
    while len(seeds) < cell.n_seeds and n_tried < _MOST_TRIED * cell.n_seeds:
        tried = range(n_tried, n_tried + at_once)
        rngs = [stream(seed, "sculpt", "dense") for seed in tried]  # as `sculpt` opens them
        trained = train(initial_replicas(spec, tried), learnt, cell.settings, rngs)
        reached = trained.accuracy.tolist()
        new = [i for i in range(at_once) if cell.margin > 0 or reached[i] == 1]
        seeds += [tried[i] for i in new]
        accuracy += [reached[i] for i in new]
        nets.append(trained.replicas.take(torch.tensor(new, dtype=torch.long)))
        n_tried += at_once
    if len(seeds) >= cell.n_seeds:
        n_tried = seeds[cell.n_seeds - 1] + 1
    together = Replicas(
        spec,
        nets[0].net,
        {name: torch.cat([x.parameters[name] for x in nets]) for name in nets[0].parameters},
        {name: torch.cat([x.masks[name] for x in nets]) for name in nets[0].masks},
    )
    return seeds[: cell.n_seeds], n_tried, together, accuracy[: cell.n_seeds]


def _accuracy(replica: Replicas, learnt: Task) -> float:
    samples = learnt.validation
    logits = replica.forward(samples.inputs)(replica.parameters)[0]
    return samples.goal.accuracy(logits, samples.targets)


def _alike(replicas: Replicas, task: Task) -> Tensor:  # noqa: ARG001 - scores share a signature
    """The same score for all units: every step would prune all, so none is accepted."""
    like = replicas.parameters[replicas.weights[0]]
    return like.new_zeros(replicas.n_replicas, replicas.spec.n_hidden)


def _joined(parts: list[dict[str, Tensor]]) -> dict[str, NDArray[Any]]:
    names = parts[0] if parts else []
    return {name: torch.cat([part[name] for part in parts]).numpy() for name in names}
