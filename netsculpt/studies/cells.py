"""The file of a cell: its rows, what they are of, and a fingerprint."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from netsculpt.core.counting import counted
from netsculpt.core.errors import FormatError
from netsculpt.core.version import __version__

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["Rows", "each_read", "file_name", "read_cell", "read_rows", "text_of"]

Item = TypeVar("Item")
Result = TypeVar("Result")

Rows = Mapping[str, Sequence[Mapping[str, Any]]]  # by table

_SCHEMA = "netsculpt.cell/1"
_LONGEST_LABEL = 100
_REMEDY = "delete it, and its cell is run again"
_MOST_NAMED = 100


def file_name(study: str, cell: DataclassInstance) -> str:
    """Name of a cell's file: the plain fields of the cell, and a hash of all of it."""
    content = asdict(cell)
    plain = (str(value) for value in content.values() if type(value) in (str, int, float))
    label = re.sub(r"[^\w.+-]+", "-", "-".join(filter(None, plain)))[:_LONGEST_LABEL]
    identity = _json([study, content])
    return f"{label}-{hashlib.sha256(identity.encode()).hexdigest()[:10]}.json"


def text_of(study: str, cell: DataclassInstance, rows: Rows) -> str:
    """Content of a cell's file."""
    kept = json.loads(json.dumps(rows, default=_plain))
    about = {"netsculpt": __version__, "sha256": _sha256(kept), "rows": kept}
    return json.dumps({**_head(study, cell), **about}, default=_plain)


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
    return json.dumps(value, default=_plain, sort_keys=True)


def _plain(value: Any) -> Any:
    """Arrays and their scalars as lists and numbers; paths as text."""
    if isinstance(value, Path):
        return str(value)
    if not hasattr(value, "tolist"):
        raise TypeError(f"cannot keep a {type(value).__name__}: give plain values, arrays or paths")
    return value.tolist()
