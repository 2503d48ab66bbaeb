"""What the provenance says of where edges came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["origin_words"]


def origin_words(origins: Mapping[str, str]) -> dict[str, Any]:
    """One word for the whole, and each weight's own where they differ.

    "mask": a mask keeps them. "stored": the file stores them. "nonzero": they are not 0.

    >>> origin_words({"fc1.weight": "mask", "fc2.weight": "mask"})
    {'edges': 'mask'}
    """
    words = set(origins.values())
    overall = next((word for word in ("mask", "stored") if word in words), "nonzero")
    return {"edges": overall, **({"edges_by_layer": dict(origins)} if len(words) > 1 else {})}
