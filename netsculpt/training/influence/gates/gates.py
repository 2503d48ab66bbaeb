"""Draws of gates that are 1 or 0 in the end, through which a loss reaches their logits."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["rounded_gates", "soft_gates"]


def soft_gates(logits: Tensor, noise: NDArray[np.float64]) -> Tensor:
    r"""Gates between 0 and 1, each above ½ with the chance :math:`\sigma(l)` of its logit l.

    .. math:: s = \sigma(l + \log u - \log(1 - u))

    Parameters
    ----------
    logits
        Of any shape that broadcasts with `noise`.
    noise
        Draws of the standard logistic distribution, which is that of log u − log(1 − u) for
        uniform u.

    Notes
    -----
    Maddison, Mnih, Teh, "The Concrete distribution", arXiv:1611.00712: the binary case, at a
    temperature of 1.

    Examples
    --------
    >>> soft_gates(torch.zeros(2), np.array([-1.0, 1.0]))
    tensor([0.2689, 0.7311])
    """
    return (logits + torch.from_numpy(noise.astype(np.float32))).sigmoid()


def rounded_gates(soft: Tensor) -> Tensor:
    """Gates of 0 and 1, with the gradient of those that were rounded (straight-through).

    Examples
    --------
    >>> soft = torch.tensor([0.25, 0.75], requires_grad=True)
    >>> rounded = rounded_gates(soft)
    >>> rounded.sum().backward()
    >>> rounded.tolist(), soft.grad.tolist()
    ([0.0, 1.0], [1.0, 1.0])
    """
    return (soft > 0.5).to(soft) + soft - soft.detach()
