"""A folder is a signature: find every method in one.

File name = function name = CLI name = column name, so a new method is one new file.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["catalog", "names"]

_ROOT = Path(__file__).parent.parent


def names(package: str) -> list[str]:
    """Names of the methods in `package`, by its files alone: nothing is imported.

    >>> names("netsculpt.nulls.models")
    ['rewire', 'shuffle_layer', 'shuffle_weights']
    """
    folder = _ROOT.joinpath(*package.split(".")[1:])
    found = pkgutil.iter_modules([str(folder)])
    return sorted(x.name for x in found if not x.name.startswith("_"))


def catalog(package: str) -> dict[str, Callable[..., Any]]:
    """Methods in `package`: for every public file the function that has the file's name.

    >>> sorted(catalog("netsculpt.modules.detectors"))
    ['layered', 'leiden', 'path_signature', 'sculpting', 'spectral']
    """
    return {
        name: getattr(importlib.import_module(f"{package}.{name}"), name) for name in names(package)
    }
