"""Errors: one hierarchy, each with the exit code the command line ends with.

A message is one short paragraph that says what was found, what was needed and what to do.
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
    """A file that cannot be read, or that holds nothing netsculpt can use."""


class UnsafeFileError(NetsculptError):
    """A file that could only be read by running code from it."""

    exit_code: ClassVar[int] = 4


class TopologyError(NetsculptError):
    """Tensors that are legal but do not say which layer feeds which."""

    exit_code: ClassVar[int] = 5


class GraphError(NetsculptError, ValueError):
    """Arrays that do not make a legal graph, or an argument that does not fit the graph."""


class LimitError(NetsculptError):
    """A size or a number beyond what was allowed or can be represented."""

    exit_code: ClassVar[int] = 6
