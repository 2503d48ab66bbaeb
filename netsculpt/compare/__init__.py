"""Comparisons of networks."""

from netsculpt.compare import networks, pair, reuse
from netsculpt.compare.error_increase import ErrorIncrease, relative_error_increase
from netsculpt.compare.group_tests import GroupComparison, groups

__all__ = [
    "ErrorIncrease",
    "GroupComparison",
    "groups",
    "networks",
    "pair",
    "relative_error_increase",
    "reuse",
]
__dir__ = __all__.copy
