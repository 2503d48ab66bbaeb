"""A mask for each sub-task of a net, with its controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import nn

from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import checked_number, checked_whole
from netsculpt.core.progress import Progress, silent
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.training.fitting.recipe import Recipe, check_moves
from netsculpt.training.influence.masking.answers import chosen_answers
from netsculpt.training.influence.masking.learning import MASKING, check_recipe, learned_masks
from netsculpt.training.influence.masking.masked_net import MaskedNet
from netsculpt.training.influence.masking.result import SubtaskMasks
from netsculpt.training.pruning.baselines import reinitialised
from netsculpt.training.tasks import Task

__all__ = ["subtask_masks"]

Bits = NDArray[np.bool_]
Floats = NDArray[np.float64]


def subtask_masks(
    net: nn.Module,
    task: Task,
    subtasks: Mapping[str, Sequence[int]] | None = None,
    *,
    recipe: Recipe = MASKING,
    penalty: float = 0.1,
    n_runs: int = 3,
    n_random: int = 20,
    untrained: bool = True,
    progress: Progress = silent,
    rng: RNG = None,
) -> SubtaskMasks:
    r"""Learn which weights of a net are enough for each sub-task; the weights stay as they are.

    For each sub-task a binary mask over the kept weights minimises the loss of its answers plus
    the expected share of weights that it keeps, times `penalty`. Masks that have nothing in common
    say that the sub-tasks are separate in the net (*specialisation*), masks that coincide that the
    net uses the same weights for both (*reuse*):

    .. math:: P_{specialize} = 1 - \frac{|m_i \wedge m_j|}{|m_i \vee m_j|}, \qquad
              P_{reuse} = \frac{|m_i \wedge m_j|}{\min(|m_i|, |m_j|)}

    Parameters
    ----------
    net
        Any net from inputs [n, n_inputs] to outputs [n, n_outputs], with masks or without; it is
        left as it is. Weights are masked, biases and norms are not.
    task
        Masks are learned on its samples, accuracies are of its validation samples.
    subtasks
        Answers of each sub-task, columns of the targets. None: each answer by itself.
    recipe
        How masks are learned; noise, weight decay and a goal are not used.
    penalty
        Nats that it costs to keep all weights. 0: no weight is given up unless that helps.
    n_runs
        Runs with other draws: the masks of one sub-task in two runs tell how far masks are
        determined at all.
    n_random
        Masks shuffled within layers, a control of the accuracy.
    untrained
        Whether the same is done with weights that the net's layers draw again, the other
        control: masks alone make random weights do tasks.
    progress
        Called after each epoch.
    rng
        Seed or generator. Same seed, same bytes; a run and a sub-task have streams of their own.

    Raises
    ------
    FormatError
        If the net does not fit the task, there are no two sub-tasks, or the recipe has settings
        that are not used.

    Notes
    -----
    `n_runs` · K masks are learned as one batch, with four draws of each in a step: O(4 · n_runs ·
    K) passes over the samples an epoch, twice that with the control. What a mask keeps depends on
    the penalty: without effect on the loss no weight is worth keeping, and of two that do the same
    one is enough. So a mask is one sufficient set, not the necessary one: see `iou_of_runs`.

    Csordás, van Steenkiste and Schmidhuber, "Are neural nets modular?", ICLR 2021,
    arXiv:2010.02066, learn masks by Gumbel-sigmoid, straight-through, and compare them by both
    ratios; half of our draws are not rounded, see `learned_masks`. That the penalty is the expected
    share of kept weights is Louizos, Welling and Kingma, arXiv:1712.01312.
    Masks over random weights: Zhou et al., arXiv:1905.01067; Ramanujan et al., arXiv:1911.13299.

    Examples
    --------
    >>> from netsculpt.nets.families import MLP, initial_net
    >>> from netsculpt.training.tasks import boolean
    >>> brief = Recipe(epochs=2, learning_rate=0.05)
    >>> net, task = initial_net(MLP((3, 4, 2)), rng=0), boolean("f = a & b; g = b | c")
    >>> found = subtask_masks(net, task, recipe=brief, n_runs=1, untrained=False, rng=0)
    >>> found.subtasks, found.masks["fc1.weight"].shape
    (('f', 'g'), (1, 2, 4, 3))
    """
    check_recipe(recipe)
    check_moves(recipe)
    checked_number(penalty, "penalty", least=0)
    checked_whole(n_runs, "n_runs", least=1)
    checked_whole(n_random, "n_random", least=0)
    names, answers = chosen_answers(task, subtasks)
    seed = root_seed(rng)

    def masked(of: nn.Module, stage: str, control: SubtaskMasks | None) -> SubtaskMasks:
        fixed = MaskedNet.of(of)
        _check(fixed, task)
        rngs = [stream(seed, stage, run, name) for run in range(n_runs) for name in names]
        rows = learned_masks(
            fixed,
            task,
            np.tile(answers, (n_runs, 1)),
            rngs,
            recipe=recipe,
            penalty=penalty,
            seed=seed,
            progress=lambda _, done, total: progress(stage, done, total),
        )
        return _measured(fixed, task, names, answers, rows, n_random, control, penalty, seed)

    control = None
    if untrained:
        control = masked(reinitialised(net, rng=seed), "masks of random weights", None)
    return masked(net, "masks", control)


def _check(net: MaskedNet, task: Task) -> None:
    shape = list(net.answered(np.ones((1, net.n_weights), dtype=bool), task.inputs[:1]).shape)
    if shape != [1, 1, task.n_outputs]:
        raise FormatError(
            f"the net returns {shape[1:]} for one sample, task {task.name!r} needs "
            f"[1, {task.n_outputs}]: give the task that it was trained on"
        )


def _measured(
    net: MaskedNet,
    task: Task,
    names: tuple[str, ...],
    answers: Bits,
    rows: Bits,
    n_random: int,
    control: SubtaskMasks | None,
    penalty: float,
    seed: int,
) -> SubtaskMasks:
    """The result for masks [S · K, P]."""
    n_subtasks = len(names)
    shape = -1, n_subtasks, net.n_weights
    runs = rows.reshape(shape)
    shuffled = [
        net.shuffled(runs[draw % len(runs)], stream(seed, "random masks", draw))
        for draw in range(n_random)
    ]
    tried = [np.ones((1, net.n_weights), dtype=bool), rows, ~rows, *shuffled]
    accuracy = _accuracy(net, task.validation, np.concatenate(tried)) @ _shares(answers)
    whole, own, without, random = np.split(accuracy, np.cumsum([1, len(rows), len(rows)]))
    return SubtaskMasks(
        names,
        net.kept,
        {name: x.reshape(-1, n_subtasks, *x.shape[1:]) for name, x in net.by_layer(rows).items()},
        whole[0],
        own.reshape(-1, n_subtasks, n_subtasks),
        without.reshape(-1, n_subtasks, n_subtasks),
        np.einsum("dkk->dk", random.reshape(-1, n_subtasks, n_subtasks)),
        control,
        penalty,
    )


def _accuracy(net: MaskedNet, samples: Task, rows: Bits) -> Floats:
    """Share of right answers with each mask [R, k]."""
    right = samples.goal.answers(net.answered(rows, samples.inputs)) == samples.targets
    accuracy: Floats = right.double().mean(dim=1).numpy()
    return accuracy


def _shares(answers: Bits) -> Floats:
    """What each answer counts in each sub-task [k, K]."""
    shares: Floats = answers.T / answers.sum(axis=1)
    return shares
