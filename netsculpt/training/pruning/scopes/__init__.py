"""What is kept as one: ``(scores [out, in, …]) -> scores``, of a shape that broadcasts to it."""

from netsculpt.training.pruning.scopes.kernel import kernel
from netsculpt.training.pruning.scopes.unit import unit
from netsculpt.training.pruning.scopes.weight import weight

__all__ = ["kernel", "unit", "weight"]
