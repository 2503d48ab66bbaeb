"""First-order change of the loss if a weight were removed."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import functional_call, grad, vmap

from netsculpt.training.sculpting.parts.effects import edge_effects
from netsculpt.training.sculpting.parts.net_stack import NetStack
from netsculpt.training.sculpting.replicas import Replicas
from netsculpt.training.tasks import Task

__all__ = ["weight_gradient"]


def weight_gradient(replicas: Replicas | NetStack, task: Task) -> Tensor:
    r"""Mean over the validation samples of \|weight × ∂loss/∂weight\| [R, weights].

    The absolute value is taken per sample, as in the score of units: an edge that contributes to
    no sample scores 0. With the gradient of the mean instead, this is Mozer and Smolensky's
    relevance and SNIP (Lee, Ajanthan and Torr, arXiv:1810.02340, equation 6). Memory
    O(samples × weights) per replica. Of a kernel, the products of its weights are added up.
    """
    if isinstance(replicas, NetStack):
        return edge_effects(replicas, task)
    samples, goal = task.validation, task.goal

    def loss(parameters: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return goal.loss(functional_call(replicas.net, parameters, (x[None],)), y[None])

    by_sample = vmap(grad(loss), in_dims=(None, 0, 0))

    def score(parameters: dict[str, Tensor]) -> Tensor:
        gradients = by_sample(parameters, samples.inputs, samples.targets)
        products = [gradients[name] * parameters[name] for name in replicas.weights]
        return torch.cat([product.abs().mean(0).flatten() for product in products])

    return vmap(score)(replicas.parameters)
