"""What pruning leaves of a net."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from netsculpt.core.errors import LimitError, TopologyError
from netsculpt.graph.graph import Layer, live_units
from netsculpt.nets.copies import copy_of
from netsculpt.nets.masks import mask_net
from netsculpt.nets.weight_counts import WeightCounts, weight_counts
from netsculpt.tracing import trace

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LiveUnits", "Pruned", "PruningReport", "pruning_report"]


@dataclass(frozen=True)
class LiveUnits:
    """Units on input→output paths, by layer of the graph."""

    layers: tuple[str, ...]
    units: tuple[int, ...]
    live: tuple[int, ...]

    @classmethod
    def of(cls, layers: Sequence[Layer], live: NDArray[np.bool_]) -> Self:
        """Count the live units [U] of each layer."""
        return cls(
            tuple(layer.name for layer in layers),
            tuple(layer.n_units for layer in layers),
            tuple(int(live[layer.units].sum()) for layer in layers),
        )

    @property
    def n_dead(self) -> int:
        """Units on no input→output path."""
        return sum(self.units) - sum(self.live)

    @property
    def connected(self) -> bool:
        """Whether any input→output path is left."""
        return any(self.live)

    @property
    def cut_off(self) -> tuple[str, ...]:
        """Layers that no input→output path passes through."""
        pairs = zip(self.layers, self.live, strict=True)
        return tuple(layer for layer, live in pairs if not live)

    def table(self) -> pd.DataFrame:
        """One row per layer."""
        import pandas as pd

        table = pd.DataFrame({"layer": self.layers, "units": self.units, "live": self.live})
        return table.assign(dead=table["units"] - table["live"])


@dataclass(frozen=True)
class PruningReport:
    """Weights and units that are left."""

    weights: WeightCounts
    units: LiveUnits | None  # None: no example to trace the net with, or it cannot be traced
    untraced: str | None = None  # why not

    @property
    def emptied(self) -> tuple[str, ...]:
        """Weights of which nothing is kept."""
        pairs = zip(self.weights.names, self.weights.kept, strict=True)
        return tuple(name for name, kept in pairs if not kept)

    def summary(self) -> dict[str, Any]:
        """Plain numbers, JSON-able."""
        weights = {**self.weights.summary(), "emptied": list(self.emptied)}
        if self.units is None:
            return weights if self.untraced is None else {**weights, "untraced": self.untraced}
        return {
            **weights,
            "units": sum(self.units.units),
            "dead_units": self.units.n_dead,
            "connected": self.units.connected,
            "cut_off": list(self.units.cut_off),
        }


@dataclass(frozen=True, eq=False)
class Pruned:
    """The result of every pruning method: masks, and what they leave of the net."""

    masks: dict[str, Tensor]  # True = kept, by parameter
    report: PruningReport
    method: str
    density: float  # requested; the report has the one reached
    seed: int | None  # repeats the pruning; None: it was drawn by a generator
    details: Mapping[str, Any]  # JSON-able

    def summary(self) -> dict[str, Any]:
        """Plain numbers, JSON-able."""
        return {
            "method": self.method,
            "asked": self.density,
            "seed": self.seed,
            **self.details,
            **self.report.summary(),
        }


def pruning_report(
    net: nn.Module, masks: Mapping[str, Tensor], example: Tensor | tuple[Tensor, ...] | None = None
) -> PruningReport:
    """Count what is left of a net under masks.

    Parameters
    ----------
    net
        Any net; left as it is.
    masks
        As `mask_net` takes them.
    example
        An input, batch first, for `netsculpt.trace`; only its shape matters. A net that cannot be
        traced is reported without units.

    Examples
    --------
    >>> import torch
    >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    >>> masks = {"0.weight": torch.eye(3, 2) > 0, "2.weight": torch.tensor([[True, False, False]])}
    >>> pruning_report(net, masks, torch.zeros(1, 2)).units.table()["dead"].tolist()
    [1, 2, 0]
    """
    masked = copy_of(net)
    mask_net(masked, masks)
    counts = weight_counts(masked)
    if example is None:
        return PruningReport(counts, None)
    try:
        graph = trace(masked, example)
    except (TopologyError, LimitError) as error:
        return PruningReport(counts, None, str(error))
    return PruningReport(counts, LiveUnits.of(graph.layers, live_units(graph)))
