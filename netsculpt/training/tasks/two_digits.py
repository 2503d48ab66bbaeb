"""Pairs of digits: tasks whose sub-functions read one image each.

Modelled on the two MNIST tasks of Patil et al. 2023, arXiv 2305.18402, for any task that
classifies ten digits. The first half of the inputs is the left image, the second half the right
one. Pairs are drawn with replacement, separately from training and held-out samples, so that no
image is in both.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import checked_whole
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.training.tasks.goals import Bits, Classes, Goal
from netsculpt.training.tasks.protocol import Function, Task, Truth

__all__ = ["digit_sum", "separate_digits"]

Digits = NDArray[np.int64]  # [n]

_TEN = 10
_BITS = 3  # of digit_sum


def separate_digits(source: Task, n_pairs: int, *, rng: RNG = None) -> Task:
    """Classify both digits: two functions with separate inputs and outputs.

    Parameters
    ----------
    source
        A task with ten classes, such as `digits` or `idx`.
    n_pairs
        Number of pairs to draw; held-out pairs are drawn in the same proportion.
    rng
        Seed or generator.

    Returns
    -------
    Task
        Inputs [n_pairs, 2d], targets [n_pairs, 2]: the left and the right digit. 20 outputs.

    Examples
    --------
    >>> from netsculpt.training.tasks import digits
    >>> task = separate_digits(digits(), 100, rng=0)
    >>> task.inputs.shape, task.n_outputs
    (torch.Size([100, 128]), 20)
    """
    left, right = tuple(range(_TEN)), tuple(range(_TEN, 2 * _TEN))
    return _paired(
        source,
        n_pairs,
        name="two-digits-separate",
        below=_TEN,
        goal=Classes((_TEN, _TEN)),
        answer=lambda left, right: np.stack([left, right], axis=1),
        truth=Truth(2 * source.n_inputs, 2 * _TEN, _readers(source.n_inputs, left, right)),
        rng=rng,
    )


def digit_sum(source: Task, n_pairs: int, *, rng: RNG = None) -> Task:
    r"""Add both digits bit by bit without carry: functions that reuse both digits.

    Digits are below 8; output k is bit k, highest first, of :math:`left \oplus right`.

    Parameters
    ----------
    source, n_pairs, rng
        As for `separate_digits`. Samples of 8 and 9 are left out.

    Returns
    -------
    Task
        Inputs [n_pairs, 2d], targets [n_pairs, 3]. 3 outputs, each a separate function.

    Examples
    --------
    >>> from netsculpt.training.tasks import digits
    >>> task = digit_sum(digits(), 100, rng=0)
    >>> [(x.name, x.uses) for x in task.truth.functions][2:]
    [('bit2', ('left', 'right')), ('bit1', ('left', 'right')), ('bit0', ('left', 'right'))]
    """
    places = range(_BITS - 1, -1, -1)
    bits = (Function(f"bit{k}", (), ("left", "right"), (i,)) for i, k in enumerate(places))
    return _paired(
        source,
        n_pairs,
        name="two-digits-sum",
        below=1 << _BITS,
        goal=Bits(_BITS),
        answer=lambda left, right: ((left ^ right)[:, None] >> np.array(places) & 1).astype("f4"),
        truth=Truth(2 * source.n_inputs, _BITS, (*_readers(source.n_inputs), *bits)),
        rng=rng,
    )


def _readers(
    n_inputs: int, left: tuple[int, ...] = (), right: tuple[int, ...] = ()
) -> tuple[Function, Function]:
    """The two functions that read one image each, with their outputs."""
    images = tuple(range(n_inputs)), tuple(range(n_inputs, 2 * n_inputs))
    return Function("left", images[0], (), left), Function("right", images[1], (), right)


def _paired(
    source: Task,
    n_pairs: int,
    *,
    name: str,
    below: int,
    goal: Goal,
    answer: Callable[[Digits, Digits], NDArray[np.generic]],
    truth: Truth,
    rng: RNG,
) -> Task:
    import torch

    if source.goal != Classes((_TEN,)):
        raise FormatError(
            f"task {source.name!r} has the goal {source.goal}, Classes((10,)) is needed: give a "
            "task of ten classes"
        )
    checked_whole(n_pairs, "n_pairs")
    if n_pairs < 1:
        raise FormatError(f"n_pairs is {n_pairs}: at least 1 is needed")
    seed = root_seed(rng)

    def drawn(part: Task, n: int, stage: str, held_out: Task | None) -> Task:
        labels = part.targets[:, 0].numpy()
        usable = np.flatnonzero(labels < below)
        if not usable.size:
            raise FormatError(
                f"task {part.name!r} has no sample of a digit below {below}: give more samples"
            )
        left, right = usable[stream(seed, stage).integers(usable.size, size=(2, n))]
        inputs = torch.cat([part.inputs[left], part.inputs[right]], dim=1)
        targets = torch.from_numpy(answer(labels[left], labels[right]))
        return Task(name, inputs, targets, goal, truth, held_out)

    held_out = source.held_out
    if held_out is not None:
        n_held_out = max(1, round(n_pairs * held_out.n_samples / source.n_samples))
        held_out = drawn(held_out, n_held_out, "held-out pairs", None)
    return drawn(source, n_pairs, "pairs", held_out)
