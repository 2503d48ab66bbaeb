"""Operations that change nothing in evaluation mode."""

from __future__ import annotations

from typing import Any

from netsculpt.tracing.engine.activation import Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.program import Constant

__all__ = ["unchanged"]

OPS = (
    *("_to_copy", "alpha_dropout", "conj", "conj_physical", "_conj", "dropout", "feature_dropout"),
    *(
        "float",
        "half",
        "native_dropout",
        "positive",
        "resolve_conj",
        "resolve_neg",
        "to",
        "type_as",
    ),
)


def unchanged(call: Call) -> Any:
    """The same activation; dropout that stays on in evaluation mode is refused."""
    activation: Activation | Constant = call.args[0]
    if isinstance(activation, Constant):  # only its type is taken from an activation
        return activation
    if "dropout" in call.op.name and call.arg(2, "train", False):
        raise call.refusal("it drops elements at random in evaluation mode too")
    same = call.passed(activation)
    return (same, None) if call.op.name == "native_dropout" else same
