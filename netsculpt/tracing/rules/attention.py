"""Scaled dot-product attention: queries and keys make a pattern, pattern and values the heads."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from netsculpt.tracing.engine.activation import Activation, of_nothing
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.junction import junction
from netsculpt.tracing.program import Constant
from netsculpt.tracing.rules._parts.contraction import contract
from netsculpt.tracing.rules._parts.hushing import hear

__all__ = ["attention"]

_PLAIN = "scaled_dot_product_attention"
_FUSED = tuple(
    f"_scaled_dot_product_{kind}"
    for kind in (
        *("flash_attention", "flash_attention_for_cpu", "efficient_attention"),
        *("cudnn_attention", "fused_attention_overrideable"),
    )
)  # their values have more parts than the heads, for training
OPS = (_PLAIN, *_FUSED)


def attention(call: Call) -> Any:
    """One pattern unit per head, which meets each channel of its values."""
    query, key, value = (_operand(x) for x in call.args[:3])
    of_query, of_key, of_value = (hear(call, x, n) for n, x in enumerate(call.args[:3]))
    learned = call.args[0] if call.builder.options.granularity == "spatial" else query
    if _option(call, "dropout_p"):
        raise call.refusal("it drops elements at random in evaluation mode too")
    if _option(call, "enable_gqa"):
        times = query.shape[-3] // key.shape[-3]
        key, value = (x.changed(lambda y: y.repeat_interleave(times, dim=-3)) for x in (key, value))
        of_key, of_value = (
            None if x is None else x.repeat_interleave(times, dim=-3) for x in (of_key, of_value)
        )
    batch = "ABCDEFGH"[: len(query.shape) - 2]
    layer = f"{call.op.layer}." if call.op.layer else ""
    one, two = f"{batch}qe", f"{batch}ke"
    pattern = contract(
        call, one, two, f"{batch}qk", learned, key, f"{layer}pattern", passes=(of_query, of_key)
    )
    hidden = _hidden(call, pattern.units.shape)
    bias = _mask(call)
    if isinstance(bias, Activation) and not call.builder.is_logic(bias):
        call.builder.apply("identity", pattern)
        both = [pattern, bias.broadcast(pattern.units.shape)]
        pattern = junction(call.builder, both, f"{layer}pattern.biased")
    elif isinstance(bias, Activation):
        call.leave_out("a mask that depends on the inputs: nothing is taken to be padding")
    call.builder.apply("softmax", pattern)
    inner = f"{batch}kv"
    seen = torch.full(pattern.units.shape, hidden is None)
    seen = seen if hidden is None else seen | ~hidden
    pattern = pattern.without(seen.sum(-1, keepdim=True) == 1)  # the softmax of one key is 1
    if hidden is not None:
        pattern = pattern.without(hidden)
        if (value.units != value.units[..., :1, :]).any():  # each query has its own values
            inner, unseen = f"{batch}qkv", hidden.expand_as(pattern.units)[..., None]
            each = value.units.unsqueeze(-3).expand(*unseen.shape[:-1], -1)
            value = Activation(each).without(unseen)
            of_value = None if of_value is None else of_value.unsqueeze(-3).expand(each.shape)
    heads = contract(
        call, f"{batch}qk", inner, f"{batch}qv", pattern, value, f"{layer}heads",
        passes=(None, of_value),
    )  # fmt: skip
    return heads if call.op.name == _PLAIN else (heads, *[None] * 8)


def _operand(value: Any) -> Activation:
    """An operand; learned queries, which come from no unit, have none."""
    return of_nothing(value.shape) if isinstance(value, Constant) else value


def _option(call: Call, name: str) -> Any:
    """An argument by name, as each kind of attention has its own order."""
    schema = getattr(torch.ops.aten, call.op.name).default._schema
    indices = {argument.name: index for index, argument in enumerate(schema.arguments)}
    return call.arg(indices[name], name) if name in indices else None


def _mask(call: Call) -> Any:
    mask = _option(call, "attn_mask")
    return _option(call, "attn_bias") if mask is None else mask


def _hidden(call: Call, shape: torch.Size) -> Tensor | None:
    """Where a query cannot see a key."""
    mask = _mask(call)
    if _option(call, "is_causal"):
        return torch.ones(shape[-2:], dtype=torch.bool).triu(1)
    if not isinstance(mask, Constant):
        return None
    seen = mask.value
    return ~seen if seen.dtype == torch.bool else seen == -torch.inf
