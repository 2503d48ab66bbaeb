"""A weight between two layers of units, and its norms."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt.files.arrays import Array, SparseWeight
from netsculpt.files.words import quoted, shape

__all__ = ["Link", "Norm"]


@dataclass(frozen=True, eq=False)
class Norm:
    """A normalisation that multiplies units by a factor."""

    name: str
    kind: str  # "batch": γ/√(σ²+ε), "layer": γ (layer and group norm)
    factor: NDArray[np.float64]  # [out]


@dataclass(frozen=True, eq=False)
class Link:
    """A weight between two consecutive layers of units."""

    parameter: str
    weight: Array  # [out, in] or [out, in, …positions of a kernel]
    mask: Array | None
    kind: str  # "linear", "conv" or "embedding"
    norms: tuple[Norm, ...] = ()
    positions: int = 1  # positions of each channel that is flattened before it
    swapped: bool = False  # whether the file has it as [in, out, …]
    why: str = ""  # what says that it is [out, in, …] or [in, out, …]; "": nothing

    @classmethod
    def of(cls, parameter: str, weight: Array, mask: Array | None) -> Link:
        """A weight as torch stores it, [out, in, …]."""
        return cls(parameter, weight, mask, "conv" if weight.ndim > 2 else "linear")

    @property
    def n_out(self) -> int:
        """Output units."""
        return self.weight.shape[0]

    @property
    def n_columns(self) -> int:
        """Inputs of one position of a kernel: units, or positions of flattened units."""
        return self.weight.shape[1]

    @property
    def n_in(self) -> int:
        """Input units; columns before the chain is connected."""
        return self.n_columns // self.positions

    @property
    def window(self) -> tuple[int, ...]:
        """Sizes of the kernel; () for a matrix."""
        return self.weight.shape[2:]

    @property
    def described(self) -> str:
        """Name and shape in the file, for messages."""
        sizes = [*self.weight.shape]
        if self.swapped:
            sizes[:2] = sizes[1::-1]
        return f"{quoted(self.parameter)} {shape(sizes)}"

    def turned(self, why: str, kind: str | None = None) -> Link:
        """The same weight, read the other way round: [in, out, …] instead of [out, in, …]."""
        return replace(
            self,
            weight=_turned(self.weight),
            mask=None if self.mask is None else _turned(self.mask),
            kind=kind or self.kind,
            swapped=not self.swapped,
            why=why,
        )


def _turned(array: Array) -> Array:
    if not isinstance(array, SparseWeight):
        return np.swapaxes(array, 0, 1)
    n_rows, n_columns, *window = array.shape
    taps = int(np.prod(window, dtype=np.int64))
    entries: Any = array.matrix.tocoo()
    rows, columns = entries.coords
    pairs = columns // taps, rows.astype(np.int64) * taps + columns % taps
    matrix = csr_array((entries.data, pairs), (n_columns, n_rows * taps))
    matrix.sort_indices()
    return SparseWeight((n_columns, n_rows, *window), matrix)
