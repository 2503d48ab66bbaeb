"""Untrusted files become graphs: state dicts, masks, safetensors, arrays, exported programs."""

from __future__ import annotations

from netsculpt.loading.load import load
from netsculpt.loading.load_into import load_into

__all__ = ["load", "load_into"]
