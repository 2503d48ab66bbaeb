"""Singular values of a net's Jacobians, layer by layer."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from netsculpt.nets import weight_counts
from netsculpt.paths import isometry

__all__ = ["by_layer"]


def by_layer(net: nn.Module, inputs: Tensor) -> list[dict[str, Any]]:
    """Isometry by layer: of its own Jacobian ("layer"), and of that by the inputs ("through").

    A layer is its weights and the activation behind them. Singular values are pooled over samples.
    """
    found = []
    through = torch.eye(inputs.shape[1], dtype=torch.float64)
    for own in _jacobians(net, inputs):
        through = own @ through
        found.append({**_pooled("layer", own), **_pooled("through", through)})
    counts = weight_counts(net).table()
    return [
        {"layer": at, "layer_density": density, **row}
        for at, (density, row) in enumerate(zip(counts["density"], found, strict=True), start=1)
    ]


def _jacobians(net: nn.Module, inputs: Tensor) -> list[Tensor]:
    """Of each layer of a sequential net, [samples, out, in]."""
    found: list[Tensor] = []
    activations = inputs.double()
    for layer in copy.deepcopy(net).double().eval().children():
        if isinstance(layer, nn.Linear):
            found.append(layer.weight.detach().expand(len(inputs), -1, -1))
            activations = layer(activations).detach()
        else:  # works unit by unit
            before = activations.requires_grad_(True)
            after = layer(before)
            (slopes,) = torch.autograd.grad(after.sum(), before)
            found[-1] = slopes[:, :, None] * found[-1]
            activations = after.detach()
    return found


def _pooled(name: str, jacobians: Tensor) -> dict[str, float]:
    values = np.concatenate([isometry(x.numpy()).singular_values for x in jacobians])
    return {
        f"{name}_mean": float(values.mean()),
        f"{name}_sd": float(values.std()),
        f"{name}_max": float(values.max()),
        f"{name}_min": float(values.min()),
    }
