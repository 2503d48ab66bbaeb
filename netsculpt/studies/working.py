"""What a worker does with a cell: measure it, and write its file if it sees the folder."""

from __future__ import annotations

import platform
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from netsculpt.core.errors import NetsculptError
from netsculpt.core.writing import replacing
from netsculpt.studies.cells import text_of
from netsculpt.studies.rows import Rows

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["Assignment", "Measured", "Place", "measured_cell", "raising_cell"]

Cell = TypeVar("Cell", bound="DataclassInstance")

_IN_CELL = "raised in the cell "  # begins the note on an error, which pickling keeps
_LONGEST_CELL = 400  # characters of a cell in a note
_LOOK = 0.5  # seconds between looks for the folder
_DELAY = 60.0  # seconds that a network folder may take to show a new file


@dataclass(frozen=True)
class Place:
    """Where a worker may write its rows."""

    cells: Path
    mark: Path  # of the driver: who sees it, sees the folder
    results: str | None


@dataclass(frozen=True)
class Assignment(Generic[Cell]):
    """A cell, its place in the study, and the name of its file."""

    index: int
    name: str
    cell: Cell


@dataclass(frozen=True)
class Measured:
    """What has become of a cell."""

    text: str  # of the file of the cell; empty if it failed
    is_written: bool = False
    failure: str = ""


def measured_cell(
    study: str,
    measure: Callable[[Any], Rows],
    place: Place | None,
    keep_going: bool,
    assignment: Assignment[Any],
) -> Measured:
    """Measure a cell, and write its file if the worker sees the folder."""
    try:
        text = text_of(study, assignment.cell, measure(assignment.cell))
    except Exception as error:
        if not keep_going:
            error.add_note(f"{_IN_CELL}{assignment.name}: {assignment.cell!r:.{_LONGEST_CELL}}")
            raise
        return Measured("", failure=traceback.format_exc())
    return Measured(text, place is not None and _is_written(place, assignment.name, text))


def raising_cell(error: BaseException) -> str | None:
    """Where an error came from: the file name and the fields of a cell; None: from none."""
    notes = [note for note in getattr(error, "__notes__", ()) if note.startswith(_IN_CELL)]
    return notes[0] if notes else None


def _is_written(place: Place, name: str, text: str) -> bool:
    if place.results == "returned":
        return False
    if not place.mark.is_file():
        if place.results is None:
            return False
        _await(place)
    with replacing(place.cells / name) as file:
        file.write(text.encode())
    return True


def _await(place: Place) -> None:
    """Wait until the folder is seen; raise if it is not."""
    begun = monotonic()
    while not place.mark.is_file():
        if monotonic() - begun > _DELAY:
            raise NetsculptError(
                f"the worker on {platform.node()} does not see {place.cells.parent}: name a folder "
                "that all workers share, or let rows be returned (--results returned)"
            )
        time.sleep(_LOOK)
