"""Fourier transforms: along positions the same units; along units each feeds each."""

from __future__ import annotations

from dataclasses import replace

from netsculpt.tracing.engine.activation import Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.uneven import even
from netsculpt.tracing.rules._parts.meeting import each_along

__all__ = ["fourier"]

_KINDS = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
OPS = tuple(f"fft_{kind}{dims}" for kind in _KINDS for dims in ("", "2", "n"))


def fourier(call: Call) -> Activation:
    """The unit that all transformed elements share, else one per frequency, fed by all."""
    activation = even(call, call.activation(), [])
    n_dims = len(activation.shape)
    default = {"2": (-2, -1), "n": tuple(range(1, n_dims))}.get(call.op.name[-1], -1)
    dims = call.arg(2, "dim", default)
    dims = [x % n_dims for x in ([dims] if isinstance(dims, int) else dims)]
    for dim in dims:
        activation = each_along(call, activation, dim, call.op.shape[dim])
    return replace(activation, private=False)
