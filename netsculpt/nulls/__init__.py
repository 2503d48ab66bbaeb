"""Null models: `(graph, *, rng) -> NetGraph`, same units, layers and blocks, other edges."""

from netsculpt.nulls.rewire import rewire
from netsculpt.nulls.shuffle_layer import shuffle_layer
from netsculpt.nulls.shuffle_weights import shuffle_weights

__all__ = ["rewire", "shuffle_layer", "shuffle_weights"]
