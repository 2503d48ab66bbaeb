"""Ablate every weight of a net, on the samples that it learned and on others, and estimate it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from torch import nn

from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import checked_whole
from netsculpt.core.progress import Progress, silent
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.nets.copies import with_own_masks
from netsculpt.nets.frozen import frozen_copy
from netsculpt.nets.prunable import prunable
from netsculpt.training.ablation import ablation
from netsculpt.training.fitting.batches import Batches
from netsculpt.training.fitting.recipe import Recipe
from netsculpt.training.importance.checked import (
    require_answers,
    require_held_out,
    warn_of_zeros,
)
from netsculpt.training.importance.curves import ORDERS, measured, pruning_curve, whole
from netsculpt.training.importance.estimates import (
    MOVEMENT,
    Estimator,
    chosen_estimators,
    estimates,
)
from netsculpt.training.importance.places import Places
from netsculpt.training.importance.result import Importance
from netsculpt.training.tasks import Task

__all__ = ["ABLATION", "importance"]

ABLATION = "ablation"  # the name of the changes themselves, where they order a curve
_CURVES_OF = (ABLATION, "magnitude")  # unless others are asked for


def importance(
    net: nn.Module,
    task: Task,
    *,
    estimators: Sequence[str | Estimator] | None = None,
    curves_of: Sequence[str] | None = None,
    start: nn.Module | None = None,
    recovery: Recipe | None = None,
    n_samples: int | None = None,
    checkpoint: Path | None = None,
    rng: RNG = None,
    progress: Progress | None = None,
) -> Importance:
    """Measure what each kept weight is worth, and how well estimates tell it.

    The loss without each weight is computed exactly, on training samples and on held-out ones:
    which of the two decides what the answer is. Estimates are made from training samples alone.

    Parameters
    ----------
    net
        A net from inputs [n, n_inputs] to logits, of any floating-point type; left as it is. Kept
        are the weights that a mask keeps, also one of `torch.nn.utils.prune`; without a mask all.
    task
        What it was trained on, with held-out samples.
    estimators
        Names in `netsculpt.training.pruning.scores`, or functions like them. "random" is the
        control. None: all that can be made of this net; `Importance.left_out` names the others.
    curves_of
        Names of estimates by which weights are pruned, smallest, largest and in random order
        first, signs included; "ablation" is the exact change on the training samples. None:
        "ablation", and "magnitude" if it is among the estimators.
    start
        The net before its training, for the estimate "movement".
    recovery
        How nets are trained again after weights are pruned; None: they are not.
    n_samples
        Most samples of either kind to ablate and to estimate on, drawn at random; None: all. So
        they choose the order of curves, which are of all samples.
    checkpoint
        A folder for the states of the ablations, which are saved every few seconds. What is known
        there is not computed again, whatever estimators and curves are asked for.
    rng
        Seed or generator. Same seed, same bytes.
    progress
        Called with estimators done, and all of them; then with kept weights, of either kind of
        samples; then with curves.

    Raises
    ------
    FormatError
        If the task has no held-out samples or does not fit the net, the net keeps no weight, a
        name is unknown, a named estimator cannot work on the net, or `checkpoint` is of another
        net or of other samples. All before the ablation.

    Warns
    -----
    NetsculptWarning
        If weights that no mask prunes are 0.

    Notes
    -----
    The cost is mostly that of `netsculpt.training.ablation.ablation`. All in eval mode and float64,
    but for scores that say otherwise, as `snip`, and for accuracies and curves, which are in
    float32, as tasks are.

    Examples
    --------
    >>> from netsculpt.nets import MLP, initial_net
    >>> from netsculpt.training.tasks import digits, hold_out
    >>> split = hold_out(digits(), 0.2, rng=0)
    >>> net = initial_net(MLP((64, 4, 10)), rng=0)
    >>> found = importance(net, split, estimators=["magnitude", "obd"], n_samples=100, rng=0)
    >>> found.n_weights, list(found.estimates)
    (296, ['magnitude', 'obd'])
    """
    report, seed = progress or silent, root_seed(rng)
    held_out = require_held_out(task)
    methods = chosen_estimators(estimators, has_start=start is not None)
    orders = _orders(curves_of, [*methods, *([] if start is None else [MOVEMENT])])
    parts = {"train": replace(task, held_out=None), "held_out": held_out}
    if n_samples is not None:
        checked_whole(n_samples, "n_samples", least=1)
        parts = {x: _drawn(part, n_samples, stream(seed, x)) for x, part in parts.items()}
    drawn = {"samples": "all"} if n_samples is None else {"samples": n_samples, "seed": seed}
    own = with_own_masks(net)
    places, still = Places.of(own), frozen_copy(own)
    require_answers(still, task)
    warn_of_zeros(own)
    samples = Batches([(parts["train"].inputs.double(), parts["train"].targets)], task.goal.loss)
    made = estimates(
        methods,
        still,
        samples,
        places,
        start=start,
        leave_out=estimators is None,
        seed=seed,
        report=report,
    )
    orders = _orders(orders, made.values)
    ablated = {
        name: ablation(
            still,
            whole(part),
            checkpoint=None if checkpoint is None else checkpoint / f"{name}.pt",
            drawn=drawn,
            progress=_staged(report, name),
        )
        for name, part in parts.items()
    }
    changes = {name: places.values(x.changes) for name, x in ablated.items()}
    weights = places.values(prunable(own))
    own = own.eval().float()
    curves = []
    for name in orders:
        values = changes["train"] if name == ABLATION else made.values[name]
        for order in ORDERS:
            curves.append(
                pruning_curve(
                    own, task, values, estimate=name, order=order, recovery=recovery, seed=seed
                )
            )
            report("curves", len(curves), len(orders) * len(ORDERS))
    return Importance(
        places,
        weights,
        changes,
        made.values,
        made.left_out,
        {name: x.loss for name, x in ablated.items()},
        {name: measured(own, part)[1] for name, part in parts.items()},
        {name: part.n_samples for name, part in parts.items()},
        ablated["train"].ways,
        tuple(curves),
        seed,
    )


def _orders(curves_of: Sequence[str] | None, known: Iterable[str]) -> list[str]:
    """Names of what weights are pruned by; raises if one is not among the known estimates."""
    present = [ABLATION, *known]
    if curves_of is None:
        return [name for name in _CURVES_OF if name in present]
    for name in curves_of:
        if name not in present:
            raise FormatError(f"no estimate {name!r} to prune by: there are {', '.join(present)}")
    return list(dict.fromkeys(curves_of))


def _drawn(samples: Task, n: int, generator: np.random.Generator) -> Task:
    rows = np.sort(generator.permutation(samples.n_samples)[:n])
    return replace(samples, inputs=samples.inputs[rows], targets=samples.targets[rows])


def _staged(report: Progress, data: str) -> Progress:
    stage = f"ablation, {data.replace('_', '-')} samples"
    return lambda _, done, total: report(stage, done, total)
