"""Wired suite: nets trained so that their modules are known by construction.

Sixteen bits in four groups, two Boolean functions of each; 16-32-32-8 ReLU nets, pruned to a third
of their weights by magnitude. Each unit was given a group before training:

- "masked": a third of the weights between groups exists, all of those inside;
- "clustered": the loss rewards the share of squared weight that is inside groups (as in Golechha,
  Chaudhary, Velja, Abate and Schoots, "Modular Training of Neural Networks aids Interpretability",
  arXiv:2502.02470);
- "short wires": the loss charges every weight its length, where the units of a group lie close
  together (as in Liu, Gan and Tegmark, "Seeing is Believing: Brain-Inspired Modular Training for
  Mechanistic Interpretability", arXiv:2305.08746).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from modbench1.network import Network, drawn, shuffled
from modbench1.relu_net import influence_of
from netsculpt.graph.matrices import from_matrices
from netsculpt.graph.partition import Partition
from netsculpt.training.tasks import Bits, Task

__all__ = ["FAMILIES", "networks"]

FAMILIES = ("masked", "clustered", "short wires")

_GROUPS, _BITS, _FUNCTIONS, _HIDDEN = 4, 4, 2, (32, 32)
_SAMPLES = 256
_STEPS, _MORE_STEPS, _RATE = 200, 60, 0.01
_DENSITY = 1 / 3
_BETWEEN = 1 / 3  # share of the weights between groups that a masked net has
_REWARD, _CHARGE = 0.3, 0.0005


def networks(suite: str, family: str, indices: Iterable[int]) -> Iterator[Network]:
    """Networks of a family."""
    torch.set_num_threads(1)
    widths = (_GROUPS * _BITS, *_HIDDEN, _GROUPS * _FUNCTIONS)
    groups = [np.arange(width) * _GROUPS // width for width in widths]
    for index in indices:
        rng = drawn(suite, family, index)
        task = _task(rng)
        weights, biases, masks = _trained(family, task, groups, rng)
        arrays = [(w * m).numpy().astype(np.float64) for w, m in zip(weights, masks, strict=True)]
        influence = influence_of(arrays, [x.numpy().astype(np.float64) for x in biases], task)
        graph = from_matrices([x.astype(np.float32) for x in arrays])
        network = Network(graph, Partition(np.concatenate(groups)), influence=influence)
        yield shuffled(network, rng)


def _task(rng: np.random.Generator) -> Task:
    """Random samples of random functions, each true for half of the values of its group."""
    bits = rng.integers(0, 2, (_SAMPLES, _GROUPS, _BITS))
    value = bits @ (1 << np.arange(_BITS))
    n_values = 1 << _BITS
    tables = np.arange(n_values) < n_values // 2
    answers = [
        rng.permutation(tables)[value[:, group]]
        for group in range(_GROUPS)
        for _ in range(_FUNCTIONS)
    ]
    x = torch.from_numpy(bits.reshape(_SAMPLES, -1).astype(np.float32))
    y = torch.from_numpy(np.stack(answers, axis=1).astype(np.float32))
    return Task("groups of bits", x, y, Bits(y.shape[1]))


def _trained(
    family: str,
    task: Task,
    groups: list[np.ndarray[tuple[int], np.dtype[np.int64]]],
    rng: np.random.Generator,
) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """Weights, biases and masks after training, pruning and some more training."""
    inside = [torch.from_numpy(b[:, None] == a) for a, b in pairwise(groups)]
    lengths = [
        torch.from_numpy(np.abs(b[:, None] - a).astype(np.float32)) for a, b in pairwise(groups)
    ]
    weights, biases, masks = list[Tensor](), list[Tensor](), list[Tensor]()
    for own in inside:
        drawn_weights = rng.standard_normal(own.shape) * np.sqrt(2 / own.shape[1])
        weights.append(torch.from_numpy(drawn_weights.astype(np.float32)))
        biases.append(torch.zeros(own.shape[0]))
        wired = torch.from_numpy(rng.random(own.shape) < _BETWEEN) | own
        masks.append(wired if family == "masked" else torch.ones_like(own))

    def penalty(now: list[Tensor]) -> Tensor:
        if family == "short wires":
            charged = [(w.abs() * length).sum() for w, length in zip(now, lengths, strict=True)]
            return _CHARGE * torch.stack(charged).sum()
        if family == "clustered":
            shares = [(w**2)[own].sum() / (w**2).sum() for w, own in zip(now, inside, strict=True)]
            return -_REWARD * torch.stack(shares).mean()
        return torch.zeros(())

    for steps in (_STEPS, _MORE_STEPS):
        parameters = [x.clone().requires_grad_() for x in (*weights, *biases)]
        optimizer = torch.optim.Adam(parameters, lr=_RATE)
        for _ in range(steps):
            now = [w * m for w, m in zip(parameters[: len(masks)], masks, strict=True)]
            x = task.inputs
            for layer, weight in enumerate(now):
                below = torch.relu(x) if layer else x
                x = below @ weight.T + parameters[len(masks) + layer]
            loss = torch.nn.functional.binary_cross_entropy_with_logits(x, task.targets)
            optimizer.zero_grad()
            (loss + penalty(now)).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        weights = [x.detach() * m for x, m in zip(parameters[: len(masks)], masks, strict=True)]
        biases = [x.detach() for x in parameters[len(masks) :]]
        masks = _largest(weights) if steps == _STEPS else masks
    return weights, biases, masks


def _largest(weights: list[Tensor]) -> list[Tensor]:
    """Masks of the largest weights, as many in each layer as its share of the density allows."""
    masks = []
    for weight in weights:
        n_kept = round(_DENSITY * weight.numel())
        kept = torch.zeros(weight.numel(), dtype=torch.bool)
        kept[weight.abs().flatten().argsort(descending=True, stable=True)[:n_kept]] = True
        masks.append(kept.reshape(weight.shape))
    return masks
