"""Scores by which kept weights are dropped, the lowest first: ``(entries) -> Tensor``.

Each has the shape of the weight; only kept entries are read. Entries that are exactly 0 go before
all others, whatever their score.
"""

from __future__ import annotations

import torch
from torch import Tensor

from netsculpt.training.dynamic.entries import Entries
from netsculpt.training.dynamic.gradients import gradient_of

__all__ = ["magnitude", "mest", "relative", "taylor"]
__dir__ = __all__.copy

_TINY = 1e-30  # for units without weights


def magnitude(entries: Entries) -> Tensor:
    r"""The absolute value :math:`|w|`.

    >>> magnitude(Entries("w", torch.tensor([-2.0, 1.0]), torch.tensor([True, True])))
    tensor([2., 1.])
    """
    return entries.weight.abs()


def mest(entries: Entries, *, strength: float = 0.01) -> Tensor:
    r"""Absolute value and gradient, :math:`|w| + \lambda |g|`.

    Yuan et al., "MEST", arXiv:2110.14032, section 3.2.

    >>> one = torch.ones(2)
    >>> mest(Entries("w", one, one > 0, gradient=torch.tensor([0.0, -3.0])), strength=1.0)
    tensor([1., 4.])
    """
    return entries.weight.abs() + strength * gradient_of(entries).abs()


def relative(entries: Entries) -> Tensor:
    r"""Share of the sizes of its row and its column, :math:`|w| / \sum_i |w| + |w| / \sum_j |w|`.

    Sums run over the kept weights of a unit, over those of an input, and over taps as inputs. So no
    unit loses all of its weights only because they are small. Relative importance: Zhang et al.,
    "Plug-and-play", ICLR 2024; in CHT the drop of Zhang et al., arXiv:2501.19107.

    >>> weight = torch.tensor([[1.0, 3.0], [0.0, 1.0]])
    >>> relative(Entries("w", weight, weight > 0))
    tensor([[1.2500, 1.5000],
            [0.0000, 1.2500]])
    """
    size = (entries.weight.abs() * entries.kept).flatten(1)
    shares = [size / size.sum(axis, keepdim=True).clamp(min=_TINY) for axis in (0, 1)]
    return (shares[0] + shares[1]).reshape(entries.weight.shape)


def taylor(entries: Entries) -> Tensor:
    r"""Squared first-order change of the loss without the weight, :math:`(w g)^2`.

    Molchanov et al., arXiv:1906.10771, equation 8.

    >>> two = torch.full((2,), 2.0)
    >>> taylor(Entries("w", two, two > 0, gradient=torch.tensor([1.0, -3.0])))
    tensor([ 4., 36.])
    """
    return torch.square(entries.weight * gradient_of(entries))
