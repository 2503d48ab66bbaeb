"""A convolution at every position: one edge per kept tap that is not on padding."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netsculpt.graph.graph import float_type
from netsculpt.tracing.engine.activation import NOTHING, Activation, of_elements
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.edges import Edges, Floats, Ints, Units, summed
from netsculpt.tracing.engine.entries import Listed
from netsculpt.tracing.engine.scalars import covering, of_taps
from netsculpt.tracing.program import Constant
from netsculpt.tracing.rules._parts.weights import parts, scalars_of

__all__ = ["Taps", "unroll"]


@dataclass(frozen=True, eq=False)
class Taps:
    """Flat positions, one array per tap, without those on padding."""

    before: list[Units]  # in the input
    after: list[Units]  # in the output, at the same index

    @classmethod
    def of_windows(
        cls,
        n_wide: Sequence[int],
        n_windows: Sequence[int],
        kernel: Sequence[int],
        stride: Sequence[int],
        padding: Sequence[int],  # before the first position
        dilation: Sequence[int],
    ) -> Taps:
        """Taps of windows of `kernel` positions, `n_windows` in each dimension."""
        before, after = [np.zeros(1, np.int32)], [np.zeros(1, np.int32)]
        for dim, size in enumerate(kernel):
            window = np.arange(n_windows[dim], dtype=np.int32)
            places = [window * stride[dim] - padding[dim] + x * dilation[dim] for x in range(size)]
            inside = [(x >= 0) & (x < n_wide[dim]) for x in places]
            before = [
                (x[:, None] * n_wide[dim] + place[real]).ravel()
                for x in before
                for place, real in zip(places, inside, strict=True)
            ]
            after = [
                (x[:, None] * n_windows[dim] + window[real]).ravel()
                for x in after
                for real in inside
            ]
        return cls(before, after)

    @property
    def transposed(self) -> Taps:
        """The same pairs, with input and output exchanged."""
        return Taps(self.after, self.before)


def unroll(call: Call, weight: Constant, taps: Taps, groups: int) -> Activation:
    """Add a layer with one unit per element, fed through a weight [out, in / groups, taps].

    The weight of an edge is its scalar; where a window takes a unit several times, as after
    upsampling, the sum of its scalars.
    """
    builder, shape = call.builder, call.op.shape
    units, factors = call.sample()
    n_positions = math.prod(shape[2:])
    kernel = _Kernel(*scalars_of(call, weight), groups, taps, units, factors, n_positions)
    n_each = kernel.n_edges()
    n_edges = int(n_each.sum())
    name = call.layer_name(weight)
    builder.check_room(name, n_edges)
    start = builder.add_layer(name, "hidden", shape[1:], math.prod(shape[1:]))
    source, target = np.empty(n_edges, np.int32), np.empty(n_edges, np.int32)
    value = np.empty(n_edges, float_type(kernel.scalars.dtype))
    present = units[units != NOTHING]
    shared = np.unique(present).size < present.size
    count = np.empty(n_edges, np.int32) if shared else None
    taps_of = np.empty(0 if shared else n_edges, np.int64)  # of edges with one scalar each
    stop = 0
    for rows in parts(n_each):
        sources, targets, values, places = kernel.edges(rows)
        if count is not None:
            sources, targets, values, counts = summed(sources, targets, values)
            count[stop : stop + values.size] = counts
        part = slice(stop, stop + values.size)
        source[part], target[part], value[part] = sources, targets + start, values
        if not shared:
            taps_of[part] = places
        stop = part.stop
    source, target, value = (x[:stop].copy() if shared else x for x in (source, target, value))
    times = np.bincount(np.concatenate(taps.before), minlength=units.shape[1])
    scalars = np.broadcast_to(times, units.shape)[units != NOTHING]
    sizes = np.bincount(builder.layer_of(present), scalars) * (len(kernel.scalars) // groups)
    size = {layer: int(x) for layer, x in enumerate(sizes) if x}
    count = None if count is None else count[:stop].copy()
    layers = np.full(len(units), -1)
    fed = (units != NOTHING).any(axis=1)
    layers[fed] = builder.layer_of(units.max(axis=1)[fed])
    if weight.parameter is not None:
        builder.note_constants(kernel.keep, fed)
    counted = None
    if count is not None:
        known, first = np.unique(units, return_index=True)
        channel = (first // units.shape[1])[np.searchsorted(known, source)]
        counted = covering(channel, target.astype(np.int64) - start, count, n_positions)
    made = of_taps(
        weight.stored, None if shared else taps_of, layers, groups,
        stored=weight.parameter is not None, counted=counted,
    )  # fmt: skip
    entries = Listed(source, target, value, count)
    builder.add_edges(Edges(entries, size, weight.parameter, "conv", normed=False, scalars=made))
    return of_elements(start, shape)


@dataclass(frozen=True, eq=False)
class _Kernel:
    """A kernel, and the units and factors that it multiplies."""

    scalars: NDArray[np.floating]  # [out, in / groups, taps]
    keep: NDArray[np.bool_]
    groups: int
    taps: Taps
    units: Units  # [in, positions]
    factors: Floats | None
    n_positions: int  # of the output

    def n_edges(self) -> Ints:
        """Number of edges of each output channel, before those of the same units are added."""
        present = self.units != NOTHING
        at_tap = np.stack([present[:, x].sum(1) for x in self.taps.before], axis=1)
        by_group = self.keep.reshape(self.groups, -1, *self.keep.shape[1:])
        at_tap = at_tap.reshape(self.groups, *self.keep.shape[1:])
        n_edges: Ints = np.einsum("goit,git->go", by_group, at_tap).ravel()
        return n_edges

    def edges(self, rows: slice) -> tuple[Units, Units, Floats, Ints]:
        """Sources, targets (from 0), weights and places of scalars of some output channels."""
        n_out, width, n_taps = self.scalars.shape
        edges = []
        for tap, (begin, end) in enumerate(zip(self.taps.before, self.taps.after, strict=True)):
            out, local = np.nonzero(self.keep[rows, :, tap])
            out += rows.start
            column = (out // (n_out // self.groups) * width + local)[:, None]
            source = self.units[column, begin]
            weight = self.scalars[out, local, tap][:, None].astype(np.float64)
            if self.factors is not None:
                weight = weight * self.factors[column, begin]
            target = (out[:, None] * self.n_positions + end).astype(np.int32)
            real = source != NOTHING
            place = ((out * width + local) * n_taps + tap)[:, None]
            weight, place = (np.broadcast_to(x, source.shape)[real] for x in (weight, place))
            edges.append((source[real], target[real], weight, place))
        source, target, weight, place = (np.concatenate(x) for x in zip(*edges, strict=True))
        return source, target, weight, place
