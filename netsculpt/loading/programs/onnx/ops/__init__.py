"""Translations: one file per family of ONNX operators.

A file here has ``OPS``: for each operator's name a translation ``(node: OnnxNode) -> Value``, or a
tuple of values, that adds operations of ATen to the program.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache
from typing import Any

from netsculpt.loading.programs.onnx.node import OnnxNode

__all__ = ["translations"]
__dir__ = __all__.copy


@cache
def translations() -> dict[str, Callable[[OnnxNode], Any]]:
    """The translation of each operator, by name.

    >>> "Gemm" in translations()
    True
    """
    names = sorted(file.name for file in pkgutil.iter_modules(__path__))
    return {
        op: translation
        for name in names
        for op, translation in importlib.import_module(f"{__name__}.{name}").OPS.items()
    }
