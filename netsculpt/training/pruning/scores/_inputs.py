"""Moments of what each weight multiplies."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from netsculpt.core.errors import FormatError
from netsculpt.nets.frozen import frozen_copy
from netsculpt.nets.masking import LayerParameter
from netsculpt.nets.prunable import layer_weights
from netsculpt.training.fitting.batches import Batches

__all__ = ["input_moments"]

_CONVOLUTIONS = nn.Conv1d | nn.Conv2d | nn.Conv3d
_RECURRENT = nn.LSTM | nn.GRU | nn.RNN


@torch.no_grad()
def input_moments(net: nn.Module, batches: Batches) -> dict[str, tuple[Tensor, Tensor]]:
    """Mean and mean square of the input of each weight, over samples, positions and steps.

    Each has the weight's shape. Inputs of convolutions are whole channels, without padding.
    """
    still = frozen_copy(net)
    sums: dict[str, tuple[Tensor, Tensor, int]] = {}
    for entry in layer_weights(still):
        _require_known(entry)
        entry.layer.register_forward_hook(partial(_add, sums, entry))
    for inputs, _ in batches:
        still(inputs.double())
    moments = {}
    for entry in layer_weights(still):
        if entry.name not in sums:
            raise FormatError(
                f"{entry.name!r} belongs to a layer that is not called: nothing is known of its "
                "inputs; choose a score that needs none"
            )
        total, squares, n = sums[entry.name]
        moments[entry.name] = _spread(entry, total / n), _spread(entry, squares / n)
    return moments


def _require_known(entry: LayerParameter) -> None:
    layer, leaf = entry.layer, entry.leaf
    known = isinstance(layer, nn.Linear | _CONVOLUTIONS) and leaf == "weight"
    if isinstance(layer, _RECURRENT):
        known = layer.num_layers == 1 and not layer.bidirectional
    if not known:
        raise FormatError(
            f"{entry.name!r} is a weight of {type(layer).__name__}: inputs are known of linear "
            "layers, convolutions, and recurrent layers of one direction; choose a score that "
            "needs no inputs"
        )


def _add(
    sums: dict[str, tuple[Tensor, Tensor, int]],
    entry: LayerParameter,
    layer: nn.Module,
    arguments: tuple[Any, ...],
    result: Any,
) -> None:
    """Add up what a weight has multiplied in a call of its layer."""
    values = arguments[0]
    if entry.leaf.startswith("weight_hh"):
        steps = result[0] if values.ndim == 2 or layer.batch_first else result[0].transpose(0, 1)
        values = torch.cat([torch.zeros_like(steps[..., :1, :]), steps[..., :-1, :]], dim=-2)
    if isinstance(layer, _CONVOLUTIONS):
        values = values.movedim(1, -1)
    flat = values.flatten(0, -2)
    total, squares, n = sums.get(entry.name, (0.0, 0.0, 0))
    sums[entry.name] = total + flat.sum(0), squares + flat.square().sum(0), n + len(flat)


def _spread(entry: LayerParameter, values: Tensor) -> Tensor:
    """Values of the inputs [in] for each entry of a weight [out, in / groups, …]."""
    weight, n_groups = entry.parameter, entry.n_groups
    own = values.view(n_groups, 1, weight.shape[1]).expand(-1, len(weight) // n_groups, -1)
    own = own.reshape(len(weight), weight.shape[1], *[1] * (weight.ndim - 2))
    return own.expand_as(weight)
