"""Edges in lists, and edges that a weight matrix has, which need no memory before the graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from netsculpt.core.slices import slices
from netsculpt.graph.graph import float_type
from netsculpt.tracing.engine.edges import Columns, Ends, Floats, Ints, Part
from netsculpt.tracing.program import Constant

__all__ = ["POWERS", "Listed", "Matrix", "kept_of", "real_scalars"]

POWERS = {"l1": np.abs, "l2": np.square, "sum": np.positive}  # of scalars, before their sum
_AT_ONCE = 1 << 18  # scalars of a weight made edges at a time


@dataclass(eq=False)
class Listed:
    """Edges in any order."""

    source: Ends
    target: Ends
    weight: NDArray[Any]
    count: Ends | None = None  # scalars behind each edge (None: 1)

    def __post_init__(self) -> None:
        """Take the smallest types that hold them."""
        self.source, self.target = (
            x.astype(np.int32, copy=False) for x in (self.source, self.target)
        )
        if self.count is not None:
            one = bool((self.count == 1).all())
            self.count = None if one else self.count.astype(np.int32, copy=False)

    @property
    def n_edges(self) -> int:
        """How many there are."""
        return self.source.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of their weights."""
        return self.weight.dtype

    @property
    def sources(self) -> Ends:
        """The unit that each of them leaves."""
        return self.source

    @property
    def counted(self) -> bool:
        """Whether several scalars are behind an edge."""
        return self.count is not None

    def n_leaving(self, n_units: int) -> Ints:
        """How many leave each unit [U]."""
        n_each = np.zeros(n_units, np.int64)
        for chunk in slices(self.n_edges):  # bincount takes them as int64
            n_each += np.bincount(self.source[chunk], minlength=n_units)
        return n_each

    def parts(self) -> Iterator[Part]:
        """All of them, each part by source."""
        for chunk in slices(self.n_edges):
            order = np.argsort(self.source[chunk], kind="stable") + chunk.start
            count = None if self.count is None else self.count[order]
            ends = self.source[order], self.target[order]
            yield Part(order, *ends, self.weight[order], count)

    def scale(self, factor: Floats, start: int) -> None:
        """Multiply those into each target by its factor, of the target `start` the first."""
        for chunk in slices(self.n_edges):
            self.weight[chunk] *= factor[self.target[chunk] - start]

    def only(self, chosen: Callable[[Ends, Ends], Any]) -> tuple[Listed, NDArray[np.bool_]]:
        """Those whose sources and targets are chosen, and which they are."""
        keep: NDArray[np.bool_] = chosen(self.source, self.target)
        count = None if self.count is None else self.count[keep]
        ends = self.source[keep], self.target[keep]
        return Listed(*ends, self.weight[keep], count), keep


@dataclass(eq=False)
class Matrix:
    """The kept scalars of a weight [out, in / groups, 1], one behind each edge.

    They are read in the net's memory whenever the edges are needed, by source, then by target.
    """

    weight: Constant
    taken: Columns  # a unit is in one column of each copy
    start: int  # the target of the first row
    groups: int
    norm: str
    scales: list[tuple[Floats, int]] = field(default_factory=list)  # factors by target

    @property
    def n_edges(self) -> int:
        """How many there are."""
        return int(self._n_kept.sum())

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of their weights."""
        wide = self.weight.value.dtype == torch.float64
        return np.dtype(np.float64 if wide else np.float32)

    @property
    def sources(self) -> Ends:
        """The units with any edge."""
        return self.taken.unit[self._order[self._n_kept > 0]]

    @property
    def counted(self) -> bool:
        """Whether several scalars are behind an edge."""
        return False

    def n_leaving(self, n_units: int) -> Ints:
        """How many leave each unit [U]."""
        n_each = np.zeros(n_units, np.int64)
        np.add.at(n_each, self.taken.unit[self._order], self._n_kept)
        return n_each

    def parts(self) -> Iterator[Part]:
        """All of them, by source, then by target."""
        scalars, begin = real_scalars(self.weight), 0
        n_out, width = scalars.shape[:2]
        for pairs in self._chunks():
            values, kept = self._rows(scalars, pairs)
            pair, row = np.nonzero(kept)
            strength = POWERS[self.norm](values[kept].astype(np.float64)) + 0.0  # no −0
            strength *= POWERS[self.norm](self.taken.factor[pairs])[pair]
            strength = np.sqrt(strength) if self.norm == "l2" else strength
            weight = strength.astype(float_type(scalars.dtype))
            before = self.taken.column[pairs] // width * (n_out // self.groups)
            before = before + self.taken.copies[pairs] * n_out
            source = self.taken.unit[pairs].astype(np.int32)[pair]
            target = (row + (before + self.start)[pair]).astype(np.int32)
            for factor, start in self.scales:
                weight *= factor[target - start]
            yield Part(slice(begin, begin + pair.size), source, target, weight, None)
            begin += pair.size

    def scale(self, factor: Floats, start: int) -> None:
        """Multiply those into each target by its factor, of the target `start` the first."""
        self.scales.append((factor, start))

    def only(self, chosen: Callable[[Ends, Ends], Any]) -> tuple[Listed, NDArray[np.bool_]]:
        """Those whose sources and targets are chosen, and which they are; in a list."""
        source, target, weight = (
            np.concatenate(x) for x in zip(*(part[1:4] for part in self.parts()), strict=True)
        )
        return Listed(source, target, weight).only(chosen)

    @cached_property
    def _order(self) -> NDArray[np.intp]:
        """Pairs of a column and a unit, by unit, then by copy."""
        return np.lexsort((self.taken.copies, self.taken.unit))

    @cached_property
    def _n_kept(self) -> NDArray[np.intp]:
        """How many edges each pair has, in that order."""
        scalars = real_scalars(self.weight)
        parts = [np.count_nonzero(self._rows(scalars, x)[1], axis=1) for x in self._chunks()]
        return np.concatenate([np.zeros(0, np.intp), *parts])

    def _chunks(self) -> list[NDArray[np.intp]]:
        """The pairs in order, so many at a time that they have few entries."""
        step = max(1, _AT_ONCE * self.groups // max(len(self.weight.value), 1))
        return [self._order[x] for x in slices(max(self._order.size, 1), step)]  # one at least

    def _rows(
        self, scalars: NDArray[np.floating], pairs: NDArray[np.intp]
    ) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
        """The scalars of some pairs [pairs, rows of the column's group], and which are kept."""
        n_out, width = scalars.shape[:2]
        group, local = np.divmod(self.taken.column[pairs], width)
        shape = (self.groups, n_out // self.groups, width)
        values = scalars.reshape(shape)[group, :, local]
        if self.weight.keep is None:
            return values, values != 0
        return values, self.weight.keep.reshape(shape).numpy()[group, :, local]


def real_scalars(weight: Constant) -> NDArray[np.floating]:
    """The scalars of a weight [out, in, taps], in float32 or float64."""
    values = weight.value if weight.value.dtype == torch.float64 else weight.value.float()
    return values.flatten(2).numpy() if values.ndim > 2 else values[..., None].numpy()


def kept_of(weight: Constant, scalars: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which of the scalars are kept: without a mask the nonzero ones."""
    kept: NDArray[np.bool_] = (
        scalars != 0 if weight.keep is None else weight.keep.reshape(scalars.shape).numpy()
    )
    return kept
