"""Weights that masks of one net share, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netsculpt.core.errors import FormatError

__all__ = ["MaskSharing", "mask_sharing"]

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class MaskSharing:
    """Weights that each two of K masks share in each of L layers, and in all of them.

    Where a number has L + 1 columns, the last one is of all layers together.
    """

    layers: tuple[str, ...]  # [L]
    n_weights: Counts  # [L + 1] weights that a mask could keep
    n_kept: Counts  # [K, L + 1]
    n_shared: Counts  # [K, K, L + 1]

    @property
    def iou(self) -> Floats:
        """Shared weights / weights of either mask [K, K, L + 1]; NaN where neither keeps any."""
        return _ratio(self.n_shared, self._sum - self.n_shared)

    @property
    def iomin(self) -> Floats:
        """Shared weights / weights of the smaller mask [K, K, L + 1]; NaN where one keeps none."""
        return _ratio(self.n_shared, self._least)

    @property
    def iou_by_chance(self) -> Floats:
        """That of the expected number of shared weights if masks were shuffled within layers."""
        return _ratio(self._expected, self._sum - self._expected)

    @property
    def iomin_by_chance(self) -> Floats:
        """That of the expected number of shared weights if masks were shuffled within layers."""
        return _ratio(self._expected, self._least)

    @property
    def _sum(self) -> Floats:
        total: Floats = (self.n_kept[:, None] + self.n_kept).astype(np.float64)
        return total

    @property
    def _least(self) -> Floats:
        return np.minimum(self.n_kept[:, None], self.n_kept).astype(np.float64)

    @property
    def _expected(self) -> Floats:
        """Expected numbers of shared weights: k k′ / n in a layer."""
        kept = self.n_kept[:, :-1]
        by_layer = kept[:, None] * kept / np.maximum(self.n_weights[:-1], 1)
        return np.concatenate([by_layer, by_layer.sum(axis=-1, keepdims=True)], axis=-1)


def mask_sharing(
    masks: Mapping[str, ArrayLike], among: Mapping[str, ArrayLike] | None = None
) -> MaskSharing:
    """Count the weights that each two of K masks share.

    Parameters
    ----------
    masks
        Boolean arrays [K, …] by layer, True = kept.
    among
        Weights that could be kept at all [...], by layer; None: all. What was pruned before is in
        no mask, and does not make masks differ.

    Raises
    ------
    FormatError
        If the arrays do not fit each other, or a mask keeps what it could not.

    Notes
    -----
    O(K² weights). Intersection over union and over the smaller mask: Csordás et al.,
    arXiv:2010.02066.

    Examples
    --------
    >>> sharing = mask_sharing({"fc": [[True, True, False], [False, True, True]]})
    >>> sharing.iou[0, 1].round(3).tolist(), sharing.iomin[0, 1].tolist()
    ([0.333, 0.333], [0.5, 0.5])
    """
    flat = {name: np.asarray(mask, dtype=bool) for name, mask in masks.items()}
    if among is not None and set(among) != set(flat):
        raise FormatError(
            f"masks are of {', '.join(flat)}, weights of {', '.join(among)}: the same layers are "
            "needed"
        )
    usable = {
        name: np.ones(mask.shape[1:], dtype=bool) if among is None else np.asarray(among[name]) > 0
        for name, mask in flat.items()
    }
    if len({mask.shape[0] for mask in flat.values()}) != 1 or any(
        mask.shape[1:] != usable[name].shape or (mask & ~usable[name]).any()
        for name, mask in flat.items()
    ):
        shapes = {name: mask.shape for name, mask in flat.items()}
        raise FormatError(
            f"masks are {shapes!r:.200}: as many for each layer are needed, [K, …], and none that "
            "keeps a weight which is not there"
        )
    rows = [mask.reshape(len(mask), -1).astype(np.int64) for mask in flat.values()]
    shared = np.stack([row @ row.T for row in rows], axis=-1)
    n_weights = np.array([x.sum() for x in usable.values()], dtype=np.int64)
    n_shared = _with_sum(shared)
    kept = np.einsum("kkl->kl", n_shared)
    return MaskSharing(tuple(flat), _with_sum(n_weights), kept, n_shared)


def _with_sum(counts: Counts) -> Counts:
    return np.concatenate([counts, counts.sum(axis=-1, keepdims=True)], axis=-1)


def _ratio(part: NDArray[np.generic], whole: Floats) -> Floats:
    ratio: Floats = np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)
    return ratio
