"""Comparisons of networks."""

from netsculpt.compare import pair

__all__ = ["pair"]
