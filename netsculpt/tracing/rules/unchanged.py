"""Operations that give what they take when a net evaluates."""

from __future__ import annotations

from typing import Any

from netsculpt.tracing.engine.activation import Activation
from netsculpt.tracing.engine.call import Call

__all__ = ["unchanged"]

OPS = ("_to_copy", "alpha_dropout", "dropout", "feature_dropout", "to")


def unchanged(call: Call) -> Any:
    """The same activation; dropout that is switched on in evaluation is refused."""
    given: Activation = call.activation()
    if "dropout" in call.op.name and call.arg(2, "train", False):
        raise call.refusal("it drops elements at random in evaluation mode too")
    return call.passed(given)
