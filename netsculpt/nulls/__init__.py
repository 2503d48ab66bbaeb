"""Null models, and tests of a statistic against them."""

from netsculpt.core.discoveries import benjamini_hochberg
from netsculpt.nulls.by_token import by_token
from netsculpt.nulls.holm import holm
from netsculpt.nulls.in_form import in_form
from netsculpt.nulls.models.rewire import rewire
from netsculpt.nulls.models.shuffle_layer import shuffle_layer
from netsculpt.nulls.models.shuffle_weights import shuffle_weights
from netsculpt.nulls.rebalanced import rebalanced
from netsculpt.nulls.restored import restored
from netsculpt.nulls.significance import Significance, significance

__all__ = [
    "Significance",
    "benjamini_hochberg",
    "by_token",
    "holm",
    "in_form",
    "rebalanced",
    "restored",
    "rewire",
    "shuffle_layer",
    "shuffle_weights",
    "significance",
]
__dir__ = __all__.copy
