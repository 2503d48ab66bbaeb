"""Learn which channels of a transformer are enough for a task."""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import checked_number, checked_whole
from netsculpt.core.progress import Progress, silent
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.nets.gpt.net import GPT
from netsculpt.training.fitting.recipe import Recipe, learning_rate, optimizer_of
from netsculpt.training.influence.circuits.ablating import (
    ABLATIONS,
    ablated,
    fills_of,
)
from netsculpt.training.influence.circuits.edges import n_edges
from netsculpt.training.influence.circuits.result import Circuit
from netsculpt.training.influence.gates import rounded_gates, soft_gates
from netsculpt.training.pruning.baselines import reinitialised
from netsculpt.training.tasks import Task

__all__ = ["circuit"]

Bits = NDArray[np.bool_]

_DEFAULT = Recipe(epochs=10, batch_size=128, learning_rate=0.1)
_START = 2.0  # logit of a channel


def circuit(
    net: GPT,
    task: Task,
    *,
    recipe: Recipe = _DEFAULT,
    penalty: float = 0.5,
    ablation: str = "mean",
    n_random: int = 10,
    untrained: bool = True,
    progress: Progress = silent,
    rng: RNG = None,
) -> Circuit:
    r"""Learn which channels of a transformer are enough for a task; its weights stay as they are.

    A node is a channel at a place of a block: what attention and MLP read and write, queries, keys,
    values and neurons. Each has a logit l, and is kept with the chance :math:`\sigma(l)`. The gates
    that are learned minimise the loss of the task, where channels without gate are ablated, plus
    the expected share of channels that are kept, times `penalty`. A step uses a rounded draw, with
    the gradient of the sigmoid in its place (straight-through), and one between 0 and 1.

    Parameters
    ----------
    net
        A net of the family ``sparse_gpt``, with masks or without.
    task
        Circuits are learned on its samples, and measured on its validation samples.
    recipe
        Epochs, batches, optimizer and learning rate of the gates.
    penalty
        Nats that it costs to keep all channels.
    ablation
        What takes the place of the others while gates are learned: "zero"; "mean", over samples
        and positions; or "resample", the activation of another sample at the same position.
    n_random
        Circuits with as many channels at each place, drawn at random: a control.
    untrained
        Whether a circuit is learned in the net with random weights too, the other control.
    progress
        Called after each epoch.
    rng
        Seed or generator. Same seed, same bytes.

    Returns
    -------
    Circuit
        Loss and accuracy with each of the three ablations, whichever the circuit was learned with:
        one that holds with its own alone is a property of the ablation.

    Raises
    ------
    FormatError
        If the net is of another family, or the ablation is unknown.

    Notes
    -----
    Two passes and their gradients over the samples an epoch, twice that with the control.

    Gao et al. 2025, arXiv:2511.13653, learn circuits so, with mean ablation. They set the loss
    and search the penalty; here the penalty is given.

    Examples
    --------
    >>> from netsculpt.nets.families import SparseGPT, initial_net
    >>> from netsculpt.training.tasks import quotes
    >>> net = initial_net(SparseGPT(16, 16, width=8, layers=1, heads=1), rng=0)
    >>> found = circuit(net, quotes(64, rng=0), recipe=Recipe(epochs=1), untrained=False, rng=0)
    >>> found.n_nodes_of_net, list(found.accuracy)
    (88, ['zero', 'mean', 'resample'])
    """
    if not isinstance(net, GPT):
        raise FormatError(
            f"the net is a {type(net).__name__}: circuits are learned of nets of the family "
            "sparse_gpt"
        )
    if ablation not in ABLATIONS:
        raise FormatError(f"no ablation {ablation!r:.40}: name one of {', '.join(ABLATIONS)}")
    checked_number(penalty, "penalty", least=0)
    checked_whole(n_random, "n_random", least=0)
    seed = root_seed(rng)

    def found(of: nn.Module, stage: str, control: Circuit | None) -> Circuit:
        still = copy.deepcopy(of).eval().requires_grad_(requires_grad=False)
        assert isinstance(still, GPT)
        report: Progress = lambda _, done, total: progress(stage, done, total)  # noqa: E731
        kept = _learned(still, task, recipe, penalty, ablation, report, stream(seed, stage))
        return _measured(still, task, kept, ablation, n_random, control, seed)

    control = found(reinitialised(net, rng=seed), "random weights", None) if untrained else None
    return found(net, "circuit", control)


def _learned(
    net: GPT,
    task: Task,
    recipe: Recipe,
    penalty: float,
    ablation: str,
    progress: Progress,
    rng: np.random.Generator,
) -> dict[str, Bits]:
    """Which channels are kept, by place."""
    sizes = {name: x.shape[-1] for name, x in fills_of(net, "mean", task.inputs[:1], rng).items()}
    logits = nn.ParameterDict(
        {_key(name): torch.full((size,), _START) for name, size in sizes.items()}
    )
    optimizer = optimizer_of(recipe, logits)
    fixed = None if ablation == "resample" else fills_of(net, ablation, task.inputs, rng)
    n_steps = -(-task.n_samples // recipe.batch_size)
    step, n_nodes = 0, sum(sizes.values())
    for epoch in range(recipe.epochs):
        order = torch.from_numpy(rng.permutation(task.n_samples))
        for rows in torch.split(order, recipe.batch_size):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(recipe, step, n_steps)
            inputs, targets = task.inputs[rows], task.targets[rows]
            fills = fills_of(net, ablation, inputs, rng) if fixed is None else fixed
            soft = {
                name: soft_gates(logits[_key(name)], rng.logistic(size=size))
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
        progress("circuit", epoch + 1, recipe.epochs)
    return {name: (logits[_key(name)].detach() > 0).numpy() for name in sizes}


def _key(name: str) -> str:
    """The name of a place as torch allows it for a parameter."""
    return name.replace(".", "/")


def _measured(
    net: GPT,
    task: Task,
    kept: dict[str, Bits],
    ablation: str,
    n_random: int,
    control: Circuit | None,
    seed: int,
) -> Circuit:
    """The circuit with losses and accuracies, and those of random ones."""
    samples = task.validation
    loss, accuracy, random = {}, {}, {}
    drawn = [
        {name: stream(seed, "random", k, name).permuted(mask) for name, mask in kept.items()}
        for k in range(n_random)
    ]
    for kind in ABLATIONS:
        fills = fills_of(net, kind, samples.inputs, stream(seed, "fills", kind))
        (loss[kind], accuracy[kind]), *others = (
            _outcome(net, samples, x, fills) for x in (kept, *drawn)
        )
        random[kind] = tuple(share for _, share in others)
    whole_loss, whole_accuracy = _outcome(net, samples, {}, {})
    everything = {name: np.ones_like(mask) for name, mask in kept.items()}
    return Circuit(
        kept,
        n_edges(net, kept),
        n_edges(net, everything),
        ablation,
        whole_loss,
        whole_accuracy,
        loss,
        accuracy,
        random,
        control,
    )


@torch.no_grad()
def _outcome(
    net: GPT, samples: Task, kept: dict[str, Bits], fills: dict[str, Tensor]
) -> tuple[float, float]:
    """Loss and accuracy with these channels alone."""
    gates = {name: torch.from_numpy(mask).to(torch.float32) for name, mask in kept.items()}
    with ablated(net, gates, fills):
        logits = net(samples.inputs)
    goal, targets = samples.goal, samples.targets
    return float(goal.loss(logits, targets)), goal.accuracy(logits, targets)
