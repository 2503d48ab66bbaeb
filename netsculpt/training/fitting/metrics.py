"""Metrics of every epoch, and where they are written: lines of JSON, TensorBoard."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from netsculpt.core.errors import FormatError
from netsculpt.core.extras import missing
from netsculpt.core.writing import append

__all__ = ["Epoch", "JsonLines", "TensorBoard"]


@dataclass(frozen=True)
class Epoch:
    """One epoch of training."""

    epoch: int  # 1, 2, …
    loss: float  # mean over the training samples during the epoch
    validation_loss: float
    accuracy: float  # share of right answers on the validation samples, 0 … 1
    learning_rate: float  # of the last step
    density: float  # fraction of the weights that is kept; of those that are made sparse, if any
    training_accuracy: float  # share of right answers on the training samples during the epoch
    updates: int  # of the masks up to its end, by a method that makes the net sparse


class JsonLines:
    """A file with one JSON object per epoch, to which lines are only appended.

    Parameters
    ----------
    path
        A new file, or that of the same run, interrupted: a line that was cut is completed.
    history
        Finished epochs.
    """

    def __init__(self, path: Path, history: Sequence[Epoch]) -> None:
        self._path = path
        lines = b"".join(map(_line, history))
        written = path.read_bytes() if path.exists() else b""
        if not lines.startswith(written):
            raise FormatError(
                f"{path} holds other lines than the {len(history)} finished epochs: resume from "
                "the checkpoint of its run, or name a new file"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        self._append(lines[len(written) :])

    def add(self, epoch: Epoch) -> None:
        """Write the line of an epoch."""
        self._append(_line(epoch))

    def _append(self, content: bytes) -> None:
        append(self._path, content)


class TensorBoard:
    """Scalars of every epoch in a folder of event files.

    Parameters
    ----------
    folder
        The log folder of TensorBoard.
    history
        Finished epochs. Later ones in the folder, of an interrupted run, are hidden.
    """

    def __init__(self, folder: Path, history: Sequence[Epoch]) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:  # of it, or of something that it needs
            raise missing("tensorboard", "the log folder of TensorBoard") from None
        self._writer = SummaryWriter(str(folder), purge_step=len(history) + 1)

    def add(self, epoch: Epoch) -> None:
        """Write the scalars of an epoch."""
        values = asdict(epoch)
        number = values.pop("epoch")
        for name, value in values.items():
            self._writer.add_scalar(name, value, number)
        self._writer.flush()

    def close(self) -> None:
        """Close the event file."""
        self._writer.close()


def _line(epoch: Epoch) -> bytes:
    return (json.dumps(asdict(epoch), allow_nan=False) + "\n").encode()
