"""Products and quotients: a factor from a number, a junction of two activations."""

from __future__ import annotations

import functools
from dataclasses import replace

import torch

from netsculpt.tracing.engine.activation import HIDES, Activation, of_nothing
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.program import Constant
from netsculpt.tracing.rules._parts.hushing import hush
from netsculpt.tracing.rules._parts.meeting import meet
from netsculpt.tracing.rules._parts.outer import spread_apart
from netsculpt.tracing.rules._parts.pattern import Between, scales_pattern
from netsculpt.tracing.rules._parts.scaling import scale, switched_off
from netsculpt.tracing.rules.addition import OPS as _SUMS
from netsculpt.tracing.rules.masking import OPS as _MASKS
from netsculpt.tracing.rules.moves import OPS as _MOVES
from netsculpt.tracing.rules.softmax import OPS as _SOFTMAX
from netsculpt.tracing.rules.unchanged import OPS as _UNCHANGED

__all__ = ["product"]

_SIGNS = ("neg", "negative")
OPS = ("mul", "div", "multiply", "divide", "true_divide", *_SIGNS)
_BEFORE = frozenset((*_MOVES, *_UNCHANGED, *OPS))
_BETWEEN = Between(_BEFORE, _BEFORE.union(_SUMS, _MASKS), frozenset(_SOFTMAX))


def product(call: Call) -> Activation | Constant:
    """An activation with a factor, or a layer where two activations meet."""
    if call.op.name in _SIGNS:
        return scale(call, call.activation(), torch.tensor(-1.0))
    one, two = call.args[:2]
    if call.op.kwargs.get("rounding_mode") is not None:
        raise call.refusal("its quotient is rounded")
    if isinstance(one, Activation) and isinstance(two, Activation):
        return _met(call, [x.broadcast(call.op.shape) for x in (one, two)])
    if "div" in call.op.name and isinstance(two, Activation):
        return Activation(two.broadcast(call.op.shape).units)
    activation, number = (one, two) if isinstance(one, Activation) else (two, one)
    is_tensor = isinstance(number, Constant)  # a Python number keeps all its digits
    factor = number.value if is_tensor else torch.tensor(number, dtype=torch.float64)
    if "div" in call.op.name:
        factor = 1 / factor.double()
    factor = factor.to(torch.complex128).abs() if factor.is_complex() else factor
    if call.builder.is_logic(activation) and bool((factor.abs() >= -HIDES).any()):
        call.leave_out("a mask that depends on the inputs: nothing is taken to be padding")
        return of_nothing(call.op.shape)
    if not bool(torch.isfinite(factor).all()):
        raise call.refusal("an activation is multiplied by a number that is not finite")
    if isinstance(number, Constant) and number.parameter is not None:
        call.builder.factors[number.parameter] = {"kind": "factor"}
    activation = spread_apart(call, activation, number, _MOVES, always=False)
    spatial = call.builder.options.granularity == "spatial"
    if isinstance(number, Constant) and number.is_mask and "mul" in call.op.name:
        if activation.is_empty:  # what hides is hidden, whatever it is multiplied by
            return number.changed(lambda x: x.broadcast_to(call.op.shape))
        return switched_off(call, activation, number.value == 0)
    if factor.numel() == 1 and not spatial and scales_pattern(call, _BETWEEN):
        call = replace(call, private=False)  # carried to the pattern, which leaves it out
    return scale(call, activation, factor)


def _met(call: Call, both: list[Activation]) -> Activation:
    """The junction of two activations, without what is always the same: 0 · h, or h ∕ h."""
    times = "mul" in call.op.name
    one, two = both[0].zero, both[1].zero if times else None
    zero = one if two is None else two if one is None else one | two
    if zero is not None:
        both = [switched_off(call, x, zero) for x in both]
    if times and torch.equal(both[0].units, both[1].units):  # like x · σ(x)
        plain = all(x.factor is None for x in both)
        return Activation(both[0].units, None if plain else both[0].factors * both[1].factors)
    always_one = None if times else call.same(_MOVES)
    if always_one is not None and bool(always_one.any()):
        both = [switched_off(call, x, always_one).shifted(always_one) for x in both]
    n_layers = len(call.builder.layers)
    met = meet(call, both).shifted()
    silent = [x for x in (call.silent(0), call.silent(1) if times else None) if x is not None]
    if silent and len(call.builder.layers) > n_layers:
        where = functools.reduce(torch.logical_or, [x.broadcast_to(met.shape) for x in silent])
        hush(call.builder, met, both, where)
    return met if zero is None else met.hidden(zero, 0.0)
