"""Nets that run with the activations of any of their units replaced, by the units' numbers."""

from netsculpt.training.influence.intervening.choosing import module_units, random_sets
from netsculpt.training.influence.intervening.intervenable import Intervenable
from netsculpt.training.influence.intervening.layered import (
    LayeredNet,
    of_circuit,
    of_replicas,
    step,
)
from netsculpt.training.influence.intervening.making import AnyNet, intervenable
from netsculpt.training.influence.intervening.traced import TracedNet

__all__ = [
    "AnyNet",
    "Intervenable",
    "LayeredNet",
    "TracedNet",
    "intervenable",
    "module_units",
    "of_circuit",
    "of_replicas",
    "random_sets",
    "step",
]
__dir__ = __all__.copy
