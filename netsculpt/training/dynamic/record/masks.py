"""Writing down masks that are at hand, such as those of the rounds of a pruning."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from netsculpt.core.errors import FormatError
from netsculpt.training.dynamic.record.kept import Indices
from netsculpt.training.dynamic.record.reading import read_record
from netsculpt.training.dynamic.record.writer import REMEDY, Writer

__all__ = ["MaskRecorder"]


class MaskRecorder:
    """Writes masks to a file that `read_record` reads, one after another.

    Parameters
    ----------
    path
        A new file, or that of the same rounds, interrupted: what it has from the next number on is
        replaced.
    masks
        The first masks, boolean, True = kept, by the names of the weights.
    about
        What they are of, JSON-able; "net" describes the net, as `netsculpt.nets.MLP.spec`.

    Raises
    ------
    FormatError
        If the file is of other weights.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "masks.record"
    >>> recorder = MaskRecorder(path, {"fc1.weight": np.ones((2, 3), bool)}, {"seed": 0})
    >>> recorder.add(1, {"fc1.weight": np.eye(2, 3) > 0}, step=5)
    >>> record = read_record(path)
    >>> record.steps, record.masks(1)["fc1.weight"].sum().item()
    ((0, 5), 2)
    """

    def __init__(
        self, path: str | PathLike[str], masks: Mapping[str, ArrayLike], about: Mapping[str, Any]
    ) -> None:
        self.path = Path(path)
        shapes = {name: tuple(np.shape(mask)) for name, mask in masks.items()}
        self._writer = Writer(self.path, shapes)
        if not self.path.exists() or self.path.stat().st_size == 0:
            self._writer.begin(about, _kept(masks))
        elif read_record(self.path).shapes != shapes:
            raise FormatError(f"{self.path} is of other weights: {REMEDY}")

    def add(self, number: int, masks: Mapping[str, ArrayLike], *, step: int) -> None:
        """Write the masks after a change; numbers rise from 1, `step` says when it was."""
        before, after = self._writer.kept_before(number), _kept(masks)
        dropped = {x: np.setdiff1d(before[x], after[x], assume_unique=True) for x in after}
        grown = {x: np.setdiff1d(after[x], before[x], assume_unique=True) for x in after}
        self._writer.change(number, step, dropped, grown)


def _kept(masks: Mapping[str, ArrayLike]) -> dict[str, Indices]:
    return {name: np.flatnonzero(np.asarray(mask)).astype(np.int64) for name, mask in masks.items()}
