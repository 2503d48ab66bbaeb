"""One file a container format.

A format is a file here with two functions: ``sniff(source) -> bool``, which recognises it by
content, and ``read(source) -> Content``. It is found by being there. At most one format may
recognise a file.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Any

__all__ = ["formats"]


@cache
def formats() -> dict[str, Any]:
    """Every format by name.

    >>> "safetensors" in formats()
    True
    """
    names = sorted(found.name for found in pkgutil.iter_modules(__path__))
    return {name: importlib.import_module(f"{__name__}.{name}") for name in names}
