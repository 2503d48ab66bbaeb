"""How a net is trained: optimizer, learning rate, batches, noise, when to stop."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeGuard, cast

from torch import nn, optim

from netsculpt.core.errors import FormatError, NumberError
from netsculpt.core.numbers import is_number, is_whole, shown

__all__ = ["Recipe", "check_moves", "clip_gradients", "learning_rate", "optimizer_of"]

_OPTIMIZERS = ("sgd", "adam", "adamw")
_LARGEST = 3.4e38  # of a float32
_FINITE = f"a number from 0 to {_LARGEST:g}"
_SCHEDULES = ("constant", "step", "cosine")


@dataclass(frozen=True)
class Recipe:
    """How a net is trained, on mini-batches of shuffled samples.

    >>> Recipe(optimizer="sgd", learning_rate=0.1, schedule="cosine", warmup=5, epochs=200).momentum
    0.9
    """

    epochs: int = 20
    batch_size: int = 32  # the last one may be smaller; batch norm needs two samples or more in it
    optimizer: str = "adam"  # "sgd", "adam" or "adamw"
    learning_rate: float = 1e-3  # the largest; see the function `learning_rate`
    schedule: str = "constant"  # "constant", "step" or "cosine"
    warmup: int = 0  # epochs in which the learning rate rises linearly from 0
    milestones: tuple[int, ...] = ()  # epochs after which "step" multiplies it by `factor`
    factor: float = 0.1
    weight_decay: float = 0.0  # added to the gradient; decoupled with "adamw"
    momentum: float = 0.9  # of "sgd"
    nesterov: bool = False  # of "sgd"
    betas: tuple[float, float] = (0.9, 0.999)  # of "adam" and "adamw"
    noise: float = 0.0  # standard deviation of normal noise on training inputs
    gradient_rms: float | None = None  # gradients of a larger root mean square are scaled to it
    goal_accuracy: float | None = None  # stop after the first epoch that reaches it

    def __post_init__(self) -> None:
        goal, kinds = self.goal_accuracy, isinstance(self.milestones, tuple)
        warm = is_whole(self.epochs) and is_whole(self.warmup) and 0 <= self.warmup < self.epochs
        requirements = {
            "epochs": (_at_least(self.epochs, 1, is_whole), "a whole number of at least 1"),
            "batch_size": (_at_least(self.batch_size, 1, is_whole), "a whole number of at least 1"),
            "optimizer": (self.optimizer in _OPTIMIZERS, f"one of {', '.join(_OPTIMIZERS)}"),
            "learning_rate": (_fits(self.learning_rate), _FINITE),
            "schedule": (self.schedule in _SCHEDULES, f"one of {', '.join(_SCHEDULES)}"),
            "warmup": (warm, "a whole number from 0 to below epochs"),
            "milestones": (
                kinds
                and bool(self.milestones) == (self.schedule == "step")
                and all(_at_least(x, 0, is_whole) for x in self.milestones),
                "a tuple of epochs with the schedule 'step', and () with any other,",
            ),
            "factor": (
                _fits(self.factor) and (not kinds or not _fits(self.learning_rate) or _stays(self)),
                f"{_FINITE} that lets no learning rate grow above it",
            ),
            "weight_decay": (_fits(self.weight_decay), _FINITE),
            "momentum": (_is_decay(self.momentum), "a number from 0 to below 1"),
            "nesterov": (
                isinstance(self.nesterov, bool) and (not self.nesterov or self.momentum > 0),
                "False, or momentum above 0,",
            ),
            "betas": (
                isinstance(self.betas, tuple)
                and len(self.betas) == 2
                and all(map(_is_decay, self.betas)),
                "a pair of numbers from 0 to below 1",
            ),
            "noise": (_fits(self.noise), _FINITE),
            "gradient_rms": (
                self.gradient_rms is None or (_fits(self.gradient_rms) and self.gradient_rms > 0),
                f"None, or a number above 0 and up to {_LARGEST:g},",
            ),
            "goal_accuracy": (goal is None or _is_share(goal), "a share, 0 … 1,"),
        }
        for field, (good, needed) in requirements.items():
            if not good:
                value = shown(getattr(self, field))
                raise NumberError(f"{field} of a recipe is {value}: {needed} is needed")


def _fits(value: object) -> bool:
    return _at_least(value, 0) and value <= _LARGEST


def _stays(recipe: Recipe) -> bool:
    """Whether the learning rate after all milestones is a float32, too."""
    if recipe.factor <= 1 or not recipe.learning_rate:
        return True
    growth = len(recipe.milestones) * math.log(recipe.factor)
    return math.log(recipe.learning_rate) + growth <= math.log(_LARGEST)


def _at_least(
    value: object, least: int, is_kind: Callable[[object], bool] = is_number
) -> TypeGuard[float]:
    return is_kind(value) and cast(float, value) >= least


def _is_decay(value: object) -> bool:
    return _at_least(value, 0) and value < 1


def _is_share(value: object) -> bool:
    return _at_least(value, 0) and value <= 1


def check_moves(recipe: Recipe) -> None:
    """Raise if a training by the recipe would change nothing."""
    if recipe.learning_rate == 0:
        raise FormatError(
            "the learning rate is 0, which trains nothing: a number above 0 is needed"
        )


def learning_rate(recipe: Recipe, step: int, steps_per_epoch: int) -> float:
    r"""Learning rate of one step; steps are counted from 0.

    :math:`\eta (t + 1) / w` while warming up; then :math:`\eta`, or :math:`\eta f^k` after k
    milestones, or :math:`\frac\eta 2 (1 + \cos \pi \frac{t - w}{T - w})`, for step t of T, the
    first w of which are the warm-up.

    Loshchilov and Hutter, arXiv:1608.03983, equation 5; Goyal et al., arXiv:1706.02677,
    section 2.2.

    >>> recipe = Recipe(learning_rate=1.0, schedule="cosine", epochs=3, warmup=1)
    >>> [round(learning_rate(recipe, step, 2), 3) for step in range(6)]
    [0.5, 1.0, 1.0, 0.854, 0.5, 0.146]
    """
    n_warm = recipe.warmup * steps_per_epoch
    if step < n_warm:
        return recipe.learning_rate * (step + 1) / n_warm
    if recipe.schedule == "step":
        passed = sum(step >= x * steps_per_epoch for x in recipe.milestones)
        return recipe.learning_rate * recipe.factor**passed
    if recipe.schedule == "cosine":
        progress = (step - n_warm) / (recipe.epochs * steps_per_epoch - n_warm)
        return recipe.learning_rate * (1 + math.cos(math.pi * progress)) / 2
    return recipe.learning_rate


def clip_gradients(recipe: Recipe, net: nn.Module) -> None:
    """Scale the gradients of a net, if their root mean square is above that of the recipe.

    It is of all trainable numbers together, without gradient or with.

    >>> import torch
    >>> net = nn.Linear(3, 1, bias=False)
    >>> net.weight.grad = torch.tensor([[2.0, 4.0, 4.0]])
    >>> clip_gradients(Recipe(gradient_rms=1.0), net)
    >>> round(float((net.weight.grad**2).mean()), 4)
    1.0
    """
    if recipe.gradient_rms is not None:
        parameters = [x for x in net.parameters() if x.requires_grad]
        n_numbers = sum(x.numel() for x in parameters)
        largest = recipe.gradient_rms * math.sqrt(n_numbers)
        nn.utils.clip_grad_norm_(parameters, largest)


def optimizer_of(recipe: Recipe, net: nn.Module) -> optim.Optimizer:
    """New optimizer of the trainable parameters of a net."""
    parameters = [x for x in net.parameters() if x.requires_grad]
    rate, decay = recipe.learning_rate, recipe.weight_decay
    if recipe.optimizer == "sgd":
        momentum, nesterov = recipe.momentum, recipe.nesterov
        return optim.SGD(parameters, rate, momentum, weight_decay=decay, nesterov=nesterov)
    make = optim.Adam if recipe.optimizer == "adam" else optim.AdamW
    return make(parameters, rate, recipe.betas, weight_decay=decay)
