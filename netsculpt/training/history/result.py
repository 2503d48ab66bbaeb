"""What happened to a net, point by point."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from netsculpt.core.plain import plain
from netsculpt.training.track.result import LayerPoint

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["History", "Kind", "Point"]

Kind = Literal["epoch", "round"]


@dataclass(frozen=True)
class Point:
    """The net after an epoch or a round; NaN: not measured."""

    step: int  # its number; 0: before the first
    stage: str  # of a sculpting; else ""
    undone: bool  # whether what the round tried missed the goal and was taken back
    changed: bool  # whether weights were pruned, or moved, since the point before
    density: float  # kept share of the weights
    train_loss: float  # while it learns, if it is an epoch; else of the net after the round's work
    train_accuracy: float
    held_out_loss: float  # of samples that were not trained on, or of all if none were held out
    held_out_accuracy: float


@dataclass(frozen=True, eq=False)
class History:
    """A net over the epochs of a training, or the rounds of a pruning or a sculpting."""

    kind: Kind
    points: tuple[Point, ...]
    by_layer: tuple[LayerPoint, ...] = ()  # step by step, of some steps; (): masks did not change
    untraced: str | None = None  # why layers could not be counted

    def __repr__(self) -> str:
        first, last = self.points[0], self.points[-1]
        name = f"{self.kind} {first.step} … {last.step}"
        return f"History({name}: density {first.density:.2%} → {last.density:.2%})"

    def table(self) -> pd.DataFrame:
        """One row per point; only a sculpting has columns for its stages."""
        import pandas as pd

        table = pd.DataFrame([asdict(point) for point in self.points])
        if not any(point.stage for point in self.points):
            table = table.drop(columns=["stage", "undone"])
        return table.rename(columns={"step": self.kind})

    def layers(self) -> pd.DataFrame:
        """One row per layer, of every step at which layers were counted."""
        import pandas as pd

        table = pd.DataFrame([asdict(point) for point in self.by_layer])
        return table.rename(columns={"step": self.kind})

    def summary(self) -> dict[str, Any]:
        """The last point as plain numbers, JSON-able; what is undefined is None."""
        changes = sum(point.changed for point in self.points)
        summary: dict[str, Any] = plain(
            {
                f"{self.kind}s": self.points[-1].step,
                "changes": changes,
                "last": asdict(self.points[-1]),
            }
        )
        return summary if self.untraced is None else {**summary, "untraced": self.untraced}
