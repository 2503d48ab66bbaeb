"""What the folder of a study still holds of earlier runs, and what a new run says about it.

A cell with a file is not run again: its rows depend on its fields alone. Whether they do, nobody
can check, so a run that keeps cells says what else was different when they were measured.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from netsculpt.core.counting import counted
from netsculpt.core.errors import NetsculptWarning
from netsculpt.core.printable import printable
from netsculpt.studies.begun import Begun

__all__ = ["StudyWarning", "after", "left_behind"]

_MOST_NAMED = 4
_LONGEST = 40  # characters of a value
_CALLER = 6  # stack level: of `Study.run`, which enters the folder by two context managers


class StudyWarning(NetsculptWarning):
    """Cells are kept that the settings of a study may have changed."""


def after(before: Begun | None, begun: Begun, present: Collection[str]) -> Begun:
    """A run with what it must remember of those before it, as long as any of their cells is there.

    Parameters
    ----------
    before, begun
        The runs.
    present
        Names of the files in ``cells/``.
    """
    if before is None or not present:
        return begun
    known = [*before.earlier, *([] if before.about is None else [before.about])]
    distinct = [about for n, about in enumerate(known) if about not in known[:n]]
    return replace(begun, earlier=tuple(about for about in distinct if about != begun.about))


def left_behind(
    folder: Path, begun: Begun, before: Begun | None, present: Collection[str]
) -> tuple[str, ...]:
    """What to say about cells that are kept, and about files that are left alone.

    Warns if cells are kept that other settings may have changed: the grid is the same, so it is not
    for the grid that the settings differ. For parameters see `after`.
    """
    cells = set(begun.cells)
    kept = [name for name in present if name in cells]
    others = sorted(name for name in present if name not in cells)
    known = before is not None and before.about is not None
    changed = list(_changes(before.about, begun.about)) if before and known else []
    notes = []
    if before and kept and changed:
        more = len(changed) - _MOST_NAMED
        shown = ", ".join(changed[:_MOST_NAMED]) + (f", and {more} more" if more > 0 else "")
        text = printable(
            f"{folder} keeps {counted(len(kept), 'cell')} of earlier runs, the last of which had "
            f"other settings ({shown}): rows are taken to depend on the fields of their cell "
            "alone; if these do not, name a new folder, and make what they depend on a field"
        )
        if set(before.cells) == cells:
            warnings.warn(text, StudyWarning, stacklevel=_CALLER)
        else:
            notes.append(text)
    if others:
        text = (
            f"{folder / 'cells'} has {counted(len(others), 'file')} that this run has no cell "
            f"for, such as {others[0]!r:.80}: of another grid, or foreign; they are left alone, "
            "and no table counts them"
        )
        notes.append(printable(text))
    return tuple(notes)


def _changes(old: Any, new: Any, place: str = "") -> Iterator[str]:
    """What differs between plain values, by the names of the fields that lead there."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys([*old, *new]):
            inner = f"{place}.{name}" if place else name
            if name not in old or name not in new:
                yield f"{inner} is {'new' if name in new else 'gone'}"
            else:
                yield from _changes(old[name], new[name], inner)
    elif old != new:
        yield f"{place} was {old!r:.{_LONGEST}}, is {new!r:.{_LONGEST}}"
