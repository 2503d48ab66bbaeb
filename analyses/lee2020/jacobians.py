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
    """Isometry of each layer's Jacobian, by its own inputs ("layer") and the net's ("through").

    A layer is its weights and the activation after them. Singular values are pooled over samples.
    """
    rows = []
    through = torch.eye(inputs.shape[1], dtype=torch.float64)
    for own in _jacobians(net, inputs):
        through = own @ through
        rows.append({**_pooled("layer", own), **_pooled("through", through)})
    counts = weight_counts(net).table()
    return [
        {"layer": number, "layer_density": density, **row}
        for number, (density, row) in enumerate(zip(counts["density"], rows, strict=True), start=1)
    ]


def _jacobians(net: nn.Module, inputs: Tensor) -> list[Tensor]:
    """Jacobian of each layer of a sequential net, [samples, out, in]."""
    jacobians: list[Tensor] = []
    activations = inputs.double()
    for layer in copy.deepcopy(net).double().eval().children():
        if isinstance(layer, nn.Linear):
            jacobians.append(layer.weight.detach().expand(len(inputs), -1, -1))
            activations = layer(activations).detach()
        else:  # an activation, unit by unit
            before = activations.requires_grad_(True)
            after = layer(before)
            (slopes,) = torch.autograd.grad(after.sum(), before)
            jacobians[-1] = slopes[:, :, None] * jacobians[-1]
            activations = after.detach()
    return jacobians


def _pooled(name: str, jacobians: Tensor) -> dict[str, float]:
    values = np.concatenate([isometry(x.numpy()).singular_values for x in jacobians])
    return {
        f"{name}_mean": float(values.mean()),
        f"{name}_sd": float(values.std()),
        f"{name}_max": float(values.max()),
        f"{name}_min": float(values.min()),
    }
