"""Console, tables and texts that the reports share."""

from __future__ import annotations

import os
import shlex
import sys
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
from netsculpt.report.terminal.loudness import loudness

__all__ = ["command", "console", "literal", "name_list", "plain_table", "print_model", "written"]

_UNBROKEN = 10_000  # columns: where stdout is not a terminal, lines end where the text does


class _Spelling(Console):
    """A console that spells what its encoding lacks, before it breaks lines."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print; where lines are not on a screen, without spaces up to its edge."""
        if self.is_terminal or self.quiet:
            super().print(*objects, **options)
            return
        with self.capture() as captured:
            super().print(*objects, **options)
        lines = captured.get().split("\n")
        self.file.write("\n".join(line.rstrip(" ") for line in lines))

    def render_str(self, text: str, **options: Any) -> Text:
        return _spelled(super().render_str(text, **options), self.encoding)


def console() -> Console:
    """Standard output, without guesses about what is a number or an emoji; not if quiet.

    Lines are broken only in a terminal, or if COLUMNS says how wide they may be.
    """
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else _UNBROKEN
    return _Spelling(highlight=False, emoji=False, width=width, quiet=loudness() == "quiet")


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


def written(path: Path, text: str) -> None:
    """Print a line that says where something was written, whole; if quiet, the path alone."""
    if loudness() == "quiet":
        print(printable(str(path)))  # noqa: T201 - nothing but the path, as for another program
    else:
        console().print(text, soft_wrap=True)


def command(*words: object) -> str:
    """A command of netsculpt as a shell takes it, for a line of a report.

    >>> command("analyze", Path("my runs/model.pt"))
    "netsculpt analyze 'my runs/model.pt'"
    """
    return literal(shlex.join(["netsculpt", *map(str, words)]))


def print_model(model: Path, *, dense: bool = False, more: str = "") -> None:
    """Print where a model was written, and the command that reads it."""
    reads = command("analyze", model, *(["--dense"] if dense else []))
    text = f"\nWritten to [bold]{literal(model)}[/bold]; read it with: {reads}{more}"
    written(model, text)


def plain_table(*titles: str, n_texts: int | None = None) -> Table:
    """A table without lines; columns after the first `n_texts` are numbers, aligned right."""
    table = Table(*titles, box=None, pad_edge=False, header_style="dim")
    for column in table.columns:
        column.overflow = "fold"  # whole in a narrow terminal, and without an ellipsis in ASCII
    for column in table.columns[len(titles) if n_texts is None else n_texts :]:
        column.justify = "right"
    return table
