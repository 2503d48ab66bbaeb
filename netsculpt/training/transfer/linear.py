"""Linear transfer: a regression on the features of a net that stays as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import checked_number
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.training.tasks import Goal, Task
from netsculpt.training.transfer.heads import Head, features, head_of, with_head
from netsculpt.training.transfer.logistic import Floats, Logistic, Targets, logistic, mean_loss
from netsculpt.training.transfer.parts import VALIDATION, parts_of
from netsculpt.training.transfer.result import Transferred, best_of, transferred

__all__ = ["STRENGTHS", "linear_transfer"]

STRENGTHS = (10.0, 1.0, 0.1, 0.01, 1e-3, 1e-4, 1e-5)


def linear_transfer(
    net: nn.Module,
    target: Task,
    *,
    strengths: Sequence[float] = STRENGTHS,
    validation: float = VALIDATION,
    published: bool = False,
    rng: RNG = None,
) -> Transferred:
    """Learn a new head for a target task on the features of a net, everything else frozen.

    Features are what feeds the last layer, extracted once, in evaluation mode. They are
    standardised by those of the training samples, so that no scale of a unit matters, and a
    logistic regression is fitted at its exact optimum. Its strength is the one with the highest
    accuracy on validation samples, which are then learned from as well, with that strength.

    Parameters
    ----------
    net
        Any net whose output is that of a linear layer; left as it is.
    target
        Its held-out samples are the test; of a task without any, a fifth is.
    strengths
        Of the L2 penalty, λ of `netsculpt.training.transfer.logistic`, to choose from.
    validation
        Share of the training samples that choose.
    published
        Whether the test samples choose, as published code does. The accuracy is then too good.
    rng
        Seed or generator for the split.

    Raises
    ------
    FormatError
        If the net does not take the inputs of the target.
    TopologyError
        If its head cannot be found.

    Notes
    -----
    Iofinova et al., "How well do sparse ImageNet models transfer?", arXiv:2111.13445, section 3,
    where the head is trained by gradient descent.

    Examples
    --------
    >>> from netsculpt.nets import MLP, initial_net
    >>> from netsculpt.training.tasks import parse_task
    >>> net = initial_net(MLP((64, 32, 5)), rng=0)
    >>> found = linear_transfer(net, parse_task("digits:5-9", rng=0), rng=0)
    >>> found.accuracy > 0.9
    True
    """
    seed = root_seed(rng)
    values = sorted({checked_number(x, "a strength", above=0) for x in strengths}, reverse=True)
    if not values:
        raise FormatError("no strength of the penalty is given: one or more are needed")
    parts = parts_of(target, validation=validation, published=published, seed=seed)
    head, goal = head_of(net, target.inputs[:1]), target.goal
    learning, choosing = (_Features.of(net, head, x) for x in (parts.learning, parts.choosing))
    scale, found, candidates = _Scale.of(learning), list[Logistic](), list[dict[str, float]]()
    for l2 in values:
        start = found[-1] if found else None
        found.append(logistic(scale(learning), learning.targets, goal, l2, start=start))
        candidates.append(
            {"l2": l2, **_measured(found[-1].logits(scale(choosing)), choosing, goal)}
        )
    best = best_of(candidates)
    l2, final = values[best], found[best]
    if not published:  # what chose may be learned from now
        learning = learning.and_also(choosing)
        scale = _Scale.of(learning)
        final = logistic(scale(learning), learning.targets, goal, l2, start=final)
    made = with_head(net, head, target.n_outputs, rng=stream(seed, "head"))
    scale.write(final, made.get_submodule(head.name))
    chosen = {"l2": l2, "gradient": final.gradient}
    return transferred(made, "linear", parts, chosen=chosen, candidates=candidates, seed=seed)


@dataclass(frozen=True, eq=False)
class _Features:
    values: Floats  # [n, d]
    targets: Targets  # [n, k]

    @classmethod
    def of(cls, net: nn.Module, head: Head, samples: Task) -> _Features:
        values = features(net, samples.inputs, head).double().cpu().numpy()
        return cls(values, samples.targets.cpu().numpy())

    def and_also(self, other: _Features) -> _Features:
        values = np.concatenate([self.values, other.values])
        return _Features(values, np.concatenate([self.targets, other.targets]))


@dataclass(frozen=True, eq=False)
class _Scale:
    """What standardises features: a constant one becomes 0, and is not learned from."""

    mean: Floats  # [d]
    spread: Floats  # [d]; 1 where a feature is constant

    @classmethod
    def of(cls, given: _Features) -> _Scale:
        spread = given.values.std(axis=0)
        return cls(given.values.mean(axis=0), np.where(spread > 0, spread, 1.0))

    def __call__(self, given: _Features) -> Floats:
        scaled: Floats = (given.values - self.mean) / self.spread
        return scaled

    def write(self, found: Logistic, layer: nn.Module) -> None:
        """Write a regression on standardised features into a layer that gets them as they are."""
        weight = found.weight / self.spread
        values = {"weight": weight, "bias": found.bias - weight @ self.mean}
        with torch.no_grad():
            for name, parameter in layer.named_parameters():
                parameter.copy_(torch.from_numpy(values[name]))


def _measured(logits: Floats, samples: _Features, goal: Goal) -> dict[str, float]:
    accuracy = goal.accuracy(torch.from_numpy(logits), torch.from_numpy(samples.targets))
    return {"accuracy": accuracy, "loss": mean_loss(goal)(logits, samples.targets)[0]}
