"""One search for circuits, in whatever net."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import nn

from netsculpt.core.callables import innermost
from netsculpt.core.progress import Progress
from netsculpt.core.random import stream
from netsculpt.nets.copies import copy_of
from netsculpt.nets.gpt.net import GPT
from netsculpt.training.influence.circuits.ablating import ABLATIONS, fills_of
from netsculpt.training.influence.circuits.channels import Channels, channels_of
from netsculpt.training.influence.circuits.cutting import Cut, cuts
from netsculpt.training.influence.circuits.edges import n_edges
from netsculpt.training.influence.circuits.outcome import outcome
from netsculpt.training.influence.circuits.result import Circuit
from netsculpt.training.tasks import Task

__all__ = ["Score", "Search"]

Score = Callable[..., dict[str, NDArray[np.float64]]]


@dataclass(frozen=True, eq=False)
class Search:
    """What is asked of a net, named as the arguments of `circuits`."""

    task: Task
    losses: tuple[float, ...]
    score: Score
    ablation: str
    n_samples: int
    n_random: int
    seed: int

    def of(self, net: nn.Module, progress: Progress) -> list[Circuit]:
        """The circuits of a net, without control."""
        still = copy_of(net).eval().requires_grad_(requires_grad=False)
        assert isinstance(still, GPT)
        channels = channels_of(still, self.task.inputs)
        scores = self.score(
            still,
            self.task,
            ablation=self.ablation,
            progress=progress,
            rng=stream(self.seed, "score"),
        )
        few = replace(
            self.task,
            inputs=self.task.inputs[: self.n_samples],
            targets=self.task.targets[: self.n_samples],
        )
        fills = fills_of(still, self.ablation, few.inputs, stream(self.seed, "cut"))

        def loss_of(kept: NDArray[np.bool_]) -> float:
            return outcome(still, few, channels.apart(kept), fills)[0]

        found = cuts(channels.joined(scores), loss_of, self.losses, progress)
        return [
            self._measured(still, channels, cut, loss)
            for cut, loss in zip(found, self.losses, strict=True)
        ]

    def _measured(self, net: GPT, channels: Channels, cut: Cut, asked: float) -> Circuit:
        """The circuit with losses and accuracies on held-out samples, and those of random ones."""
        samples, kept = self.task.validation, channels.apart(cut.kept)
        loss, accuracy, random = {}, {}, {}
        drawn = [
            {x: stream(self.seed, "random", k, x).permuted(mask) for x, mask in kept.items()}
            for k in range(self.n_random)
        ]
        for kind in ABLATIONS:
            fills = fills_of(net, kind, samples.inputs, stream(self.seed, "fills", kind))
            (loss[kind], accuracy[kind]), *others = (
                outcome(net, samples, x, fills) for x in (kept, *drawn)
            )
            random[kind] = tuple(share for _, share in others)
        whole_loss, whole_accuracy = outcome(net, samples, {}, {})
        return Circuit(
            kept=kept,
            n_edges=n_edges(net, kept),
            n_edges_of_net=n_edges(net, {x: np.ones_like(mask) for x, mask in kept.items()}),
            cut_by=getattr(innermost(self.score), "__name__", "own"),
            cut_with=self.ablation,
            asked_loss=asked,
            reached=cut.reached,
            whole_loss=whole_loss,
            whole_accuracy=whole_accuracy,
            loss=loss,
            accuracy=accuracy,
            random_accuracy=random,
            control=None,
        )
