"""``study.json``: what the study in a folder is, and what it was run with."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netsculpt.core.errors import FormatError
from netsculpt.core.printable import printable
from netsculpt.core.version import __version__
from netsculpt.core.writing import write_json

__all__ = ["STUDY", "Begun", "beginning", "read_begun", "write_begun"]

STUDY = "study.json"

_SCHEMA = "netsculpt.study/1"
_LONGEST = 1 << 30  # bytes of study.json

About = Mapping[str, Any]


@dataclass(frozen=True)
class Begun:
    """What study.json says."""

    study: str
    cells: tuple[str, ...]  # names of their files, in order
    command: tuple[str, ...]
    directory: str  # where the command was given
    folder: str = ""  # where it writes; empty: a version that did not say so
    about: About | None = None  # as for the manifest; None: a version that did not keep it
    earlier: tuple[About, ...] = ()  # the same of earlier runs, whose cells may still be there

    @property
    def line(self) -> str:
        """The command for a shell."""
        return f"cd {shlex.quote(self.directory)} && {shlex.join(self.command)}"

    def is_of(self, folder: Path) -> bool:
        """Whether the command writes into this folder, as far as is known, not one it is a copy of.

        A folder that was moved is not the one of the command either.
        """
        if not self.folder:
            return True
        try:
            return folder.samefile(self.folder)
        except (OSError, ValueError):  # there is no such folder
            return False


def beginning(folder: Path, study: str, cells: tuple[str, ...], about: About) -> Begun:
    """A run of this process that begins now.

    Raises
    ------
    FormatError
        If `about` cannot be written as JSON.
    """
    try:
        plain = json.loads(json.dumps(dict(about), allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise FormatError(
            f"what {study!r:.40} says about itself cannot be written to its manifest ({error}): "
            "give finite numbers, texts, lists and dicts of them"
        ) from None
    directory = os.getcwd()  # noqa: PTH109 - text, also if the folder is gone
    return Begun(study, cells, tuple(sys.orig_argv), directory, str(folder), plain)


def read_begun(folder: Path) -> Begun | None:
    """What a folder says about the study in it; None if it has no ``study.json``.

    Raises
    ------
    FormatError
        If the file is damaged.
    """
    path = folder / STUDY
    try:
        if path.stat().st_size > _LONGEST:
            raise ValueError(f"it is longer than {_LONGEST} bytes")
        content = json.loads(path.read_text(encoding="utf-8"))
        place, about = content.get("folder", ""), content.get("about")
        texts = (content["study"], content["directory"], place)
        texts += (*content["cells"], *content["command"])
        if content["schema"] != _SCHEMA or not all(isinstance(x, str) for x in texts):
            raise ValueError("it is of another version, or was edited")
        if any(Path(name).name != name for name in content["cells"]):
            raise ValueError("it names cells outside the folder")
        earlier = tuple(content.get("earlier", ()))
        if not all(isinstance(x, dict) for x in (*earlier, {} if about is None else about)):
            raise ValueError("what it says about the study is not an object")
        cells, command = tuple(content["cells"]), tuple(content["command"])
        where = content["directory"], place
        return Begun(content["study"], cells, command, *where, about, earlier)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        told = isinstance(error, OSError) or type(error) is ValueError  # of this function's own
        reason = str(error) if told else "it is not what a study writes"
        raise FormatError(
            printable(
                f"{path} cannot be read ({reason:.200}): remove it; the study writes it again"
            )
        ) from None


def write_begun(begun: Begun) -> None:
    """Write the file into the folder that it names."""
    content = {"schema": _SCHEMA, "netsculpt": __version__, **vars(begun)}
    write_json(Path(begun.folder) / STUDY, content)
