"""One sparse training in several processes, and nets in wrappers."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, distributed, nn

from netsculpt.core.errors import FormatError

__all__ = ["agreed", "averaged", "check_agreement", "is_first", "unwrapped"]


def unwrapped(net: nn.Module) -> nn.Module:
    """The net inside torch.compile, DataParallel and DistributedDataParallel."""
    while True:
        inner = getattr(net, "_orig_mod", None)
        if isinstance(net, nn.DataParallel | nn.parallel.DistributedDataParallel):
            inner = net.module
        if not isinstance(inner, nn.Module):
            return net
        net = inner


def agreed(seed: int) -> int:
    """The seed of the first process, on all of them."""
    if not _several():
        return seed
    value = [seed]
    distributed.broadcast_object_list(value)
    return value[0]


def averaged(gradient: Tensor) -> Tensor:
    """A copy of a gradient, averaged over all processes; equal ones stay equal."""
    copy = gradient.clone()
    if _several():
        distributed.all_reduce(copy)
        copy /= distributed.get_world_size()
    return copy


def check_agreement(*changes: Mapping[str, Tensor]) -> None:
    """Raise, on every process, unless all have changed the same entries of their masks.

    Sums of flat indices are compared, in one message.
    """
    if not _several():
        return
    places = [x for change in changes for x in change.values()]
    sums = torch.stack([x.sum() for x in places])
    extremes = torch.cat([sums, -sums])
    distributed.all_reduce(extremes, distributed.ReduceOp.MAX)
    highest, lowest = extremes.chunk(2)
    if bool((highest != -lowest).any()):
        raise FormatError(
            "the processes of this training have come to different masks, so their weights or "
            "gradients differ: wrap the net in DistributedDataParallel, or begin with the same "
            "weights and average gradients before every step"
        )


def is_first() -> bool:
    """Whether this process writes files: the first of a distributed training, or the only one."""
    return not _several() or distributed.get_rank() == 0


def _several() -> bool:
    available = distributed.is_available() and distributed.is_initialized()
    return available and distributed.get_world_size() > 1
