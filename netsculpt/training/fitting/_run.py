"""A training between two epochs: the net, its optimizer, and all that later epochs depend on."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import torch
from torch import Tensor, nn

from netsculpt.core.errors import FormatError, LimitError
from netsculpt.core.numbers import checked_whole
from netsculpt.core.random import stream
from netsculpt.nets.masking import layer_parameters
from netsculpt.nets.weight_counts import weight_counts
from netsculpt.training.fitting._reproducible import deterministic, seeded_layers
from netsculpt.training.fitting.evaluating import evaluated
from netsculpt.training.fitting.metrics import Epoch
from netsculpt.training.fitting.progress import check_history, check_moments, check_parameters
from netsculpt.training.fitting.recipe import Recipe, clip_gradients, learning_rate, optimizer_of
from netsculpt.training.fitting.sparsity import SparseSteps, Sparsify
from netsculpt.training.tasks import Task


class Run:
    """A training between two epochs."""

    def __init__(
        self, net: nn.Module, task: Task, recipe: Recipe, sparsify: Sparsify | None, seed: int
    ) -> None:
        self.net, self.task, self.recipe, self.seed = net, task, recipe, seed
        _check_logits(net, task)
        self.steps_per_epoch = -(-task.n_samples // recipe.batch_size)
        self.sparsifier = None if sparsify is None else sparsify(net)
        moving = {} if self.sparsifier is None else self.sparsifier.masks
        _check_length(self.sparsifier, recipe.epochs * self.steps_per_epoch)
        self.optimizer = optimizer_of(recipe, net)
        masked = [entry for entry in layer_parameters(net) if entry.mask is not None]
        self.masked = [entry for entry in masked if entry.name not in moving]
        self.moving = [entry for entry in masked if entry.name in moving]
        self.density = sum(weight_counts(net).kept) / max(sum(weight_counts(net).total), 1)
        self.best_state: dict[str, Tensor] = {}
        self.history: list[Epoch] = []

    @property
    def finished(self) -> bool:
        """Whether no epoch is left, or the goal is reached."""
        goal, last = self.recipe.goal_accuracy, self.history[-1:]
        reached = goal is not None and any(x.accuracy >= goal for x in self._eligible(last))
        return len(self.history) >= self.recipe.epochs or reached

    @property
    def best(self) -> Epoch:
        """The first of the best epochs, among those after the last change of the density."""
        eligible = self._eligible(self.history)
        return max(eligible, key=lambda epoch: (epoch.accuracy, -epoch.validation_loss))

    def _eligible(self, epochs: list[Epoch]) -> list[Epoch]:
        """Those after which the net was as sparse as it is to stay."""
        if self.sparsifier is None or self.sparsifier.final_density is None:
            return epochs
        final, steps = self.sparsifier.final_density, self.sparsifier.steps_to_final_density
        return [x for x in epochs if x.density == final and x.epoch * self.steps_per_epoch > steps]

    def advance(self) -> Epoch:
        """Train for one epoch."""
        index = len(self.history)
        layers = int(stream(self.seed, "fit", "layers", index).integers(2**63))
        with seeded_layers(self.task.inputs.device, layers), deterministic():
            loss, right, rate = self._learn(index)
            accuracy, validation_loss = evaluated(self.net, self.task.validation)
        density = self.density if self.sparsifier is None else self.sparsifier.density
        updates = 0 if self.sparsifier is None else self.sparsifier.n_updates
        epoch = Epoch(index + 1, loss, validation_loss, accuracy, rate, density, right, updates)
        if not (math.isfinite(loss) and math.isfinite(validation_loss)):
            raise LimitError(
                f"the loss is {loss} in training and {validation_loss} in validation after epoch "
                f"{epoch.epoch}: lower the learning rate ({rate}), warm it up, or look for extreme "
                "values in the inputs"
            )
        self.history.append(epoch)
        if self._eligible([epoch]) and self.best is epoch:
            self.best_state = {name: x.clone() for name, x in self.net.state_dict().items()}
        return epoch

    def state(self) -> dict[str, Any]:
        """All that later epochs depend on.

        The learning rate follows from the step, and the random numbers of an epoch are drawn from
        streams that the seed and the epoch name.
        """
        return {
            "seed": self.seed,
            "state": self.net.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "best_state": self.best_state,
            "sparsifier": None if self.sparsifier is None else self.sparsifier.state_dict(),
            "history": [dataclasses.asdict(epoch) for epoch in self.history],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Resume from the result of `state`; raises if it cannot be one of this training."""
        history = [Epoch(**epoch) for epoch in state["history"]]
        eligible = self._eligible(history)
        check_history(history, self.recipe, self.steps_per_epoch, eligible)
        if (state["sparsifier"] is None) != (self.sparsifier is None):
            given = "none is" if self.sparsifier is None else "one is"
            raise FormatError(
                f"it is of a training that is made sparse otherwise: here {given} given"
            )
        fresh, moving = self.net.state_dict(), [x.name for x in self.moving]
        fixed = [(x.name, x.mask) for x in self.masked]
        check_parameters(state["state"], fresh, fixed, moving)
        if state["best_state"]:
            check_parameters(state["best_state"], fresh, fixed, moving)
        self.seed = checked_whole(state["seed"], "its seed", least=0)
        moments, groups = state["optimizer"]["state"], state["optimizer"]["param_groups"]
        own = self.optimizer.state_dict()["param_groups"]
        if [_settings(group) for group in groups] != [_settings(group) for group in own]:
            raise FormatError("its optimizer has other settings than the recipe")
        check_moments(moments, self.net, self.optimizer, state["state"])
        self.net.load_state_dict(state["state"])
        self.optimizer.load_state_dict(state["optimizer"])
        device = self.task.inputs.device
        self.best_state = {name: x.to(device) for name, x in state["best_state"].items()}
        self.history = history
        if self.sparsifier is not None:
            self.sparsifier.load_state_dict(state["sparsifier"])
        updates = 0 if self.sparsifier is None else self.sparsifier.n_updates
        if history[-1].updates != updates:
            raise FormatError("its history and its sparse training do not fit each other")
        if bool(eligible) != bool(self.best_state):
            raise FormatError("its best epoch and its history do not fit each other")

    def best_net(self) -> nn.Module:
        """The net at its best epoch, in eval mode."""
        if not self.best_state:
            raise FormatError(
                f"the net did not come to its final density in {len(self.history)} epochs: end the "
                "updates earlier, or train for more epochs"
            )
        self.net.load_state_dict(self.best_state)
        return self.net.eval()

    def _learn(self, index: int) -> tuple[float, float, float]:
        """Train for one epoch; return the mean loss, the accuracy, and the last learning rate."""
        task, recipe, net = self.task, self.recipe, self.net.train()
        shuffled = stream(self.seed, "fit", "order", index).permutation(task.n_samples)
        order = torch.from_numpy(shuffled).to(task.inputs.device)
        noise = stream(self.seed, "fit", "noise", index)
        batches = torch.split(order, recipe.batch_size)
        losses, right, rate = list[Tensor](), list[Tensor](), 0.0
        for step, rows in enumerate(batches, start=index * len(batches)):
            if self.sparsifier is not None:
                self.sparsifier.update(self.optimizer)  # due since the last step
            inputs = task.inputs[rows]
            if recipe.noise:
                numbers = torch.from_numpy(noise.standard_normal(inputs.shape, dtype="float32"))
                inputs = inputs + recipe.noise * numbers.to(inputs.device)
            rate = learning_rate(recipe, step, len(batches))
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            self.optimizer.zero_grad()
            logits = net(inputs)
            loss = task.goal.loss(logits, task.targets[rows])
            loss.backward()  # type: ignore[no-untyped-call]
            for entry in self.masked:  # without gradients and moments, zeros stay 0
                entry.mask_gradient()
            clip_gradients(recipe, net)
            if self.sparsifier is None:
                self.optimizer.step()
            else:
                self.sparsifier.advance(self.optimizer)
            losses.append(loss.detach() * len(rows))  # read later: reading waits for the GPU
            right.append(task.goal.correct(logits.detach(), task.targets[rows]).flatten())
        mean = float(torch.stack(losses).double().sum()) / task.n_samples
        return mean, float(torch.cat(right).double().mean()), rate


def _settings(group: dict[str, Any]) -> dict[str, Any]:
    """A group of parameters and what a recipe decides about it; each step sets its own rate."""
    return {key: value for key, value in group.items() if key != "lr"}


def _check_length(sparsifier: SparseSteps | None, n_steps: int) -> None:
    if sparsifier is not None and sparsifier.steps_to_final_density >= n_steps:
        raise FormatError(
            f"the net comes to its final density after {sparsifier.steps_to_final_density} steps, "
            f"the training has {n_steps}: end the updates earlier, or train for more epochs"
        )


def _check_logits(net: nn.Module, task: Task) -> None:
    net.eval()
    with torch.no_grad():
        shape = list(net(task.inputs[:2]).shape)
    needed = [len(task.inputs[:2]), task.n_outputs]
    if shape != needed:
        raise FormatError(
            f"the net returns {shape} for inputs {list(task.inputs[:2].shape)}, task {task.name!r} "
            f"needs {needed}: give the net {task.n_outputs} outputs"
        )
