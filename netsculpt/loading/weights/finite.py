"""Weights that are NaN or infinite: an error, unless they may be dropped."""

from __future__ import annotations

from collections.abc import Mapping

from netsculpt.core.errors import FormatError
from netsculpt.files.words import quoted

__all__ = ["nonfinite_total"]


def nonfinite_total(counts: Mapping[str, int], what: str, where: str, *, allowed: bool) -> int:
    """Total of the non-finite entries of each weight; an error unless they are allowed."""
    total = sum(counts.values())
    if total and not allowed:
        layers = ", ".join(f"{quoted(name)} ({n})" for name, n in counts.items() if n)
        raise FormatError(
            f"{where} has {total} {what} of NaN or infinite weight, in {layers}: finite weights "
            f"are needed. Check the training, or drop these {what} with --allow-nonfinite "
            "(allow_nonfinite=True)"
        )
    return total
