"""Mask reuse: how much of a target's mask was the source's, beyond chance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import checked_whole
from netsculpt.core.plain import plain
from netsculpt.core.random import RNG, root_seed, stream

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["InitialisationConfound", "LayerReuse", "MaskReuse", "initialisation_confound"]
__all__ += ["mask_reuse"]

_TIE = 1e-9  # values that differ by rounding alone count as equal


@dataclass(frozen=True)
class LayerReuse:
    """Counts of one layer, from which its reuse and what chance gives follow."""

    layer: str
    n: int  # weights
    n_source: int  # kept in the source
    n_target: int  # kept in the target
    n_shared: int  # kept in both

    @property
    def reuse(self) -> float:
        """R = shared / kept in the target, 0 … 1; NaN if the target keeps nothing here."""
        return self.n_shared / self.n_target if self.n_target else math.nan

    @property
    def chance(self) -> float:
        """ρ, the density of the source: the mean of R over random masks of these sizes."""
        return self.n_source / self.n if self.n else math.nan

    @property
    def corrected(self) -> float:
        """R* = (R − ρ) / (1 − ρ): 1 = all, 0 = chance; NaN where the source is dense."""
        free = self.n_target * (self.n - self.n_source)  # in whole numbers: all shared is exactly 1
        return (self.n_shared * self.n - self.n_source * self.n_target) / free if free else math.nan

    @property
    def sd(self) -> float:
        """Standard deviation of R* over random masks of these sizes: hypergeometric, exact."""
        if not self.n_target or self.n < 2 or not self.chance < 1:
            return math.nan
        spread = self.chance / (1 - self.chance) / self.n_target
        return math.sqrt(spread * (self.n - self.n_target) / (self.n - 1))


@dataclass(frozen=True)
class MaskReuse:
    """How much of a target's mask was the source's."""

    layers: tuple[LayerReuse, ...]
    corrected: float  # R*, the mean of the layers' weighted by what the target keeps in each
    sd: float  # of R* over random masks that keep as many weights in each layer
    p: float  # (number of null draws of R* at least as large + 1) / (n_draws + 1)
    n_draws: int

    @property
    def reuse(self) -> float:
        """R of all layers together: shared / kept in the target, not corrected."""
        kept = sum(x.n_target for x in self.layers)
        return sum(x.n_shared for x in self.layers) / kept if kept else math.nan

    @property
    def z(self) -> float:
        """R* in standard deviations of the null, whose mean is 0; NaN if it has no spread."""
        return self.corrected / self.sd if self.sd > 0 else math.nan

    def table(self) -> pd.DataFrame:
        """One row per layer."""
        import pandas as pd

        measures = ("reuse", "chance", "corrected", "sd")
        return pd.DataFrame(
            [{**asdict(x), **{name: getattr(x, name) for name in measures}} for x in self.layers]
        )

    def summary(self) -> dict[str, Any]:
        """Plain numbers, JSON-able; what is undefined is None."""
        numbers = {name: getattr(self, name) for name in ("reuse", "corrected", "sd", "z", "p")}
        by_layer = {x.layer: x.corrected for x in self.layers}
        summary: dict[str, Any] = plain({**numbers, "n_draws": self.n_draws, "by_layer": by_layer})
        return summary


@dataclass(frozen=True)
class InitialisationConfound:
    """Mask reuse next to that of an unrelated target from the same initial weights."""

    target: MaskReuse
    unrelated: MaskReuse

    @property
    def difference(self) -> float:
        """R*(target) − R*(unrelated): what the initial weights alone do not explain."""
        return self.target.corrected - self.unrelated.corrected

    def table(self) -> pd.DataFrame:
        """One row per layer of each of the two."""
        import pandas as pd

        parts = {"target": self.target, "unrelated": self.unrelated}
        return pd.concat({name: part.table() for name, part in parts.items()}, names=["net", None])

    def summary(self) -> dict[str, Any]:
        """Plain numbers, JSON-able; what is undefined is None."""
        both = {"target": self.target.summary(), "unrelated": self.unrelated.summary()}
        return {**both, "difference": plain(self.difference)}


def mask_reuse(
    source: Mapping[str, ArrayLike],
    target: Mapping[str, ArrayLike],
    *,
    n_draws: int = 999,
    rng: RNG = None,
) -> MaskReuse:
    r"""Share of the target's kept weights that the source kept too, corrected for chance.

    .. math:: R = \frac{|m_T \wedge m_S|}{|m_T|}, \qquad R^* = \frac{R - \rho_S}{1 - \rho_S}

    in each layer with the density :math:`\rho_S` of the source in that layer; R* of the nets is the
    mean of the layers' weighted by :math:`|m_T|`. Layers in which the source is dense are left out,
    since any target reuses them. It is meaningful only if the target started from the source: the
    same index is then the same weight. What a net started from the same *initial* weights shares is
    not learned: compare with `initialisation_confound`.

    Parameters
    ----------
    source, target
        Boolean masks of the same weights, True = kept.
    n_draws
        Number of null draws: both masks shuffled within each layer, whose overlap is
        hypergeometric. The smallest p is 1/(n_draws + 1).
    rng
        Seed or generator.

    Raises
    ------
    FormatError
        If the masks are not of the same weights.

    Notes
    -----
    O(weights + layers · n_draws). R* reaches 1 only if the target keeps no more than the source.
    The measure is ours; the share of the smaller mask is that of Csordás et al., arXiv:2010.02066.

    Examples
    --------
    >>> source = {"fc1": np.eye(4) > 0}
    >>> reuse = mask_reuse(source, source, rng=0)
    >>> reuse.reuse, reuse.corrected
    (1.0, 1.0)
    """
    checked_whole(n_draws, "n_draws", least=1)
    layers = tuple(_layers(source, target))
    compared = [x for x in layers if not math.isnan(x.corrected)]
    kept = np.array([x.n_target for x in compared], dtype=np.float64)
    if not kept.sum():
        return MaskReuse(layers, math.nan, math.nan, 1.0, n_draws)
    share = kept / kept.sum()
    corrected = math.fsum(x.n_target * x.corrected for x in compared) / float(kept.sum())
    spread = np.nan_to_num([x.sd for x in compared])  # a layer of one weight has none
    draws = _drawn(compared, n_draws, stream(root_seed(rng), "mask reuse")) @ share
    n_extreme = int((draws >= corrected - _TIE).sum())
    sd = float(np.sqrt(((share * spread) ** 2).sum()))
    return MaskReuse(layers, corrected, sd, (n_extreme + 1) / (n_draws + 1), n_draws)


def initialisation_confound(
    source: Mapping[str, ArrayLike],
    target: Mapping[str, ArrayLike],
    unrelated: Mapping[str, ArrayLike],
    *,
    n_draws: int = 999,
    rng: RNG = None,
) -> InitialisationConfound:
    """Mask reuse of a target minus that of an unrelated target from the same initial weights.

    Large initial weights survive any training and any pruning by magnitude, so that nets from the
    same initial weights share more of their masks than chance whatever they learned.

    Parameters
    ----------
    source, target
        As in `mask_reuse`.
    unrelated
        Masks of a net that was trained from the source's **initial** weights on a task that has
        nothing in common with the source's.
    n_draws, rng
        As in `mask_reuse`.
    """
    seed = root_seed(rng)
    reuses = [mask_reuse(source, x, n_draws=n_draws, rng=seed) for x in (target, unrelated)]
    return InitialisationConfound(*reuses)


def _layers(source: Mapping[str, ArrayLike], target: Mapping[str, ArrayLike]) -> list[LayerReuse]:
    masks = [{name: np.asarray(x, dtype=bool) for name, x in y.items()} for y in (source, target)]
    shapes = [{name: x.shape for name, x in each.items()} for each in masks]
    if shapes[0] != shapes[1]:
        raise FormatError(
            f"the source's masks are {shapes[0]!r:.200}, the target's {shapes[1]!r:.200}: masks of "
            "the same weights are needed; nets that differ are compared by matching their modules"
        )
    return [
        LayerReuse(
            name,
            mask.size,
            int(mask.sum()),
            int(masks[1][name].sum()),
            int((mask & masks[1][name]).sum()),
        )
        for name, mask in masks[0].items()
    ]


def _drawn(
    layers: list[LayerReuse], n_draws: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    """R* of random masks of the same sizes [n_draws, layers]."""
    columns = []
    for x in layers:
        shared = generator.hypergeometric(x.n_source, x.n - x.n_source, x.n_target, n_draws)
        columns.append((shared / x.n_target - x.chance) / (1 - x.chance))
    return np.stack(columns, axis=1)
