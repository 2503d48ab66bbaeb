"""Null models, and how a value of the network compares with theirs."""

from netsculpt.nulls.models.rewire import rewire
from netsculpt.nulls.models.shuffle_layer import shuffle_layer
from netsculpt.nulls.models.shuffle_weights import shuffle_weights
from netsculpt.nulls.significance import Significance, significance

__all__ = ["Significance", "rewire", "shuffle_layer", "shuffle_weights", "significance"]
