"""Checkpoints written in a loop of one's own."""

from __future__ import annotations

import re
from os import PathLike
from pathlib import Path

from torch import nn

from netsculpt.core.errors import FolderError, FormatError
from netsculpt.core.numbers import checked_whole
from netsculpt.files.torch import save
from netsculpt.nets.masks import masks_of, plain_state

__all__ = ["Recorder", "step_files"]

_NAME = re.compile(r"step-([0-9]{8,})\.pt")


class Recorder:
    """Writes a net to a folder, step by step, as files that `netsculpt.load` reads.

    Call `step` where a step of interest ends: an epoch, a round of pruning. A file is the state
    dict, and masks as ``fc1.weight_mask`` if the net has some of netsculpt's; torch's own pruning
    is in the state dict anyway. Nothing of the net is kept or changed but that pruned weights are
    0, as they are in its next call.

    Parameters
    ----------
    net
        Any net.
    folder
        Where files are written: step-00000000.pt, ….
    every
        Write one of so many steps; step 0, the net as it is now, and every call in between are
        counted.
    done
        Steps done before, when an interrupted training resumes: later files are removed.

    Raises
    ------
    FolderError
        If the folder holds steps of another training.

    Notes
    -----
    Cost: a copy of the state to disk.

    Examples
    --------
    >>> import tempfile, torch
    >>> net = nn.Linear(2, 2)
    >>> recorder = Recorder(net, Path(tempfile.mkdtemp()) / "run")
    >>> for epoch in range(3):
    ...     recorder.step()  # after the epoch's training
    >>> sorted(path.name for path in recorder.folder.iterdir())[-1]
    'step-00000003.pt'
    """

    def __init__(
        self, net: nn.Module, folder: str | PathLike[str], *, every: int = 1, done: int = 0
    ) -> None:
        self.folder, self.net = Path(folder), net
        self._every = checked_whole(every, "every", least=1)
        self._number = checked_whole(done, "done", least=0)
        files = step_files(self.folder)
        later = [path for number, path in files.items() if number > done]
        if done == 0 and files:
            raise FolderError(
                f"{self.folder} holds {len(files)} steps of a training: name a new folder, or say "
                "with done how many steps of it are done"
            )
        if done and 0 not in files:
            raise FolderError(
                f"{self.folder} does not hold step 0 of a training of which {done} steps are done: "
                "name the folder of that training, or leave done out"
            )
        for path in later:
            path.unlink()
        self.folder.mkdir(parents=True, exist_ok=True)
        if done == 0:
            self._write()

    def step(self) -> None:
        """Count a step, and write the net if it is due."""
        self._number += 1
        if self._number % self._every == 0:
            self._write()

    def _write(self) -> None:
        state, masks = plain_state(self.net) if masks_of(self.net) else (self.net.state_dict(), {})
        content = {name: x.detach().cpu() for name, x in state.items()}
        content |= {f"{name}_mask": mask.cpu() for name, mask in masks.items()}
        save(content, self.folder / f"step-{self._number:08d}.pt")


def step_files(folder: Path) -> dict[int, Path]:
    """Files of a recorder by their steps, in order.

    Raises
    ------
    FormatError
        If `folder` is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise FormatError(f"{folder} is a file: the folder of a recorder is needed")
    found = [(x, _NAME.fullmatch(x.name)) for x in (folder.iterdir() if folder.exists() else ())]
    return dict(sorted((int(match[1]), path) for path, match in found if match))
