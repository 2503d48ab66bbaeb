"""Comparisons of networks."""

from netsculpt.compare import pair, reuse

__all__ = ["pair", "reuse"]
