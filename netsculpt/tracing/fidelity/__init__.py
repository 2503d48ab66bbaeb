"""How truly a graph stands for its net: layer by layer, and as a forward pass."""

from netsculpt.tracing.fidelity.checks import Checked, Fidelity, fidelity

__all__ = ["Checked", "Fidelity", "fidelity"]
