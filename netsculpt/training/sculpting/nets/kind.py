"""Nets of any kind, as sculpting sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from netsculpt.core.errors import FormatError
from netsculpt.core.random import stream
from netsculpt.nets.families import NetSpec, initial_net
from netsculpt.training.fitting.evaluating import evaluated
from netsculpt.training.fitting.loop import fit
from netsculpt.training.fitting.recipe import Recipe
from netsculpt.training.sculpting.edge_scores.path_weight import path_weight
from netsculpt.training.sculpting.method import SculptingMethod
from netsculpt.training.sculpting.parts.finding import traced_parts
from netsculpt.training.sculpting.parts.net_stack import NetStack, stacked
from netsculpt.training.sculpting.parts.parts import Parts
from netsculpt.training.sculpting.unit_scores.activation_variance import activation_variance
from netsculpt.training.tasks import Task

__all__ = ["FittedNets", "Nets"]

_OF_PERCEPTRONS = (activation_variance, path_weight)  # scores that look into their layers


@dataclass(frozen=True, eq=False)
class FittedNets:
    """Nets at their best epoch: highest accuracy, then lowest loss."""

    replicas: NetStack
    accuracy: Tensor  # float64 [R], share of right answers on the noise-free validation samples
    diverged: Tensor  # bool [R]


@dataclass(frozen=True, eq=False)
class Nets:
    """Nets of one spec, with what can be cut in them; they are trained one by one."""

    spec: NetSpec
    parts: Parts

    @classmethod
    def of(cls, spec: NetSpec, task: Task) -> Nets:
        """What can be cut in nets of a spec, traced on a sample of the task.

        >>> from netsculpt.nets.families import CNN
        >>> from netsculpt.training.tasks import digits
        >>> kind = Nets.of(CNN((1, 8, 8), (2, 3), (), 10), digits())
        >>> kind.n_units, kind.n_edges
        (5, 38)
        """
        _check_ends(spec, task)
        return cls(spec, traced_parts(initial_net(spec, rng=0).eval(), task.inputs[:1]))

    @property
    def n_units(self) -> int:
        """Channels, neurons, heads, channels of residual streams, hidden units of an LSTM."""
        return self.parts.n_units

    @property
    def n_edges(self) -> int:
        """Kernels and weights."""
        return self.parts.n_edges

    def check(self, task: Task, recipe: Recipe, method: SculptingMethod) -> None:  # noqa: ARG002
        """Raise unless the task fits, and the method asks for nothing of perceptrons alone."""
        _check_ends(self.spec, task)
        if method.latest_epoch:
            raise FormatError(
                "the authors' protocol keeps the latest of equally accurate epochs, nets of family "
                f"{self.spec.spec.get('family')!r} keep that of the lowest loss: leave it out"
            )
        for score in (method.unit_score, method.edge_score):
            if score in _OF_PERCEPTRONS:
                raise FormatError(
                    f"the score {score.__name__!r} is of multi-layer perceptrons only, the net is "
                    f"of family {self.spec.spec.get('family')!r}: choose another score"
                )

    def initial(self, seeds: Sequence[int]) -> NetStack:
        """Nets with the initial weights of their family."""
        rngs = [stream(seed, "sculpt", "weights") for seed in seeds]
        return stacked(self.spec, [initial_net(self.spec, rng=rng) for rng in rngs], self.parts)

    def without_units(self, stack: NetStack, keep: Tensor) -> NetStack:
        """Prune units with all weights that write or read them, their biases and norms."""
        return stack.with_entries(self.parts.without_units(keep))

    def without_edges(self, stack: NetStack, keep: Tensor) -> NetStack:
        """Prune kernels and weights, and biases and norms of units that nothing feeds."""
        return stack.with_entries(self.parts.without_edges(stack.entries(), keep))

    def kept_edges(self, stack: NetStack) -> Tensor:
        """Kernels and weights with a kept entry, bool [R, edges]."""
        return self.parts.kept_edges(stack.entries())

    def trained(
        self,
        stack: NetStack,
        task: Task,
        recipe: Recipe,
        rngs: Sequence[np.random.Generator],
        *,
        latest: bool,  # noqa: ARG002 - `check` refuses it
    ) -> FittedNets:
        """Train the nets one by one with `netsculpt.training.fit`; its seed is drawn from rngs."""
        fitted = [
            fit(stack.net_of(row), task, recipe, rng=int(rng.integers(2**63)), device=stack.device)
            for row, rng in enumerate(rngs)
        ]
        accuracy = torch.tensor([x.best.accuracy for x in fitted], dtype=torch.float64)
        diverged = torch.zeros(len(fitted), dtype=torch.bool)  # `fit` raises where a loss is not
        return FittedNets(stack.with_nets([x.net for x in fitted]), accuracy, diverged)

    def accuracy(self, stack: NetStack, task: Task) -> Tensor:
        """Share of right answers, float64 [R]."""
        return self.measured(stack, task.validation)[0]

    def measured(self, stack: NetStack, samples: Task) -> tuple[Tensor, Tensor]:
        """Share of right answers on samples, float64 [R], and loss [R]."""
        rows = [evaluated(stack.net_of(row), samples) for row in range(stack.n_replicas)]
        accuracies, losses = torch.tensor(rows, dtype=torch.float64).unbind(1)
        return accuracies, losses


def _check_ends(spec: NetSpec, task: Task) -> None:
    if (spec.n_inputs, spec.n_outputs) != (task.n_inputs, task.n_outputs):
        raise FormatError(
            f"the net has {spec.n_inputs} inputs and {spec.n_outputs} outputs, task {task.name!r} "
            f"has {task.n_inputs} and {task.n_outputs}: both must be the same"
        )
