"""Nets trained by one method: from fresh weights, or from those of a source."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import vmap

from netsculpt.core.random import stream
from netsculpt.nets.families import MLP
from netsculpt.nets.masks import mask_net, masks_of
from netsculpt.nets.stacks import Stack
from netsculpt.training import dynamic
from netsculpt.training.sculpting.replicas import Replicas, initial_replicas
from netsculpt.training.sculpting.retraining import accuracy, train
from netsculpt.training.sculpting.sculpt import sculpt
from netsculpt.training.tasks import Task
from netsculpt.training.transfer.modular.carrying import carried
from netsculpt.training.transfer.modular.conditions import freed
from reuse_runs.cells import Cell, Setup

__all__ = ["Trained", "initial_net", "started_from", "trained"]


@dataclass(frozen=True, eq=False)
class Trained:
    """One net after its training."""

    net: Replicas
    accuracy: float  # on all rows of its truth table
    finished: bool  # False: sculpting did not reach its goal, so that nothing was pruned


def initial_net(setup: Setup, n_inputs: int, seed: int) -> Replicas:
    """A net with fresh weights."""
    return initial_replicas(MLP((n_inputs, *setup.hidden, setup.n_functions)), [seed])


def started_from(source: Replicas, fresh: Replicas) -> Replicas:
    """All of a source but its outputs, with fresh weights where it has no unit on a path.

    The source's mask is left, for methods that move masks from there; methods that begin with dense
    nets take it off.
    """
    net = freed(fresh, carried(source, None))
    return replace(net, masks=source.masks)


def trained(cell: Cell, starts: Sequence[Replicas], tasks: Sequence[Task]) -> list[Trained]:
    """Each net trained on its task by the cell's method."""
    if cell.method in ("rigl", "ac_dc"):
        starts = _moved(cell, starts, tasks)
    elif cell.method == "dense":
        starts = [_dense(start) for start in starts]
    if cell.method == "sculpted":
        return [_sculpted(cell, start, task) for start, task in zip(starts, tasks, strict=True)]
    found = []
    for start, task in zip(starts, tasks, strict=True):
        best = train(start, task, cell.setup.recipe, [stream(cell.seed, "settled")])
        found.append(Trained(best.replicas, float(best.accuracy), True))
    return found


def _sculpted(cell: Cell, start: Replicas, task: Task) -> Trained:
    found = sculpt(
        start.spec,
        task,
        cell.setup.recipe,
        seeds=[cell.seed],
        edge_gradients=(cell.setup.edge_gradient,),
        initial=_dense(start),
    )
    right = float(accuracy(found.replicas, task))
    return Trained(found.replicas, right, bool(found.solved.all()))


def _dense(net: Replicas) -> Replicas:
    return replace(net, masks={name: torch.ones_like(mask) for name, mask in net.masks.items()})


def _moved(cell: Cell, starts: Sequence[Replicas], tasks: Sequence[Task]) -> list[Replicas]:
    """The nets after as many epochs of sparse training as masks move for, as one stack."""
    setup, task = cell.setup, tasks[0]
    stack = Stack([_module(net if cell.method == "rigl" else _dense(net)) for net in starts])
    seeds = len(starts) * [cell.seed]  # the same for all: nets of equal weights get equal masks
    per_epoch = -(-task.n_samples // setup.recipe.batch_size)
    sparsifier = dynamic.replicated(_method(cell, per_epoch), stack, seeds=seeds)
    optimizer = torch.optim.Adam(
        stack.parameters(), setup.recipe.learning_rate, weight_decay=setup.recipe.weight_decay
    )
    inputs, targets = (torch.stack([getattr(x, name) for x in tasks]) for name in _SAMPLES)
    for epoch in range(setup.moving):
        generator = stream(cell.seed, "moving", epoch)
        order = torch.from_numpy(generator.permutation(task.n_samples))
        noise = torch.from_numpy(generator.standard_normal(task.inputs.shape, dtype="float32"))
        noisy = inputs[:, order] + setup.recipe.noise * noise
        for x, y in _batches(noisy, targets[:, order], setup.recipe.batch_size):
            optimizer.zero_grad()
            loss: torch.Tensor = vmap(task.goal.loss)(stack(x), y).sum()
            loss.backward()  # type: ignore[no-untyped-call]
            sparsifier.step(optimizer)
    return [_replica(start.spec, stack.net(row)) for row, start in enumerate(starts)]


_SAMPLES = "inputs", "targets"


def _method(cell: Cell, per_epoch: int) -> Callable[..., dynamic.Sparsifier]:
    """Random masks of the density at first for RigL, unless a net has masks already."""
    setup = cell.setup
    steps = setup.moving * per_epoch
    if cell.method == "ac_dc":
        ends = [steps * (i + 1) // setup.phases for i in range(setup.phases)]
        return partial(dynamic.ac_dc, density=setup.density, phases=ends)

    def rigl(net: nn.Module, **settings: Any) -> dynamic.Sparsifier:
        pruned = any(not bool(mask.all()) for mask in masks_of(net).values())
        density = None if pruned else setup.density
        return dynamic.rigl(net, density=density, end=steps, every=setup.every, **settings)

    return rigl


def _batches(inputs: Tensor, targets: Tensor, size: int) -> zip[tuple[Tensor, Tensor]]:
    return zip(torch.split(inputs, size, dim=1), torch.split(targets, size, dim=1), strict=True)


def _module(net: Replicas) -> nn.Module:
    """One net as a module of torch, masked if anything is pruned."""
    state, masks = net.state(0)
    made = net.spec.build()
    made.load_state_dict(state)
    if not all(bool(mask.all()) for mask in masks.values()):
        mask_net(made, masks)
    return made


def _replica(spec: MLP, net: nn.Module) -> Replicas:
    kept = masks_of(net)
    parameters = {name: x.detach()[None].clone() for name, x in net.named_parameters()}
    masks = {
        name: kept[name][None].clone() if name in kept else torch.ones_like(x, dtype=torch.bool)
        for name, x in parameters.items()
    }
    return Replicas(spec, spec.build(), parameters, masks).masked(masks)
