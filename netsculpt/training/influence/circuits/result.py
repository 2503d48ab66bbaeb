"""A circuit and how well it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Circuit"]


@dataclass(frozen=True, eq=False)
class Circuit:
    """Channels of a net that are kept, and what the net does when the others are ablated."""

    kept: dict[str, NDArray[np.bool_]]  # [channels] by place
    n_edges: int  # kept weights between kept channels, within blocks
    n_edges_of_net: int
    cut_by: str  # the score
    cut_with: str  # the ablation
    asked_loss: float
    reached: bool  # on the samples that it was cut on; False: the set of lowest loss
    whole_loss: float  # of the net as it is, on validation samples
    whole_accuracy: float
    loss: dict[str, float]  # of the circuit, by ablation, on validation samples
    accuracy: dict[str, float]
    random_accuracy: dict[str, tuple[float, ...]]  # of as many channels at each place, drawn
    control: Circuit | None  # cut likewise from the net with shuffled weights; None: not asked for

    @property
    def n_nodes(self) -> int:
        """Kept channels."""
        return sum(int(mask.sum()) for mask in self.kept.values())

    @property
    def n_nodes_of_net(self) -> int:
        """Channels at all places."""
        return sum(map(len, self.kept.values()))

    def table(self) -> pd.DataFrame:
        """One row per ablation."""
        import pandas as pd

        control = self.control
        return pd.DataFrame(
            {
                "ablation": list(self.loss),
                "loss": self.loss.values(),
                "accuracy": self.accuracy.values(),
                "random_channels": [
                    float(np.mean(x)) if x else np.nan for x in self.random_accuracy.values()
                ],
                "shuffled_weights": [np.nan] * len(self.loss)
                if control is None
                else list(control.accuracy.values()),
            }
        )

    def places(self) -> pd.DataFrame:
        """One row per place: its channels, and how many of them are kept."""
        import pandas as pd

        return pd.DataFrame(
            {
                "place": list(self.kept),
                "kept": [int(mask.sum()) for mask in self.kept.values()],
                "channels": [len(mask) for mask in self.kept.values()],
            }
        )

    def channels(self) -> pd.DataFrame:
        """One row per channel, and whether it is kept."""
        import pandas as pd

        rows = [
            (place, channel, bool(kept))
            for place, mask in self.kept.items()
            for channel, kept in enumerate(mask)
        ]
        return pd.DataFrame(rows, columns=["place", "channel", "kept"])

    def summary(self) -> dict[str, Any]:
        """Plain values, JSON-able."""
        return {
            "n_nodes": self.n_nodes,
            "n_nodes_of_net": self.n_nodes_of_net,
            "n_edges": self.n_edges,
            "n_edges_of_net": self.n_edges_of_net,
            "cut_by": self.cut_by,
            "cut_with": self.cut_with,
            "asked_loss": self.asked_loss,
            "reached": self.reached,
            "whole": {"loss": self.whole_loss, "accuracy": self.whole_accuracy},
            "loss": self.loss,
            "accuracy": self.accuracy,
            "random_accuracy": {name: list(x) for name, x in self.random_accuracy.items()},
            "control": None if self.control is None else self.control.summary(),
        }
