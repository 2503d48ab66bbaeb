"""Variance of a unit's activation over the samples."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import functional_call, vmap

from netsculpt.nets.families import Gate
from netsculpt.training.sculpting.replicas import Replicas
from netsculpt.training.tasks import Task

__all__ = ["activation_variance"]


def activation_variance(replicas: Replicas, task: Task) -> Tensor:
    """Population variance of each hidden unit's activation on the validation samples.

    [R, hidden units]. A unit that is always off, or constant, scores 0.
    """

    def activations(parameters: dict[str, Tensor]) -> list[Tensor]:
        gated, x = [], task.validation.inputs
        for name, layer in replicas.net.named_children():
            of_layer = {
                key.removeprefix(f"{name}."): value
                for key, value in parameters.items()
                if key.startswith(f"{name}.")
            }
            x = functional_call(layer, of_layer, (x,))
            if isinstance(layer, Gate):
                gated.append(x)
        return gated

    layers = vmap(activations)(replicas.parameters)
    return torch.cat([layer.var(1, correction=0) for layer in layers], dim=1)
