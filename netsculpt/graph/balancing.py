r"""Balanced weights: what is left of weights when the scale of every unit is divided out.

Arrays in, arrays out, in compiled code; `NetGraph.balanced` and `netsculpt.nulls.rebalanced` are
the doors. In each group (a block of a network) the weights are divided by a factor for each source
and one for each target such that every unit's strength in the group equals its degree there:

.. math:: b_{ij} = r_i\, |w_{ij}|\, c_j, \qquad \sum_j b_{ij} = d_i, \quad \sum_i b_{ij} = d_j

The b exist and are unique for every support, as 1 on each edge is an array with the same support,
rows and columns (Menon, Canad. J. Math. 20, 225 (1968), doi:10.4153/CJM-1968-021-9; for squares
Sinkhorn and Knopp, Pacific J. Math. 21, 343 (1967), doi:10.2140/pjm.1967.21.343). So no scaling of
units changes them.

Method: Sinkhorn's sweeps, which scale rows and columns in turn. Where these crawl (long chains of
units with few edges) the columns are eliminated and the rows take Newton's steps, each solved by
conjugate gradients at the cost of a sweep per iteration (as in Knight and Ruiz, IMA J. Numer. Anal.
33, 1029 (2013), doi:10.1093/imanum/drs019). Factors of 2 are divided out before, exactly: weights
that differ by powers of 2 per unit have the same b, bit for bit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import GraphError
from netsculpt.graph._balancing import balance_every_group

__all__ = ["balanced_weights", "dispersed_weights"]


def balanced_weights(
    weights: NDArray[np.floating],
    sources: NDArray[np.integer],
    targets: NDArray[np.integer],
    groups: NDArray[np.integer],
) -> NDArray[np.float64]:
    """Balance the weights of each group of edges [E].

    Parameters
    ----------
    weights
        Weights [E], finite; |weight| counts. Edges of weight 0 stay 0 and count in no degree.
    sources, targets
        Units [E], from 0.
    groups
        Group of each edge [E], from 0.

    Returns
    -------
    ndarray
        Balanced weights [E], mean 1 over the nonzero edges of each unit in a group: to 1e-12 as a
        rule, to 1e-8 at least.

    Raises
    ------
    GraphError
        If the weights of a group lie so many orders of magnitude apart, beyond what scales of
        units explain, that they cannot be balanced in float64.

    Notes
    -----
    O(E) a sweep, some 10 – 20 sweeps in groups with ten edges a unit or more. Peak memory: some 120
    bytes an edge.

    Examples
    --------
    >>> sources, targets = np.array([0, 0, 1, 1]), np.array([2, 3, 2, 3])
    >>> one_group = np.zeros(4, int)
    >>> balanced_weights(np.array([1.0, 2.0, 10.0, 20.0]), sources, targets, one_group)
    array([1., 1., 1., 1.])
    """
    n_groups = int(groups.max(initial=-1)) + 1
    return _solved(weights, sources, targets, groups, np.full(n_groups, np.nan))[0]


def dispersed_weights(
    weights: NDArray[np.floating],
    sources: NDArray[np.integer],
    targets: NDArray[np.integer],
    groups: NDArray[np.integer],
    dispersions: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Balance powers of the weights, one for each group, such that the result is dispersed so far.

    The dispersion of balanced weights b is :math:`\sqrt{\mathrm{mean}((b - 1)^2)}` over the nonzero
    edges of a group. It grows with the power; where no power from 1/8 to 8 gives the dispersion
    (on a forest all b are 1), the closest is taken.

    Parameters
    ----------
    weights, sources, targets, groups
        As in `balanced_weights`.
    dispersions
        The dispersion of each group [groups]; NaN leaves its power at 1.

    Returns
    -------
    tuple
        Balanced weights [E] (to 1e-4 where edges all but form a forest), and the power of each
        group [groups].

    Raises
    ------
    GraphError
        As `balanced_weights`.

    Examples
    --------
    >>> sources, targets = np.array([0, 0, 1, 1]), np.array([2, 3, 2, 3])
    >>> weights, one_group = np.array([1.5, 0.5, 0.5, 1.5]), np.zeros(4, int)
    >>> new, powers = dispersed_weights(weights, sources, targets, one_group, np.array([0.8]))
    >>> new.round(3), powers.round(3)
    (array([1.8, 0.2, 0.2, 1.8]), array([2.]))
    """
    return _solved(weights, sources, targets, groups, dispersions)


def _solved(
    weights: NDArray[np.floating],
    sources: NDArray[np.integer],
    targets: NDArray[np.integer],
    groups: NDArray[np.integer],
    dispersions: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    n_units = 1 + max(int(sources.max(initial=-1)), int(targets.max(initial=-1)))
    result, powers, errors = balance_every_group(
        np.abs(weights.astype(np.float64)),
        sources.astype(np.int32),
        targets.astype(np.int32),
        groups.astype(np.int32),
        dispersions,
        n_units,
    )
    if errors.any():
        worst = int(errors.argmax())
        nonzero = np.abs(weights[(groups == worst) & (weights != 0)])
        raise GraphError(
            f"|weights| from {nonzero.min():.3g} to {nonzero.max():.3g} cannot be balanced: a "
            f"unit's strength is still {errors[worst]:.1g} of its degree away from it. Scales of "
            "units do not explain this range; use the pattern"
        )
    return result, powers
