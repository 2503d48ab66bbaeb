"""Elements chosen by constant indices."""

from __future__ import annotations

from typing import Any

import torch

from netsculpt.tracing.engine.activation import Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.program import Constant, mapped

__all__ = ["indexing"]

OPS = ("gather", "index", "index_select")


def indexing(call: Call) -> Activation:
    """Units and factors at the indices."""
    activation, *indices = call.args
    if not isinstance(activation, Activation):
        raise call.refusal("its indices are an activation, and it does not choose from one")

    def index(leaf: Any) -> Any:
        if isinstance(leaf, Activation):
            raise call.refusal("its indices depend on the inputs")
        return leaf.value if isinstance(leaf, Constant) else leaf

    choose, constants = getattr(torch.ops.aten, call.op.name), mapped(indices, index)
    return call.passed(activation.changed(lambda x: choose(x, *constants)))
