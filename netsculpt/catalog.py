"""A folder is a signature: find every method in one.

File name = function name = CLI name = column name, so a new method is one new file.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any

__all__ = ["catalog"]


def catalog(package: str) -> dict[str, Callable[..., Any]]:
    """Methods in `package`: for every public file the function that has the file's name.

    >>> sorted(catalog("netsculpt.modules.detectors"))
    ['leiden', 'sculpting', 'spectral']
    """
    folder = importlib.import_module(package)
    names = sorted(
        found.name
        for found in pkgutil.iter_modules(folder.__path__)
        if not found.name.startswith("_")
    )
    return {name: getattr(importlib.import_module(f"{package}.{name}"), name) for name in names}
