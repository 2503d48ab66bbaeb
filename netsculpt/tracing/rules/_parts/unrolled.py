"""A convolution at every position: an edge for each kept tap that lies on no padding."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netsculpt.graph.graph import float_type
from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.edges import Edges, summed
from netsculpt.tracing.program import Constant
from netsculpt.tracing.rules._parts.taps import Taps
from netsculpt.tracing.rules._parts.weights import parts, scalars_of

__all__ = ["unrolled"]


def unrolled(call: Call, weight: Constant, taps: Taps, groups: int) -> Activation:
    """A new layer with a unit for each element, fed through a weight [out, in / groups, taps].

    Edges weigh what their scalar is. Where a window takes a unit several times, as after
    upsampling, they weigh the sum. The weight's size counts a scalar at every position where its
    tap takes a unit.
    """
    build, given, shape = call.build, call.activation(), call.op.shape
    if bool((given.units != given.units[:1]).any()):
        raise call.refusal("samples of its batch hold different units")
    kernel = _Kernel(
        *scalars_of(call, weight),
        groups,
        taps,
        given.units[0].flatten(1).numpy().astype(np.int32),
        None if given.factor is None else given.factor[0].flatten(1).numpy(),
        math.prod(shape[2:]),
    )
    n_each = kernel.n_edges()
    n_edges = int(n_each.sum())
    name = build.layer_name(call.op.layer, weight.parameter, call.op.name)
    build.check_room(name, n_edges)
    start = build.add_layer(name, "hidden", shape[1:], math.prod(shape[1:]))
    source, target = np.empty(n_edges, np.int32), np.empty(n_edges, np.int32)
    value = np.empty(n_edges, float_type(kernel.scalars.dtype))
    known = kernel.units[kernel.units != NOTHING]
    shared = np.unique(known).size < known.size
    count = np.empty(n_edges, np.int32) if shared else None
    stop = 0
    for rows in parts(n_each):
        sources, targets, values = kernel.edges(rows)
        if count is not None:
            n_units = np.int64(build.layers[-1].stop)
            ones = np.ones(values.size, np.int64)
            key, values, counts = summed(sources * n_units + targets + start, values, ones)
            sources, targets = key // n_units, key % n_units - start
            count[stop : stop + key.size] = counts
        some = slice(stop, stop + values.size)
        source[some], target[some], value[some] = sources, targets + start, values
        stop = some.stop
    source, target, value = (x[:stop].copy() if shared else x for x in (source, target, value))
    times = np.bincount(np.concatenate(taps.before), minlength=kernel.units.shape[1])
    scalars = np.broadcast_to(times, kernel.units.shape)[kernel.units != NOTHING]
    sizes = np.bincount(build.layer_of(known), scalars) * (len(kernel.scalars) // groups)
    size = {at: int(x) for at, x in enumerate(sizes) if x}
    count = None if count is None else count[:stop].copy()
    build.add_edges(
        Edges(source, target, value, count, size, weight.parameter, "conv", normed=False)
    )
    return build.every(start, shape)


@dataclass(frozen=True, eq=False)
class _Kernel:
    """A kernel and what it is laid on."""

    scalars: NDArray[np.floating]  # [out, in / groups, taps]
    keep: NDArray[np.bool_]
    groups: int
    taps: Taps
    units: NDArray[np.int32]  # [in, positions]
    factors: NDArray[np.float64] | None
    n_positions: int  # of what is made

    def n_edges(self) -> NDArray[np.int64]:
        """So many for each output channel; several of one unit are not yet one."""
        present = self.units != NOTHING
        at_tap = np.stack([present[:, x].sum(1) for x in self.taps.before], axis=1)
        by_group = self.keep.reshape(self.groups, -1, *self.keep.shape[1:])
        at_tap = at_tap.reshape(self.groups, *self.keep.shape[1:])
        found: NDArray[np.int64] = np.einsum("goit,git->go", by_group, at_tap).ravel()
        return found

    def edges(
        self, rows: slice
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Sources, targets (from 0) and weights of some output channels."""
        n_out, width, _ = self.scalars.shape
        found = []
        for tap, (begin, end) in enumerate(zip(self.taps.before, self.taps.after, strict=True)):
            out, local = np.nonzero(self.keep[rows, :, tap])
            out += rows.start
            column = (out // (n_out // self.groups) * width + local)[:, None]
            source = self.units[column, begin]
            weight = self.scalars[out, local, tap][:, None].astype(np.float64)
            if self.factors is not None:
                weight = weight * self.factors[column, begin]
            target = out[:, None] * self.n_positions + end
            real = source != NOTHING
            weight = np.broadcast_to(weight, source.shape)
            found.append((source[real].astype(np.int64), target[real], weight[real]))
        source, target, weight = (np.concatenate(x) for x in zip(*found, strict=True))
        return source, target, weight
