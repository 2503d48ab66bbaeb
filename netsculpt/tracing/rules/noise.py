"""Random numbers of the shape of an activation: they come from no unit."""

from __future__ import annotations

from netsculpt.tracing.engine.activation import Activation, of_nothing
from netsculpt.tracing.engine.call import Call

__all__ = ["noise"]

OPS = (
    *("bernoulli", "exponential", "multinomial", "normal", "normal_functional", "poisson"),
    *("rand_like", "randint_like", "randn_like", "uniform"),
)


def noise(call: Call) -> Activation:
    """Elements without units, as the provenance says: a sample moves with its parameters only."""
    call.leave_out("it draws random numbers, which come from no unit")
    return of_nothing(call.op.shape)
