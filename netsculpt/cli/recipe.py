"""The options that make a recipe of training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from netsculpt.cli.options import (
    BatchSize,
    Epochs,
    LearningRate,
    Noise,
    WeightDecay,
    choice,
    numbers,
    recipe_option,
    share,
)
from netsculpt.core.errors import FormatError

if TYPE_CHECKING:
    from netsculpt.training.fitting.recipe import Recipe

__all__ = ["RecipeOptions"]

OPTIMIZERS = ["sgd", "adam", "adamw"]
SCHEDULES = ["constant", "step", "cosine"]


@dataclass(frozen=True)
class RecipeOptions:
    """The options that make a `Recipe`, named as its fields."""

    epochs: Epochs = 20
    batch_size: BatchSize = 32
    optimizer: Annotated[str, choice(OPTIMIZERS, "{}", rich_help_panel="Recipe")] = "adam"
    learning_rate: LearningRate = 1e-3
    schedule: Annotated[
        str, choice(SCHEDULES, "Schedule of the learning rate: {}.", rich_help_panel="Recipe")
    ] = "constant"
    warmup: Annotated[int, recipe_option(help="Epochs of linear warm-up from 0.")] = 0
    milestones: Annotated[
        str,
        recipe_option(
            help="Epochs after which 'step' multiplies the learning rate by --factor: 60,120."
        ),
    ] = ""
    factor: Annotated[float, recipe_option(help="Factor of 'step'.")] = 0.1
    weight_decay: WeightDecay = 0.0
    momentum: Annotated[float, recipe_option(help="Momentum of sgd.")] = 0.9
    nesterov: Annotated[bool, recipe_option("--nesterov", help="Nesterov momentum, for sgd.")] = (
        False
    )
    noise: Noise = 0.0
    gradient_rms: Annotated[
        float | None,
        recipe_option(min=1e-9, help="Root mean square above which gradients are scaled to it."),
    ] = None
    goal_accuracy: Annotated[
        float | None,
        recipe_option(
            min=1e-3, max=100, help="Stop after the first epoch that reaches it, in percent."
        ),
    ] = None

    def recipe(self) -> Recipe:
        """The recipe; raises if it is not one."""
        from netsculpt.training.fitting.recipe import Recipe, check_moves

        goal = None if self.goal_accuracy is None else share(self.goal_accuracy)
        epochs = self.milestones and numbers(
            self.milestones,
            int,
            lambda epoch: 0 <= epoch < 10**9,
            needed="a list of epochs such as 60,120",
            flag="--milestones",
        )
        parsed = {"milestones": epochs or (), "goal_accuracy": goal}
        try:
            recipe = Recipe(**{**vars(self), **parsed})
            check_moves(recipe)
        except FormatError as error:
            raise typer.BadParameter(str(error)) from None
        return recipe
