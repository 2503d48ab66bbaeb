"""A network as its pattern: which units feed which, and what each unit computes. No weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Topology"]


@dataclass(frozen=True, eq=False)
class Topology:
    """The pattern of a network of U units and E edges, ready for evaluation.

    Units are in topological order: the bias (which is always 1), the inputs, hidden units, and the
    outputs last. Each sums its sources, multiplies by the shared weight where there is one, and
    applies its activation; bias and inputs are passed on as they are.
    """

    n_inputs: int  # bias included: units 0 … n_inputs − 1
    n_outputs: int  # units U − n_outputs … U − 1
    indptr: NDArray[np.int32]  # [U + 1] where the incoming edges of each unit start
    sources: NDArray[np.int32]  # [E] unit that each edge comes from, below the unit it leads to
    activations: NDArray[np.int8]  # [U] index into `WANN_ACTIVATIONS`

    @property
    def n_units(self) -> int:
        """U."""
        return self.activations.size

    @property
    def n_edges(self) -> int:
        """E."""
        return self.sources.size
