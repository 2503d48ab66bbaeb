"""Console, tables and texts that the reports share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from netsculpt.core.printable import printable

__all__ = ["console", "literal", "name_list", "plain_table", "print_written"]


def console() -> Console:
    """Standard output, without guesses about what is a number or an emoji."""
    return Console(highlight=False, emoji=False)


def literal(text: object) -> str:
    """Text that may come from a file: neither markup nor commands to the terminal."""
    return escape(printable(str(text)))


def name_list(names: Sequence[str], most: int) -> str:
    """The first names, and how many more there are; they may come from a file."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return literal(", ".join(names[:most])) + more


def print_written(model: Path, more: str = "") -> None:
    """Print where a model was written, and the command that reads it."""
    path = literal(model)
    console().print(
        f"\nWritten to [bold]{path}[/bold]; read it with: netsculpt analyze {path}{more}",
        soft_wrap=True,
    )


def plain_table(*titles: str, n_texts: int | None = None) -> Table:
    """A table without lines; columns after the first `n_texts` are numbers, aligned right."""
    table = Table(*titles, box=None, pad_edge=False, header_style="dim")
    for column in table.columns[len(titles) if n_texts is None else n_texts :]:
        column.justify = "right"
    return table
