"""Gates that are learned by drawing them: between 0 and 1, or rounded with a gradient."""

from netsculpt.training.influence.gates.gates import rounded_gates, soft_gates

__all__ = ["rounded_gates", "soft_gates"]
__dir__ = __all__.copy
