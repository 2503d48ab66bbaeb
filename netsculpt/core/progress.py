"""The one signature of progress callbacks."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Progress"]

Progress = Callable[[str, int, int], None]  # stage, steps done, steps in all
