"""The walk along a net's operations: which unit each element of each activation belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor

from netsculpt.core.errors import TopologyError
from netsculpt.tracing.constants import evaluated
from netsculpt.tracing.engine.activation import Activation, holds_tokens
from netsculpt.tracing.engine.builder import Builder
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.columns import SeveralInputs
from netsculpt.tracing.engine.inputs import Inputs
from netsculpt.tracing.engine.junction import add_state, junction
from netsculpt.tracing.plan import Plan
from netsculpt.tracing.program import Op, Program, Ref
from netsculpt.tracing.rules import rules

__all__ = ["followed", "walked"]

_OF_TOKENS = (  # rules
    *("embedding", "filled", "getitem", "indexing", "moves", "padding", "unchanged"),
)


def walked(program: Program, plan: Plan) -> Builder:
    """Every layer and edge of a program."""
    return followed(program, plan)[0]


def followed(program: Program, plan: Plan) -> tuple[Builder, dict[str, Any]]:
    """Every layer and edge of a program, and what stands for each of its values.

    It starts with a unit for each element of the inputs. Where elements turn out to be one unit,
    as the pixels of a channel are, it starts again; each time there are fewer.
    """
    inputs = Inputs.of(program.inputs)
    while True:
        build = Builder(plan, program.parameters)
        shadows, of_unit = inputs.laid(build)
        values: dict[str, Any] = {**program.constants, **shadows}
        try:
            for op in program.ops:
                values[op.output] = _value(op, values, program, build)
            _finish(program, values, build)
        except SeveralInputs as found:
            inputs = inputs.joined(found, of_unit)
        else:
            return build, values


def _value(op: Op, values: Mapping[str, Any], program: Program, build: Builder) -> Any:
    taken: list[Ref] = []
    args = _filled(op.args, values, taken)
    options = _filled(dict(op.options), values, taken)
    given = [(values[ref.name], program.uses[ref.name]) for ref in taken]
    activations = [(x, uses) for x, uses in given if not _is_constant(x)]
    private = all(_is_private(x) and uses == 1 for x, uses in activations)
    last = op.output not in program.taken
    call = Call(replace(op, options=options), args, bool(activations) and private, last, build)
    if not activations:
        return evaluated(call)
    rule = rules().get(op.name)
    if rule is None:
        raise call.refusal("there is no rule that says which units it connects")
    moves = not build.tokens or rule.__name__ in _OF_TOKENS
    if not moves and any(holds_tokens(x) for x, _ in activations):
        raise call.refusal(
            "it takes tokens, each of which stands for as many units as there are words: they may "
            "be moved and given to an embedding, not computed with"
        )
    value = rule(call)
    _check(call, value)
    return value.slim() if isinstance(value, Activation) else value


def _filled(given: Any, values: Mapping[str, Any], taken: list[Ref]) -> Any:
    if isinstance(given, Ref):
        taken.append(given)
        return values[given.name]
    if isinstance(given, dict):
        return {key: _filled(x, values, taken) for key, x in given.items()}
    if isinstance(given, list | tuple):
        return type(given)(_filled(x, values, taken) for x in given)
    return given


def _is_constant(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(_is_constant(x) for x in value)
    return not isinstance(value, Activation)


def _is_private(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(x is None or _is_private(x) for x in value)
    return isinstance(value, Activation) and value.private


def _check(call: Call, value: Any) -> None:
    """A rule that gives another shape than the net does is wrong: better no graph."""
    if isinstance(value, Activation) and tuple(value.units.shape) != call.op.shape:
        raise call.refusal(
            f"its rule gives {list(value.units.shape)}, the net gives {list(call.op.shape)}"
        )


def _finish(program: Program, values: Mapping[str, Any], build: Builder) -> None:
    """Outputs are the layers that are given as they are, or layers of identity edges."""
    given = [values[x.name] for x in program.outputs if isinstance(x, Ref)]
    found = [x for x in given if isinstance(x, Activation)]
    if not found:
        raise TopologyError(
            "the net's output does not depend on its inputs: a net that computes something from "
            "them is needed. Look at what its forward returns"
        )
    if holds_tokens(found):
        raise TopologyError(
            "the net gives back tokens that it is given: trace the net without that output"
        )
    for name, state in build.states:
        add_state(build, state, name)
    apart = [x for x in found if x.factor is not None or _whole_layer(x.units, build) is None]
    for value in apart:
        _add_output(build, value)
    for value in found:
        if value not in apart:  # whose layer may feed one of those by now
            at = _whole_layer(value.units, build)
            if at is None:
                _add_output(build, value)
            else:
                build.set_role(at, "output")


def _add_output(build: Builder, value: Activation) -> None:
    junction(build, [value], "output")
    build.set_role(len(build.layers) - 1, "output")


def _whole_layer(units: Tensor, build: Builder) -> int | None:
    """The layer whose units these are, all of them and in order, and that feeds no other."""
    _, first = np.unique(units.numpy(), return_index=True)
    order = units.reshape(-1).numpy()[np.sort(first)]
    at = int(build.layer_of(order[:1])[0]) if order.size and order[0] >= 0 else 0
    layer = build.layers[at]
    feeds = any(at in x.size for arriving in build.edges.values() for x in arriving)
    whole = np.array_equal(order, np.arange(layer.start, layer.stop))
    return at if whole and not feeds and layer.role != "input" else None
