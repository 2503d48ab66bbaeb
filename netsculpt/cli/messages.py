"""Exit codes, and messages on stderr."""

from __future__ import annotations

import errno
import re
import warnings
from collections.abc import Sequence
from pathlib import Path

import typer

from netsculpt.cli.usage import USAGE_ERROR, hinted
from netsculpt.core.errors import LimitError, NetsculptError, NetsculptWarning, OutputError
from netsculpt.core.extras import EXTRAS, missing
from netsculpt.core.folders import is_interrupted
from netsculpt.core.printable import printable
from netsculpt.report.terminal.loudness import PREFIX, loudness

__all__ = ["EXIT_CODES", "INTERRUPTED", "USAGE", "complain", "empty_argument", "explain"]
__all__ += ["explained", "forget", "note", "note_once", "one_line_warnings", "say_interrupted"]

EXIT_CODES = (
    "Exit codes: 0 ok · 1 a bug in netsculpt · 2 usage · 3 unreadable or unsupported file · "
    "4 refused as unsafe · 5 topology needed · 6 limit exceeded · 7 output cannot be written · "
    "130 interrupted · 141 stdout was closed."
)
USAGE = 2
INTERRUPTED = 130
_SAID: set[str] = set()  # by this run
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})


def one_line_warnings() -> None:
    """Print netsculpt's own warnings as one line each, without the place in the source."""
    original = warnings.formatwarning

    def formatted(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        line: str | None = None,
    ) -> str:
        if issubclass(category, NetsculptWarning):
            return f"netsculpt: {printable(str(message))}\n"
        return original(message, category, filename, lineno, line)

    warnings.formatwarning = formatted


def explain(error: Exception) -> int:
    """Print one paragraph about an error on stderr; return the exit code."""
    text, code = explained(error)
    complain(text)
    return code


def explained(error: Exception) -> tuple[str, int]:
    """One paragraph about an error, and its exit code."""
    if isinstance(error, NetsculptError):
        return str(error), error.exit_code
    if isinstance(error, USAGE_ERROR):
        return hinted(error), USAGE
    if isinstance(error, ModuleNotFoundError) and error.name is not None and error.name in EXTRAS:
        return explained(missing(error.name))
    if isinstance(error, OSError):
        text = f"{error.strerror or error}: {error.filename or 'a file or stream'}"
        return text, (OutputError if error.errno in NO_ROOM else NetsculptError).exit_code
    if isinstance(error, MemoryError):
        text = "not enough memory: use a smaller network or a larger machine"
        return text, LimitError.exit_code
    return (
        f"{type(error).__name__}: {error}. This is a bug in netsculpt: please report it with the "
        "output of `netsculpt --debug …`.",
        1,
    )


def empty_argument(arguments: Sequence[str]) -> str | None:
    """What is wrong if an argument is empty, as an unset variable makes it; otherwise None.

    As a path it would be the current folder, and nobody means that.

    >>> empty_argument(["analyze", "model.pt", "-o", ""])
    "the value of '-o' is empty, as of an unset variable: give one, or leave the option out"
    >>> empty_argument(["analyze", "model.pt"])
    """
    for place, argument in enumerate(arguments):
        before = arguments[place - 1] if place else ""
        flag = before if not argument else argument[:-1]
        if not argument or re.fullmatch("--[a-z-]+=", argument):
            if not flag.startswith("-"):
                return f"argument {place + 1} is empty, as of an unset variable: give a value"
            return (
                f"the value of {flag!r} is empty, as of an unset variable: give one, or leave the "
                "option out"
            )
    return None


def say_interrupted(folder: Path) -> None:
    """Say on stderr that a folder holds a part of what an earlier run was to write."""
    if is_interrupted(folder):
        note(f"{folder} is of a run that was interrupted: all of it is written again")


def note(message: str) -> None:
    """Print one line on stderr that is not about an error; nothing if the command is quiet."""
    if loudness() != "quiet":
        complain(message)


def note_once(message: str) -> None:
    """Print such a line, unless this run of the command has printed it."""
    if message not in _SAID:
        _SAID.add(message)
        note(message)


def complain(message: str) -> None:
    """Print one line on stderr; text that it quotes from a file cannot control the terminal."""
    typer.echo(f"{PREFIX}{printable(message)}", err=True)


def forget() -> None:
    """Begin a run of the command, in which nothing has been said yet."""
    _SAID.clear()
