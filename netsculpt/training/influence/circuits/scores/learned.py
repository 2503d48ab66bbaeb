"""Logits of gates that are learned."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from netsculpt.core.numbers import checked_number
from netsculpt.core.progress import Progress, silent
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.nets.gpt.net import GPT
from netsculpt.training.fitting.recipe import Recipe, learning_rate, optimizer_of
from netsculpt.training.influence.circuits.ablating import ablated, fills_of
from netsculpt.training.influence.circuits.channels import channels_of
from netsculpt.training.influence.gates import rounded_gates, soft_gates
from netsculpt.training.tasks import Task

__all__ = ["learned"]

_DEFAULT = Recipe(epochs=3, batch_size=128, learning_rate=0.1)
_START = 2.0  # logit of a channel


def learned(
    net: GPT,
    task: Task,
    *,
    recipe: Recipe = _DEFAULT,
    penalty: float = 0.3,
    ablation: str = "mean",
    progress: Progress = silent,
    rng: RNG = None,
) -> dict[str, NDArray[np.float64]]:
    r"""Learn a gate of each channel; its logit is the score.

    A channel is kept with the chance :math:`\sigma(l)` of its logit l. The gates that are learned
    minimise the loss of the task, where channels without gate are ablated, plus the expected share
    of channels that are kept, times `penalty`. A step uses a rounded draw, with the gradient of
    the sigmoid in its place (straight-through), and one between 0 and 1. The weights of the net
    stay as they are.

    Parameters
    ----------
    net, task, rng
        As `netsculpt.training.influence.circuits.circuit` has them.
    recipe
        Epochs, batches, optimizer and learning rate of the gates.
    penalty
        Nats that it costs to keep all channels.
    ablation
        What takes the place of the others while gates are learned.
    progress
        Called after each epoch.

    Notes
    -----
    Two passes and their gradients over the samples an epoch. Gao et al. 2025, arXiv:2511.13653,
    learn gates so, and search the penalty too; here it is given.

    Examples
    --------
    >>> from netsculpt.nets.families import SparseGPT, initial_net
    >>> from netsculpt.training.tasks import quotes
    >>> net = initial_net(SparseGPT(16, 16, width=8, layers=1, heads=1), rng=0)
    >>> found = learned(net, quotes(64, rng=0), recipe=Recipe(epochs=1), rng=0)
    >>> sum(map(len, found.values()))
    88
    """
    checked_number(penalty, "penalty", least=0)
    draws = stream(root_seed(rng), "gates")
    sizes = channels_of(net, task.inputs).sizes
    keys = {name: name.replace(".", "/") for name in sizes}  # as torch allows them
    logits = nn.ParameterDict({keys[x]: torch.full((n,), _START) for x, n in sizes.items()})
    optimizer = optimizer_of(recipe, logits)
    fixed = None if ablation == "resample" else fills_of(net, ablation, task.inputs, draws)
    n_steps = -(-task.n_samples // recipe.batch_size)
    step, n_nodes = 0, sum(sizes.values())
    for epoch in range(recipe.epochs):
        order = torch.from_numpy(draws.permutation(task.n_samples))
        for rows in torch.split(order, recipe.batch_size):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(recipe, step, n_steps)
            inputs, targets = task.inputs[rows], task.targets[rows]
            fills = fills_of(net, ablation, inputs, draws) if fixed is None else fixed
            soft = {
                name: soft_gates(logits[keys[name]], draws.logistic(size=size))
                for name, size in sizes.items()
            }
            rounded = {name: rounded_gates(x) for name, x in soft.items()}
            loss = penalty * sum(x.sigmoid().sum() for x in logits.values()) / n_nodes
            for gates in (soft, rounded):
                with ablated(net, gates, fills):
                    loss = loss + task.goal.loss(net(inputs), targets) / 2
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
        progress("gates", epoch + 1, recipe.epochs)
    return {name: logits[keys[name]].detach().double().numpy() for name in sizes}
