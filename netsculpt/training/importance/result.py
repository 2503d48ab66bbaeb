"""What was found about the importance of each weight of a net."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.training.importance.curves import PruningCurve
from netsculpt.training.importance.places import Places
from netsculpt.training.importance.ranks import NO_EFFECT, agreement

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DATA", "POOLED", "Importance"]

DATA = ("train", "held_out")
POOLED = "all"


@dataclass(frozen=True, eq=False)
class Importance:
    """Changes of the loss without each of W kept weights, and estimates of it."""

    places: Places
    weights: NDArray[np.float64]  # [W]
    changes: Mapping[str, NDArray[np.float64]]  # [W] L(w − w_q e_q) − L(w), by DATA
    estimates: Mapping[str, NDArray[np.float64]]  # [W] by name, from the training samples alone
    left_out: Mapping[str, str]  # why an estimate could not be made of this net, by name
    losses: Mapping[str, float]  # of the whole net, by DATA
    accuracies: Mapping[str, float]  # the same, 0 … 1
    counts: Mapping[str, int]  # samples, by DATA
    ways: Mapping[str, str]  # how each parameter was ablated
    curves: tuple[PruningCurve, ...]
    seed: int  # repeats it

    @property
    def n_weights(self) -> int:
        """Kept weights."""
        return len(self.weights)

    def matters(self, data: str) -> NDArray[np.bool_]:
        """Whether the loss changes without each weight [W], beyond rounding."""
        return np.abs(self.changes[data]) > NO_EFFECT

    def table(self) -> pd.DataFrame:
        """One row per kept weight."""
        import pandas as pd

        row, column, tap = self.places.indices.T
        names = np.array(self.places.parameters)[self.places.parameter]
        about = {"parameter": names, "row": row, "column": column, "tap": tap}
        changes = {f"change_{name}": x for name, x in self.changes.items()}
        return pd.DataFrame({**about, "weight": self.weights, **changes, **self.estimates})

    def correlations(self) -> pd.DataFrame:
        """Rank correlations of every estimate with the changes: signed and absolute, by layer.

        Columns: estimate, parameter ("all": pooled), data, outcome ("signed", "absolute"),
        spearman, kendall, n. Of an absolute outcome the sizes of both are compared.
        """
        import pandas as pd

        return pd.DataFrame(self._correlations)

    @cached_property
    def _correlations(self) -> list[dict[str, Any]]:
        rows = []
        for name, estimate in self.estimates.items():
            for parameter, own in self._parts():
                for data in DATA:
                    for outcome in ("signed", "absolute"):
                        found = agreement(
                            estimate[own], self.changes[data][own], absolute=outcome == "absolute"
                        )
                        about = {"estimate": name, "parameter": parameter, "data": data}
                        rows.append({**about, "outcome": outcome, **vars(found)})
        return rows

    def _parts(self) -> Iterator[tuple[str, NDArray[np.bool_]]]:
        yield POOLED, np.ones(self.n_weights, dtype=np.bool_)
        for number, name in enumerate(self.places.parameters):
            yield name, self.places.parameter == number

    def effects(self) -> pd.DataFrame:
        """Shares of the weights without which the loss falls, and stays the same; by layer."""
        import pandas as pd

        return pd.DataFrame(self._effects)

    @cached_property
    def _effects(self) -> list[dict[str, Any]]:
        rows = []
        for parameter, own in self._parts():
            for data in DATA:
                change = self.changes[data][own]
                lower = float(np.mean(change < -NO_EFFECT)) if len(change) else math.nan
                same = float(np.mean(np.abs(change) <= NO_EFFECT)) if len(change) else math.nan
                rows.append(
                    {"parameter": parameter, "data": data, "n": int(own.sum())}
                    | {"falls": lower, "unchanged": same}
                )
        return rows

    def areas(self) -> pd.DataFrame:
        """Mean accuracy when the smallest go first, less that when the largest do; by estimate.

        Means are over the shares that are removed, 0 to 90 % in `importance`, by the trapezoidal
        rule; smallest first means by value, signs included.
        """
        import pandas as pd

        return pd.DataFrame(self._areas)

    @cached_property
    def _areas(self) -> list[dict[str, Any]]:
        by_name = {(x.estimate, x.order): x for x in self.curves}
        rows = []
        for estimate in dict.fromkeys(x.estimate for x in self.curves):
            small, large = by_name[estimate, "smallest"], by_name[estimate, "largest"]
            kinds = [x for x in small.accuracies if not np.isnan(small.accuracies[x]).any()]
            rows.append({"estimate": estimate} | {x: small.area(x) - large.area(x) for x in kinds})
        return rows

    def summary(self) -> dict[str, Any]:
        """Plain numbers, JSON-able."""
        pooled = [x for x in self._correlations if x["parameter"] == POOLED]
        return {
            "n_weights": self.n_weights,
            "losses": dict(self.losses),
            "accuracies": dict(self.accuracies),
            "samples": dict(self.counts),
            "ways": dict(self.ways),
            "left_out": dict(self.left_out),
            "effects": [{k: _plain(x) for k, x in row.items()} for row in self._effects],
            "correlations": [{k: _plain(x) for k, x in row.items()} for row in pooled],
            "areas": [{k: _plain(x) for k, x in row.items()} for row in self._areas],
            "seed": self.seed,
        }


def _plain(value: Any) -> Any:
    """None for what is not defined: JSON has no NaN."""
    return None if isinstance(value, float) and math.isnan(value) else value
