"""First-order changes of the loss if units or edges of any net were removed, sample by sample."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from netsculpt.training.sculpting.parts.net_stack import NetStack
from netsculpt.training.tasks import Task

__all__ = ["MOST_SCORED", "edge_effects", "unit_effects"]

MOST_SCORED = 500  # validation samples, the first ones

_NUMBERS = 1 << 24  # gradients that are held at a time


def unit_effects(stack: NetStack, task: Task) -> Tensor:
    r"""Mean over samples of \|activation × ∂loss/∂activation\| of each unit [R, units].

    A gate on all that reads a unit multiplies the weights that do. The derivative of the loss by
    it is activation × gradient, summed over positions and steps, and that is

    .. math:: \sum_{w \text{ reads } u} w \frac{\partial L}{\partial w}

    A weight that is shared, as an embedding by the unembedding, counts with all its uses. Of a
    channel of a residual stream, what is gated is what norms pass on. Pruned units have 0. Only
    the first 500 validation samples are used.
    """
    parts = stack.parts
    means = [
        _mean(parts.reads.sums(products, parts.n_all) for products in _products(stack, row, task))
        for row in range(stack.n_replicas)
    ]
    return torch.stack(means)[:, : parts.n_units]


def edge_effects(stack: NetStack, task: Task) -> Tensor:
    r"""Mean over samples of \|Σ weight × ∂loss/∂weight\| over the entries of each edge [R, edges].

    The sum is inside: it is the change if the whole kernel goes. Samples as in `unit_effects`.
    """
    parts = stack.parts
    means = [
        _mean(parts.edge_sums(products) for products in _products(stack, row, task))
        for row in range(stack.n_replicas)
    ]
    return torch.stack(means)


def _mean(parts: Iterable[Tensor]) -> Tensor:
    """Mean absolute value of each column over the rows of all parts."""
    sums, n = [], 0
    for part in parts:
        sums.append(part.abs().sum(0))
        n += len(part)
    return torch.stack(sums).sum(0) / n


def _products(stack: NetStack, row: int, task: Task) -> Iterator[Tensor]:
    """Parts [n, P] of weight × ∂loss/∂weight of each sample, on the CPU."""
    samples, layout = task.validation, stack.parts.layout
    own = {name: values[row] for name, values in stack.parameters.items()}
    free = {name: own.pop(name) for name in layout.shapes}

    def loss(parameters: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        logits = functional_call(stack.net, parameters | own, (x[None],))
        return task.goal.loss(logits, y[None])

    gradient = grad(loss)
    by_sample = vmap(gradient, in_dims=(None, 0, 0))
    is_recurrent = any(isinstance(x, nn.RNNBase) for x in stack.net.modules())
    at_once = max(1, min(_NUMBERS // layout.n_entries, MOST_SCORED))
    weights = layout.flat({name: x[None] for name, x in free.items()})
    chosen = slice(min(samples.n_samples, MOST_SCORED))
    parts = (torch.split(x[chosen], at_once) for x in (samples.inputs, samples.targets))
    for inputs, targets in zip(*parts, strict=True):
        if is_recurrent:  # has no rule for many samples at once
            each = [gradient(free, x, y) for x, y in zip(inputs, targets, strict=True)]
            found = {name: torch.stack([x[name] for x in each]) for name in free}
        else:
            found = by_sample(free, inputs, targets)
        yield (layout.flat(found) * weights).cpu()
