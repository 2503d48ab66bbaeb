"""Training of stacked replicas; the best epoch is kept, not the last."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call, grad, vmap

from netsculpt.core.errors import FormatError
from netsculpt.training.fitting.recipe import Recipe
from netsculpt.training.sculpting.replicas import Replicas
from netsculpt.training.tasks import Task

__all__ = ["SCULPTING", "Trained", "accuracy", "check_recipe", "measured", "train"]

_CHUNK = 1 << 24  # random numbers drawn at a time


SCULPTING = Recipe(epochs=20, batch_size=8, learning_rate=0.05, weight_decay=1e-4, noise=0.1)
_CHOSEN = {"epochs", "batch_size", "learning_rate", "weight_decay", "noise", "betas"}


@dataclass(frozen=True, eq=False)
class Trained:
    """Replicas at their best epoch: highest accuracy, then lowest loss (or the latest)."""

    replicas: Replicas
    accuracy: Tensor  # float64 [R], share of right answers on the noise-free validation samples
    loss: Tensor  # [R]
    diverged: Tensor  # bool [R], a loss or a parameter was not finite
    history: Tensor  # float64 [R, epochs], accuracy after each epoch


def check_recipe(recipe: Recipe) -> None:
    """Raise `FormatError` unless a recipe is Adam at a constant learning rate for all epochs.

    >>> check_recipe(replace(SCULPTING, epochs=5, learning_rate=0.01))
    """
    for field in fields(Recipe):
        value, needed = getattr(recipe, field.name), getattr(SCULPTING, field.name)
        if field.name not in _CHOSEN and value != needed:
            raise FormatError(
                f"{field.name} of the recipe is {value!r}, sculpting trains with {needed!r}: leave "
                "it out, or train single nets with netsculpt.training.fit"
            )


def train(
    replicas: Replicas,
    task: Task,
    recipe: Recipe,
    rngs: Sequence[np.random.Generator],
    *,
    frozen: Mapping[str, Tensor] | None = None,
    latest: bool = False,
) -> Trained:
    """Train the kept parameters of each replica with a fresh optimizer.

    Parameters
    ----------
    replicas
        The start of the training; not changed.
    task
        Samples to train on; `task.validation` decides which epoch is best.
    recipe
        The same for all replicas: `SCULPTING`, or one that `check_recipe` accepts.
    rngs
        One generator per replica, for its noise and the order of its samples: what a replica
        sees does not depend on the others.
    frozen
        Entries that do not learn, boolean like the parameters; they stay as they are, to the bit.
    latest
        Of equally accurate epochs keep the last, instead of the one of lowest loss.

    Notes
    -----
    ReLU nets for bits on the CPU are trained in compiled code, where the result of a replica does
    not depend on the others; everything else is trained as one stacked batch. Both draw the same
    numbers and agree up to rounding.

    Patil, Michael and Dovrolis, "Neural Sculpting", NeurIPS 2023, arXiv:2305.18402, appendix;
    Kingma and Ba, "Adam", arXiv:1412.6980, algorithm 1.
    """
    check_recipe(recipe)
    try:
        from netsculpt.training.sculpting import _compiled
    except ImportError:  # numba is not available everywhere: slower, equal up to rounding
        return _stacked(replicas, task, recipe, rngs, frozen=frozen, latest=latest)
    if not _compiled.suits(replicas, task, recipe):
        return _stacked(replicas, task, recipe, rngs, frozen=frozen, latest=latest)
    free = _free(replicas, frozen)
    best, reached, loss, diverged, history = _compiled.train(
        replicas, task, recipe, rngs, free, latest=latest
    )
    diverged |= ~_finite(best)
    return Trained(replace(replicas, parameters=best), reached, loss, diverged, history)


def accuracy(replicas: Replicas, task: Task) -> Tensor:
    """Share of right answers on the noise-free validation samples, float64 [R]."""
    return measured(replicas, task.validation)[0]


def measured(replicas: Replicas, samples: Task) -> tuple[Tensor, Tensor]:
    """Share of right answers on samples, float64 [R], and loss [R]."""
    return _judge_of(replicas, samples)(replicas.parameters)


def _stacked(
    replicas: Replicas,
    task: Task,
    recipe: Recipe,
    rngs: Sequence[np.random.Generator],
    *,
    frozen: Mapping[str, Tensor] | None = None,
    latest: bool = False,
) -> Trained:
    """Train nets of any kind for any goal, all in one batch."""
    net, goal = replicas.net, task.goal
    optimizer = _Adam(replicas, recipe, _free(replicas, frozen))
    parameters = optimizer.parameters
    gradients = vmap(grad(lambda p, x, y: goal.loss(functional_call(net, p, (x,)), y)))
    judge = _judge_of(replicas, task.validation)
    best = {name: values.clone() for name, values in parameters.items()}
    device = replicas.device
    reached = torch.full((replicas.n_replicas,), -1.0, dtype=torch.float64, device=device)
    loss = torch.full((replicas.n_replicas,), math.inf, device=device)
    diverged = torch.zeros(replicas.n_replicas, dtype=torch.bool, device=device)
    history = list[Tensor]()
    for order, noise in _drawn(rngs, task, recipe):
        inputs = task.inputs[order] + recipe.noise * noise
        targets = task.targets[order]
        for start in range(0, task.n_samples, recipe.batch_size):
            batch = slice(start, start + recipe.batch_size)
            optimizer.step(gradients(parameters, inputs[:, batch], targets[:, batch]))
        now, loss_now = judge(parameters)
        history.append(now)
        diverged |= ~loss_now.isfinite()
        better = (now > reached) | ((now == reached) & (latest | (loss_now < loss)))
        rows = better.nonzero()[:, 0]
        for name, values in parameters.items():
            best[name][rows] = values[rows]
        reached, loss = torch.where(better, now, reached), torch.where(better, loss_now, loss)
    diverged |= ~_finite(best)
    every = torch.stack(history, dim=1)
    return Trained(replace(replicas, parameters=best), reached, loss, diverged, every)


def _free(replicas: Replicas, frozen: Mapping[str, Tensor] | None) -> dict[str, Tensor]:
    """Which parameters learn: those that are kept and not frozen."""
    fixed = frozen or {}
    return {name: x & ~fixed[name] if name in fixed else x for name, x in replicas.masks.items()}


def _finite(parameters: dict[str, Tensor]) -> Tensor:
    """Whether all parameters of a replica are finite, bool [R]."""
    return torch.stack([x.flatten(1).isfinite().all(1) for x in parameters.values()]).all(0)


def _judge_of(
    replicas: Replicas, samples: Task
) -> Callable[[dict[str, Tensor]], tuple[Tensor, Tensor]]:
    """Function from parameters to accuracy [R] and loss [R] on samples."""
    goal = samples.goal
    logits_of = replicas.forward(samples.inputs)
    judge = vmap(
        lambda logits: (
            goal.correct(logits, samples.targets).double().mean(),
            goal.loss(logits, samples.targets),
        )
    )
    return lambda parameters: judge(logits_of(parameters))


class _Adam:
    """Adam on stacked parameters; those that are not free stay as they are."""

    def __init__(self, replicas: Replicas, recipe: Recipe, free: Mapping[str, Tensor]) -> None:
        self.recipe, self.n_steps = recipe, 0
        self.parameters = {name: x.clone() for name, x in replicas.parameters.items()}
        self.free = {name: mask.to(torch.float32) for name, mask in free.items()}
        self.mean = {name: torch.zeros_like(x) for name, x in self.parameters.items()}
        self.square = {name: torch.zeros_like(x) for name, x in self.parameters.items()}

    def step(self, gradients: dict[str, Tensor]) -> None:
        self.n_steps += 1
        decay_mean, decay_square = self.recipe.betas
        rate = self.recipe.learning_rate / (1 - decay_mean**self.n_steps)
        correction = 1 - decay_square**self.n_steps
        for name, values in self.parameters.items():
            gradient = gradients[name].add(values, alpha=self.recipe.weight_decay)
            mean, square = self.mean[name], self.square[name]
            mean.lerp_(gradient, 1 - decay_mean)
            square.mul_(decay_square).addcmul_(gradient, gradient, value=1 - decay_square)
            width = (square / correction).sqrt_().add_(1e-8)
            values.addcdiv_(mean * self.free[name], width, value=-rate)


def _drawn(
    rngs: Sequence[np.random.Generator], task: Task, recipe: Recipe
) -> Iterator[tuple[Tensor, Tensor]]:
    """Order of samples [R, n] and noise [R, n, n_inputs] in that order, epoch by epoch.

    Each generator is read as one sequence of normal numbers, so that drawing several epochs at a
    time, which is faster for tiny tasks, changes nothing. Sorting the last number of each sample
    gives the order.
    """
    n, width = task.n_samples, task.n_inputs + 1
    at_once = max(1, min(recipe.epochs, _CHUNK // (len(rngs) * n * width)))
    for first in range(0, recipe.epochs, at_once):
        n_epochs = min(at_once, recipe.epochs - first)
        numbers = np.empty((len(rngs), n_epochs, n, width), dtype=np.float32)
        for rng, part in zip(rngs, numbers, strict=True):
            rng.standard_normal(out=part, dtype=np.float32)
        for epoch in torch.from_numpy(numbers).to(task.inputs.device).unbind(1):
            yield epoch[..., -1].argsort(dim=1, stable=True), epoch[..., :-1]
