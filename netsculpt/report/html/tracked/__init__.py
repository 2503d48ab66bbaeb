"""The page of a network over time."""

from typing import Final

TRACK: Final = "track"  # who writes the folders

__all__ = ["TRACK"]
__dir__ = __all__.copy
