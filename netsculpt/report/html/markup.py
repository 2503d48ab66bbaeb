"""HTML in which no text from a model can become markup."""

from __future__ import annotations

from html import escape

from netsculpt.core.printable import printable

__all__ = ["Markup", "element", "joined"]

_VOID = frozenset({"meta", "br", "img", "input"})


class Markup(str):
    """Text that is HTML already; every other string is escaped."""

    __slots__ = ()


def element(tag: str, *children: str | None, **attributes: str | float | None) -> Markup:
    """An element with children and attributes, escaped unless they are `Markup`.

    An attribute that is None is left out; ``class_`` is ``class`` and ``data_key`` ``data-key``.
    Control characters and bidirectional marks are shown as escapes.

    >>> element("p", "a < b", element("br"), id="x")
    '<p id="x">a &lt; b<br></p>'
    """
    given = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{_safe(str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    if tag in _VOID:
        return Markup(f"<{tag}{given}>")
    return Markup(f"<{tag}{given}>{joined(*children)}</{tag}>")


def joined(*children: str | None) -> Markup:
    """Children next to each other, escaped unless they are `Markup`.

    >>> joined("</script>", Markup("<br>"))
    '&lt;/script&gt;<br>'
    """
    return Markup(
        "".join(
            child if isinstance(child, Markup) else _safe(child)
            for child in children
            if child is not None
        )
    )


def _safe(text: str) -> str:
    return escape(printable(text))
