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
    learned_with: str  # the ablation
    whole_loss: float  # of the net as it is, on validation samples
    whole_accuracy: float
    loss: dict[str, float]  # of the circuit, by ablation
    accuracy: dict[str, float]
    random_accuracy: dict[str, tuple[float, ...]]  # of as many channels at each place, drawn
    untrained: Circuit | None  # learned in the net with random weights; None: not asked for

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

        control = self.untrained
        return pd.DataFrame(
            {
                "ablation": list(self.loss),
                "loss": self.loss.values(),
                "accuracy": self.accuracy.values(),
                "random": [
                    float(np.mean(x)) if x else np.nan for x in self.random_accuracy.values()
                ],
                "untrained": [np.nan] * len(self.loss)
                if control is None
                else list(control.accuracy.values()),
            }
        )

    def summary(self) -> dict[str, Any]:
        """Plain values, JSON-able."""
        return {
            "n_nodes": self.n_nodes,
            "n_nodes_of_net": self.n_nodes_of_net,
            "n_edges": self.n_edges,
            "n_edges_of_net": self.n_edges_of_net,
            "learned_with": self.learned_with,
            "whole": {"loss": self.whole_loss, "accuracy": self.whole_accuracy},
            "loss": self.loss,
            "accuracy": self.accuracy,
            "random_accuracy": {name: list(x) for name, x in self.random_accuracy.items()},
            "untrained": None if self.untrained is None else self.untrained.summary(),
        }
