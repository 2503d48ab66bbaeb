"""Masks that are learned while the weights stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netsculpt.core.errors import FormatError
from netsculpt.core.progress import Progress
from netsculpt.core.random import stream
from netsculpt.training.fitting.recipe import Recipe, learning_rate, optimizer_of
from netsculpt.training.influence.gates import rounded_gates, soft_gates
from netsculpt.training.influence.masking.answers import answer_losses
from netsculpt.training.influence.masking.masked_net import MaskedNet
from netsculpt.training.tasks import Task

__all__ = ["MASKING", "check_recipe", "learned_masks"]

MASKING = Recipe(epochs=300, batch_size=256, learning_rate=0.05)

_START = 3.0  # logit of a weight: kept in 95 % of the draws
_DRAWS = 4  # masks of each sub-task in a step, half of them rounded
_WITHOUT = ("noise", "goal_accuracy", "weight_decay")  # settings that would change nothing


def check_recipe(recipe: Recipe) -> None:
    """Raise an error if a recipe has settings that the learning of masks does not use.

    >>> check_recipe(MASKING)
    """
    for field in fields(Recipe):
        value = getattr(recipe, field.name)
        if field.name in _WITHOUT and value != field.default:
            raise FormatError(
                f"{field.name} of the recipe is {value!r}, masks are learned without: leave it out"
            )


def learned_masks(
    net: MaskedNet,
    task: Task,
    answers: NDArray[np.bool_],
    rngs: Sequence[np.random.Generator],
    *,
    recipe: Recipe,
    penalty: float,
    seed: int,
    progress: Progress | None = None,
) -> NDArray[np.bool_]:
    r"""Learn a mask for each of R sets of answers [R, k]: bool [R, P].

    Weight i of mask r is kept with the chance :math:`\sigma(l_{ri})`. A step draws

    .. math:: s_i = \sigma(l_i + \log u - \log(1 - u)), \qquad m_i = [\, s_i > 1/2 \,]

    with uniform u, and descends on the loss of the answers plus ``penalty`` times the expected
    share of weights that are kept, the mean of :math:`\sigma(l)`. Half of the draws use m, with
    the gradient of s in its place (straight-through), the others use s itself. In the end weights
    with :math:`l > 0` are kept. All masks are one batch, with the same samples in a step.

    Neither half will do alone. The gradient at m = 1 does not tell what removing a weight costs:
    in nets that were pruned until every weight is needed, rounded draws alone lose what the masks
    should keep. Draws of s alone may rest on weights between 0 and 1 that no mask has.
    """
    rows, n_weights = len(answers), net.n_weights
    logits = nn.Parameter(torch.full((rows, n_weights), _START))
    optimizer = optimizer_of(recipe, nn.ParameterList([logits]))
    counted = torch.from_numpy(answers).to(torch.float32)
    counted = (counted / counted.sum(dim=1, keepdim=True)).repeat_interleave(_DRAWS, dim=0)
    steps = -(-task.n_samples // recipe.batch_size)
    order = stream(seed, "masks", "samples")
    done = 0
    for epoch in range(recipe.epochs):
        samples = torch.from_numpy(order.permutation(task.n_samples))
        for batch in torch.split(samples, recipe.batch_size):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(recipe, done, steps)
            masks = _drawn(logits, rngs)
            inputs, targets = task.inputs[batch], task.targets[batch]
            outputs = net.outputs(masks.flatten(0, 1), inputs)
            losses = torch.func.vmap(lambda x, y=targets: answer_losses(task.goal, x, y))(outputs)
            loss = (losses.mean(dim=1) * counted).sum() / _DRAWS
            optimizer.zero_grad()
            total: Tensor = loss + penalty * logits.sigmoid().mean(dim=1).sum()
            total.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            done += 1
        if progress is not None:
            progress("epochs of masks", epoch + 1, recipe.epochs)
    kept: NDArray[np.bool_] = (logits.detach() > 0).numpy()
    return kept


def _drawn(logits: Tensor, rngs: Sequence[np.random.Generator]) -> Tensor:
    """Masks [R, draws, P]: half between 0 and 1, half rounded, with the gradient of the first."""
    shape = (_DRAWS, logits.shape[1])
    soft = soft_gates(logits[:, None], np.stack([rng.logistic(size=shape) for rng in rngs]))
    half = _DRAWS // 2
    return torch.cat([soft[:, :half], rounded_gates(soft[:, half:])], dim=1)
