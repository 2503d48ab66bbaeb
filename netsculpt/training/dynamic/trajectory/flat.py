"""All weights of a record as one flat array, one after another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod

import numpy as np
from numpy.typing import NDArray

from netsculpt.training.dynamic.record.reading import Record

__all__ = ["flat_changes", "flat_kept"]

Indices = NDArray[np.int64]


def flat_kept(record: Record, number: int = -1) -> Indices:
    """Indices of the weights kept after an update."""
    return _joined(record, record.kept(number))


def flat_changes(record: Record) -> Iterator[tuple[Indices, Indices]]:
    """What goes and what comes at each update."""
    for change in record.changes():
        yield _joined(record, change.dropped), _joined(record, change.grown)


def _joined(record: Record, indices: Mapping[str, Indices]) -> Indices:
    starts = np.cumsum([0, *(prod(shape) for shape in record.shapes.values())])
    parts = [indices[name] + start for name, start in zip(record.shapes, starts, strict=False)]
    return np.concatenate([np.zeros(0, dtype=np.int64), *parts])
