"""What masks of sub-tasks share, and what a net can do with each of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.compare.mask_sharing import MaskSharing, mask_sharing
from netsculpt.core.plain import plain

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SubtaskMasks"]

Floats = NDArray[np.float64]
Bits = NDArray[np.bool_]

_LOST = 0.02  # accuracy, from which on a mask counts as not enough


@dataclass(frozen=True, eq=False)
class SubtaskMasks:
    """Masks of K sub-tasks, learned in S runs over the same weights, of L layers.

    Accuracies are shares of right answers. Arrays of sharing have L + 1 columns, the last of all
    layers together, and are means over the runs.
    """

    subtasks: tuple[str, ...]  # [K]
    kept: dict[str, Bits]  # weights that the net keeps, by name
    masks: dict[str, Bits]  # [S, K, …] by name
    whole: Floats  # [K] accuracy of the net as it is
    accuracy: Floats  # [S, K, K] with the mask of one sub-task, on each
    accuracy_without: Floats  # [S, K, K] with all weights but those of the mask
    random_accuracy: Floats  # [D, K] own accuracy of masks shuffled within layers
    untrained: SubtaskMasks | None  # the same of the net with random weights; None: not asked for
    penalty: float

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the weights [L]."""
        return tuple(self.kept)

    @cached_property
    def sharing(self) -> tuple[MaskSharing, ...]:
        """What the masks of each run share [S]."""
        runs = len(self.accuracy)
        return tuple(
            mask_sharing({name: x[run] for name, x in self.masks.items()}, self.kept)
            for run in range(runs)
        )

    @property
    def shares(self) -> Floats:
        """Share of the net's weights that each mask keeps [K, L + 1]."""
        kept = np.mean([x.n_kept for x in self.sharing], axis=0)
        n = self.sharing[0].n_weights
        shares: Floats = np.divide(kept, n, out=np.full(kept.shape, np.nan), where=n > 0)
        return shares

    @property
    def iou(self) -> Floats:
        """Intersection over union of the masks of one run [K, K, L + 1]."""
        return _mean([x.iou for x in self.sharing])

    @property
    def iomin(self) -> Floats:
        """Intersection over the smaller mask [K, K, L + 1]."""
        return _mean([x.iomin for x in self.sharing])

    @cached_property
    def iou_of_runs(self) -> Floats:
        """IoU of the masks of one sub-task in two runs [K, L + 1]: the most to be expected.

        NaN with one run.
        """
        n_runs = len(self.accuracy)
        pairs = np.triu_indices(n_runs, 1)
        rows = [
            mask_sharing({name: x[:, k] for name, x in self.masks.items()}, self.kept).iou[pairs]
            for k in range(len(self.subtasks))
        ]
        empty = np.full((1, len(self.layers) + 1), np.nan)
        return np.stack([_mean(row if n_runs > 1 else empty) for row in rows])

    @property
    def p_specialize(self) -> Floats:
        """1 − IoU of all weights [K, K]: 1 for masks that have nothing in common."""
        return 1 - self.iou[..., -1]

    @property
    def p_reuse(self) -> Floats:
        """IoMin of all weights [K, K]: 1 if the smaller mask is a part of the other."""
        return self.iomin[..., -1]

    def table(self) -> pd.DataFrame:
        """One row per pair of sub-tasks and layer; "all" is of all layers together."""
        import pandas as pd

        first, second = np.triu_indices(len(self.subtasks), 1)
        names = np.array(self.subtasks, dtype=object)
        columns = {
            "iou": self.iou,
            "iou_by_chance": _mean([x.iou_by_chance for x in self.sharing]),
            "iomin": self.iomin,
            "iomin_by_chance": _mean([x.iomin_by_chance for x in self.sharing]),
            "n_shared": np.mean([x.n_shared for x in self.sharing], axis=0),
        }
        layers = [*self.layers, "all"]
        return pd.DataFrame(
            {
                "subtask": np.repeat(names[first], len(layers)),
                "other": np.repeat(names[second], len(layers)),
                "layer": layers * len(first),
                **{name: values[first, second].ravel() for name, values in columns.items()},
            }
        )

    def accuracies(self) -> pd.DataFrame:
        """One row per sub-task: how much its mask keeps, and what the net then can do."""
        import pandas as pd

        own = self.accuracy.mean(axis=0)
        others = {f"on {name}": own[:, k] for k, name in enumerate(self.subtasks)}
        random = self.random_accuracy
        control = {} if self.untrained is None else {"untrained": self.untrained.own_accuracy}
        return pd.DataFrame(
            {
                "subtask": self.subtasks,
                "kept": self.shares[:, -1],
                "whole": self.whole,
                "own": self.own_accuracy,
                "without": _diagonal(self.accuracy_without).mean(axis=0),
                "random": random.mean(axis=0) if len(random) else np.nan,
                **control,
                **others,
            }
        )

    @property
    def own_accuracy(self) -> Floats:
        """Accuracy of each sub-task with its own mask [K], the mean of the runs."""
        own: Floats = _diagonal(self.accuracy).mean(axis=0)
        return own

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the masks must know, in sentences."""
        notes = [
            f"The masks of {name} lose accuracy ({whole:.3f} → {own:.3f}): they do not hold what "
            "it needs; lower the penalty."
            for name, whole, own in zip(self.subtasks, self.whole, self.own_accuracy, strict=True)
            if own < whole - _LOST
        ]
        if self.untrained is not None:
            notes += [
                f"Random weights do {name} with a mask ({own:.3f}): that there is one says little."
                for name, whole, own in zip(
                    self.subtasks, self.whole, self.untrained.own_accuracy, strict=True
                )
                if own > whole - _LOST
            ]
        return tuple(notes)

    def summary(self) -> dict[str, Any]:
        """Plain values, JSON-able; what is undefined is None."""
        pairs = np.triu_indices(len(self.subtasks), 1)
        rows = self.accuracies().set_index("subtask").to_dict(orient="index")
        layers = [dict(zip(self.layers, row, strict=True)) for row in self.shares[:, :-1].tolist()]
        summary: dict[str, Any] = plain(
            {
                "n_runs": len(self.accuracy),
                "penalty": self.penalty,
                "n_weights": int(self.sharing[0].n_weights[-1]),
                "subtasks": rows,
                "kept_by_layer": dict(zip(self.subtasks, layers, strict=True)),
                "p_specialize": float(_mean(self.p_specialize[pairs])),
                "p_reuse": float(_mean(self.p_reuse[pairs])),
                "iou_of_runs": float(_mean(self.iou_of_runs[:, -1])),
                "notes": list(self.notes),
                "untrained": None if self.untrained is None else self.untrained.summary(),
            }
        )
        return summary


def _diagonal(accuracy: Floats) -> Floats:
    own: Floats = np.einsum("skk->sk", accuracy)
    return own


def _mean(values: Any) -> Floats:
    """Mean of the first axis over what is defined; NaN where nothing is."""
    array = np.asarray(values, dtype=np.float64)
    n = (~np.isnan(array)).sum(axis=0)
    mean: Floats = np.divide(np.nansum(array, axis=0), n, out=np.full(n.shape, np.nan), where=n > 0)
    return mean
