"""Weight retention: how many of the weights that both nets keep have hardly changed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import checked_number
from netsculpt.core.plain import plain

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["KeptWeights", "LayerRetention", "WeightRetention", "weight_retention"]


@dataclass(frozen=True, eq=False)
class KeptWeights:
    """The weights of a net and which of them are kept, by layer."""

    weights: Mapping[str, ArrayLike]
    masks: Mapping[str, ArrayLike]  # True = kept; of the same shapes


@dataclass(frozen=True)
class LayerRetention:
    """Counts of one layer."""

    layer: str
    n_shared: int  # kept in source and target
    n_retained: int  # of these, hardly changed
    n_shared_control: int
    n_retained_control: int


@dataclass(frozen=True)
class WeightRetention:
    """Share of the weights kept by source and target that have hardly changed."""

    layers: tuple[LayerRetention, ...]
    tolerance: float  # ε

    @property
    def retained(self) -> float:
        """Share of the target, 0 … 1; NaN if nothing is kept in both."""
        return _share(self.layers, "n_retained", "n_shared")

    @property
    def control(self) -> float:
        """The same share of the control net."""
        return _share(self.layers, "n_retained_control", "n_shared_control")

    @property
    def difference(self) -> float:
        """Retained minus control, −1 … 1: what is kept *because of* what the tasks share."""
        return self.retained - self.control

    def table(self) -> pd.DataFrame:
        """One row per layer."""
        import pandas as pd

        return pd.DataFrame([asdict(x) for x in self.layers])

    def summary(self) -> dict[str, Any]:
        """Plain numbers, JSON-able; what is undefined is None."""
        numbers = {x: getattr(self, x) for x in ("retained", "control", "difference", "tolerance")}
        summary: dict[str, Any] = plain({**numbers, "layers": [asdict(x) for x in self.layers]})
        return summary


def weight_retention(
    source: KeptWeights, target: KeptWeights, control: KeptWeights, *, tolerance: float = 0.1
) -> WeightRetention:
    r"""Share of weights kept in source and target with :math:`|w_T - w_S| \le \epsilon |w_S|`.

    A weight that nothing pushes stays as it is, so a large share alone proves nothing: the control
    was trained from the source for as many steps on the target's data with shuffled labels, and the
    difference is reported.

    Parameters
    ----------
    source, target, control
        Weights and masks of the same layers; target and control started from the source.
    tolerance
        ε, at least 0.

    Raises
    ------
    FormatError
        If the nets are not of the same weights, or a weight that is kept in two is not finite.

    Notes
    -----
    The weights enter as given. With ReLU units a net can scale a unit's weights without changing
    what it computes: after training this is rarely so, after a file was normalised it may be.

    Examples
    --------
    >>> mask = {"fc1": np.array([True, True, False])}
    >>> nets = [KeptWeights({"fc1": np.array(w)}, mask) for w in ([1, 2, 0], [1, 3, 0], [0, 5, 0])]
    >>> retention = weight_retention(*nets)
    >>> retention.retained, retention.control
    (0.5, 0.0)
    """
    checked_number(tolerance, "tolerance", least=0)
    parts = [_checked(x, name) for x, name in ((source, "source"), (target, "target"))]
    parts.append(_checked(control, "control"))
    shapes = [{name: weight.shape for name, (weight, _) in part.items()} for part in parts]
    if shapes[0] != shapes[1] or shapes[0] != shapes[2]:
        raise FormatError(
            f"the layers of source, target and control are {shapes!r:.300}: the same weights are "
            "needed"
        )
    layers = [
        LayerRetention(
            name,
            *_counts(parts[0][name], parts[1][name], tolerance),
            *_counts(parts[0][name], parts[2][name], tolerance),
        )
        for name in parts[0]
    ]
    return WeightRetention(tuple(layers), float(tolerance))


_Layer = tuple[NDArray[np.float64], NDArray[np.bool_]]  # weights, mask


def _checked(net: KeptWeights, name: str) -> dict[str, _Layer]:
    layers = {}
    for layer, given in net.weights.items():
        weight = np.asarray(given, dtype=np.float64)
        mask = np.asarray(net.masks.get(layer, False), dtype=bool)
        if mask.shape != weight.shape:
            raise FormatError(
                f"mask of {layer!r} in the {name} is {list(mask.shape)}, its weight "
                f"{list(weight.shape)}: a mask of the same shape is needed; without one pass all "
                "True"
            )
        if not np.isfinite(weight[mask]).all():
            raise FormatError(f"{layer!r} of the {name} keeps weights that are NaN or infinite")
        layers[layer] = weight, mask
    return layers


def _counts(source: _Layer, other: _Layer, tolerance: float) -> tuple[int, int]:
    """Weights kept in both, and those of them that hardly changed."""
    both = source[1] & other[1]
    old, new = source[0][both], other[0][both]
    return int(both.sum()), int((np.abs(new - old) <= tolerance * np.abs(old)).sum())


def _share(layers: tuple[LayerRetention, ...], part: str, whole: str) -> float:
    n = sum(getattr(x, whole) for x in layers)
    return sum(getattr(x, part) for x in layers) / n if n else math.nan
