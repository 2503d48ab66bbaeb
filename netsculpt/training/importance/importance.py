"""Ablate every weight of a net, on the samples that it learned and on others, and estimate it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from netsculpt.core.callables import name_of
from netsculpt.core.catalog import named, names
from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import checked_whole
from netsculpt.core.progress import Progress, silent
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.nets.frozen import frozen_copy
from netsculpt.nets.prunable import prunable
from netsculpt.training.ablation import ablation
from netsculpt.training.fitting.batches import Batches
from netsculpt.training.fitting.recipe import Recipe
from netsculpt.training.importance.curves import ORDERS, measured, pruning_curve, whole
from netsculpt.training.importance.movement import movement
from netsculpt.training.importance.places import Places
from netsculpt.training.importance.result import Importance
from netsculpt.training.tasks import Task

__all__ = ["ABLATION", "ESTIMATORS", "importance"]

ESTIMATORS = names("scores")
ABLATION = "ablation"  # the name of the changes themselves, where they order a curve

Estimator = Callable[..., Mapping[str, Tensor]]  # (net, batches, *, rng)


def importance(
    net: nn.Module,
    task: Task,
    *,
    estimators: Sequence[str | Estimator] = ESTIMATORS,
    curves_of: Sequence[str] = (ABLATION, "magnitude"),
    start: nn.Module | None = None,
    recovery: Recipe | None = None,
    n_samples: int | None = None,
    rng: RNG = None,
    progress: Progress | None = None,
) -> Importance:
    """Measure what each kept weight is worth, and how well estimates tell it.

    The loss without each weight is computed exactly, on training samples and on held-out ones:
    which of the two decides what the answer is. Estimates are made from training samples alone.

    Parameters
    ----------
    net
        A net from inputs [n, n_inputs] to logits; left as it is.
    task
        What it was trained on, with held-out samples.
    estimators
        Names in `netsculpt.training.pruning.scores`, or functions like them. "random" is the
        control.
    curves_of
        Names of estimates by which weights are pruned, smallest, largest and in random order
        first; "ablation" is the exact change on the training samples.
    start
        The net before its training, for the estimate "movement".
    recovery
        How nets are trained again after weights are pruned; None: they are not.
    n_samples
        Most samples of either kind to ablate and to estimate on, drawn at random; None: all. Curves
        are always of all.
    rng
        Seed or generator. Same seed, same bytes.
    progress
        Called with kept weights done, and all of them, of either kind of samples; then with
        estimators, and curves.

    Raises
    ------
    FormatError
        If the task has no held-out samples, a name is unknown, or an estimator does not know a
        layer of the net.

    Notes
    -----
    The cost is mostly that of `netsculpt.training.ablation.ablation`. All in eval mode and float64,
    but for scores that say otherwise, as `snip`, and for curves, which are in the net's own type.

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
    if task.held_out is None:
        raise FormatError(
            f"task {task.name!r} has no held-out samples: importance is measured on new data too; "
            "keep some from training with hold_out"
        )
    chosen = {x if isinstance(x, str) else name_of(x): x for x in estimators}
    methods = {n: named("scores", x) if isinstance(x, str) else x for n, x in chosen.items()}
    known = {ABLATION, *methods, *(["movement"] if start is not None else [])}
    unknown = [name for name in curves_of if name not in known]
    if unknown:
        raise FormatError(f"no estimate {unknown[0]!r} to prune by: there are {', '.join(known)}")
    parts = {"train": replace(task, held_out=None), "held_out": task.held_out}
    if n_samples is not None:
        checked_whole(n_samples, "n_samples", least=1)
        parts = {x: _drawn(part, n_samples, stream(seed, x)) for x, part in parts.items()}
    places, still = Places.of(net), frozen_copy(net)
    ablated = {
        name: ablation(still, whole(part), progress=_staged(report, name))
        for name, part in parts.items()
    }
    samples = Batches([(parts["train"].inputs.double(), parts["train"].targets)], task.goal.loss)
    estimates = dict[str, NDArray[np.float64]]()
    for done, (name, method) in enumerate(methods.items(), start=1):
        scores = method(still, samples, rng=stream(seed, "estimator", name))
        estimates[name] = places.values(scores)
        report("estimators", done, len(methods))
    if start is not None:
        estimates["movement"] = places.values(movement(net, start))
    changes = {name: places.values(x.changes) for name, x in ablated.items()}
    curves = []
    for name in curves_of:
        values = changes["train"] if name == ABLATION else estimates[name]
        for order in ORDERS:
            curves.append(
                pruning_curve(
                    net, task, values, estimate=name, order=order, recovery=recovery, seed=seed
                )
            )
            report("curves", len(curves), len(curves_of) * len(ORDERS))
    return Importance(
        places,
        places.values(prunable(net)),
        changes,
        estimates,
        {name: x.loss for name, x in ablated.items()},
        {name: measured(net, part)[1] for name, part in parts.items()},
        {name: part.n_samples for name, part in parts.items()},
        ablated["train"].ways,
        tuple(curves),
        seed,
    )


def _drawn(samples: Task, n: int, generator: np.random.Generator) -> Task:
    rows = np.sort(generator.permutation(samples.n_samples)[:n])
    return replace(samples, inputs=samples.inputs[rows], targets=samples.targets[rows])


def _staged(report: Progress, data: str) -> Progress:
    stage = f"ablation, {data.replace('_', '-')} samples"
    return lambda _, done, total: report(stage, done, total)
