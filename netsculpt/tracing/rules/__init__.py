"""Rules: one file per family of operations.

A rule is a file here with ``OPS``, the names of the operations that it handles, and a function
with the file's name: ``(call: Call) -> Activation``, or a tuple of them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from netsculpt.core.catalog import modules
from netsculpt.core.plugins import leave_out
from netsculpt.tracing.engine.call import Call

__all__ = ["rules"]
__dir__ = __all__.copy


@cache
def rules() -> dict[str, Callable[[Call], Any]]:
    """The rule for each operation, by name.

    >>> rules()["linear"].__name__
    'linear'
    """
    known: dict[str, Callable[[Call], Any]] = {}
    for name, module in modules("rules").items():
        for op in module.OPS:
            if op in known:
                leave_out(f"the rule {name!r} for {op!r}, which {known[op].__name__!r} follows")
            else:
                known[op] = getattr(module, name)
    return known
