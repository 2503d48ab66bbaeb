"""What the modules of a detector are worth, from their p-value, effect size and stability."""

from __future__ import annotations

from math import isnan
from typing import Literal

__all__ = ["SIGNIFICANT", "SMALL", "STABLE", "Verdict", "verdict"]

Verdict = Literal["modular", "weak", "unstable", "chance", "untested"]

# Measured with `layered` on balanced weights, 19 null networks and 10 runs, on 72 planted
# and module-free networks (350 to 1,500 edges, density inside from 1 to 10 times that outside; 1 is
# module-free). Of the 40
# significant ones, all 28 whose modules resemble the planted ones (ARI ≥ .5) had ΔQ ≥ .026 and a
# stability ≥ .70; all 11 whose modules do not (ARI < .4) had ΔQ ≤ .022, 6 of them a stability
# below 2/3. Dense digit classifiers, significant at z 9 to 21, had ΔQ ≤ .014 and a stability of .38
# to .68.
SIGNIFICANT = 0.05
SMALL = 0.025  # of ΔQ
STABLE = 2 / 3  # mean AMI of runs


def verdict(p: float | None, n_nulls: int, delta: float, stability: float | None = None) -> Verdict:
    """Judge modules by their test against a null model and by how far runs agree.

    ============ ===================================================================
    verdict      when, the first that holds
    ============ ===================================================================
    untested     no null networks, or too few: 1/(n + 1) > .05
    chance       p > .05
    unstable     runs of the detector disagree: stability < 2/3
    weak         little more than chance: ΔQ < .025
    modular      otherwise
    ============ ===================================================================

    Parameters
    ----------
    p
        Of Q against the null model; None or NaN if it was not tested.
    n_nulls
        Null networks behind p.
    delta
        ΔQ, Q minus the mean of the null networks: the effect size, which does not grow with the
        size of the network as z does.
    stability
        Mean AMI over pairs of runs, as in `netsculpt.modules.Consensus`; None if not measured, or
        if the detector runs once. Then it is no obstacle.

    Examples
    --------
    >>> verdict(0.01, 100, 0.21, 0.98), verdict(0.01, 100, 0.011, 0.07), verdict(0.1, 9, 0.21)
    ('modular', 'unstable', 'untested')
    """
    if p is None or isnan(p) or 1 / (n_nulls + 1) > SIGNIFICANT:
        return "untested"
    if p > SIGNIFICANT:
        return "chance"
    if stability is not None and not stability >= STABLE:  # nor if it is NaN
        return "unstable"
    return "modular" if delta >= SMALL else "weak"
