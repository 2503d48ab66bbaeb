"""Comparisons: refused, since their values are not weighted sums."""

from __future__ import annotations

from typing import NoReturn

from netsculpt.tracing.engine.call import Call

__all__ = ["comparison"]

OPS = ("eq", "ge", "gt", "isin", "le", "lt", "ne")


def comparison(call: Call) -> NoReturn:
    """Raise, as every mask that depends on the inputs is refused."""
    raise call.refusal(
        "it compares values that depend on the inputs, as a mask of padding tokens does, but "
        "units are weighted sums. Padding makes no edges: leave the mask out while tracing"
    )
