"""Checks of a saved training: whether it can be what this training has come to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple
from typing import Any

import torch
from torch import Tensor, optim

from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import is_number
from netsculpt.training.fitting.metrics import Epoch
from netsculpt.training.fitting.recipe import Recipe, learning_rate

__all__ = ["check_history", "check_moments", "check_parameters"]


def check_history(history: Sequence[Epoch], recipe: Recipe, steps_per_epoch: int) -> None:
    """Raise unless these are the first epochs of a training by this recipe."""
    if not 1 <= len(history) <= recipe.epochs:
        raise FormatError(f"it has {len(history)} epochs, the recipe has {recipe.epochs}")
    for number, epoch in enumerate(history, start=1):
        finite = all(map(is_number, astuple(epoch)))
        if not finite or type(epoch.epoch) is not int or epoch.epoch != number:
            raise FormatError(f"epoch {number} of its history is not one")
        rate = learning_rate(recipe, number * steps_per_epoch - 1, steps_per_epoch)
        if not 0 <= epoch.accuracy <= 1 or not math.isclose(rate, epoch.learning_rate):
            raise FormatError(f"epoch {number} of its history is not one of this recipe")
    goal = recipe.goal_accuracy
    if goal is not None and any(epoch.accuracy >= goal for epoch in history[:-1]):
        raise FormatError("its history goes on after the goal is reached")


def check_parameters(
    saved: Any, fresh: Mapping[str, Tensor], masks: Iterable[tuple[str, Tensor | None]]
) -> None:
    """Raise unless a saved state dict has the tensors of the net, and 0 where it is pruned."""
    if not isinstance(saved, dict) or saved.keys() != fresh.keys():
        raise FormatError("it holds other parameters than the net")
    for name, like in fresh.items():
        value = saved[name]
        if not _is_like(value, like):
            raise FormatError(f"its {name!r} does not fit the net")
        if like.dtype == torch.bool and not torch.equal(value, like.cpu()):
            raise FormatError(f"its {name!r} is another mask than the net's")
    for name, mask in masks:
        if mask is not None and saved[name][~mask.cpu()].any():
            raise FormatError(f"its {name!r} has weights where the net is pruned")


def check_moments(saved: Any, optimizer: optim.Optimizer) -> None:
    """Raise unless saved moments of an optimizer fit its parameters."""
    parameters = [x for group in optimizer.param_groups for x in group["params"]]
    if not isinstance(saved, dict) or not saved.keys() <= set(range(len(parameters))):
        raise FormatError("its optimizer is of other parameters than the net's")
    for number, moments in saved.items():
        for name, value in moments.items():
            if name == "step":
                good = is_number(float(value)) and float(value) >= 1
            else:
                good = value is None or _is_like(value, parameters[number])
            if not good:
                raise FormatError(f"{name!r} of its optimizer does not fit the net")


def _is_like(value: object, like: Tensor) -> bool:
    """Whether a value is a tensor on the CPU of the same type, shape and layout."""
    if not isinstance(value, Tensor) or value.device.type != "cpu":
        return False
    return (value.dtype, value.shape, value.layout) == (like.dtype, like.shape, like.layout)
