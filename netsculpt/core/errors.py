"""The hierarchy of errors, each with the exit code of the command line.

A message is one short paragraph: what was found, what is needed and what to do.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "FormatError",
    "GraphError",
    "LimitError",
    "NetsculptError",
    "TopologyError",
    "UnsafeFileError",
]


class NetsculptError(Exception):
    """Any error that netsculpt raises on purpose."""

    exit_code: ClassVar[int] = 3


class FormatError(NetsculptError):
    """A file that cannot be read, or whose content netsculpt cannot use."""


class UnsafeFileError(NetsculptError):
    """A file that could be read only by running code from it."""

    exit_code: ClassVar[int] = 4


class TopologyError(NetsculptError):
    """Legal tensors that leave open which layer feeds which."""

    exit_code: ClassVar[int] = 5


class GraphError(NetsculptError, ValueError):
    """Arrays that do not form a legal graph, or an argument that does not fit the graph."""


class LimitError(NetsculptError):
    """A size or a number beyond what is allowed or can be represented."""

    exit_code: ClassVar[int] = 6
