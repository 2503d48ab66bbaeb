"""Lesions: what a net loses when modules are silenced, alone or together."""

from netsculpt.training.influence.lesions.by_function import FunctionLesions, function_lesions
from netsculpt.training.influence.lesions.joint import (
    PairLesions,
    ShapleyLesions,
    pair_lesions,
    shapley_lesions,
)
from netsculpt.training.influence.lesions.lesions import Lesions, lesions

__all__ = [
    "FunctionLesions",
    "Lesions",
    "PairLesions",
    "ShapleyLesions",
    "function_lesions",
    "lesions",
    "pair_lesions",
    "shapley_lesions",
]
__dir__ = __all__.copy
