"""The hierarchy of errors, each with the exit code of the command line.

A message is one short paragraph: what was found, what is needed and what to do.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "BusyError",
    "FolderError",
    "FormatError",
    "GraphError",
    "LimitError",
    "MissingLibraryError",
    "NetsculptError",
    "NetsculptWarning",
    "NumberError",
    "OutputError",
    "PluginError",
    "TopologyError",
    "UnsafeFileError",
    "first_line",
]


class NetsculptError(Exception):
    """Any error that netsculpt raises on purpose."""

    exit_code: ClassVar[int] = 3


class FormatError(NetsculptError):
    """A file that cannot be read, or whose content netsculpt cannot use."""


class FolderError(FormatError):
    """A folder for results that holds other files, or is not a folder."""

    exit_code: ClassVar[int] = 2


class UnsafeFileError(NetsculptError):
    """A file that could be read only by running code from it."""

    exit_code: ClassVar[int] = 4


class TopologyError(NetsculptError):
    """Legal tensors that leave open which layer feeds which."""

    exit_code: ClassVar[int] = 5


class GraphError(NetsculptError, ValueError):
    """Arrays that do not form a legal graph, or an argument that does not fit the graph."""


class NumberError(FormatError, GraphError):
    """An argument that is not the number that is needed: NaN, out of range, or not whole."""


class PluginError(NetsculptError):
    """A method of another package that does not load, fails, or returns what cannot be used."""


class BusyError(NetsculptError):
    """A folder or file that another run is writing."""


class LimitError(NetsculptError):
    """A size or a number beyond what is allowed or can be represented."""

    exit_code: ClassVar[int] = 6


class MissingLibraryError(NetsculptError, ModuleNotFoundError):
    """A library that only some functions need is not installed; the text names the extra."""


class OutputError(NetsculptError):
    """A file or a stream that cannot be written, as on a full disk."""

    exit_code: ClassVar[int] = 7


class NetsculptWarning(UserWarning):
    """Any warning that is about netsculpt's own surroundings; one line on the command line."""


def first_line(error: BaseException) -> str:
    """The type and the first line of an error, for the text of another.

    >>> first_line(KeyError("fc1"))
    "KeyError: 'fc1'"
    """
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]:.200}"
