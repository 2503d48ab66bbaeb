"""Frames of a record, appended one after another."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import FormatError
from netsculpt.core.writing import append
from netsculpt.training.dynamic.record.contents import (
    CHANGE,
    HEAD,
    KEPT,
    VALUES,
    Shapes,
    packed_changes,
    packed_head,
    packed_kept,
    packed_values,
)
from netsculpt.training.dynamic.record.frames import MAGIC, framed
from netsculpt.training.dynamic.record.kept import Indices, changed
from netsculpt.training.dynamic.record.reading import read_record

__all__ = ["REMEDY", "Writer"]

REMEDY = "resume from a checkpoint of its training, or name a new file"
_CHANGES_PER_MASK = 16  # bytes of changes, in bytes of masks, after which masks are written again


class Writer:
    """Appends masks, changes of masks, and weights to the file of a record.

    A change costs O(kept + changed). From time to time the masks are written as a whole, so that
    any of them can be read without all changes before.
    """

    def __init__(self, path: Path, shapes: Shapes) -> None:
        self.path, self.shapes = path, shapes
        self._kept: dict[str, Indices] | None = None  # as in the file; None: not looked at yet
        self._n_mask_bytes = self._n_change_bytes = 0

    def begin(self, about: Mapping[str, Any], kept: dict[str, Indices]) -> None:
        """Begin a new file with the first masks; `about` says what they are of."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        append(self.path, MAGIC + framed(HEAD, 0, 0, packed_head(self.shapes, about)))
        self._write_masks(0, 0, kept)

    def kept_before(self, number: int) -> dict[str, Indices]:
        """The masks before a change; what a resumed training had written after them is removed.

        Raises
        ------
        FormatError
            If the file lacks changes before that one.
        """
        if self._kept is None:
            self._kept = self._resumed(number - 1)
        return self._kept

    def change(
        self, number: int, step: int, dropped: dict[str, Indices], grown: dict[str, Indices]
    ) -> dict[str, Indices]:
        """Append a change of the masks, of which the numbers rise from 1; return those after it."""
        before = self.kept_before(number)
        after = {name: changed(before[name], dropped[name], grown[name]) for name in self.shapes}
        content = packed_changes(before, dropped, grown, self.shapes)
        self._n_change_bytes += self._append(CHANGE, number, step, content)
        self._kept = after
        if self._n_change_bytes > _CHANGES_PER_MASK * self._n_mask_bytes:
            self._write_masks(number, step, after)
        return after

    def values(self, number: int, step: int, values: dict[str, NDArray[np.float32]]) -> None:
        """Append the kept weights."""
        self._append(VALUES, number, step, packed_values(values, self.shapes))

    def _write_masks(self, number: int, step: int, kept: dict[str, Indices]) -> None:
        self._n_mask_bytes = self._append(KEPT, number, step, packed_kept(kept, self.shapes))
        self._n_change_bytes = 0

    def _resumed(self, number: int) -> dict[str, Indices]:
        """The masks after a change in the file; what comes later is removed from it."""
        record = read_record(self.path)
        if record.n_updates < number:
            raise FormatError(
                f"{self.path} ends with update {record.n_updates}, but {number} have been done: "
                f"{REMEDY}"
            )
        present = [x for x in record.frames if x.number <= number]
        os.truncate(self.path, max(x.stop for x in present))
        last = max(n for n, x in enumerate(present) if x.kind == KEPT)
        self._n_mask_bytes = present[last].stop - present[last].start
        self._n_change_bytes = sum(x.stop - x.start for x in present[last:] if x.kind == CHANGE)
        return record.kept(number)

    def _append(self, kind: bytes, number: int, step: int, parts: list[bytes]) -> int:
        """Append a frame; return the size of its content."""
        append(self.path, framed(kind, number, step, parts))
        return sum(map(len, parts))
