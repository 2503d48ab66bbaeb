"""Circuits: which channels of a transformer are enough for a task."""

from netsculpt.training.influence.circuits.ablating import ABLATIONS
from netsculpt.training.influence.circuits.circuit import circuit
from netsculpt.training.influence.circuits.result import Circuit

__all__ = ["ABLATIONS", "Circuit", "circuit"]
