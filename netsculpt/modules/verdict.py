"""What the modules of a detector are worth: from a test, or from evidence; and from stability."""

from __future__ import annotations

from math import exp, isfinite, isnan, log
from types import MappingProxyType
from typing import Final, Literal

from netsculpt.core.numbers import checked_number, checked_whole

__all__ = [
    "DECISIVE",
    "IN_SHORT",
    "SIGNIFICANT",
    "SMALL",
    "STABLE",
    "Verdict",
    "chance_of_evidence",
    "verdict",
    "verdict_of_evidence",
]

Verdict = Literal["modular", "weak", "unstable", "chance", "untested"]

# Measured with `layered` on balanced weights by analyses/verdicts.py, on 244 networks other than
# the 72 that the limits were chosen on. "Modular" were 98 % of the networks whose planted modules
# are found (ARI ≥ .5), 2 % of those whose modules are missed (ARI < .4), none of 100 without
# modules and none of 8 dense classifiers of digits, all significant. ΔQ decides nearly alone: what
# has .025 is stable. Stability tells what else is wrong with modules that have less.
SIGNIFICANT = 0.05
SMALL = 0.025  # of ΔQ
STABLE = 2 / 3  # mean AMI of runs

# Odds of 100 to 1 between models that were as likely before: "decisive" on the scale of Jeffreys
# (Theory of Probability, 1961, appendix B). It is also what bounds the mistakes: a ratio of
# probabilities has the mean 1 where the simpler model is true, and so exceeds 100 there in at most
# one of 100 networks (Markov's inequality), the larger of two in two: see `chance_of_evidence`.
DECISIVE = log(100.0)  # nats of evidence from which on modules are accepted

IN_SHORT: Final = MappingProxyType(  # what each verdict means, in one short line for figures
    {
        "modular": "modular: more so than chance",
        "weak": f"weak: ΔQ below {SMALL}",
        "unstable": "unstable: runs find different modules",
        "chance": "chance: no more modular than chance",
        "untested": "untested: too few null networks",
    }
)


def verdict(
    p: float | None,
    n_nulls: int,
    delta: float,
    stability: float | None = None,
    *,
    small: float = SMALL,
    stable: float = STABLE,
) -> Verdict:
    """Judge modules by their test against a null model and by how far runs agree.

    ============ ===================================================================
    verdict      when, the first that holds
    ============ ===================================================================
    untested     no null networks, or too few: 1/(n + 1) > .05
    chance       p > .05
    unstable     runs of the detector disagree: stability < `stable`
    weak         little more than chance: ΔQ < `small`
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
    small, stable
        Limits of ΔQ and of the stability.

    Examples
    --------
    >>> verdict(0.01, 100, 0.21, 0.98), verdict(0.01, 100, 0.011, 0.07), verdict(0.1, 9, 0.21)
    ('modular', 'unstable', 'untested')
    """
    checked_whole(n_nulls, "n_nulls", least=0)
    for number, name in ((p, "p"), (delta, "delta"), (stability, "stability")):
        _checked(number, name)
    checked_number(small, "small")
    checked_number(stable, "stable")
    if p is None or isnan(p) or 1 / (n_nulls + 1) > SIGNIFICANT:
        return "untested"
    if p > SIGNIFICANT:
        return "chance"
    if stability is not None and not stability >= stable:  # nor if it is NaN
        return "unstable"
    return "modular" if delta >= small else "weak"


def verdict_of_evidence(evidence: float, stability: float | None = None) -> Verdict:
    """Judge modules by the evidence for them, without null networks.

    ============ ===================================================================
    verdict      when, the first that holds
    ============ ===================================================================
    untested     the evidence is not a number
    chance       the odds for modules are below 100 to 1
    unstable     runs of the detector disagree: stability < 2/3
    modular      otherwise
    ============ ===================================================================

    Parameters
    ----------
    evidence
        Nats: ln of the odds of modules against none, if both are as likely before. As in
        `netsculpt.modules.ModuleEvidence`.
    stability
        As in `verdict`.

    Examples
    --------
    >>> verdict_of_evidence(12.5), verdict_of_evidence(4.5), verdict_of_evidence(5.0, 0.4)
    ('modular', 'chance', 'unstable')
    """
    _checked(evidence, "evidence")
    _checked(stability, "stability")
    if isnan(evidence):
        return "untested"
    if evidence < DECISIVE:
        return "chance"
    if stability is not None and not stability >= STABLE:
        return "unstable"
    return "modular"


def chance_of_evidence(evidence: float) -> float:
    r"""Bound on the probability of so much evidence in a network without modules: a p-value.

    :math:`\min(1, 2 e^{-\mathrm{evidence}})`. Odds of a Bayesian comparison have a mean of 1 in
    networks of the simpler model, and exceed x in one of x at most (Markov's inequality; for such
    e-values see Vovk and Wang, Ann. Stat. 49, 1736 (2021), doi:10.1214/20-AOS2020,
    arXiv:1912.06116). `netsculpt.modules.module_evidence` takes the larger of two such odds, hence
    the 2: in 300 networks of 32 units without modules, with lognormal degrees, the mean was 1.7.

    >>> round(chance_of_evidence(log(100.0)), 6), chance_of_evidence(-3.0)
    (0.02, 1.0)
    """
    _checked(evidence, "evidence")
    return min(1.0, 2 * exp(-evidence)) if evidence > 0 else 1.0


def _checked(value: float | None, name: str) -> None:
    """Raise unless it is a number; NaN and ∞ are what some measures give, None is not measured."""
    if value is not None and not (isinstance(value, float) and not isfinite(value)):
        checked_number(value, name)
