"""Names of the functions that units apply to the sum of what they receive."""

from __future__ import annotations

from typing import Final

__all__ = ["WANN_ACTIVATIONS"]

WANN_ACTIVATIONS: Final = (
    "identity",
    "step",  # x > 0
    "sin",  # sin(πx)
    "gaussian",  # exp(−x²/2)
    "tanh",
    "sigmoid",
    "negative",  # −x
    "abs",
    "relu",
    "cos",  # cos(πx)
    "square",
)  # of weight agnostic networks (Gaier and Ha 2019, arXiv:1906.04358), whose files count from 1
