"""One file a family of ONNX operators.

A file here has ``OPS``: for each operator's name a translation ``(node: Node) -> Value``, or a
tuple of them, that adds operations of ATen to the program. It is found by being here.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache
from typing import Any

from netsculpt.loading.programs.onnx.node import Node

__all__ = ["translations"]


@cache
def translations() -> dict[str, Callable[[Node], Any]]:
    """The translation of each operator, by its name.

    >>> "Gemm" in translations()
    True
    """
    names = sorted(found.name for found in pkgutil.iter_modules(__path__))
    return {
        op: translation
        for name in names
        for op, translation in importlib.import_module(f"{__name__}.{name}").OPS.items()
    }
