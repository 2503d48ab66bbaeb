"""Evaluation of many small networks at once: outputs for samples, and passes for roll-outs."""

from netsculpt.training.search.engine.outputs import individual_outputs, outputs, reduced

__all__ = ["individual_outputs", "outputs", "reduced"]
__dir__ = __all__.copy
