"""Console, tables and texts that the reports share."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from netsculpt.core.printable import printable

__all__ = ["console", "literal", "plain_table"]


def console() -> Console:
    """Standard output, without guesses about what is a number or an emoji."""
    return Console(highlight=False, emoji=False)


def literal(text: object) -> str:
    """Text that may come from a file: neither markup nor commands to the terminal."""
    return escape(printable(str(text)))


def plain_table(*titles: str, n_texts: int | None = None) -> Table:
    """A table without lines; columns after the first `n_texts` are numbers, aligned right."""
    table = Table(*titles, box=None, pad_edge=False, header_style="dim")
    for column in table.columns[len(titles) if n_texts is None else n_texts :]:
        column.justify = "right"
    return table
