"""Which taps of a kernel meet anything but padding."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from netsculpt.tracing.engine.activation import NOTHING
from netsculpt.tracing.program import Op

__all__ = ["of_kernel", "reached"]


def reached(op: Op, units: Tensor, taps: tuple[int, ...]) -> Tensor:
    """Whether each tap of a convolution meets an element with a unit, anywhere [in, …taps].

    `units` is what the convolution takes [N, in, …positions]. A 3 x 3 kernel on a map of one
    position has one such tap, whatever it is padded with. Cost: a convolution of one channel for
    each different place of elements without units.
    """
    present = (units != NOTHING).any(0).flatten(1)
    places, place = torch.unique(present, dim=0, return_inverse=True)
    rest = [None, *op.args[3:]]  # no bias
    if len(rest) > 4:
        rest[4] = 1  # groups
    kwargs = {name: x for name, x in op.kwargs.items() if name not in ("bias", "groups")}
    found = []
    with torch.inference_mode(False), torch.enable_grad():
        for each in places:
            kernel = torch.zeros(1, 1, *taps, dtype=torch.float32, requires_grad=True)
            positions = each.float().view(1, 1, *units.shape[2:])
            alone = replace(op, args=(positions, kernel, *rest), kwargs=kwargs)
            total = alone.run(lambda leaf: leaf).sum()
            (slope,) = torch.autograd.grad(total, kernel)  # of a tap: the positions that it meets
            found.append(slope[0, 0] > 0)
    return torch.stack(found)[place]


def of_kernel(reach: Tensor, n_out: int, groups: int) -> Tensor:
    """The same for each entry of a kernel [out, in / groups, …taps]."""
    by_group = reach.view(groups, len(reach) // groups, *reach.shape[1:])
    return by_group.repeat_interleave(n_out // groups, dim=0)
