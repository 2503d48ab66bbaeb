"""Longest paths in the graph of a genome, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from netsculpt.core.compiled import compiled

__all__ = ["longest_paths"]


@compiled
def longest_paths(n_units: int, sources: Any, targets: Any) -> Any:
    """Edges on the longest path to each unit of an acyclic graph [n_units]."""
    depths = np.zeros(n_units, np.int32)
    deeper = True
    while deeper:
        deeper = False
        for source, target in zip(sources, targets):  # noqa: B905 - numba knows no strict
            if depths[target] <= depths[source]:
                depths[target] = depths[source] + 1
                deeper = True
    return depths
