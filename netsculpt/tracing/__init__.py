"""Trace a live net to its graph, and measure how faithful the graph is.

The net is exported to a list of operations. Every activation is shadowed by an array of its shape
that says which unit each element belongs to. Operations that move elements are run on those
arrays; the others have rules, one file per family in ``rules/``.
"""

from netsculpt.core.extras import require

require("torch", "netsculpt.tracing")

from netsculpt.tracing.fidelity import Fidelity, LayerFidelity, fidelity  # noqa: E402
from netsculpt.tracing.trace import trace  # noqa: E402

__all__ = ["Fidelity", "LayerFidelity", "fidelity", "trace"]
__dir__ = __all__.copy
