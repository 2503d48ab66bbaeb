"""Console, tables and texts that the reports share."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Span, Text

from netsculpt.core.printable import printable
from netsculpt.core.spelling import spelled

__all__ = ["console", "literal", "name_list", "plain_table", "print_written"]


class _Spelling(Console):
    """A console that spells what its encoding lacks, before it breaks lines."""

    def render_str(self, text: str, **options: Any) -> Text:
        return _spelled(super().render_str(text, **options), self.encoding)


def console() -> Console:
    """Standard output, without guesses about what is a number or an emoji."""
    return _Spelling(highlight=False, emoji=False)


def _spelled(text: Text, encoding: str) -> Text:
    """Text with the same styles, in which every character is one of the encoding."""
    letters = [_as_encoded(letter, encoding) for letter in text.plain]
    start = [0, *accumulate(map(len, letters))]
    spans = [Span(start[x.start], start[x.end], x.style) for x in text.spans]
    made = text.blank_copy("".join(letters))
    made.spans = spans
    return made


def _as_encoded(letter: str, encoding: str) -> str:
    try:
        letter.encode(encoding)
    except UnicodeEncodeError:
        return spelled(letter)
    return letter


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
    for column in table.columns:
        column.overflow = "fold"  # whole in a narrow terminal, and without an ellipsis in ASCII
    for column in table.columns[len(titles) if n_texts is None else n_texts :]:
        column.justify = "right"
    return table
