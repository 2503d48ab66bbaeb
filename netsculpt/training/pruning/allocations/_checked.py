"""What allocations take."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from netsculpt.core.errors import FormatError

__all__ = ["checked_sizes"]


def checked_sizes(shapes: Mapping[str, Sequence[int]], density: float) -> dict[str, int]:
    """Weights of each parameter."""
    if not 0 <= density <= 1:
        raise FormatError(f"density is {density}: the kept fraction, 0 … 1, is needed")
    if not shapes:
        raise FormatError("no weights to share a density among: a net with some is needed")
    return {name: math.prod(shape) for name, shape in shapes.items()}
