"""How many weights a net keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import nn

from netsculpt.nets.prunable import layer_weights

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["WeightCounts", "weight_counts"]


@dataclass(frozen=True)
class WeightCounts:
    """Numbers of weights of a net and of kept ones, by parameter, without biases and norms."""

    names: tuple[str, ...]
    kept: tuple[int, ...]
    total: tuple[int, ...]

    @property
    def density(self) -> float:
        """Kept fraction of all weights, 0 … 1."""
        return sum(self.kept) / sum(self.total)

    def table(self) -> pd.DataFrame:
        """One row per parameter."""
        import pandas as pd

        columns = {"parameter": self.names, "kept": self.kept, "total": self.total}
        table = pd.DataFrame(columns)
        return table.assign(density=table["kept"] / table["total"])

    def summary(self) -> dict[str, Any]:
        """Plain numbers, JSON-able."""
        return {"kept": sum(self.kept), "total": sum(self.total), "density": self.density}


def weight_counts(net: nn.Module) -> WeightCounts:
    """Count the `prunable` weights of a net, exactly.

    >>> import torch
    >>> from netsculpt.nets.masks import mask_net
    >>> from netsculpt.nets.families import MLP
    >>> net = MLP((4, 2, 2)).build()
    >>> mask_net(net, {"fc2.weight": torch.eye(2) > 0})
    >>> weight_counts(net).kept, weight_counts(net).total, weight_counts(net).density
    ((8, 2), (8, 4), 0.8333333333333334)
    """
    weights = layer_weights(net)
    masks = [x.mask for x in weights]
    totals = tuple(x.parameter.numel() for x in weights)
    kept = (n if mask is None else int(mask.sum()) for n, mask in zip(totals, masks, strict=True))
    return WeightCounts(tuple(x.name for x in weights), tuple(kept), totals)
