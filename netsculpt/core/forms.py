"""The forms in which the weights of a network can enter: properties of `NetGraph`."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

__all__ = ["FORMS"]

FORMS: Final = MappingProxyType(  # name → what Q is then of, for readers
    {"balanced": "balanced weights", "pattern": "the pattern", "magnitude": "|weights|"}
)
