"""Decoding: what a linear probe reads from a module, against what it reads from anything."""

from netsculpt.training.influence.decoding.decoding import Decodings, decodings

__all__ = ["Decodings", "decodings"]
__dir__ = __all__.copy
