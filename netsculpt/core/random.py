"""Named random streams, so that adding a stage to a study shifts no other stage.

Functions take ``rng`` according to SPEC 7: an int, a `numpy.random.Generator` or None. A function
with several random stages reduces it to one root seed, then opens a stream for each by name.
"""

from __future__ import annotations

import hashlib

import numpy as np

from netsculpt.core.errors import NumberError
from netsculpt.core.numbers import checked_whole

__all__ = ["RNG", "root_seed", "stream"]

RNG = int | np.random.Generator | None

_SEED_BITS = 63
_GENERATORS = np.random.Generator | np.random.BitGenerator | np.random.SeedSequence


def root_seed(rng: RNG) -> int:
    """Reduce `rng` to one non-negative seed.

    An int is its own seed, a Generator yields its next 63 bits, None takes entropy from the
    operating system.

    Raises
    ------
    NumberError
        If it is none of these, or negative.
    """
    if isinstance(rng, int | np.integer):
        return checked_whole(rng, "the seed", least=0)
    if rng is not None and not isinstance(rng, _GENERATORS):
        raise NumberError(f"the seed is {rng!r:.80}: a whole number or a Generator is needed")
    generator = np.random.default_rng(rng)
    return int(generator.integers(1 << _SEED_BITS, dtype=np.uint64))


def stream(seed: int, *path: str | int) -> np.random.Generator:
    """Open the stream named `path` under the root `seed`.

    >>> a, b = stream(0, "leiden", 3), stream(0, "leiden", 3)
    >>> bool(a.integers(1 << 30) == b.integers(1 << 30))
    True
    """
    digest = hashlib.sha256(repr(path).encode()).digest()
    name = tuple(np.frombuffer(digest[:16], dtype="<u4").tolist())
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=name))
