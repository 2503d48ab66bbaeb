"""One of several values."""

from __future__ import annotations

from typing import Any

from netsculpt.tracing.engine.call import Call

__all__ = ["getitem"]

OPS = ("getitem",)


def getitem(call: Call) -> Any:
    """The value at an index."""
    values, index = call.args
    return call.passed(values[index])
