"""Convolutions: a unit for each channel."""

from __future__ import annotations

from torch import Tensor

from netsculpt.tracing._edges import columns, weighted
from netsculpt.tracing._values import Activation, Call

__all__ = ["conv"]

OPS = tuple(f"conv{kind}{n}d" for kind in ("", "_transpose") for n in (1, 2, 3))


def conv(call: Call) -> Activation:
    """New channels, fed by those of their group."""
    given, weight = call.activation(0), call.constant(1)
    groups = call.arg(6, "groups", 1)
    if given.units.ndim != weight.value.ndim:
        raise call.refusal(
            f"it takes {list(given.units.shape)} with a kernel {list(weight.value.shape)}: a batch "
            "of activations is needed"
        )
    if "transpose" in call.op.name:
        weight = weight.changed(lambda kernel: _turned(kernel, groups))
    taken = columns(call, given, 1)
    start = weighted(call, weight, taken, kind="conv", shape=call.op.shape[1:], groups=groups)
    return call.build.fresh(start, call.op.shape, dim=1)


def _turned(kernel: Tensor, groups: int) -> Tensor:
    """A transposed convolution's [in, out / groups, …] as [out, in / groups, …]."""
    taps = kernel.shape[2:]
    by_group = kernel.reshape(groups, kernel.shape[0] // groups, *kernel.shape[1:])
    return by_group.transpose(1, 2).reshape(-1, kernel.shape[0] // groups, *taps)
