"""Scores by which weights come, the highest first: ``(entries) -> Tensor``.

Each has the shape of the weight; only candidates are read.
"""

from __future__ import annotations

import torch
from torch import Tensor

from netsculpt.training.dynamic.entries import Entries
from netsculpt.training.dynamic.gradients import gradient_of, momentum_of

__all__ = ["gradient", "momentum", "random", "unfired"]


def gradient(entries: Entries) -> Tensor:
    r"""The absolute dense gradient :math:`|\partial L / \partial w|`.

    Evci et al., "Rigging the lottery", arXiv:1911.11134, section 3(4).

    >>> zero = torch.zeros(2)
    >>> gradient(Entries("w", zero, zero > 0, gradient=torch.tensor([1.0, -3.0])))
    tensor([1., 3.])
    """
    return gradient_of(entries).abs()


def momentum(entries: Entries) -> Tensor:
    r"""The absolute momentum: :math:`|v|` of SGD, :math:`|m| / (\sqrt v + \epsilon)` of Adam.

    Dettmers and Zettlemoyer, arXiv:1907.04840, section 3.2.

    >>> zero = torch.zeros(2)
    >>> v = {"momentum_buffer": torch.tensor([1.0, -3.0])}
    >>> momentum(Entries("w", zero, zero > 0, moments=v))
    tensor([1., 3.])
    """
    return momentum_of(entries).abs()


def random(entries: Entries) -> Tensor:
    """Independent numbers, so that each candidate is as likely as any other.

    >>> zero = torch.zeros(2, 3)
    >>> random(Entries("w", zero, zero > 0, generator=torch.Generator().manual_seed(0))).shape
    torch.Size([2, 3])
    """
    drawn = torch.rand(entries.weight.shape, dtype=torch.float64, generator=entries.generator)
    return drawn.to(entries.weight.device)


def unfired(entries: Entries) -> Tensor:
    """Random numbers, higher for weights that were never kept before.

    Liu et al., "In-time over-parameterization", arXiv:2102.02887, section 3.

    >>> zero, ever = torch.zeros(2), torch.tensor([True, False])
    >>> int(unfired(Entries("w", zero, zero > 0, ever=ever)).argmax())
    1
    """
    scores = random(entries)
    return scores if entries.ever is None else scores + (~entries.ever).to(scores.dtype)
