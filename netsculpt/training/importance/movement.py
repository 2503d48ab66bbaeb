"""How far a weight has grown in training."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from netsculpt.core.errors import FormatError
from netsculpt.nets.prunable import prunable

__all__ = ["movement"]


def movement(net: nn.Module, start: nn.Module) -> dict[str, Tensor]:
    r"""Signed :math:`(w_T^2 - w_0^2) / 2`: positive where a weight has moved away from 0.

    In a training by gradient descent with steps :math:`\eta`, :math:`\sum_t -w_t g_t` is
    :math:`\sum_t w_t (w_{t+1} - w_t) / \eta`, which for small steps is this, divided by
    :math:`\eta`: the order does not depend on it. With other optimizers it is what the weights did,
    not what their gradients were. Sanh, Wolf and Rush, arXiv:2005.07683, equation 4, whose sum is
    over a fine-tuning.

    Parameters
    ----------
    net, start
        A net, and the same one at an earlier time.

    Examples
    --------
    >>> start, net = nn.Linear(2, 1), nn.Linear(2, 1)
    >>> _ = start.weight.data.copy_(torch.tensor([[1.0, -1.0]]))
    >>> _ = net.weight.data.copy_(torch.tensor([[2.0, 0.0]]))
    >>> movement(net, start)["weight"].tolist()
    [[1.5, -0.5]]
    """
    before, after = prunable(start), prunable(net)
    shapes = ({name: tuple(x.shape) for name, x in side.items()} for side in (before, after))
    first, last = shapes
    if first != last:
        raise FormatError(
            f"the earlier net has weights {first}, the net {last}: give the same net at an earlier "
            "time"
        )
    with torch.no_grad():
        return {
            name: (x.double().square() - before[name].double().square()) / 2
            for name, x in after.items()
        }
