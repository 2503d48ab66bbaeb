"""Circuits: which channels of a transformer are enough for a task."""

from netsculpt.training.influence.circuits import scores
from netsculpt.training.influence.circuits.ablating import ABLATIONS
from netsculpt.training.influence.circuits.circuit import circuit, circuits
from netsculpt.training.influence.circuits.result import Circuit
from netsculpt.training.influence.circuits.traced import circuit_graph

__all__ = ["ABLATIONS", "Circuit", "circuit", "circuit_graph", "circuits", "scores"]
__dir__ = __all__.copy
