"""The file of a cell: its rows, what they are of, and a fingerprint."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from netsculpt.core.counting import counted
from netsculpt.core.errors import FormatError
from netsculpt.core.version import __version__
from netsculpt.studies.rows import Rows, plain_rows, plain_value

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = [
    "each_read",
    "file_name",
    "file_names",
    "is_intact",
    "read_cell",
    "read_rows",
    "text_of",
]

Item = TypeVar("Item")
Result = TypeVar("Result")

_SCHEMA = "netsculpt.cell/1"
_LONGEST_LABEL = 100
_REMEDY = "delete it, and its cell is run again"
_MOST_NAMED = 100


def file_name(study: str, cell: DataclassInstance) -> str:
    """Name of a cell's file: the plain fields of the cell, and a hash of all of it.

    Raises
    ------
    FormatError
        If it is not a dataclass, or its fields cannot be kept.
    """
    return _file_name(study, _content(cell))


def file_names(study: str, cells: Sequence[DataclassInstance]) -> list[str]:
    """Names of the files of all cells of a study.

    Raises
    ------
    FormatError
        If there are no cells, two have the same fields, or one has no name: see `file_name`.
    """
    if not cells:
        raise FormatError(f"study {study!r:.40} has no cells: give at least one")
    names, first = list[str](), dict[bytes, int]()
    for index, cell in enumerate(cells):
        content = _content(cell)
        names.append(_file_name(study, content))
        equal = first.setdefault(_identity(content), index)
        if equal != index:
            raise FormatError(
                f"cells {equal} and {index} of study {study!r:.40} have the same fields, "
                f"{cell!r:.200}, and would count twice: give each cell once, or a field that "
                "tells them apart"
            )
    return names


def _content(cell: DataclassInstance) -> dict[str, Any]:
    """Fields of a cell, which can be kept."""
    if not is_dataclass(cell) or isinstance(cell, type):
        raise FormatError(
            f"{cell!r:.200} is not a cell: instances of a frozen dataclass are needed, whose "
            "fields are all that its rows depend on"
        )
    content = asdict(cell)
    try:
        _json(content)
    except (TypeError, ValueError, RecursionError) as error:
        raise FormatError(
            f"the cell {cell!r:.200} has fields that cannot be kept: {error}"
        ) from None
    return content


def _identity(content: Mapping[str, Any]) -> bytes:
    """Digest of fields; 1 and 1.0 are equal, as in Python."""

    def number(text: str) -> float | int:
        value = float(text)
        return int(value) if value.is_integer() else value

    canonical = json.dumps(json.loads(_json(content), parse_float=number))
    return hashlib.sha256(canonical.encode()).digest()


def _file_name(study: str, content: Mapping[str, Any]) -> str:
    plain = (str(value) for value in content.values() if type(value) in (str, int, float))
    label = re.sub(r"[^\w.+-]+", "-", "-".join(filter(None, plain)))[:_LONGEST_LABEL]
    identity = _json([study, content])
    return f"{label}-{hashlib.sha256(identity.encode()).hexdigest()[:10]}.json"


def text_of(study: str, cell: DataclassInstance, rows: Rows) -> str:
    """Content of a cell's file; raises FormatError if its rows cannot be kept."""
    kept = plain_rows(rows)
    about = {"netsculpt": __version__, "sha256": _sha256(kept), "rows": kept}
    return json.dumps({**_head(study, cell), **about}, default=plain_value)


def read_cell(path: Path, study: str, cell: DataclassInstance) -> Rows:
    """Rows of this cell.

    Raises
    ------
    FormatError
        If the file is damaged, or is of another cell or study.
    """
    head, rows = _read(path)
    if head != json.loads(_json(_head(study, cell))):
        raise FormatError(f"{path} is the file of another cell or study: {_REMEDY}")
    return rows


def read_rows(path: Path, study: str) -> Rows:
    """Rows of whatever cell of the study; for errors see `read_cell`."""
    head, rows = _read(path)
    if (head.get("schema"), head.get("study")) != (_SCHEMA, study):
        raise FormatError(f"{path} is not the file of a cell of {study!r:.40}: {_REMEDY}")
    return rows


def is_intact(path: Path, study: str) -> bool:
    """Whether a file looks like that of a cell of the study, by its two ends alone.

    True for all files that were written whole and not touched since; what is False may still be
    readable.
    """
    head = json.dumps({"schema": _SCHEMA, "study": study})[:-1].encode()
    try:
        with path.open("rb") as file:
            if file.read(len(head)) != head:
                return False
            file.seek(-2, os.SEEK_END)
            return file.read() == b"}}"
    except OSError:
        return False


def each_read(items: Iterable[Item], read: Callable[[Item], Result]) -> list[Result]:
    """What `read` makes of each item; all files that it refuses are named in one error.

    Raises
    ------
    FormatError
        If `read` raises one.
    """
    results, refused = list[Result](), list[FormatError]()
    for item in items:
        try:
            results.append(read(item))
        except FormatError as error:
            refused.append(error)
    if len(refused) == 1:
        raise refused[0]
    if refused:
        texts = [str(error).removesuffix(f": {_REMEDY}") for error in refused[:_MOST_NAMED]]
        more = len(refused) - _MOST_NAMED
        raise FormatError(
            f"{counted(len(refused), 'file')} of cells cannot be used: {'; '.join(texts)}"
            f"{f'; and {more:,} more' if more > 0 else ''}: delete them, and their cells are run "
            "again"
        )
    return results


def _head(study: str, cell: DataclassInstance) -> dict[str, Any]:
    return {"schema": _SCHEMA, "study": study, "cell": asdict(cell)}


def _read(path: Path) -> tuple[dict[str, Any], Rows]:
    """What a file is of, and its rows, which are as they were written."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        stored = content.pop("rows")
        rows: Rows = {table: list(values) for table, values in stored.items()}
        del content["netsculpt"]
        if content.pop("sha256") != _sha256(stored):
            raise ValueError("its rows were edited, or are of another version")
    except (OSError, ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
        raise FormatError(f"{path} is not the file of a cell ({error}): {_REMEDY}") from None
    return content, rows


def _sha256(rows: Any) -> str:
    """Fingerprint of rows, as they are read back."""
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def _json(value: Any) -> str:
    return json.dumps(value, default=plain_value, sort_keys=True)
