"""One file a family of operations.

A rule is a file here with ``OPS``, the names of the operations that it knows, and a function that
has the file's name: ``(call: Call) -> Activation``, or a tuple of them. It is found by being here.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from typing import Any

from netsculpt.core.catalog import catalog, names
from netsculpt.tracing.engine.call import Call

__all__ = ["rules"]


@cache
def rules() -> dict[str, Callable[[Call], Any]]:
    """The rule for each operation, by its name.

    >>> rules()["linear"].__name__
    'linear'
    """
    found = catalog(__name__)
    return {
        op: found[name]
        for name in names(__name__)
        for op in importlib.import_module(f"{__name__}.{name}").OPS
    }
