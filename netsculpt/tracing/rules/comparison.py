"""Comparisons: what they give says yes or no, which no unit does."""

from __future__ import annotations

from typing import NoReturn

from netsculpt.tracing.engine.call import Call

__all__ = ["comparison"]

OPS = ("eq", "ge", "gt", "isin", "le", "lt", "ne")


def comparison(call: Call) -> NoReturn:
    """Refuse, as masks that depend on the inputs are refused wherever they come from."""
    raise call.refusal(
        "it compares what depends on the inputs, as a mask of padding tokens does, and units "
        "are weighted sums. Padding makes no edges: leave the mask out while tracing"
    )
