"""Sets of whole numbers in little more than the fewest possible bytes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import FormatError

__all__ = ["packed", "unpacked"]

Numbers = NDArray[np.int64]


def packed(numbers: Numbers, below: int) -> bytes:
    r"""Write numbers [n], ascending and without repetition, all of them ≥ 0 and < `below`.

    The high bits of each as steps in a string of bits, the l low bits as they are: at most
    :math:`n (2 + \log_2 (u / n))` bits for n of u numbers, half a bit a number more than the
    logarithm of the number of such sets. Where more than half of the numbers are in the set, the
    others are written. Elias, J. ACM 21, 246 (1974), doi:10.1145/321812.321820; Fano, Memorandum
    61, MIT Project MAC (1971).

    >>> content = packed(np.array([3, 500, 999]), below=1000)
    >>> len(content), unpacked(content, 3, below=1000).tolist()
    (4, [3, 500, 999])
    """
    numbers = _fewer(numbers, below)
    n = len(numbers)
    if not n:
        return b""
    n_low = _low_bits(n, below)
    high = np.zeros(n + (below >> n_low) + 1, dtype=bool)
    high[(numbers >> n_low) + np.arange(n)] = True
    low = (numbers[:, None] >> np.arange(n_low)) & 1
    bits = np.concatenate([high, low.astype(bool).ravel()])
    return np.packbits(bits, bitorder="little").tobytes()


def unpacked(content: bytes, n: int, below: int) -> Numbers:
    """Read `n` numbers that `packed` wrote.

    Raises
    ------
    FormatError
        If it is not what `packed` writes of so many numbers.
    """
    if not 0 <= n <= below:
        raise FormatError(f"{n} different numbers below {below}")
    n_fewer = min(n, below - n)
    numbers = _read(content, n_fewer, below)
    return numbers if n_fewer == n else _others(numbers, below)


def _read(content: bytes, n: int, below: int) -> Numbers:
    n_low = _low_bits(n, below) if n else 0
    n_high = n + (below >> n_low) + 1 if n else 0
    if len(content) != -(-(n_high + n * n_low) // 8):
        raise FormatError(f"{len(content)} bytes for {n} numbers below {below}")
    bits = np.unpackbits(np.frombuffer(content, np.uint8), bitorder="little")
    steps = np.flatnonzero(bits[:n_high])
    if len(steps) != n:
        raise FormatError(f"{len(steps)} numbers in place of {n}")
    low = bits[n_high : n_high + n * n_low].reshape(n, n_low).astype(np.int64)
    numbers = ((steps - np.arange(n)) << n_low) + (low << np.arange(n_low)).sum(axis=1)
    if n and (numbers[-1] >= below or (np.diff(numbers) <= 0).any()):
        raise FormatError(f"numbers that do not ascend, or exceed {below}")
    ascending: Numbers = numbers.astype(np.int64)
    return ascending


def _low_bits(n: int, below: int) -> int:
    return (below // n).bit_length() - 1


def _fewer(numbers: Numbers, below: int) -> Numbers:
    """The numbers, or those that are missing if they are fewer."""
    return numbers if 2 * len(numbers) <= below else _others(numbers, below)


def _others(numbers: Numbers, below: int) -> Numbers:
    missing = np.ones(below, dtype=bool)
    missing[numbers] = False
    return np.flatnonzero(missing)
