"""Writing down what a sparse training does to the masks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from netsculpt.core.errors import FormatError
from netsculpt.training.dynamic import processes
from netsculpt.training.dynamic.record.contents import Shapes
from netsculpt.training.dynamic.record.kept import Indices
from netsculpt.training.dynamic.record.reading import Record, read_record
from netsculpt.training.dynamic.record.writer import REMEDY, Writer
from netsculpt.training.dynamic.sparsifier import Sparsifier
from netsculpt.training.dynamic.update import Update

__all__ = ["Recorder"]


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
    net
        What describes the net, such as `netsculpt.nets.MLP.spec`: a record that has it can be
        followed without its net (`netsculpt.training.history`).

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
        net: Mapping[str, Any] | None = None,
    ) -> None:
        self.path = Path(path)
        self._sparsifier, self._weights_every = sparsifier, weights_every
        self._shapes: Shapes = {name: tuple(x.shape) for name, x in sparsifier.masks.items()}
        self._own = {} if net is None else {"net": dict(net)}
        self._writer = Writer(self.path, self._shapes)
        if not processes.is_first():
            return
        if self.path.exists() and self.path.stat().st_size > 0:
            self._check(read_record(self.path))
        else:
            about = {**self._sparsifier.about(), "seed": self._sparsifier.seed, **self._own}
            self._writer.begin(about, _indices(self._sparsifier.masks))
            if self._weights_every is not None:
                self.save_weights()
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
        self._writer.values(self._sparsifier.n_updates, self._sparsifier.n_steps, values)

    def _check(self, record: Record) -> None:
        """Refuse the record of another training."""
        own = json.loads(json.dumps({**self._sparsifier.about(), **self._own}))
        other = [name for name, value in own.items() if record.about.get(name) != value]
        if record.shapes != self._shapes:
            other.insert(0, "weights")
        if other:
            raise FormatError(
                f"{self.path} is of a sparse training with other {', '.join(other)}: {REMEDY}"
            )

    def _add(self, update: Update) -> None:
        """Write an update down."""
        dropped = {name: _array(x) for name, x in update.dropped.items()}
        grown = {name: _array(x) for name, x in update.grown.items()}
        before = self._writer.kept_before(update.number)
        n_kept = {x: len(before[x]) - len(dropped[x]) + len(grown[x]) for x in self._shapes}
        if any(n_kept[name] != n for name, n in update.n_kept.items()):
            raise FormatError(
                f"{self.path} has other masks before update {update.number} than the net: {REMEDY}"
            )
        self._writer.change(update.number, self._sparsifier.n_steps, dropped, grown)
        if self._weights_every is not None and update.number % self._weights_every == 0:
            self.save_weights()


def _indices(masks: dict[str, Tensor]) -> dict[str, Indices]:
    return {name: _array(x.reshape(-1).nonzero().squeeze(1)) for name, x in masks.items()}


def _array(indices: Tensor) -> Indices:
    return indices.cpu().numpy().astype(np.int64, copy=False)
