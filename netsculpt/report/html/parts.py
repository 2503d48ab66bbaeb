"""Numbers, lists and tables as the sections of the page show them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from netsculpt.report.html.markup import Markup, element
from netsculpt.report.words import number

__all__ = ["Row", "listed", "number_text", "p_text", "pairs", "table"]

Row = Sequence[str | None]

_LONG: Final = 25  # rows
_SENTENCE: Final = 80  # characters


def number_text(value: float | None, digits: int) -> str:
    """A number, or a dash if there is none."""
    return "–" if value is None else number(value, digits)


def p_text(value: float | None, *, is_bound: bool) -> str:
    """A p-value; one that may be less after ≤."""
    if value is None:
        return "–"
    return f"{'≤ ' if is_bound and value < 1 else ''}{value:.2g}"


def pairs(rows: Sequence[tuple[str, str]]) -> Markup:
    """Facts as pairs of a word and a value."""
    cells = [element("div", element("dt", key), element("dd", value)) for key, value in rows]
    return element("dl", *cells, class_="facts")


def listed(texts: Sequence[str], kind: str | None = None) -> Markup:
    """A list of texts."""
    return element("ul", *(element("li", text) for text in texts), class_=kind)


def table(
    title: str, titles: Row, rows: Sequence[Row], n_texts: int, *, folded: bool | None = None
) -> Markup:
    """A table that scrolls sideways where it must; folded until it is opened, or None: if long."""
    kinds = [None] * n_texts + ["number"] * (len(titles) - n_texts)
    named = zip(titles, kinds, strict=True)
    head = [element("th", text, scope="col", class_=kind) for text, kind in named]
    body = [
        element("tr", *(_cell(text, kind) for text, kind in zip(row, kinds, strict=True)))
        for row in rows
    ]
    whole = element(
        "table",
        element("caption", title),
        element("thead", element("tr", *head)),
        element("tbody", *body),
    )
    scrolling = element("div", whole, class_="scroll", tabindex=0, role="region", aria_label=title)
    if not (len(rows) > _LONG if folded is None else folded):
        return element("div", scrolling)
    return element("details", element("summary", f"{title} ({len(rows):,})"), scrolling)


def _cell(text: str | None, kind: str | None) -> Markup:
    """A cell; sentences may take several lines."""
    is_long = kind is None and text is not None and len(text) > _SENTENCE
    is_long = is_long and not isinstance(text, Markup)
    return element("td", text, class_="long" if is_long else kind)
