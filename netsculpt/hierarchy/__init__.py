"""The hierarchy of modules: which feeds which, their levels, and how often each is reused."""

from netsculpt.hierarchy.infer import infer
from netsculpt.hierarchy.result import Hierarchy, Module

__all__ = ["Hierarchy", "Module", "infer"]
