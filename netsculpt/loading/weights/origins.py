"""What defined the edges, for the provenance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["edge_origins"]


def edge_origins(origins: Mapping[str, str]) -> dict[str, Any]:
    """What defined the edges as a whole, and of each weight where weights differ.

    "mask": a mask keeps them. "stored": the file stores them. "nonzero": they are not 0.

    >>> edge_origins({"fc1.weight": "mask", "fc2.weight": "mask"})
    {'edges': 'mask'}
    """
    words = set(origins.values())
    overall = next((word for word in ("mask", "stored") if word in words), "nonzero")
    return {"edges": overall, **({"edges_by_layer": dict(origins)} if len(words) > 1 else {})}
