"""Detectors that use data: `(graph, influence [U, O], *, rng, …) -> Partition`.

Influence is how much each output depends on each unit; an output's own row is how much the outputs
change together with it. Units that carry nothing get −1.
"""

from netsculpt.modules.data_aware.functional import functional

__all__ = ["functional"]
__dir__ = __all__.copy
