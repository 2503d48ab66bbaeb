"""How faithful a graph is to its net: layer by layer, and as a forward pass."""

from netsculpt.tracing.fidelity.checks import Fidelity, LayerFidelity, fidelity

__all__ = ["Fidelity", "LayerFidelity", "fidelity"]
__dir__ = __all__.copy
