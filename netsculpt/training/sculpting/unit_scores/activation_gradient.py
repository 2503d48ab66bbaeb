"""First-order change of the loss if a unit were removed."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import functional_call, vmap

from netsculpt.training.sculpting.parts.effects import unit_effects
from netsculpt.training.sculpting.parts.net_stack import NetStack
from netsculpt.training.sculpting.replicas import Replicas
from netsculpt.training.tasks import Task

__all__ = ["activation_gradient"]


def activation_gradient(replicas: Replicas | NetStack, task: Task) -> Tensor:
    """Mean over the validation samples of |activation × ∂loss/∂activation| [R, hidden units].

    The absolute value is taken per sample: the mean of absolute products, not the absolute value
    of a batch mean. Pruned units score 0. For what is a unit in nets of other kinds, see
    `netsculpt.training.sculpting.parts`.

    Patil, Michael and Dovrolis, arXiv:2305.18402, section 3.
    """
    if isinstance(replicas, NetStack):
        return unit_effects(replicas, task)
    samples, goal = task.validation, task.goal
    gates = dict(replicas.net.named_buffers())

    def loss(
        opened: dict[str, Tensor], parameters: dict[str, Tensor], x: Tensor, y: Tensor
    ) -> Tensor:
        logits = functional_call(replicas.net, {**parameters, **opened}, (x[None],))
        return goal.loss(logits, y[None])

    # Not torch.func.grad, whose first call imports PyTorch's compiler, which takes seconds.
    n_replicas, n_samples = replicas.n_replicas, len(samples.inputs)
    opened = {
        name: gate.expand(n_replicas, n_samples, *gate.shape).clone().requires_grad_()
        for name, gate in gates.items()
    }
    by_sample = vmap(loss, in_dims=(0, None, 0, 0))
    by_replica = vmap(by_sample, in_dims=(0, 0, None, None))
    with torch.enable_grad():
        losses = by_replica(opened, replicas.parameters, samples.inputs, samples.targets)
        products = torch.autograd.grad(losses.sum(), list(opened.values()))
    return torch.cat([product.abs().mean(1) for product in products], dim=1)
