"""Answers of a net: one per bit, or one per classification."""

from __future__ import annotations

import torch
from torch import Tensor

from netsculpt.core.errors import FormatError
from netsculpt.training.tasks import Bits, Classes, Goal

__all__ = ["answer_of_output", "answers"]


def answers(goal: Goal, logits: Tensor) -> Tensor:
    """Answers [..., k] for logits [..., n_outputs]: bits, or numbers of classes."""
    if isinstance(goal, Bits):
        return logits > 0
    parts = torch.split(logits, list(_sizes(goal)), dim=-1)
    return torch.stack([part.argmax(dim=-1) for part in parts], dim=-1)


def answer_of_output(goal: Goal) -> Tensor:
    """Index of the answer that each output belongs to [n_outputs]."""
    if isinstance(goal, Bits):
        return torch.arange(goal.n_outputs)
    sizes = torch.tensor(_sizes(goal))
    return torch.arange(sizes.numel()).repeat_interleave(sizes)


def _sizes(goal: Goal) -> tuple[int, ...]:
    if not isinstance(goal, Classes):
        raise FormatError(
            f"the goal is {goal!r:.80}: Bits or Classes is needed, which have answers"
        )
    return goal.sizes
