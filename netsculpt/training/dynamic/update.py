"""What an update of the masks changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

__all__ = ["Update"]


@dataclass(frozen=True, eq=False)
class Update:
    """One update of the masks; indices are flat, ascending, int64."""

    number: int  # of the update, from 1
    step: int  # optimizer steps done before it
    dropped: Mapping[str, Tensor]  # were kept and are not
    grown: Mapping[str, Tensor]  # were not kept and are
    n_kept: Mapping[str, int]  # now, by weight

    @property
    def n_changed(self) -> int:
        """Mask entries that differ from before."""
        return sum(len(x) for x in (*self.dropped.values(), *self.grown.values()))
