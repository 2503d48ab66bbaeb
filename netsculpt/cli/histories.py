"""The folder next to a model that says what happened to the net."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from netsculpt.cli.resuming import companion
from netsculpt.core.folders import MASKS, claim_folder, require_replaceable

__all__ = ["HistoryFolder"]

_ENDING = ".history"


@dataclass(frozen=True)
class HistoryFolder:
    """The folder of a model that a command writes."""

    path: Path
    maker: str  # the command

    @classmethod
    def of(cls, model: Path, maker: str) -> HistoryFolder:
        """The folder next to a model; raises if it holds anything else."""
        folder = cls(companion(model, _ENDING), maker)
        require_replaceable(folder.path, maker)
        return folder

    def masks(self, *, resumed: bool) -> Path:
        """Where masks are recorded; those of an earlier run are removed unless it is resumed."""
        claim_folder(self.path, self.maker, [MASKS])
        path = self.path / MASKS
        if not resumed:
            path.unlink(missing_ok=True)
        return path
