"""What the modules of a detector are worth, from their p-value, effect size and stability."""

from __future__ import annotations

from typing import Literal

__all__ = ["SIGNIFICANT", "SMALL", "STABLE", "Verdict", "verdict"]

Verdict = Literal["modular", "weak", "unstable", "chance", "untested"]

SIGNIFICANT = 0.05
SMALL = 0.03
STABLE = 0.5


def verdict(p: float | None, n_nulls: int, delta: float, stability: float | None = None) -> Verdict:
    """Judge modules by their test against a null model and by how far runs agree.

    ============ ===================================================================
    verdict      when, the first that holds
    ============ ===================================================================
    untested     no null networks, or too few: 1/(n + 1) > .05
    chance       p > .05
    unstable     runs of the detector disagree: stability < .5
    weak         little more than chance: ΔQ < .03
    modular      otherwise
    ============ ===================================================================

    Parameters
    ----------
    p
        Of Q against the null model; None if it was not tested.
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
    if p is None or 1 / (n_nulls + 1) > SIGNIFICANT:
        return "untested"
    if p > SIGNIFICANT:
        return "chance"
    if stability is not None and stability < STABLE:
        return "unstable"
    return "weak" if delta < SMALL else "modular"
