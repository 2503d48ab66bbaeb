"""The verdict on a detector's modules in words, the same in terminal, JSON and figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsculpt.core.forms import FORMS
from netsculpt.modules.short_verdicts import IN_SHORT
from netsculpt.modules.verdict import SIGNIFICANT, SMALL

if TYPE_CHECKING:
    from netsculpt.nulls import Significance
    from netsculpt.pipeline import Detected

__all__ = ["caption", "number", "p_value", "statement", "test_numbers"]


def statement(each: Detected) -> str:
    """One sentence on what the modules are worth, the verdict first."""
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


def caption(each: Detected) -> str:
    """What a figure is of, and the verdict on it: two short lines."""
    return f"{each.key}, {FORMS[each.weights]}\n{IN_SHORT[each.verdict]}"


def _untested(test: Significance | None) -> str:
    if test is None:
        return "untested: without null networks, whether this is more than chance is not known"
    least = round(1 / SIGNIFICANT) - 1
    drawn = "1 null network" if test.n == 1 else f"{test.n} null networks"
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
