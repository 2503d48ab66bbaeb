"""Normalisations written by hand, made one operation like those of torch.nn."""

from netsculpt.tracing.norms.finding import with_norms

__all__ = ["with_norms"]
__dir__ = __all__.copy
