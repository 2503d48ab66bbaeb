"""Numbers with separate powers of two, for path weights beyond float64."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import LimitError

__all__ = ["Scaled", "scaled"]

_LOG10_2 = np.log10(2.0)
_OF_ZERO = np.int32(-(2**30))  # below all other exponents; the sum of two fits int32
_PLAIN = 1000  # powers of two that float64 holds with room to spare


@dataclass(frozen=True, eq=False)
class Scaled:
    """Numbers mantissa · 2^exponent, made by `scaled`."""

    mantissa: NDArray[np.float64]  # 0 or ±[½, 1)
    exponent: NDArray[np.int32]  # −2^30 where the mantissa is 0

    def __getitem__(self, index: Any) -> Scaled:
        return Scaled(self.mantissa[index], self.exponent[index])

    def __mul__(self, other: Scaled) -> Scaled:
        return scaled(self.mantissa * other.mantissa, self.exponent + other.exponent)

    def sum(self) -> Scaled:
        """Sum of all numbers, of shape ()."""
        top = self._top()
        return scaled(np.ldexp(self.mantissa, self.exponent - top).sum(), top)

    def row_sums(self, indptr: NDArray[np.integer]) -> Scaled:
        """Row sums [rows] of the CSR matrix with these numbers as entries."""
        degrees = np.diff(indptr)
        filled = np.flatnonzero(degrees)
        sums = np.zeros(degrees.size)
        tops = np.full(degrees.size, _OF_ZERO)
        if filled.size:
            starts = indptr[filled]
            tops[filled] = np.maximum.reduceat(self.exponent, starts)
            shifted = np.ldexp(self.mantissa, self.exponent - np.repeat(tops, degrees))
            sums[filled] = np.add.reduceat(shifted, starts)
        return scaled(sums, tops)

    def plus_one(self, where: NDArray[np.bool_]) -> Scaled:
        """The numbers with 1 added at `where`."""
        tops = np.where(where, np.maximum(self.exponent, 0), self.exponent)
        ones = np.ldexp(where.astype(np.float64), np.where(where, -tops, 0))
        return scaled(np.ldexp(self.mantissa, self.exponent - tops) + ones, tops)

    def relative(self) -> NDArray[np.float64]:
        """All numbers scaled so that the largest is in [½, 1); far smaller ones become 0."""
        return np.asarray(np.ldexp(self.mantissa, self.exponent - self._top()))

    def over(self, whole: Scaled) -> NDArray[np.float64]:
        """Quotients by one number, meant for shares of a whole; 0 / 0 is 0."""
        if whole.mantissa == 0:
            return np.zeros_like(self.mantissa)
        return np.asarray(np.ldexp(self.mantissa / whole.mantissa, self.exponent - whole.exponent))

    def linear(self, name: str, remedy: str) -> NDArray[np.float64]:
        """All numbers as float64; below 5e-324 they become 0.

        Raises
        ------
        LimitError
            If a number is beyond 1.8e308; `name` and `remedy` are part of the message.
        """
        with np.errstate(over="ignore"):
            plain = np.asarray(np.ldexp(self.mantissa, self.exponent))
        if np.isinf(plain).any():
            largest = Scaled(np.abs(self.mantissa), self.exponent).log10().max()
            raise LimitError(
                f"{name} reaches 10^{largest:.1f}, beyond float64 (10^308.25): {remedy}"
            )
        return plain

    def log10(self) -> NDArray[np.float64]:
        """Decimal logarithms of numbers ≥ 0; −inf for 0."""
        plain = np.abs(self.exponent) <= _PLAIN
        near = np.ldexp(self.mantissa, np.where(plain, self.exponent, 0))
        with np.errstate(divide="ignore"):
            return np.asarray(np.log10(near) + np.where(plain, 0.0, self.exponent * _LOG10_2))

    def _top(self) -> np.int32:
        return np.int32(self.exponent.max(initial=_OF_ZERO))


def scaled(mantissa: Any, exponent: Any) -> Scaled:
    """Numbers mantissa · 2^exponent in normal form."""
    fraction, power = np.frexp(mantissa)
    powers = np.where(fraction == 0, _OF_ZERO, power + exponent)
    return Scaled(np.asarray(fraction), np.asarray(powers, dtype=np.int32))
