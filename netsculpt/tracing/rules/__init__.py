"""Rules: one file per family of operations.

A rule is a file here with ``OPS``, the names of the operations that it handles, and a function
with the file's name: ``(call: Call) -> Activation``, or a tuple of them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from netsculpt.core.catalog import modules
from netsculpt.tracing.engine.call import Call

__all__ = ["rules"]


@cache
def rules() -> dict[str, Callable[[Call], Any]]:
    """The rule for each operation, by name.

    >>> rules()["linear"].__name__
    'linear'
    """
    return {
        op: getattr(module, name) for name, module in modules("rules").items() for op in module.OPS
    }
