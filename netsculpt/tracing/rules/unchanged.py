"""Operations that change nothing in evaluation mode."""

from __future__ import annotations

from typing import Any

from netsculpt.tracing.engine.activation import Activation
from netsculpt.tracing.engine.call import Call

__all__ = ["unchanged"]

OPS = ("_to_copy", "alpha_dropout", "dropout", "feature_dropout", "to")


def unchanged(call: Call) -> Any:
    """The same activation; dropout that stays on in evaluation mode is refused."""
    activation: Activation = call.activation()
    if "dropout" in call.op.name and call.arg(2, "train", False):
        raise call.refusal("it drops elements at random in evaluation mode too")
    return call.passed(activation)
