"""Convolutions: one unit per channel, or per element."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import Tensor

from netsculpt.tracing.engine.activation import NOTHING, Activation, of_channels
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.columns import columns
from netsculpt.tracing.engine.reach import of_kernel, reached
from netsculpt.tracing.program import Constant
from netsculpt.tracing.rules._parts.unroll import Taps, unroll
from netsculpt.tracing.rules._parts.weights import add_layer

__all__ = ["conv"]

OPS = tuple(f"conv{kind}{n}d" for kind in ("", "_transpose") for n in (1, 2, 3))


def conv(call: Call) -> Activation:
    """New channels, fed by the channels of their group."""
    activation, weight = call.activation(0), call.constant(1)
    groups = call.arg(6, "groups", 1)
    if len(activation.shape) != weight.value.ndim:
        raise call.refusal(
            f"it takes {list(activation.shape)} with a kernel {list(weight.shape)}: a batch of "
            "activations is needed"
        )
    if "transpose" in call.op.name:
        made = call.builder.computed
        key = f"turned {id(weight)} {groups}"  # once, so that its scalars are known again
        if key not in made:
            made[key] = weight, weight.changed(lambda kernel: _turned(kernel, groups))
        weight = made[key][1]
    weight = _read(call, weight, groups)
    if call.builder.options.granularity == "spatial":
        return unroll(call, weight, _taps(call), groups)
    taken = columns(call, activation, 1)
    start = add_layer(call, weight, taken, kind="conv", shape=call.op.shape[1:], groups=groups)
    return of_channels(start, call.op.shape)


def _read(call: Call, weight: Constant, groups: int) -> Constant:
    """The weight [out, in / groups, …] without taps that only ever meet padding; counts them."""
    units = call.activation().units
    taps = tuple(weight.shape[2:])
    if all(n == 1 for n in taps) or not units.numel():
        return weight
    reach = of_kernel(reached(call.op, units, taps), len(weight.value), groups)
    if bool(reach.all()):
        return weight
    keep = weight.value != 0 if weight.keep is None else weight.keep
    fed = (units != NOTHING).flatten(2).any(2).any(0)  # channels without units have no edges anyway
    taken = of_kernel(fed.view(-1, *[1] * len(taps)), len(weight.value), groups)
    unread = int((keep & taken & ~reach).sum())
    if unread:
        unread_taps, layer = call.builder.unread_taps, call.layer_name(weight)
        unread_taps[layer] = unread_taps.get(layer, 0) + unread
    return replace(weight, keep=keep & reach)


def _turned(kernel: Tensor, groups: int) -> Tensor:
    """A transposed convolution's [in, out / groups, …] as [out, in / groups, …]."""
    taps = kernel.shape[2:]
    by_group = kernel.reshape(groups, kernel.shape[0] // groups, *kernel.shape[1:])
    return by_group.transpose(1, 2).reshape(-1, kernel.shape[0] // groups, *taps)


def _taps(call: Call) -> Taps:
    kernel = tuple(call.constant(1).value.shape[2:])
    op, n_dims, transposed = call.op, len(kernel), "transpose" in call.op.name
    stride = op.each_dim(3, "stride", 1, n_dims)
    dilation = op.each_dim(7 if transposed else 5, "dilation", 1, n_dims)
    padding: Any = op.each_dim(4, "padding", 0, n_dims)
    if "valid" in padding:
        padding = [0] * n_dims
    elif "same" in padding:  # the larger half is after
        padding = [(size - 1) * step // 2 for size, step in zip(kernel, dilation, strict=True)]
    before, after = call.activation().shape[2:], call.op.shape[2:]
    if transposed:
        return Taps.of_windows(after, before, kernel, stride, padding, dilation).transposed
    return Taps.of_windows(before, after, kernel, stride, padding, dilation)
