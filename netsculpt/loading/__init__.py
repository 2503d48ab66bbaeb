"""Untrusted files become graphs: state dicts, masks, safetensors, arrays, exported programs."""

from __future__ import annotations

from netsculpt.loading.load import load
from netsculpt.loading.load_into import load_into
from netsculpt.loading.wann import WannOptions

__all__ = ["WannOptions", "load", "load_into"]
__dir__ = __all__.copy
