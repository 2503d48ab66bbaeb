"""Norms: a factor for each unit. What couples units, their mean and spread, makes no edges."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.program import Constant
from netsculpt.tracing.rules._parts.scaling import scaled

__all__ = ["norm"]

_BATCH = "_native_batch_norm_legit_no_training"
_KINDS = {
    _BATCH: "batch",
    "_native_batch_norm_legit": "batch of its own statistics",
    "group_norm": "group",
    "instance_norm": "instance",
    "layer_norm": "layer",
    "rms_norm": "rms",
}
OPS = tuple(_KINDS)


def norm(call: Call) -> Any:
    """γ/√(σ²+ε) for batch norm with stored statistics, γ for the others."""
    given, name = call.activation(), call.op.name
    if name == "instance_norm" and not call.arg(5, "use_input_stats", True):
        raise call.refusal("an instance norm with stored statistics has no rule")
    several = name.startswith("_native")
    if not call.build.plan.fold_norms:
        same = call.passed(given)
        return (same, None, None) if several else same
    factor, said = _factor(call)
    folded = scaled(call, given, factor.broadcast_to(given.units.shape))
    place = "into arriving edges" if call.private else "into leaving edges"
    called = _free(call.op.layer or name, call.build.factors)
    call.build.factors[called] = {"kind": _KINDS[name], "folded": place, **said}
    return (folded, None, None) if several else folded


def _factor(call: Call) -> tuple[Tensor, dict[str, float]]:
    units, name = call.activation().units, call.op.name
    by_shape = name in ("layer_norm", "rms_norm")
    gamma = call.arg(2 if by_shape or name == "group_norm" else 1, "weight")
    scale = gamma.value.double() if isinstance(gamma, Constant) else torch.ones(())
    if by_shape:
        return scale.double(), {}
    said = {}
    if name == _BATCH:
        epsilon = float(call.args[6])
        scale = scale / torch.sqrt(call.constant(4).value.double() + epsilon)
        said = {"epsilon": epsilon}
    return scale.double().reshape(-1, *[1] * (units.ndim - 2)), said


def _free(name: str, taken: dict[str, Any]) -> str:
    again = sum(known == name or known.startswith(f"{name} (") for known in taken)
    return f"{name} ({again + 1})" if again else name
