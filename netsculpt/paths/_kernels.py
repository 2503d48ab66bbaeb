"""Matrices of layers and kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array

from netsculpt.graph.matrices import kept_entries

__all__ = ["kernel_entries"]


def kernel_entries(weight: Any, mask: Any) -> csr_array:
    """Kept entries [C_in · k · …, C_out] of a matrix [out, in] or kernel [out, in, k, …]."""
    weight = weight if hasattr(weight, "shape") else np.asarray(weight)
    if len(weight.shape) > 2:
        weight = weight.reshape(weight.shape[0], -1)
        mask = None if mask is None else mask.reshape(mask.shape[0], -1)
    return kept_entries(weight, mask)
