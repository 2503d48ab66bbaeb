"""A record of a sparse training, read from its file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import FormatError, GraphError
from netsculpt.training.dynamic.record.contents import (
    CHANGE,
    HEAD,
    KEPT,
    VALUES,
    Shapes,
    head_of,
    unpacked_changes,
    unpacked_kept,
    unpacked_values,
)
from netsculpt.training.dynamic.record.frames import Frame, content_of, frames_of
from netsculpt.training.dynamic.record.kept import Indices, changed

__all__ = ["Change", "Record", "read_record"]


@dataclass(frozen=True, eq=False)
class Change:
    """One update of the masks; indices are flat, ascending, int64."""

    number: int  # of the update, from 1
    step: int  # optimizer steps done before it
    dropped: Mapping[str, Indices]  # were kept and are not, by weight
    grown: Mapping[str, Indices]  # were not kept and are


@dataclass(frozen=True, eq=False)
class Record:
    """The masks of a sparse training after every update; made by `read_record`.

    Only places are in memory; masks are read when they are asked for.
    """

    path: Path
    shapes: Shapes  # of the weights, by name
    about: Mapping[str, Any]  # method and settings, as `Sparsifier.about`, and the seed
    steps: tuple[int, ...]  # [1 + n_updates] optimizer steps done: before training, at each update
    weight_steps: tuple[int, ...]  # at which weights were saved
    frames: tuple[Frame, ...]

    @property
    def n_updates(self) -> int:
        """How many updates there were; 0: only the first masks are here."""
        return len(self.steps) - 1

    @property
    def n_weights(self) -> int:
        """Weights in all, kept or not."""
        return sum(prod(shape) for shape in self.shapes.values())

    def kept(self, number: int = -1) -> dict[str, Indices]:
        """Flat indices of the weights kept after an update; 0: before the first, −1: at the end.

        Reads the last masks that were written as a whole before it, and the changes since then.

        Raises
        ------
        GraphError
            If there is no such update.
        """
        index = self._checked(number)
        before = [x for x in self.frames if x.kind in (KEPT, CHANGE) and x.number <= index]
        last = max(n for n, frame in enumerate(before) if frame.kind == KEPT)
        with _naming(self.path):
            kept = unpacked_kept(content_of(self.path, before[last]), self.shapes)
            for frame in before[last + 1 :]:
                kept = _after(kept, self._change(frame, kept))
        return kept

    def masks(self, number: int = -1) -> dict[str, NDArray[np.bool_]]:
        """Masks after an update, True = kept, of the shapes of the weights; as `kept`."""
        masks = {}
        for name, indices in self.kept(number).items():
            flat = np.zeros(prod(self.shapes[name]), dtype=bool)
            flat[indices] = True
            masks[name] = flat.reshape(self.shapes[name])
        return masks

    def changes(self) -> Iterator[Change]:
        """What each update changed, one after another; in memory is one at a time."""
        kept = self.kept(0)
        for frame in self.frames:
            if frame.kind == CHANGE:
                with _naming(self.path):
                    change = self._change(frame, kept)
                kept = _after(kept, change)
                yield change

    def weights(self, step: int) -> dict[str, NDArray[np.float32]]:
        """Weights as saved when so many optimizer steps were done; 0 where nothing is kept.

        Raises
        ------
        GraphError
            If none were saved then.
        """
        saved = [x for x in self.frames if x.kind == VALUES and x.step == step]
        if not saved:
            raise GraphError(
                f"no weights were saved at step {step}, but at {list(self.weight_steps)!r:.80}: "
                "record with weights_every"
            )
        with _naming(self.path):
            content = content_of(self.path, saved[-1])
            return unpacked_values(content, self.kept(saved[-1].number), self.shapes)

    def _checked(self, number: int) -> int:
        index = number + len(self.steps) if number < 0 else number
        if not 0 <= index <= self.n_updates:
            raise GraphError(
                f"there is no update {number}: {self.path} has {self.n_updates}, and the masks "
                "before them at 0"
            )
        return index

    def _change(self, frame: Frame, kept: Mapping[str, Indices]) -> Change:
        parts = unpacked_changes(content_of(self.path, frame), kept, self.shapes)
        dropped = {name: gone for name, (gone, _) in parts.items()}
        grown = {name: came for name, (_, came) in parts.items()}
        return Change(frame.number, frame.step, dropped, grown)


def read_record(path: str | PathLike[str]) -> Record:
    """Read the record that `Recorder` wrote, also while it is being written.

    An update that was cut off at the end, as by a kill, is left out.

    Raises
    ------
    FormatError
        If the file is not a record, or is damaged.

    Examples
    --------
    >>> import tempfile
    >>> from netsculpt.nets import MLP
    >>> from netsculpt.training import dynamic
    >>> from netsculpt.training.dynamic.record import Recorder
    >>> path = Path(tempfile.mkdtemp()) / "training.record"
    >>> sparsifier = dynamic.rigl(MLP((64, 32, 10)).build(), density=0.1, end=7500, rng=0)
    >>> recorder = Recorder(sparsifier, path)
    >>> record = read_record(path)
    >>> record.n_updates, {name: int(mask.sum()) for name, mask in record.masks(0).items()}
    (0, {'fc1.weight': 165, 'fc2.weight': 72})
    """
    path = Path(path)
    frames = frames_of(path)
    if [x.kind for x in frames[:2]] != [HEAD, KEPT]:
        raise FormatError(f"{path} ends before its first masks: record again")
    with _naming(path):
        shapes, about = head_of(content_of(path, frames[0]))
    updates = [x for x in frames if x.kind == CHANGE]
    if [x.number for x in updates] != list(range(1, len(updates) + 1)):
        raise FormatError(f"{path} lacks some of its updates: record again")
    steps = (frames[1].step, *(x.step for x in updates))
    saved = tuple(dict.fromkeys(x.step for x in frames if x.kind == VALUES))
    return Record(path, shapes, about, steps, saved, tuple(frames))


def _after(kept: Mapping[str, Indices], change: Change) -> dict[str, Indices]:
    return {
        name: changed(indices, change.dropped[name], change.grown[name])
        for name, indices in kept.items()
    }


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Errors in the content of a record say which file it is."""
    try:
        yield
    except FormatError as error:
        raise FormatError(f"{path} is damaged ({error}): record again") from None
