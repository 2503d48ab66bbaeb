"""Densities of layers: ``(shapes, density) -> {parameter: density}``, together about `density`."""

from netsculpt.training.pruning.allocations.erk import erk
from netsculpt.training.pruning.allocations.uniform import uniform

__all__ = ["erk", "uniform"]
