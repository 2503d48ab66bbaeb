"""Norms: a factor for each unit, and with norms="dense" a unit that couples them.

Batch norm with stored statistics is a factor in any case.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from netsculpt.tracing.engine.activation import Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.zeros import kept
from netsculpt.tracing.norms.normalisation import NAME, Normalisation
from netsculpt.tracing.program import Constant
from netsculpt.tracing.rules._parts.coupling import coupled
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
OPS = (*_KINDS, NAME)


def norm(call: Call) -> Any:
    """γ/√(σ²+ε) for batch norm with stored statistics, γ for the others."""
    activation, name, builder = call.activation(), call.op.name, call.builder
    if name != "rms_norm":  # nothing is subtracted there
        activation = activation.shifted()
    if name == "instance_norm" and not call.arg(5, "use_input_stats", True):
        raise call.refusal("an instance norm with stored statistics has no rule")
    if builder.options.norms == "dense" and name != _BATCH:
        activation = _coupled(call, activation)
        call = replace(call, private=call.private and activation.private)
    factor, details = _factor(call)
    factor = factor.broadcast_to(activation.shape)
    if not builder.options.fold_norms:
        factor = (factor != 0).double()
    folded = scale(call, activation, factor).shifted(_added(call))
    if builder.options.fold_norms:
        place = "into arriving edges" if call.private else "into leaving edges"
        kind = call.op.kind if isinstance(call.op, Normalisation) else _KINDS[name]
        key = builder.factor_names.free(call.op.layer or name)
        builder.factors[key] = {"kind": kind, "folded": place, **details}
    return (folded, None, None) if name.startswith("_native") else folded


def _coupled(call: Call, activation: Activation) -> Activation:
    """The activation after it met its statistics, if these depend on other units."""
    op, n_dims = call.op, len(activation.shape)
    if op.name == "group_norm":
        grouped = (activation.shape[0], int(call.args[1]), -1)
        rows = activation.changed(lambda x: x.reshape(grouped))
        met = coupled(call, rows, (2,))
        if met is rows:
            return activation
        return met.changed(lambda x: x.reshape(activation.shape))
    dims = tuple(range(2, n_dims))
    if isinstance(op, Normalisation):
        dims = tuple(x for x in op.dims if x)  # the units of all samples are the same
    elif op.name in ("layer_norm", "rms_norm"):
        dims = tuple(range(n_dims - len(call.args[1]), n_dims))
    return coupled(call, activation, dims)


def _added(call: Call) -> Tensor:
    """Where β is added, which makes constants of zeros."""
    units, name = call.activation().units, call.op.name
    if isinstance(call.op, Normalisation) or name == "rms_norm":
        return torch.zeros(units.shape) > 0
    by_shape = name == "layer_norm"
    beta = call.arg(3 if by_shape or name == "group_norm" else 2, "bias")
    if not isinstance(beta, Constant):
        return torch.full(units.shape, beta is not None)
    shape = beta.shape if by_shape else (-1, *[1] * (units.ndim - 2))
    return kept(beta).reshape(shape).broadcast_to(units.shape)


def _factor(call: Call) -> tuple[Tensor, dict[str, float]]:
    units, name = call.activation().units, call.op.name
    if isinstance(call.op, Normalisation):
        return call.op.factor, {}
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
