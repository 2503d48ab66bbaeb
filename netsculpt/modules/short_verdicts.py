"""The verdict on modules in one short line, for figures."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from netsculpt.modules.verdict import SMALL

__all__ = ["IN_SHORT"]

IN_SHORT: Final = MappingProxyType(  # `netsculpt.modules.Verdict` → what it means
    {
        "modular": "modular: more so than chance",
        "weak": f"weak: ΔQ below {SMALL}",
        "unstable": "unstable: runs find different modules",
        "chance": "chance: no more modular than chance",
        "untested": "untested: too few null networks",
    }
)
