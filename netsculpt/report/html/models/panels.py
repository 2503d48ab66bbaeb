"""Small multiples: one number of all models a picture, models from left to right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from netsculpt.report.html.markup import Markup, element, joined
from netsculpt.report.words import number

__all__ = ["panels"]

_WIDE, _HIGH = 260, 132  # of a picture, pixels
_LEFT, _RIGHT, _TOP, _LOW = 56, 10, 24, 14  # around the dots
_MOST: Final = 300  # dots that can be told from each other


def panels(
    rows: Sequence[Mapping[str, Any]], names: Sequence[str], shown: Sequence[tuple[str, str]]
) -> Markup:
    """A picture for each pair of title and column that at least two models differ in.

    A dot is a link to its model's row in the table. The same place is the same model everywhere.
    """
    pictures, same = [], []
    for title, column in shown:
        values = [row.get(column) for row in rows]
        known = {value for value in values if value is not None}
        if len(known) > 1:
            pictures.append(_panel(title, values, names))
        elif known:
            same.append(f"{title} {_short(known.pop())}")
    lead = "Models from left to right in the order of their analysis; each dot leads to its row."
    return joined(
        element("p", lead, class_="quiet") if pictures else None,
        element("div", *pictures, class_="panels") if pictures else None,
        element("p", f"The same in all models: {', '.join(same)}.") if same else None,
    )


def _panel(title: str, values: Sequence[float | None], names: Sequence[str]) -> Markup:
    known = [value for value in values if value is not None]
    low, high = min(known), max(known)
    step = (_WIDE - _LEFT - _RIGHT) / len(values)
    radius = 4 if len(values) <= 40 else 2.5 if len(values) <= _MOST else 1.5
    dots = []
    for at, (value, name) in enumerate(zip(values, names, strict=True)):
        if value is None:
            continue
        x = _LEFT + (at + 0.5) * step
        y = _TOP + (_HIGH - _TOP - _LOW) * (high - value) / (high - low)
        told = f"{name}: {_short(value)}"
        dot = element("circle", element("title", told), cx=round(x, 1), cy=round(y, 1), r=radius)
        dots.append(element("a", dot, href=f"#model-{at}", aria_label=told))
    lines = [
        joined(
            element("line", x1=_LEFT, x2=_WIDE - _RIGHT, y1=y, y2=y),
            element("text", _short(value), x=_LEFT - 6, y=y + 4, class_="scale"),
        )
        for value, y in ((high, _TOP), (low, _HIGH - _LOW))
    ]
    return element(
        "svg",
        element("text", title, x=_LEFT, y=13),
        *lines,
        *dots,
        viewBox=f"0 0 {_WIDE} {_HIGH}",
        role="group",
        aria_label=f"{title} of every model",
        class_="panel",
    )


def _short(value: float) -> str:
    """Three digits that count."""
    digits = f"{value:.3g}"
    return digits.replace("-", "−") if "e" in digits else number(float(digits), _places(digits))


def _places(digits: str) -> int:
    return len(digits.partition(".")[2])
