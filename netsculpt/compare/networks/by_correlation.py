"""Units that do alike on the same samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netsculpt.compare.networks.matching import UnitMatching, assigned, check_names, costed
from netsculpt.core.errors import FormatError
from netsculpt.core.random import RNG
from netsculpt.graph.graph import Layer

__all__ = ["match_by_correlation"]

Floats = NDArray[np.float64]

_CONSTANT: Final = 1e-12  # of the largest activation: a unit that varies less is constant


def match_by_correlation(
    first: ArrayLike,
    second: ArrayLike,
    layers: tuple[Sequence[Layer], Sequence[Layer]],
    *,
    rng: RNG = None,
) -> UnitMatching:
    """Match the units of each layer one to one by 1 − |correlation| of their activations.

    Parameters
    ----------
    first, second
        Activations [n, U] of both networks on the same samples. A constant unit correlates with
        none.
    layers
        Layers of the first network and of the second, of the same names.
    rng
        Seed or generator of the random matchings.

    Raises
    ------
    FormatError
        If activations and layers do not fit, or the samples are not the same number.
    GraphError, LimitError
        As `match_by_paths`.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(50, 4))
    >>> layers = (Layer("input", "input", (1,), 0, 1), Layer("fc1", "hidden", (3,), 1, 4))
    >>> y = x[:, [0, 3, 1, 2]] * [1, -2, 3, 1]
    >>> match_by_correlation(x, y, (layers, layers), rng=0).partner.tolist()
    [0, 2, 3, 1]
    """
    check_names(*layers)
    values = [np.asarray(x, dtype=np.float64) for x in (first, second)]
    for x, own in zip(values, layers, strict=True):
        if x.ndim != 2 or x.shape[1] != own[-1].stop or not np.isfinite(x).all():
            raise FormatError(
                f"activations are {list(x.shape)}: finite ones [samples, {own[-1].stop}] are needed"
            )
    if len(values[0]) != len(values[1]):
        raise FormatError(
            f"activations are of {len(values[0])} and {len(values[1])} samples: the same samples "
            "are needed"
        )
    x, y = map(_standardised, values)
    pairs = list(zip(*layers, strict=True))
    costs = [1 - np.minimum(np.abs(x[:, a.units].T @ y[:, b.units]), 1.0) for a, b in pairs]
    partner = assigned(pairs, costs, x.shape[1])
    return costed("correlation", pairs, costs, partner, y.shape[1], rng)


def _standardised(values: Floats) -> Floats:
    """Columns of mean 0 and length 1; 0 for those that do not vary."""
    varies = np.ptp(values, axis=0) > _CONSTANT * np.abs(values).max(axis=0, initial=0.0)
    centred = values - values.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    return np.where(varies, centred / np.where(length > 0, length, 1.0), 0.0)
