"""How similar each module of one net is to each of another, for any labels of the other's units.

Each function takes the labels of the source's units [U_S] and the numbers of modules (M_S, M_T),
and returns a function of the target's labels [U_T], computed for many of them. A module without
units has similarity NaN.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from netsculpt.compare.representation import unit_hsic

__all__ = ["Similarity", "cka", "correlation", "jaccard"]

Floats = NDArray[np.float64]
Labels = NDArray[np.int32]

Similarity = Callable[[Labels], Floats]  # the target's labels [U_T] → similarity [M_S, M_T]


def jaccard(source: Labels, n_modules: tuple[int, int]) -> Similarity:
    """Units in both modules / units in either; unit i is the same in both nets."""
    member = _members(source, n_modules[0])

    def similarity(target: Labels) -> Floats:
        other = _members(target, n_modules[1])
        shared = member.T @ other
        return _ratio(shared, member.sum(axis=0)[:, None] + other.sum(axis=0) - shared)

    return similarity


def correlation(source: Labels, n_modules: tuple[int, int], x: Floats, y: Floats) -> Similarity:
    """Mean over the units of both modules of the largest |correlation| with a unit of the other.

    The mean over the one module and that over the other are averaged, so that both count alike. No
    scale or shift of a unit changes it, and a module and a copy of it with units twice are equal.

    Parameters
    ----------
    source, n_modules
        As above.
    x, y
        Activations [n, U_S] and [n, U_T] of units that are not constant.
    """
    related = np.abs(_standardised(x).T @ _standardised(y))  # [U_S, U_T]
    member = _members(source, n_modules[0])
    best_in_source = np.stack(
        [related[source == s].max(axis=0, initial=0.0) for s in range(n_modules[0])]
    )

    def similarity(target: Labels) -> Floats:
        other = _members(target, n_modules[1])
        best_in_target = np.stack(
            [related[:, target == t].max(axis=1, initial=0.0) for t in range(n_modules[1])], axis=1
        )
        one = _ratio(member.T @ best_in_target, member.sum(axis=0)[:, None])
        return (one + _ratio(best_in_source @ other, other.sum(axis=0)[None])) / 2

    return similarity


def cka(source: Labels, n_modules: tuple[int, int], x: Floats, y: Floats) -> Similarity:
    """Debiased linear CKA of the activations of both modules; NaN where it is undefined.

    HSIC of linear kernels is a sum over pairs of units, so it is computed once per pair of units
    and added up for each choice of modules: the same numbers as `debiased_cka`.
    """
    own, between, other_own = unit_hsic(x, x), unit_hsic(x, y), unit_hsic(y, y)
    member = _members(source, n_modules[0])
    of_source = np.einsum("us,uv,vs->s", member, own, member, optimize=True)

    def similarity(target: Labels) -> Floats:
        other = _members(target, n_modules[1])
        of_target = np.einsum("ut,uv,vt->t", other, other_own, other, optimize=True)
        scale = np.maximum(of_source[:, None], 0.0) * np.maximum(of_target, 0.0)
        return _ratio(member.T @ between @ other, np.sqrt(scale))

    return similarity


def _members(labels: Labels, n: int) -> Floats:
    """Which units are in which module, as 0 and 1 [U, n]."""
    members: Floats = (labels[:, None] == np.arange(n)).astype(np.float64)
    return members


def _ratio(part: Floats, whole: Floats) -> Floats:
    part, whole = np.broadcast_arrays(part, whole)
    ratio: Floats = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
    return ratio


def _standardised(x: Floats) -> Floats:
    """Columns of mean 0 and length 1."""
    centred = x - x.mean(axis=0)
    standardised: Floats = centred / np.sqrt((centred**2).sum(axis=0))
    return standardised
