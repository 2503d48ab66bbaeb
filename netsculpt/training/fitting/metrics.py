"""What is told of every epoch, and where it is written: lines of JSON, TensorBoard."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from netsculpt.core.errors import FormatError, NetsculptError

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

__all__ = ["Epoch", "JsonLines", "TensorBoard"]


@dataclass(frozen=True)
class Epoch:
    """One epoch of training."""

    epoch: int  # 1, 2, …
    loss: float  # mean over the training samples, as they were learnt
    validation_loss: float
    accuracy: float  # share of right answers on the validation samples, 0 … 1
    learning_rate: float  # of the last step


class JsonLines:
    """A file of one JSON object an epoch; only ever appended to.

    Parameters
    ----------
    path
        New, or the file of the same run, broken off: a line that was cut is completed.
    history
        Epochs that are over.
    """

    def __init__(self, path: Path, history: Sequence[Epoch]) -> None:
        self._path = path
        wanted = b"".join(map(_line, history))
        found = path.read_bytes() if path.exists() else b""
        if not wanted.startswith(found):
            raise FormatError(
                f"{path} holds other lines than the {len(history)} epochs that are over: go on "
                "from the checkpoint of its run, or name a new file"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        self._append(wanted[len(found) :])

    def add(self, epoch: Epoch) -> None:
        """Write the line of an epoch."""
        self._append(_line(epoch))

    def _append(self, content: bytes) -> None:
        with self._path.open("ab") as file:
            file.write(content)


class TensorBoard:
    """Scalars of every epoch in a folder of event files.

    Parameters
    ----------
    folder
        Where TensorBoard is told to look.
    history
        Epochs that are over. Later ones in the folder, of a run that was broken off, are hidden.
    """

    def __init__(self, folder: Path, history: Sequence[Epoch]) -> None:
        self._writer = _writer(folder, len(history) + 1)

    def add(self, epoch: Epoch) -> None:
        """Write the scalars of an epoch."""
        values = asdict(epoch)
        at = values.pop("epoch")
        for name, value in values.items():
            self._writer.add_scalar(name, value, at)
        self._writer.flush()

    def close(self) -> None:
        """Close the event file."""
        self._writer.close()


def _writer(folder: Path, first: int) -> SummaryWriter:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise NetsculptError(
            f"TensorBoard is not installed ({error}): pip install 'netsculpt[tensorboard]', or "
            "leave the folder for it out"
        ) from None
    return SummaryWriter(str(folder), purge_step=first)


def _line(epoch: Epoch) -> bytes:
    return (json.dumps(asdict(epoch), allow_nan=False) + "\n").encode()
