"""Values of weights that come: ``(entries, indices) -> Tensor``, flat indices [n] to values [n]."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from netsculpt.training.dynamic.entries import Entries
from netsculpt.training.dynamic.gradients import gradient_of

__all__ = ["downhill", "initial", "learned", "moved", "normal", "zero"]
__dir__ = __all__.copy


def downhill(entries: Entries, indices: Tensor, *, rate: float) -> Tensor:
    r"""One step of gradient descent from 0, :math:`-\eta g`.

    >>> one = torch.ones(3)
    >>> downhill(Entries("w", one, one > 0, 2 * one), torch.tensor([1]), rate=0.5)
    tensor([-1.])
    """
    return -rate * gradient_of(entries).take(indices).to(entries.weight)


def initial(entries: Entries, indices: Tensor) -> Tensor:
    r"""Numbers as torch initialises linear and convolutional layers.

    They are uniform within :math:`\pm 1 / \sqrt n` for n inputs of a unit. SET's paper, Mocanu et
    al., arXiv:1707.04780, draws new weights like the first ones.

    >>> weight = torch.zeros(2, 100)
    >>> bool((initial(Entries("w", weight, weight > 0), torch.arange(200)).abs() <= 0.1).all())
    True
    """
    bound = 1 / math.sqrt(entries.weight.numel() / len(entries.weight))
    drawn = torch.rand(len(indices), generator=entries.generator, dtype=torch.float64)
    return (bound * (2 * drawn - 1)).to(entries.weight)


def learned(entries: Entries, indices: Tensor) -> Tensor:
    """What the weights have learned outside the mask.

    >>> one = torch.ones(3)
    >>> learned(Entries("w", one, one > 0, outside=torch.arange(3.0)), torch.tensor([2]))
    tensor([2.])
    """
    if entries.outside is None:
        raise ValueError("no weight learns outside the mask: the rewiring stores none")
    return entries.outside.reshape(-1)[indices]


def moved(entries: Entries, indices: Tensor) -> Tensor:
    """Where the last step of the optimizer has moved them from 0.

    >>> one = torch.ones(3)
    >>> moved(Entries("w", torch.arange(3.0), one > 0), torch.tensor([2]))
    tensor([2.])
    """
    return entries.weight.reshape(-1)[indices].clone()


def normal(entries: Entries, indices: Tensor, *, deviation: float = 0.1) -> Tensor:
    """Normal numbers, as in SET's sparse code.

    >>> weight = torch.zeros(4)
    >>> normal(Entries("w", weight, weight > 0), torch.tensor([1, 2])).shape
    torch.Size([2])
    """
    drawn = torch.randn(len(indices), generator=entries.generator, dtype=torch.float64)
    return (deviation * drawn).to(entries.weight)


def zero(entries: Entries, indices: Tensor) -> Tensor:
    """Zeros, so that an update does not change what the net computes by what comes.

    >>> weight = torch.ones(4)
    >>> zero(Entries("w", weight, weight > 2), torch.tensor([1, 2]))
    tensor([0., 0.])
    """
    return torch.zeros(len(indices), dtype=entries.weight.dtype, device=entries.weight.device)
