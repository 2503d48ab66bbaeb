"""The state of a training at the end of each of its dense and sparse phases."""

from __future__ import annotations

from pathlib import Path

from netsculpt.core.errors import FormatError
from netsculpt.training.fitting.sparsity import SparseSteps

__all__ = ["PhaseStates"]


class PhaseStates:
    """A folder with a file for every phase that another one follows, such as phase1-dense.pt.

    A state is that of the net as it was trained: a dense one is not compressed yet.

    Parameters
    ----------
    folder
        Where the files are; it is made with the first of them.
    sparsifier
        What makes the net sparse.
    steps_per_epoch
        Steps of the optimizer: states are saved between epochs.

    Raises
    ------
    FormatError
        If there are no phases, or one of them ends within an epoch.
    """

    def __init__(self, folder: Path, sparsifier: SparseSteps | None, steps_per_epoch: int) -> None:
        if sparsifier is None or not sparsifier.phases:
            raise FormatError(
                f"there are no phases whose states could be saved in {folder}: those of ac_dc are "
                "needed, or leave the folder out"
            )
        within = [step for step in sparsifier.phases if step % steps_per_epoch]
        if within:
            raise FormatError(
                f"a phase ends after {within[0]} steps, within an epoch of {steps_per_epoch}: to "
                "save the states of phases, let them end with an epoch"
            )
        self._folder, self._sparsifier = folder, sparsifier

    def path(self) -> Path | None:
        """The file of the phase that ends now, if one does."""
        if not self._sparsifier.update_is_due:
            return None
        return self._folder / f"{self._sparsifier.phase}.pt"
