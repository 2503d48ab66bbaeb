"""The goal of a task: a loss to minimise, and which answers are right."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import checked_whole

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Bits", "Classes", "Goal", "NextToken"]


class Goal(ABC):
    """Loss and correctness of logits [n, n_outputs] for targets [n, k]."""

    @property
    @abstractmethod
    def n_outputs(self) -> int:
        """Number of output units that the task needs."""

    @abstractmethod
    def check(self, targets: Tensor) -> None:
        """Raise `FormatError` unless `targets` fit this goal."""

    @abstractmethod
    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Mean loss, a scalar."""

    @abstractmethod
    def answers(self, logits: Tensor) -> Tensor:
        """The answers [..., k] that logits [..., n_outputs] give; right ones equal the targets."""

    @property
    @abstractmethod
    def answer_of_output(self) -> Tensor:
        """Index of the answer that each output belongs to [n_outputs]."""

    def correct(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Which answers are right, boolean [n, k]."""
        return self.answers(logits) == targets

    def accuracy(self, logits: Tensor, targets: Tensor) -> float:
        """Share of answers that are right, 0 … 1."""
        return float(self.correct(logits, targets).double().mean())

    def solved(self, logits: Tensor, targets: Tensor) -> bool:
        """Whether every answer of every sample is right, as sculpting requires of truth tables."""
        return bool(self.correct(logits, targets).all())


@dataclass(frozen=True)
class Bits(Goal):
    """Independent bits: binary cross-entropy averaged over all of them, threshold 0.5.

    Targets are 0 and 1, float32 [n, n_bits].

    >>> import torch
    >>> logits, targets = torch.tensor([[2.0, -1.0]]), torch.tensor([[1.0, 1.0]])
    >>> Bits(2).accuracy(logits, targets), Bits(2).solved(logits, targets)
    (0.5, False)
    """

    n_bits: int

    def __post_init__(self) -> None:
        checked_whole(self.n_bits, "n_bits", least=1)

    @property
    def n_outputs(self) -> int:
        """One output unit per bit."""
        return self.n_bits

    def check(self, targets: Tensor) -> None:
        """Raise `FormatError` unless `targets` are 0 and 1, float32 [n, n_bits]."""
        import torch

        _check_shape(targets, self.n_bits, torch.float32)
        if not bool(((targets == 0) | (targets == 1)).all()):
            raise FormatError("targets of bits hold values other than 0 and 1: give 0.0 and 1.0")

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Binary cross-entropy of the sigmoid of the logits, averaged over samples and bits."""
        from torch.nn.functional import binary_cross_entropy_with_logits

        _check_logits(logits, self.n_outputs)
        return binary_cross_entropy_with_logits(logits, targets)

    def answers(self, logits: Tensor) -> Tensor:
        """The bits [..., n_bits]; sigmoid > 0.5 is the same as logit > 0."""
        return logits > 0

    @property
    def answer_of_output(self) -> Tensor:
        """Every output is a bit of its own."""
        import torch

        return torch.arange(self.n_bits)


@dataclass(frozen=True)
class Classes(Goal):
    """One or more classifications, each with separate outputs.

    Targets are class numbers, int64 [n, len(sizes)].

    >>> import torch
    >>> logits = torch.tensor([[0.0, 3.0, 5.0, 1.0, 2.0]])
    >>> Classes((2, 3)).accuracy(logits, torch.tensor([[1, 2]]))
    0.5
    """

    sizes: tuple[int, ...]  # number of classes of each classification

    @property
    def n_outputs(self) -> int:
        """One output unit per class."""
        return sum(self.sizes)

    def check(self, targets: Tensor) -> None:
        """Raise `FormatError` unless `targets` are valid classes, int64 [n, len(sizes)]."""
        import torch

        _check_shape(targets, len(self.sizes), torch.int64)
        for column, size in zip(targets.T, self.sizes, strict=True):
            if bool(((column < 0) | (column >= size)).any()):
                raise FormatError(
                    f"labels are {int(column.min())} … {int(column.max())}, {size} classes are "
                    f"numbered 0 … {size - 1}: give the true number of classes"
                )

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy averaged over samples and classifications."""
        import torch
        from torch.nn.functional import cross_entropy

        _check_logits(logits, self.n_outputs)
        parts = zip(torch.split(logits, list(self.sizes), dim=1), targets.T, strict=True)
        return torch.stack([cross_entropy(part, column) for part, column in parts]).mean()

    def answers(self, logits: Tensor) -> Tensor:
        """The class with the largest logit in each classification [..., len(sizes)]."""
        import torch

        parts = torch.split(logits, list(self.sizes), dim=-1)
        return torch.stack([part.argmax(dim=-1) for part in parts], dim=-1)

    @property
    def answer_of_output(self) -> Tensor:
        """All outputs of a classification share its answer."""
        import torch

        sizes = torch.tensor(self.sizes)
        return torch.arange(sizes.numel()).repeat_interleave(sizes)


@dataclass(frozen=True)
class NextToken(Goal):
    """A choice between a few next tokens: cross-entropy of their logits alone.

    Targets are tokens among the choices, int64 [n, 1]; logits are of the whole vocabulary.

    >>> import torch
    >>> logits = torch.tensor([[9.0, 3.0, 2.0, 1.0]])
    >>> NextToken(4, (1, 3)).answers(logits)
    tensor([[1]])
    """

    vocabulary: int  # tokens
    choices: tuple[int, ...]

    def __post_init__(self) -> None:
        checked_whole(self.vocabulary, "vocabulary", least=2)
        distinct = len(set(self.choices)) == len(self.choices) >= 2
        if not distinct or not all(0 <= x < self.vocabulary for x in self.choices):
            raise FormatError(
                f"the choices are {self.choices!r:.80}: two or more different tokens of "
                f"0 … {self.vocabulary - 1} are needed"
            )

    @property
    def n_outputs(self) -> int:
        """One output unit per token."""
        return self.vocabulary

    def check(self, targets: Tensor) -> None:
        """Raise `FormatError` unless `targets` are some of the choices, int64 [n, 1]."""
        import torch

        _check_shape(targets, 1, torch.int64)
        if not bool(torch.isin(targets, torch.tensor(self.choices)).all()):
            raise FormatError(f"targets hold tokens other than the choices {self.choices}")

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy of the softmax over the choices."""
        import torch
        from torch.nn.functional import cross_entropy

        _check_logits(logits, self.n_outputs)
        choices = torch.tensor(self.choices, device=logits.device)
        place = (targets == choices).int().argmax(dim=1)
        return cross_entropy(logits[:, choices], place)

    def answers(self, logits: Tensor) -> Tensor:
        """The choice with the largest logit [..., 1]."""
        import torch

        choices = torch.tensor(self.choices, device=logits.device)
        return choices[logits[..., choices].argmax(dim=-1, keepdim=True)]

    @property
    def answer_of_output(self) -> Tensor:
        """All outputs belong to the one answer."""
        import torch

        return torch.zeros(self.vocabulary, dtype=torch.int64)


def _check_shape(targets: Tensor, width: int, dtype: object) -> None:
    if targets.ndim != 2 or targets.shape[1] != width or targets.dtype != dtype:
        raise FormatError(
            f"targets are {targets.dtype} of shape {list(targets.shape)}: {dtype} of shape "
            f"[n, {width}] is needed"
        )


def _check_logits(logits: Tensor, width: int) -> None:
    if logits.shape[-1] != width:
        raise FormatError(
            f"the net returns logits of shape {list(logits.shape)}, the task needs "
            f"[n, {width}]: give a net with {width} outputs, or the task that it was trained on"
        )
