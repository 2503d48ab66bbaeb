"""Weights of layers that are not known: the layer and all after it are called without each."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from netsculpt.training.ablation.forward import Forward

__all__ = ["changes"]


def changes(
    done: Forward, number: int, weight: nn.Parameter, kept: Tensor
) -> Iterator[tuple[Tensor, Tensor]]:
    """Change of the loss without each kept weight: places and changes, one by one."""
    layer, flat = done.chain.links[number].layer, weight.data.view(-1)
    for place in kept.flatten().nonzero()[:, 0]:
        value = flat[place].clone()
        if value == 0:
            change = torch.zeros(1, dtype=flat.dtype)
        else:
            flat[place] = 0
            result = layer(done.values[number])
            if isinstance(result, Tensor):
                result = result.clone()  # it may share memory with the values, which stay
            change = done.of_layer(number + 1, result, 1)
            flat[place] = value
        yield place[None], change
