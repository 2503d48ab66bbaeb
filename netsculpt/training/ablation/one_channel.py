"""Weights of linear layers and convolutions: each feeds one channel."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.functional import unfold

from netsculpt.training.ablation.forward import Forward

__all__ = ["changes", "feeds_one_channel"]


def feeds_one_channel(layer: nn.Module, inputs: Tensor) -> bool:
    """Whether `changes` knows the layer."""
    if type(layer) is nn.Linear:
        return inputs.ndim == 2
    return (
        type(layer) is nn.Conv2d
        and inputs.ndim == 4
        and layer.padding_mode == "zeros"
        and not isinstance(layer.padding, str)
    )


def changes(done: Forward, number: int, kept: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    r"""Change of the loss without each kept weight of a layer: places and changes, block by block.

    Without :math:`w_{ij}` only channel i changes before the next layer, by
    :math:`-w_{ij} a_j`; a layer that mixes channels gets a change of rank one.

    Parameters
    ----------
    done
        The pass of some samples.
    number
        The number of the layer in its chain.
    kept
        Boolean [out, in, …].
    """
    layer = done.chain.links[number].layer
    assert isinstance(layer, nn.Linear | nn.Conv2d)
    patches = _patches(layer, done.values[number])  # [n, groups · columns, positions]
    before = done.values[number + 1]
    weights, kept = layer.weight.flatten(1), kept.flatten(1)
    n_out, n_columns = weights.shape
    per_group = n_out // (getattr(layer, "groups", 1))
    at_once = done.rows_at_once(number + 1)
    for channel in range(n_out):
        first = channel // per_group * n_columns
        for columns in torch.split(kept[channel].nonzero()[:, 0], at_once):
            if len(columns) == 0:
                continue
            read = patches[:, first + columns].transpose(0, 1)  # [columns, n, positions]
            by = weights[channel, columns, None, None] * read
            values = before[:, channel] - by.reshape(len(columns), *before[:, channel].shape)
            places = channel * n_columns + columns
            yield places, done.of_channel(number + 1, channel, values)


def _patches(layer: nn.Module, inputs: Tensor) -> Tensor:
    """What each weight of a channel multiplies."""
    if isinstance(layer, nn.Conv2d):
        assert not isinstance(layer.padding, str)
        return unfold(inputs, layer.kernel_size, layer.dilation, layer.padding, layer.stride)
    return inputs[:, :, None]
