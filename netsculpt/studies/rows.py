"""Rows: what a cell is measured to be. They are checked where they enter, cell by cell."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from netsculpt.core.errors import FormatError

__all__ = ["Kinds", "Rows", "checked_table_name", "plain_rows", "plain_value"]

Rows = Mapping[str, Sequence[Mapping[str, Any]]]  # by table

_EXAMPLE = 'lists of rows by table are needed, such as {"nets": [{"seed": 0, "error": 0.1}]}'
_NAME = re.compile(r"[^/\\\x00-\x1f.][^/\\\x00-\x1f]{0,99}")  # files are named after tables


def plain_value(value: Any) -> Any:
    """Arrays and their scalars as lists and numbers; paths as text."""
    if isinstance(value, Path):
        return str(value)
    if not hasattr(value, "tolist"):
        raise TypeError(f"cannot keep a {type(value).__name__}: give plain values, arrays or paths")
    return value.tolist()


def plain_rows(rows: Any) -> dict[str, list[dict[str, Any]]]:
    """What a study's function has returned, as it is read back from JSON.

    >>> plain_rows({"nets": [{"seed": 0}, {"seed": 1, "where": Path("a")}]})
    {'nets': [{'seed': 0}, {'seed': 1, 'where': 'a'}]}

    Raises
    ------
    FormatError
        If it is not rows by table, or a value cannot be kept.
    """
    if not isinstance(rows, Mapping):
        raise FormatError(f"the function returned {rows!r:.80}: {_EXAMPLE}")
    plain: dict[str, list[dict[str, Any]]] = {}
    for table, values in rows.items():
        checked_table_name(table)
        if not isinstance(values, Sequence) or isinstance(values, str | bytes):
            raise FormatError(f"table {table!r} is {values!r:.80}: {_EXAMPLE}")
        plain[table] = [_plain_row(table, row) for row in values]
    return plain


def checked_table_name(name: Any) -> str:
    """The name of a table, which files can be named after; raises FormatError if they cannot."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise FormatError(
            f"a table is called {name!r:.120}: a file is named after it, so 1 to 100 characters "
            'without "/" are needed, the first of them not a dot'
        )
    return name


def _plain_row(table: str, row: Any) -> dict[str, Any]:
    if not isinstance(row, Mapping):
        raise FormatError(f"table {table!r} has a row {row!r:.80}: {_EXAMPLE}")
    try:
        plain: dict[str, Any] = json.loads(json.dumps(dict(row), default=plain_value))
    except (TypeError, ValueError, RecursionError) as error:
        raise FormatError(
            f"table {table!r} has a row that cannot be kept, {dict(row)!r:.200}: {error}"
        ) from None
    return plain


class Kinds:
    """The kind of each column, so that one with two is found at the first cell that has another.

    >>> kinds = Kinds()
    >>> kinds.note({"nets": [{"seed": 0, "error": None}, {"seed": 1, "error": 0.1}]}, "a.json")
    >>> kinds.note({"nets": [{"seed": 2, "error": "diverged"}]}, "b.json")
    Traceback (most recent call last):
    netsculpt.core.errors.FormatError: 'error' of table 'nets' is text in b.json and a number in \
a.json: a column is of one kind, or None; mend the function that measures, and delete those files \
in cells/ that are wrong: their cells are run again
    """

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str], tuple[str, str]] = {}  # and the cell that had it first

    def note(self, rows: Rows, cell: str) -> None:
        """Look at the rows of a cell, by the name of its file; raise FormatError if one differs."""
        for table, values in rows.items():
            for row in values:
                for column, value in row.items():
                    for place, kind in _kinds(value, column):
                        known, first = self._kinds.setdefault((table, place), (kind, cell))
                        if known != kind:
                            raise FormatError(
                                f"{place!r:.80} of table {table!r} is {kind} in {cell} and "
                                f"{known} in {first}: a column is of one kind, or None; mend the "
                                "function that measures, and delete those files in cells/ that "
                                "are wrong: their cells are run again"
                            )


def _kinds(value: Any, place: str) -> Iterator[tuple[str, str]]:
    """The kinds of a plain value and of what is in it; None and NaN fit all."""
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return
    if isinstance(value, bool):
        yield place, "true or false"
    elif isinstance(value, int | float):
        yield place, "a number"
    elif isinstance(value, str):
        yield place, "text"
    elif isinstance(value, list):
        yield place, "a list"
        single = (item for item in value if not isinstance(item, list | dict))
        plain = {type(item): item for item in single if item == item}  # noqa: PLR0124 - not NaN
        nested = [item for item in value if isinstance(item, list | dict)]
        for item in (*plain.values(), *nested):
            yield from _kinds(item, f"{place}[]")
    else:
        yield place, "a dict"
        for name, item in value.items():
            yield from _kinds(item, f"{place}.{name}")
