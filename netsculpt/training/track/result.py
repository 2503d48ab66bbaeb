"""What became of a network, step by step."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.plain import plain

if TYPE_CHECKING:
    import pandas as pd

    from netsculpt.graph.partition import Partition

__all__ = ["LayerPoint", "Track", "TrackPoint"]


@dataclass(frozen=True)
class TrackPoint:
    """The network at one step."""

    step: int
    density: float  # kept share of the weights
    live_hidden: float  # share of the hidden units on an input→output path; NaN without any
    live_edges: float  # share of the edges on such a path; NaN without any
    log10_paths: float  # decimal logarithm of their number; −∞ if there is none
    n_modules: int  # of any size, as in `netsculpt.analyze`
    n_numbered: int  # of two units or more, which have the numbers in `Track.labels`
    quality: float  # layer-aware modularity Q of the modules found
    delta: float  # Q minus its mean over networks with the same degrees; NaN if not tested
    z: float  # the same in standard deviations
    p: float  # share of such networks that are as modular, never 0
    ami_rerun: float  # modules found with another seed, AMI: what the others are to be read by
    ami_before: float  # modules at the step before; NaN at the first
    ami_last: float  # modules at the last step


@dataclass(frozen=True)
class LayerPoint:
    """A layer at one step."""

    step: int
    layer: str
    n_units: int
    n_live: int  # on an input→output path
    density_in: float  # share of the pairs with units of the layers that feed it; NaN for inputs
    n_edges_in: int  # from them, wiring not counted


@dataclass(frozen=True, eq=False)
class Track:
    """A network at successive steps [T]; units [U] are all that it ever has."""

    points: tuple[TrackPoint, ...]
    by_layer: tuple[LayerPoint, ...]  # step by step, layer by layer
    partitions: tuple[Partition, ...]  # [T] modules of the units of each graph, as detected
    # [T, U] module, numbered as at the step before: see `carried`; −1: the unit is not in this
    # network, in no module, or alone in one
    labels: NDArray[np.int32]
    units: tuple[str, ...]  # [U] "fc1[3]"
    detector: str
    form: str  # of the weights that modules are of

    def __repr__(self) -> str:
        first, last = self.points[0], self.points[-1]
        counts = f"{len(self.points)} steps, {first.step} … {last.step}"
        return f"Track({counts}: density {first.density:.2%} → {last.density:.2%})"

    @property
    def steps(self) -> tuple[int, ...]:
        """Steps [T]."""
        return tuple(point.step for point in self.points)

    def table(self) -> pd.DataFrame:
        """One row per step."""
        import pandas as pd

        return pd.DataFrame([asdict(point) for point in self.points])

    def layers(self) -> pd.DataFrame:
        """One row per step and layer."""
        import pandas as pd

        return pd.DataFrame([asdict(point) for point in self.by_layer])

    def modules(self) -> pd.DataFrame:
        """One row per unit: its module at every step, in columns "step 0", …; −1 as in `labels`."""
        import pandas as pd

        columns = {f"step {x}": row for x, row in zip(self.steps, self.labels, strict=True)}
        return pd.DataFrame({"unit": self.units, **columns})

    def summary(self) -> dict[str, Any]:
        """Plain numbers, JSON-able; what is undefined is None."""
        summary: dict[str, Any] = plain(
            {
                "detector": self.detector,
                "weights": self.form,
                "points": [
                    {
                        name: None if isinstance(x, float) and math.isinf(x) else x
                        for name, x in asdict(point).items()
                    }
                    for point in self.points
                ],
                "layers": [asdict(point) for point in self.by_layer],
            }
        )
        return summary
