"""Whether a layer, or a stack of layers, preserves lengths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import GraphError, LimitError
from netsculpt.paths._kernels import kernel_entries

__all__ = ["Isometry", "isometry", "isometry_of_product"]

_LARGEST = float(np.finfo(np.float64).max)


@dataclass(frozen=True, eq=False)
class Isometry:
    """Singular values of a matrix: all 1 for an isometry."""

    singular_values: NDArray[np.float64]  # [min(in, out)] largest first

    @property
    def mean(self) -> float:
        """Mean singular value."""
        return float((self.singular_values / self.max).mean() * self.max) if self.max else 0.0

    @property
    def sd(self) -> float:
        """Population standard deviation of the singular values."""
        return float((self.singular_values / self.max).std() * self.max) if self.max else 0.0

    @property
    def min(self) -> float:
        """Smallest singular value."""
        return float(self.singular_values[-1])

    @property
    def max(self) -> float:
        """Largest singular value."""
        return float(self.singular_values[0])

    def summary(self) -> dict[str, float]:
        """Plain numbers, JSON-able."""
        return {"mean": self.mean, "sd": self.sd, "min": self.min, "max": self.max}


def isometry(weight: Any, mask: Any = None) -> Isometry:
    """Singular values of a layer's masked matrix.

    A layer is a dynamical isometry if all are 1. Kernels are reshaped to [k·k·C_in, C_out].
    Weights enter as given, signs included. O(in · out · min(in, out)).

    Source: Lee et al. 2020, "A signal propagation perspective for pruning neural networks at
    initialization", arXiv 1906.06307.

    Parameters
    ----------
    weight
        Matrix [out, in] or kernel [out, in, k, …] as in torch, or a Jacobian [out, in]: array,
        tensor or sparse matrix.
    mask
        Of the same shape, nonzero = kept.

    Raises
    ------
    GraphError
        If the matrix is empty or not finite, or the mask does not fit.

    Examples
    --------
    >>> isometry(np.array([[0.0, -1.0], [1.0, 0.0]])).summary()
    {'mean': 1.0, 'sd': 0.0, 'min': 1.0, 'max': 1.0}
    """
    return Isometry(_singular_values(_matrix(weight, mask)))


def isometry_of_product(weights: Sequence[Any]) -> Isometry:
    """Singular values of the product of layers, ``W_L … W_2 W_1``.

    Pass the layers' matrices [out, in] in layer order; for the input–output Jacobian of a ReLU
    network at one sample, insert the 0/1 diagonal matrix of active units after each. Weights enter
    as given, signs included. O(Σ_l in · out of layers · width).

    Raises
    ------
    GraphError
        If there is no matrix, or the shapes do not chain.

    Examples
    --------
    >>> turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    >>> isometry_of_product([turn, 2 * turn, turn]).max
    2.0
    """
    if not weights:
        raise GraphError("there is no matrix: at least one [out, in] is needed")
    product = _matrix(weights[0], None)
    for weight in weights[1:]:
        matrix = _matrix(weight, None)
        if matrix.shape[0] != product.shape[1]:
            raise GraphError(
                f"a matrix [{matrix.shape[1]}, {matrix.shape[0]}] follows {product.shape[1]} "
                "units: pass matrices [out, in] as in torch, in layer order"
            )
        with np.errstate(over="ignore", invalid="ignore"):  # said below
            product = product @ matrix
    return Isometry(_singular_values(product))


def _matrix(weight: Any, mask: Any) -> NDArray[np.float64]:
    return np.asarray(kernel_entries(weight, mask).toarray(), dtype=np.float64)


def _singular_values(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    if matrix.size == 0 or not np.isfinite(matrix).all():
        raise GraphError(
            f"a matrix {list(matrix.shape)} is empty or has NaN or infinite entries: singular "
            "values need finite entries"
        )
    scale = float(np.abs(matrix).max()) or 1.0  # squares of very large or small entries overflow
    values = np.asarray(np.linalg.svd(matrix / scale, compute_uv=False), dtype=np.float64)
    if float(values[0]) * scale > _LARGEST:
        raise LimitError(
            f"a singular value of a matrix with entries up to {scale:.3g} is above {_LARGEST:.3g}, "
            "the largest that float64 can represent: divide the matrix by a constant"
        )
    return values * scale
