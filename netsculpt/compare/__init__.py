"""Comparisons of networks."""

from netsculpt.compare import pair, reuse
from netsculpt.compare.error_increase import ErrorIncrease, relative_error_increase

__all__ = ["ErrorIncrease", "pair", "relative_error_increase", "reuse"]
