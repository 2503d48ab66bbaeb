"""Interchange interventions: whether a set of units carries a sub-function of a circuit."""

from netsculpt.training.influence.interchange.interchange import interchange
from netsculpt.training.influence.interchange.interchanges import Interchanges, interchanges
from netsculpt.training.influence.interchange.scores import Interchange

__all__ = ["Interchange", "Interchanges", "interchange", "interchanges"]
__dir__ = __all__.copy
