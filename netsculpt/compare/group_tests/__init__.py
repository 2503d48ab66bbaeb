"""Two groups of networks, tested for a difference in their features."""

from netsculpt.compare.group_tests.groups import FeatureTest, GroupComparison, groups

__all__ = ["FeatureTest", "GroupComparison", "groups"]
__dir__ = __all__.copy
