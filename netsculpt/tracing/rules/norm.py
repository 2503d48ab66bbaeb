"""Norms: a factor for each unit. Their mean and spread, which couple units, make no edges."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from netsculpt.tracing.engine.builder import free_name
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.program import Constant
from netsculpt.tracing.rules._parts.scaling import scale

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
    activation, name = call.activation(), call.op.name
    if name == "instance_norm" and not call.arg(5, "use_input_stats", True):
        raise call.refusal("an instance norm with stored statistics has no rule")
    several = name.startswith("_native")
    if not call.builder.options.fold_norms:
        same = call.passed(activation)
        return (same, None, None) if several else same
    factor, details = _factor(call)
    folded = scale(call, activation, factor.broadcast_to(activation.shape))
    place = "into arriving edges" if call.private else "into leaving edges"
    key = free_name(call.op.layer or name, call.builder.factors)
    call.builder.factors[key] = {"kind": _KINDS[name], "folded": place, **details}
    return (folded, None, None) if several else folded


def _factor(call: Call) -> tuple[Tensor, dict[str, float]]:
    units, name = call.activation().units, call.op.name
    by_shape = name in ("layer_norm", "rms_norm")
    gamma = call.arg(2 if by_shape or name == "group_norm" else 1, "weight")
    factor = gamma.value.double() if isinstance(gamma, Constant) else torch.ones(())
    if by_shape:
        return factor.double(), {}
    details = {}
    if name == _BATCH:
        epsilon = float(call.args[6])
        factor = factor / torch.sqrt(call.constant(4).value.double() + epsilon)
        details = {"epsilon": epsilon}
    return factor.double().reshape(-1, *[1] * (units.ndim - 2)), details
