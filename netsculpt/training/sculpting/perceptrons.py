"""Sculpting of multi-layer perceptrons, which are trained as one stacked batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from netsculpt.core.errors import FormatError
from netsculpt.nets.families import MLP
from netsculpt.training.fitting.recipe import Recipe
from netsculpt.training.sculpting.cuts import without_edges, without_units
from netsculpt.training.sculpting.method import SculptingMethod
from netsculpt.training.sculpting.replicas import Replicas, initial_replicas
from netsculpt.training.sculpting.retraining import Trained, accuracy, check_recipe, measured, train
from netsculpt.training.tasks import Task

__all__ = ["Perceptrons"]


@dataclass(frozen=True)
class Perceptrons:
    """Multi-layer perceptrons: units are hidden units, edges are weights."""

    spec: MLP

    @property
    def n_units(self) -> int:
        """Hidden units."""
        return self.spec.n_hidden

    @property
    def n_edges(self) -> int:
        """Weights."""
        return self.spec.n_weights

    def check(self, task: Task, recipe: Recipe, method: SculptingMethod) -> None:  # noqa: ARG002
        """Raise unless the task has as many inputs and outputs, and stacks can be trained so."""
        check_recipe(recipe)
        widths = self.spec.widths
        if (widths[0], widths[-1]) != (task.n_inputs, task.n_outputs):
            raise FormatError(
                f"the net has {widths[0]} inputs and {widths[-1]} outputs, "
                f"task {task.name!r} has {task.n_inputs} and {task.n_outputs}: both must be the "
                "same"
            )
        if not self.spec.n_hidden:
            raise FormatError("a net without hidden layers has no unit to prune: give three widths")

    def initial(self, seeds: Sequence[int]) -> Replicas:
        """Kaiming-normal weights and zero biases."""
        return initial_replicas(self.spec, seeds)

    def without_units(self, stack: Replicas, keep: Tensor) -> Replicas:
        """Prune hidden units with their rows, columns and biases."""
        return without_units(stack, keep)

    def without_edges(self, stack: Replicas, keep: Tensor) -> Replicas:
        """Prune weights, and the bias of units without incoming weights."""
        return without_edges(stack, keep)

    def kept_edges(self, stack: Replicas) -> Tensor:
        """Kept weights, bool [R, weights]."""
        return torch.cat([stack.masks[name].flatten(1) for name in stack.weights], dim=1)

    def trained(
        self,
        stack: Replicas,
        task: Task,
        recipe: Recipe,
        rngs: Sequence[np.random.Generator],
        *,
        latest: bool,
    ) -> Trained:
        """Train all nets together."""
        return train(stack, task, recipe, rngs, latest=latest)

    def accuracy(self, stack: Replicas, task: Task) -> Tensor:
        """Share of right answers, float64 [R]."""
        return accuracy(stack, task)

    def measured(self, stack: Replicas, samples: Task) -> tuple[Tensor, Tensor]:
        """Share of right answers on samples, float64 [R], and loss [R]."""
        return measured(stack, samples)
