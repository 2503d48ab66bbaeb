"""Writing down what a sparse training does to the masks."""

from __future__ import annotations

import json
import os
from os import PathLike
from pathlib import Path

import numpy as np
from torch import Tensor

from netsculpt.core.errors import FormatError
from netsculpt.core.writing import append
from netsculpt.training.dynamic import processes
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
from netsculpt.training.dynamic.record.reading import Record, read_record
from netsculpt.training.dynamic.sparsifier import Sparsifier
from netsculpt.training.dynamic.update import Update

__all__ = ["Recorder"]

_REMEDY = "resume from a checkpoint of its training, or name a new file"
_CHANGES_PER_MASK = 16  # bytes of changes, in bytes of masks, after which masks are written again


class Recorder:
    """Writes the masks of a sparse training to a file, update by update.

    An update costs O(kept + changed) and about the fewest bytes that the choice of what goes and
    comes can take. From time to time the masks are written as a whole, so that any of them can be
    read without all updates before. The file is only appended to. An interrupted training goes on
    with it: updates after the checkpoint that it resumes from are replaced.

    Parameters
    ----------
    sparsifier
        Of which every update is written from now on. In a distributed training only the first
        process writes.
    path
        A new file, or that of the same training, interrupted.
    weights_every
        Save the kept weights as float32 as well, at first and at each so many updates; None: never.

    Raises
    ------
    FormatError
        If the file is not a record of this training; or, at the next update, if it lacks updates
        before that one.

    Examples
    --------
    A training by `netsculpt.training.fit`, recorded; with a checkpoint it may be interrupted.

    >>> import tempfile
    >>> from netsculpt.nets import MLP, initial_net
    >>> from netsculpt.training import Recipe, dynamic, fit, task
    >>> path = Path(tempfile.mkdtemp()) / "training.record"
    >>> def sparsify(net):
    ...     sparsifier = dynamic.rigl(net, density=0.3, end=8, every=2, rng=0)
    ...     Recorder(sparsifier, path)
    ...     return sparsifier
    >>> net, recipe = initial_net(MLP((4, 24, 4)), rng=0), Recipe(epochs=20)
    >>> fitted = fit(net, task("input-separable"), recipe, sparsifier=sparsify, rng=0)
    >>> read_record(path).steps
    (0, 0, 2, 4, 6, 8)
    """

    def __init__(
        self,
        sparsifier: Sparsifier,
        path: str | PathLike[str],
        *,
        weights_every: int | None = None,
    ) -> None:
        self.path = Path(path)
        self._sparsifier, self._weights_every = sparsifier, weights_every
        self._shapes: Shapes = {name: tuple(x.shape) for name, x in sparsifier.masks.items()}
        self._kept: dict[str, Indices] | None = None  # as in the file; None: not looked at yet
        self._n_mask_bytes = self._n_change_bytes = 0
        if not processes.is_first():
            return
        if self.path.exists() and self.path.stat().st_size > 0:
            self._check(read_record(self.path))
        else:
            self._begin()
        sparsifier.on_update(self._add)

    def save_weights(self) -> None:
        """Save the kept weights as they are now, as float32."""
        if not processes.is_first():
            return
        masks = self._sparsifier.masks
        values = {
            name: x.detach()[masks[name]].float().cpu().numpy()
            for name, x in self._sparsifier.weights.items()
        }
        self._append(VALUES, packed_values(values, self._shapes))

    def _begin(self) -> None:
        about = {**self._sparsifier.about(), "seed": self._sparsifier.seed}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        append(self.path, MAGIC + framed(HEAD, 0, 0, packed_head(self._shapes, about)))
        self._write_masks(_indices(self._sparsifier.masks))
        if self._weights_every is not None:
            self.save_weights()

    def _check(self, record: Record) -> None:
        """Refuse the record of another training."""
        own = json.loads(json.dumps(self._sparsifier.about()))
        other = [name for name, value in own.items() if record.about.get(name) != value]
        if record.shapes != self._shapes:
            other.insert(0, "weights")
        if other:
            raise FormatError(
                f"{self.path} is of a sparse training with other {', '.join(other)}: {_REMEDY}"
            )

    def _add(self, update: Update) -> None:
        """Write an update down."""
        dropped = {name: _array(x) for name, x in update.dropped.items()}
        grown = {name: _array(x) for name, x in update.grown.items()}
        if self._kept is None:
            self._kept = self._resumed(update.number - 1)
        before = self._kept
        self._kept = {
            name: changed(before[name], dropped[name], grown[name]) for name in self._shapes
        }
        if any(len(self._kept[name]) != n for name, n in update.n_kept.items()):
            raise FormatError(
                f"{self.path} has other masks before update {update.number} than the net: {_REMEDY}"
            )
        n_bytes = self._append(CHANGE, packed_changes(before, dropped, grown, self._shapes))
        self._n_change_bytes += n_bytes
        if self._n_change_bytes > _CHANGES_PER_MASK * self._n_mask_bytes:
            self._write_masks(self._kept)
        if self._weights_every is not None and update.number % self._weights_every == 0:
            self.save_weights()

    def _resumed(self, number: int) -> dict[str, Indices]:
        """The masks after an update in the file; what comes later is removed from it."""
        record = read_record(self.path)
        if record.n_updates < number:
            raise FormatError(
                f"{self.path} ends with update {record.n_updates}, but {number} have been done: "
                f"{_REMEDY}"
            )
        present = [x for x in record.frames if x.number <= number]
        os.truncate(self.path, max(x.stop for x in present))
        last = max(n for n, x in enumerate(present) if x.kind == KEPT)
        self._n_mask_bytes = present[last].stop - present[last].start
        self._n_change_bytes = sum(x.stop - x.start for x in present[last:] if x.kind == CHANGE)
        return record.kept(number)

    def _write_masks(self, kept: dict[str, Indices]) -> None:
        self._n_mask_bytes = self._append(KEPT, packed_kept(kept, self._shapes))
        self._n_change_bytes = 0

    def _append(self, kind: bytes, parts: list[bytes]) -> int:
        """Append a frame; return the size of its content."""
        number, step = self._sparsifier.n_updates, self._sparsifier.n_steps
        append(self.path, framed(kind, number, step, parts))
        return sum(map(len, parts))


def _indices(masks: dict[str, Tensor]) -> dict[str, Indices]:
    return {name: _array(x.reshape(-1).nonzero().squeeze(1)) for name, x in masks.items()}


def _array(indices: Tensor) -> Indices:
    return indices.cpu().numpy().astype(np.int64, copy=False)
