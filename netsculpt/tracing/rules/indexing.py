"""Elements chosen by constant indices."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from netsculpt.tracing.engine.activation import Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.program import Constant

__all__ = ["indexing"]

OPS = ("gather", "index", "index_select")


def indexing(call: Call) -> Activation:
    """Units and factors at the indices."""
    given, *where = call.args
    if not isinstance(given, Activation):
        raise call.refusal("what it chooses from is no activation, but its indices are")
    at = [_value(call, x) for x in where]
    choose = getattr(torch.ops.aten, call.op.name)
    found = given.changed(lambda x: choose(x, *at))
    return Activation(found.units, found.factor, call.private)


def _value(call: Call, given: Any) -> Any:
    if isinstance(given, Activation):
        raise call.refusal("its indices depend on the inputs")
    if isinstance(given, Constant):
        value: Tensor = given.value
        return value
    return [_value(call, x) for x in given] if isinstance(given, list | tuple) else given
