"""The hierarchy of modules: which feeds which, their levels, and how often each is reused."""

from netsculpt.hierarchy.feedback import feedback
from netsculpt.hierarchy.flow import Flow, flow
from netsculpt.hierarchy.infer import infer
from netsculpt.hierarchy.ordered import ordered
from netsculpt.hierarchy.result import EVIDENCE, Evidence, Hierarchy, Link, Module
from netsculpt.hierarchy.subfunctions import subfunctions

__all__ = [
    "EVIDENCE",
    "Evidence",
    "Flow",
    "Hierarchy",
    "Link",
    "Module",
    "feedback",
    "flow",
    "infer",
    "ordered",
    "subfunctions",
]
__dir__ = __all__.copy
