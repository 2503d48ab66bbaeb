"""Values as JSON can hold them."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["plain"]


def plain(value: Any) -> Any:
    """A value for JSON, which has no NaN: None stands for what is undefined.

    >>> plain({"kappa": float("nan"), "shares": (0.5, 1)})
    {'kappa': None, 'shares': [0.5, 1]}
    """
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return None if isinstance(value, float) and math.isnan(value) else value
