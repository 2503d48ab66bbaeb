"""Weights that are NaN or infinite: refused, or left out where that was asked for."""

from __future__ import annotations

from collections.abc import Mapping

from netsculpt.core.errors import FormatError
from netsculpt.files.words import quoted

__all__ = ["left_out"]


def left_out(broken: Mapping[str, int], what: str, where: str, *, allowed: bool) -> int:
    """How many are left out, of those that each weight has; an error where it is not allowed."""
    total = sum(broken.values())
    if total and not allowed:
        layers = ", ".join(f"{quoted(name)} ({n})" for name, n in broken.items() if n)
        raise FormatError(
            f"{where} has {total} {what} of NaN or infinite weight, in {layers}: finite weights "
            f"are needed. Look into the training, or drop these {what} with --allow-nonfinite "
            "(allow_nonfinite=True)"
        )
    return total
