"""The pairs of positions that the taps of a kernel join."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Taps"]


@dataclass(frozen=True, eq=False)
class Taps:
    """Flat positions, one array per tap, without those on padding."""

    before: list[NDArray[np.int32]]  # in the input
    after: list[NDArray[np.int32]]  # in the output, at the same index

    @classmethod
    def of_windows(
        cls,
        n_wide: Sequence[int],
        n_windows: Sequence[int],
        kernel: Sequence[int],
        stride: Sequence[int],
        padding: Sequence[int],  # before the first position
        dilation: Sequence[int],
    ) -> Taps:
        """Taps of windows of `kernel` positions, `n_windows` in each dimension."""
        before, after = [np.zeros(1, np.int32)], [np.zeros(1, np.int32)]
        for dim, size in enumerate(kernel):
            window = np.arange(n_windows[dim], dtype=np.int32)
            places = [window * stride[dim] - padding[dim] + x * dilation[dim] for x in range(size)]
            inside = [(x >= 0) & (x < n_wide[dim]) for x in places]
            before = [
                (x[:, None] * n_wide[dim] + place[real]).ravel()
                for x in before
                for place, real in zip(places, inside, strict=True)
            ]
            after = [
                (x[:, None] * n_windows[dim] + window[real]).ravel()
                for x in after
                for real in inside
            ]
        return cls(before, after)

    @property
    def transposed(self) -> Taps:
        """The same pairs, with input and output exchanged."""
        return Taps(self.after, self.before)
