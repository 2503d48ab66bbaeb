"""Trace a live net to its graph, and measure how faithful the graph is.

The net is exported to a list of operations. Every activation is shadowed by an array of its shape
that says which unit each element belongs to. Operations that move elements are run on those
arrays; the others have rules, one file per family in ``rules/``.
"""

from netsculpt.tracing.fidelity import Fidelity, LayerFidelity, fidelity
from netsculpt.tracing.trace import trace

__all__ = ["Fidelity", "LayerFidelity", "fidelity", "trace"]
