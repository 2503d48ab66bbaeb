"""Operations that are a product and a sum: followed as those."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from netsculpt.tracing.engine.activation import Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.program import Constant
from netsculpt.tracing.rules.addition import addition
from netsculpt.tracing.rules.product import product

__all__ = ["fused"]

OPS = ("addcdiv", "addcmul", "lerp")


def fused(call: Call) -> Any:
    """The sum a + value · b · c, a + value · b ∕ c, or a + weight · (b − a)."""
    if call.op.name == "lerp":
        one, two, weight = call.args[:3]
        other = _with(call, "rsub", addition, weight, 1.0)
        return _plus(call, _times(call, one, other), _times(call, two, weight))
    added, one, two = call.args[:3]
    term = _times(call, one, two, "mul" if call.op.name == "addcmul" else "div")
    return _plus(call, added, _times(call, term, float(call.op.kwargs.get("value", 1))))


def _plus(call: Call, one: Any, two: Any) -> Any:
    return _with(call, "add", addition, one, two)


def _times(call: Call, one: Any, two: Any, name: str = "mul") -> Any:
    if not isinstance(one, Activation) and two == 1 and not isinstance(two, Activation | Constant):
        return one
    return _with(call, name, product, one, two)


def _with(call: Call, name: str, rule: Any, one: Any, two: Any) -> Any:
    """The value of one of the operations that this one consists of."""
    if isinstance(one, Activation) or isinstance(two, Activation):
        op = replace(call.op, name=name, args=(one, two), kwargs={})
        return rule(replace(call, op=op, private=False))
    values = [torch.as_tensor(x.value if isinstance(x, Constant) else x) for x in (one, two)]
    parameter = next((x.parameter for x in (one, two) if isinstance(x, Constant)), None)
    return Constant(getattr(torch.ops.aten, name)(*values), None, parameter)
