"""The verdict on a detector's modules in words, the same in terminal, JSON and figures."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, exp, log
from typing import TYPE_CHECKING

from netsculpt.core.counting import counted
from netsculpt.core.forms import FORMS
from netsculpt.modules.verdict import DECISIVE, IN_SHORT, SIGNIFICANT, SMALL

if TYPE_CHECKING:
    from netsculpt.modules import ModuleEvidence
    from netsculpt.nulls import Significance
    from netsculpt.pipeline import Analysis, Detected

__all__ = [
    "caption",
    "evidence_numbers",
    "number",
    "p_value",
    "same_beginning",
    "several_tests",
    "statement",
    "test_numbers",
]


def statement(each: Detected) -> str:
    """One sentence on what the modules are worth, the verdict first."""
    if each.evidence is not None:
        return _by_evidence(each, each.evidence)
    texts = {
        "modular": "modular: more so than chance",
        "weak": f"weak: significant, but ΔQ is below {SMALL}, little more than chance",
        "unstable": "unstable: more modular than chance, but runs over seeds find different modules"
        + (f", and ΔQ is below {SMALL}" if (each.delta or 0.0) < SMALL else ""),
        "chance": "chance: no more modular than chance",
        "untested": _untested(each.significance),
    }
    unknown = each.verdict in ("modular", "weak") and each.stability is None
    return texts[each.verdict] + (" (stability not measured)" if unknown else "")


def _by_evidence(each: Detected, found: ModuleEvidence) -> str:
    odds = _odds(found.evidence)
    if found.evidence >= DECISIVE and not found.accepted:
        return f"chance: {odds} for modules against none, but which ones cannot be told"
    unknown = " (stability not measured)" if each.stability is None else ""
    texts = {
        "modular": f"modular: modules explain the edges better than degrees do, {odds}{unknown}",
        "unstable": f"unstable: there are modules, {odds}, but runs over seeds find different ones",
        "chance": f"chance: {odds} for modules against none, {exp(DECISIVE):.0f} to 1 are needed",
        "untested": "untested: the evidence is not a number",
    }
    return texts[each.verdict]


def _odds(evidence: float) -> str:
    """Odds of so many nats: in digits up to a million, else as a power of ten."""
    if abs(evidence) < log(1e6):
        for_modules = exp(max(evidence, 0.0))
        against = exp(max(-evidence, 0.0))
        return f"odds {for_modules:,.3g} to {against:,.3g}"
    power = number(abs(evidence) / log(10), 0)
    return f"odds 10^{power} to 1" if evidence > 0 else f"odds 1 to 10^{power}"


def evidence_numbers(found: ModuleEvidence) -> str:
    """The evidence in nats and bits an edge, and that of the best few numbers of modules."""
    path = zip(found.path, found.n_modules, strict=True)
    best = sorted((one for one in path if one[1] > 1), reverse=True)[:3]
    tried = ", ".join(f"{n}: {number(value, 1)}" for value, n in sorted(best, key=lambda x: x[1]))
    nats, bits = number(found.evidence, 1), number(found.bits_per_edge, 3)
    by_number = f"; by number of modules {tried}" if tried else ""
    accepted = f"accepted from {DECISIVE:.1f} nats on"
    return f"Evidence {nats} nats ({bits} bits an edge; {accepted}){by_number}"


def several_tests(analysis: Analysis) -> str | None:
    """What several tests of one network mean together; None if there are not several."""
    adjusted = analysis.adjusted_p
    m = len(adjusted)
    if m < 2:
        return None
    kept = [key for key, p in adjusted.items() if p <= SIGNIFICANT]
    which = ", ".join(kept) if len(kept) < m else "all of them"
    text = (
        f"{m} tests of one network: without any modules, up to {SIGNIFICANT * m:.2g} of them would "
        f"be significant at p ≤ {SIGNIFICANT} by chance. After Holm's correction, which keeps the "
        f"chance of any false one at {SIGNIFICANT:.0%}, {which or 'none'} "
        f"{'is' if len(kept) == 1 else 'are'} significant."
    )
    least = ceil(round(m / SIGNIFICANT, 9)) - 1
    short = [
        each.significance.n
        for each in analysis.detected
        if each.significance is not None and each.significance.is_bound and each.key not in kept
    ]
    if short and min(short) < least:
        nulls = counted(min(short), "null network")
        text += (
            f" {'For others' if kept else 'But'} {nulls} are too few to tell: the least p is "
            f"{1 / (min(short) + 1):.2g}; with {least} {'both' if m == 2 else f'all {m}'} could be "
            "significant."
        )
    return text


def caption(each: Detected, *, verdict: bool = True) -> str:
    """What a figure is of, and the verdict on it unless it is to be left out: two short lines."""
    of = f"{each.key}, {FORMS[each.weights]}"
    return f"{of}\n{IN_SHORT[each.verdict]}" if verdict else of


def _untested(test: Significance | None) -> str:
    if test is None:
        return "untested: without null networks, whether this is more than chance is not known"
    least = round(1 / SIGNIFICANT) - 1
    drawn = counted(test.n, "null network")
    return f"untested: {drawn} cannot give a p of {SIGNIFICANT}, at least {least} are needed"


def test_numbers(test: Significance) -> str:
    """ΔQ, z and p in one line; no z where the null has no spread."""
    z = "" if test.is_degenerate else f"z = {number(test.z, 1)}, "
    least = f" (the least possible with {test.n})" if test.is_bound else ""
    return f"ΔQ = {number(test.delta, 3)}, {z}{p_value(test)}{least}"


def p_value(test: Significance) -> str:
    """``p = …``, or ``p ≤ …`` where more null networks could give less."""
    return f"p {'≤' if test.is_bound else '='} {test.p:.2g}"


def number(value: float, digits: int) -> str:
    """A number with a true minus sign; what rounds to 0 has none."""
    return f"{value:z.{digits}f}".replace("-", "−").replace("inf", "∞")


def same_beginning(names: Sequence[str]) -> str:
    """What all names begin with, up to a dash; "" of a single name."""
    first, last = (min(names), max(names)) if len(names) > 1 else ("", "")
    n = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), 0)
    return first[: first.rfind("-", 0, n) + 1]
