"""What was explored and what turned over, update by update."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.training.dynamic.record.reading import Record
from netsculpt.training.dynamic.trajectory.flat import flat_changes, flat_kept

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MaskTrajectory", "mask_trajectory"]


@dataclass(frozen=True, eq=False)
class MaskTrajectory:
    """The masks of all weights together, before training and after each update; [1 + n_updates]."""

    step: NDArray[np.int64]  # optimizer steps done
    density: NDArray[np.float64]  # share of the weights that is kept
    ever_active: NDArray[np.float64]  # share kept at some time so far: R_s
    dropped: NDArray[np.int64]  # weights that the update took away
    grown: NDArray[np.int64]  # weights that it let in
    returned: NDArray[np.int64]  # those of them that had been kept at an earlier time
    of_first: NDArray[np.float64]  # share of the first mask that is kept
    of_last: NDArray[np.float64]  # share of the last mask that is kept
    regrown_and_kept: float  # share of the last mask that had once been dropped
    n_weights: int  # in all, kept or not

    @property
    def turnover(self) -> NDArray[np.float64]:
        """Share of the kept weights that has just come; [1 + n_updates], 0 at first."""
        kept = np.round(self.density * self.n_weights)
        return np.divide(self.grown, kept, out=np.zeros(len(kept)), where=kept > 0)

    def table(self) -> pd.DataFrame:
        """One row per update, the first one before training."""
        import pandas as pd

        own = {x.name: getattr(self, x.name) for x in fields(self)}
        columns = {name: x for name, x in own.items() if isinstance(x, np.ndarray)}
        table = pd.DataFrame({"update": np.arange(len(self.step)), **columns})
        return table.assign(turnover=self.turnover)

    def summary(self) -> dict[str, Any]:
        """Plain numbers, JSON-able."""
        return {
            "updates": len(self.step) - 1,
            "weights": self.n_weights,
            "density": float(self.density[-1]),
            "ever_active": float(self.ever_active[-1]),
            "mean_turnover": float(self.turnover[1:].mean()) if len(self.step) > 1 else 0.0,
            "of_first": float(self.of_first[-1]),
            "regrown_and_kept": self.regrown_and_kept,
        }


def mask_trajectory(record: Record) -> MaskTrajectory:
    """Follow the masks of a sparse training.

    Cost O(weights + all changes).

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import torch
    >>> from netsculpt.nets import MLP
    >>> from netsculpt.training import dynamic
    >>> from netsculpt.training.dynamic.record import Recorder, read_record
    >>> net = MLP((20, 20)).build()
    >>> sparsifier = dynamic.set(net, density=0.1, end=40, every=10, fraction=0.5, rng=0)
    >>> recorder = Recorder(sparsifier, Path(tempfile.mkdtemp()) / "training.record")
    >>> optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    >>> for _ in range(40):
    ...     net(torch.ones(1, 20)).sum().backward()
    ...     stepped = sparsifier.step(optimizer)
    >>> followed = mask_trajectory(read_record(recorder.path))
    >>> followed.step.tolist(), followed.density.tolist()
    ([0, 10, 20, 30, 40], [0.1, 0.1, 0.1, 0.1, 0.1])
    >>> bool(followed.ever_active[-1] == sparsifier.ever_active)
    True
    """
    first, last = (_marked(record, number) for number in (0, -1))
    kept, ever, gone = first.copy(), first.copy(), np.zeros_like(first)
    rows = [(int(kept.sum()), int(ever.sum()), 0, 0, 0, int(first.sum()), int((kept & last).sum()))]
    for dropped, grown in flat_changes(record):
        returned = int(ever[grown].sum())
        kept[dropped], kept[grown] = False, True
        ever[grown], gone[dropped] = True, True
        n_kept, n_ever, *_, of_first, of_last = rows[-1]
        row = (
            n_kept + len(grown) - len(dropped),
            n_ever + len(grown) - returned,
            len(dropped),
            len(grown),
            returned,
            of_first + int(first[grown].sum()) - int(first[dropped].sum()),
            of_last + int(last[grown].sum()) - int(last[dropped].sum()),
        )
        rows.append(row)
    kept_then, ever_then, n_dropped, n_grown, n_returned, of_first_then, of_last_then = np.array(
        rows, dtype=np.int64
    ).T
    n = max(record.n_weights, 1)
    return MaskTrajectory(
        step=np.array(record.steps, dtype=np.int64),
        density=kept_then / n,
        ever_active=ever_then / n,
        dropped=n_dropped,
        grown=n_grown,
        returned=n_returned,
        of_first=of_first_then / max(int(first.sum()), 1),
        of_last=of_last_then / max(int(last.sum()), 1),
        regrown_and_kept=float((gone & last).sum()) / max(int(last.sum()), 1),
        n_weights=record.n_weights,
    )


def _marked(record: Record, number: int) -> NDArray[np.bool_]:
    mask = np.zeros(record.n_weights, dtype=bool)
    mask[flat_kept(record, number)] = True
    return mask
