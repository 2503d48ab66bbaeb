"""How long something takes, in words."""

from __future__ import annotations

__all__ = ["duration"]

_UNITS = {"days": 86400, "h": 3600, "min": 60}  # and seconds in each


def duration(seconds: float) -> str:
    """Two digits or more, in the largest unit of which there are two.

    >>> [duration(x) for x in (0.4, 90, 150, 5400, 10_000, 1e6)]
    ['0 s', '90 s', '2.5 min', '90 min', '2.8 h', '12 days']
    """
    for unit, size in _UNITS.items():
        n = seconds / size
        if n >= 2:
            return f"{n:.1f} {unit}" if n < 10 else f"{n:.0f} {unit}"
    return f"{seconds:.0f} s"
