"""Tasks of labelled samples: Boolean functions and classification."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import checked_whole
from netsculpt.graph.activations import WANN_ACTIVATIONS
from netsculpt.training.search.engine import individual_outputs, outputs, reduced
from netsculpt.training.search.tasks.fits import check_fits
from netsculpt.training.search.tasks.protocol import Tested
from netsculpt.training.search.topology import Topology
from netsculpt.training.tasks.goals import Bits, Classes
from netsculpt.training.tasks.protocol import Task

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Loss", "SampleTask", "boolean_search", "classification_search"]

_ALL = WANN_ACTIVATIONS[:10]
_WITHOUT_STEP = tuple(name for name in _ALL if name != "step")  # as published for classification
_BATCH = 1000


class Loss(StrEnum):
    """What the reward is the negative of."""

    ABSOLUTE_ERROR = "absolute-error"  # of outputs and targets of ±1
    SQUARED_ERROR = "squared-error"  # the same, squared
    CROSS_ENTROPY = "cross-entropy"  # of the sigmoid of bits, or the softmax of classes


@dataclass(frozen=True, eq=False)
class SampleTask:
    """Rewards are minus the mean loss on a batch of samples; tests use the held-out samples."""

    task: Task
    activations: tuple[str, ...]
    loss: Loss = Loss.CROSS_ENTROPY
    batch: int | None = None  # samples drawn for one call of `rewards`; None: all

    def __post_init__(self) -> None:
        if self.batch is not None:
            checked_whole(self.batch, "batch", least=1)
        if isinstance(self.task.goal, Classes) and self.loss is not Loss.CROSS_ENTROPY:
            raise FormatError(
                f"task {self.name!r} has classes and the loss is {self.loss}: cross-entropy is "
                "needed"
            )

    @property
    def name(self) -> str:
        """Name of the task."""
        return self.task.name

    @property
    def n_inputs(self) -> int:
        """Inputs, without the bias."""
        return self.task.n_inputs

    @property
    def n_outputs(self) -> int:
        """Outputs."""
        return self.task.n_outputs

    @property
    def output_activation(self) -> str:
        """Targets of ±1 are what tanh can reach; a softmax or sigmoid is part of its loss."""
        return "identity" if self.loss is Loss.CROSS_ENTROPY else "tanh"

    @property
    def fixed(self) -> bool:
        """Whether every reward is of all samples."""
        return self.batch is None or self.batch >= self.task.n_samples

    @cached_property
    def about(self) -> dict[str, Any]:
        """What the task is, with digests of its samples."""
        return {**self.task.about, "loss": self.loss.value, "batch": self.batch}

    def rewards(
        self,
        topologies: Sequence[Topology],
        weights: NDArray[np.float64],
        *,
        repetitions: int,
        rng: np.random.Generator,
        threads: int = 1,
    ) -> NDArray[np.float64]:
        """Minus the mean loss of each network with each shared weight [P, W]."""
        check_fits(self, topologies)
        if self.fixed:
            return self._rewards(topologies, weights, slice(None), threads)
        n = self.task.n_samples
        rows = [np.sort(rng.choice(n, self.batch, replace=False)) for _ in range(repetitions)]
        parts = [self._rewards(topologies, weights, batch, threads) for batch in rows]
        mean: NDArray[np.float64] = np.mean(parts, axis=0)
        return mean

    def tested(self, topology: Topology, weights: ArrayLike, *, threads: int = 1) -> Tested:
        """Test one network on the held-out samples, with weights [W], or [W, E] of all edges."""
        import torch

        check_fits(self, [topology])
        held_out = self.task.validation
        inputs, answers = self.inputs_of(held_out), np.ascontiguousarray(_targets(held_out).T)
        if np.ndim(weights) == 1:
            found = outputs([topology], inputs, weights, threads=threads)[0]
        else:
            found = individual_outputs(topology, inputs, weights)
        rewards = -self._losses(found.swapaxes(-1, -2)[None], answers)[0]
        accuracies = [
            held_out.goal.accuracy(torch.from_numpy(logits), held_out.targets) for logits in found
        ]
        return Tested(rewards, accuracies=np.array(accuracies))

    def inputs_of(self, samples: Task) -> NDArray[np.float32]:
        """What networks are shown of some samples of the task [S, n]: bits are ±1."""
        return _signed(samples.inputs) if isinstance(samples.goal, Bits) else samples.inputs.numpy()

    def _rewards(
        self,
        topologies: Sequence[Topology],
        weights: NDArray[np.float64],
        rows: slice | NDArray[np.int64],
        threads: int,
    ) -> NDArray[np.float64]:
        """The rewards on some samples."""
        answers = np.ascontiguousarray(_targets(self.task)[rows].T)
        return reduced(
            topologies,
            self.inputs_of(self.task)[rows],
            weights,
            lambda found: -self._losses(found, answers),
            threads=threads,
        )

    def _losses(
        self, found: NDArray[np.float32], answers: NDArray[np.generic]
    ) -> NDArray[np.float64]:
        from netsculpt.training.search.tasks import _losses

        losses: NDArray[np.float64]
        goal = self.task.goal
        if isinstance(goal, Classes):
            losses = _losses.class_cross_entropy(found, answers, np.array(goal.sizes))
        elif self.loss is Loss.CROSS_ENTROPY:
            losses = _losses.bit_cross_entropy(found, answers)
        else:
            losses = _losses.error(found, answers, 2 if self.loss is Loss.SQUARED_ERROR else 1)
        return losses


def boolean_search(task: Task, *, loss: Loss | str = Loss.ABSOLUTE_ERROR) -> SampleTask:
    """Search for a Boolean function of all its inputs, each ±1.

    By the absolute error, a network that is right as often as wrong is rewarded like one without
    edges. By convex losses it is rewarded less: where no single edge helps, as with XOR, the empty
    network is then better in both objectives than all its descendants, and the search stays there.

    Parameters
    ----------
    task
        A task of bits, such as ``task("overlap-1-use-2")`` or ``boolean("f = a ^ b")``.
    loss
        ``"absolute-error"`` or ``"squared-error"`` of the outputs from ±1, or
        ``"cross-entropy"`` of their sigmoids.

    Raises
    ------
    FormatError
        If the task is not one of bits.

    Examples
    --------
    >>> from netsculpt.training.tasks import boolean
    >>> search = boolean_search(boolean("f = a ^ b", name="xor"))
    >>> search.name, search.n_inputs, search.n_outputs
    ('xor', 2, 1)
    """
    if not isinstance(task.goal, Bits):
        raise FormatError(f"task {task.name!r} has the goal {task.goal}: bits are needed")
    return SampleTask(task, _ALL, Loss(loss))


def classification_search(task: Task, *, batch: int | None = _BATCH) -> SampleTask:
    """Search for a classifier: the reward is minus the cross-entropy on `batch` random samples.

    Units may have every activation but a step, as published.

    Parameters
    ----------
    task
        A task of classes, such as ``task("digits")`` or ``idx(images, labels)``.
    batch
        Samples that are drawn for one generation; None: all.

    Raises
    ------
    FormatError
        If the task is not one of classes.

    Examples
    --------
    >>> from netsculpt.training.tasks import task
    >>> classification_search(task("digits", rng=0)).n_outputs
    10
    """
    if not isinstance(task.goal, Classes):
        raise FormatError(f"task {task.name!r} has the goal {task.goal}: classes are needed")
    return SampleTask(task, _WITHOUT_STEP, batch=batch)


def _targets(task: Task) -> NDArray[np.generic]:
    """Bits of ±1 or class numbers [S, k]."""
    return _signed(task.targets) if isinstance(task.goal, Bits) else task.targets.numpy()


def _signed(bits: Tensor) -> NDArray[np.float32]:
    signed: NDArray[np.float32] = (2 * bits - 1).numpy()
    return signed
