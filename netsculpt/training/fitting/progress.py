"""Checks of a saved training: whether it can be what this training has come to."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import astuple
from typing import Any

import torch
from torch import Tensor, nn, optim

from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import is_number
from netsculpt.training.fitting.metrics import Epoch
from netsculpt.training.fitting.recipe import Recipe, learning_rate

__all__ = ["check_history", "check_moments", "check_parameters"]


def check_history(
    history: Sequence[Epoch], recipe: Recipe, steps_per_epoch: int, eligible: Sequence[Epoch]
) -> None:
    """Raise unless these are the first epochs of a training by this recipe.

    The goal is one for the `eligible` ones among them.
    """
    if not 1 <= len(history) <= recipe.epochs:
        raise FormatError(f"it has {len(history)} epochs, the recipe has {recipe.epochs}")
    for number, epoch in enumerate(history, start=1):
        finite = all(map(is_number, astuple(epoch)))
        if not finite or type(epoch.epoch) is not int or epoch.epoch != number:
            raise FormatError(f"epoch {number} of its history is not one")
        rate = learning_rate(recipe, number * steps_per_epoch - 1, steps_per_epoch)
        shares = all(0 <= x <= 1 for x in (epoch.accuracy, epoch.training_accuracy, epoch.density))
        updates = epoch.updates, history[max(number - 2, 0)].updates
        if any(type(x) is not int for x in updates) or not 0 <= updates[1] <= updates[0]:
            raise FormatError(f"epoch {number} of its history has impossible updates")
        if not shares or not math.isclose(rate, epoch.learning_rate):
            raise FormatError(f"epoch {number} of its history is not one of this recipe")
    goal = recipe.goal_accuracy
    before = [epoch for epoch in eligible if epoch.epoch < len(history)]
    if goal is not None and any(epoch.accuracy >= goal for epoch in before):
        raise FormatError("its history goes on after the goal is reached")


def check_parameters(
    saved: Any,
    fresh: Mapping[str, Tensor],
    masks: Iterable[tuple[str, Tensor | None]],
    moving: Collection[str] = (),
) -> None:
    """Raise unless a saved state dict has the tensors of the net, and 0 where it is pruned.

    The masks of the weights `moving` may be others than those of the net.
    """
    if not isinstance(saved, dict) or saved.keys() != fresh.keys():
        raise FormatError("it holds other parameters than the net")
    for name, like in fresh.items():
        value = saved[name]
        if not _is_like(value, like):
            raise FormatError(f"its {name!r} does not fit the net")
        moves = name.removesuffix("_mask") in moving
        if like.dtype == torch.bool and not moves and not torch.equal(value, like.cpu()):
            raise FormatError(f"its {name!r} is another mask than the net's")
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise FormatError(f"its {name!r} is not finite")
    for name, mask in masks:
        if mask is not None and saved[name][~mask.cpu()].any():
            raise FormatError(f"its {name!r} has weights where the net is pruned")
    for name in moving:
        if saved[name][~saved[f"{name}_mask"]].any():
            raise FormatError(f"its {name!r} has weights where its mask prunes them")


def check_moments(
    saved: Any, net: nn.Module, optimizer: optim.Optimizer, trained: Mapping[str, Tensor]
) -> None:
    """Raise unless saved moments fit an optimizer of a fresh net, which came to `trained`."""
    names = [name for name, x in net.named_parameters() if x.requires_grad]
    parameters = dict(net.named_parameters())
    if not isinstance(saved, dict) or not saved.keys() <= set(range(len(names))):
        raise FormatError("its optimizer is of other parameters than the net's")
    needed = set(_moments(optimizer))
    for number, name in enumerate(names):
        moments = saved.get(number, {})
        if number not in saved and not torch.equal(trained[name], parameters[name].detach().cpu()):
            missing = needed  # what was trained has moments
        else:
            missing = needed - moments.keys() if number in saved else set()
        if missing:
            raise FormatError(f"its optimizer lacks {', '.join(sorted(missing))} of {name!r}")
        for key, value in moments.items():
            if not _is_moment(key, value, parameters[name], key in needed):
                raise FormatError(f"{key!r:.40} of {name!r} of its optimizer does not fit the net")


def _moments(optimizer: optim.Optimizer) -> tuple[str, ...]:
    """What an optimizer keeps of every parameter that it has moved."""
    if isinstance(optimizer, optim.SGD):
        return ("momentum_buffer",) if optimizer.defaults["momentum"] else ()
    return "step", "exp_avg", "exp_avg_sq"


def _is_moment(key: object, value: Any, parameter: Tensor, needed: bool) -> bool:
    if key == "step":
        if not isinstance(value, Tensor) or value.ndim or value.dtype != torch.float32:
            return False
        return is_number(value.item()) and value.item() >= 0
    if value is None:
        return not needed
    return _is_like(value, parameter) and bool(torch.isfinite(value).all())


def _is_like(value: object, like: Tensor) -> bool:
    """Whether a value is a tensor on the CPU of the same type, shape and layout."""
    if not isinstance(value, Tensor) or value.device.type != "cpu":
        return False
    return (value.dtype, value.shape, value.layout) == (like.dtype, like.shape, like.layout)
