"""From a live net to a graph, and how truly the graph stands for it.

The net is exported to a list of operations. Every activation is shadowed by an array of its shape
that says which unit each element belongs to; operations that move elements are run on those
arrays, the others have rules, one file a family in ``rules/``.
"""

from netsculpt.tracing.fidelity import Checked, Fidelity, fidelity
from netsculpt.tracing.trace import trace

__all__ = ["Checked", "Fidelity", "fidelity", "trace"]
