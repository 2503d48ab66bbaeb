"""Follow a net's operations: which unit each element of each activation belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from netsculpt.core.errors import TopologyError
from netsculpt.tracing.constants import evaluated
from netsculpt.tracing.engine.activation import NOTHING, Activation, of_nothing
from netsculpt.tracing.engine.builder import Builder
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.columns import SeveralInputs, SeveralUnits
from netsculpt.tracing.engine.inputs import Inputs
from netsculpt.tracing.engine.junction import junction
from netsculpt.tracing.functions import unit_functions
from netsculpt.tracing.options import TraceOptions
from netsculpt.tracing.program import Op, Program, Ref, filled, inputs_of, leaves
from netsculpt.tracing.rewriting import rewritten
from netsculpt.tracing.rules import rules
from netsculpt.tracing.silence import silence

__all__ = ["followed"]

_RULES_FOR_TOKENS = frozenset(
    (
        *("comparison", "embedding", "filled", "indexing", "moves", "noise", "padding", "places"),
        *("ranking", "unchanged"),
    )
)


def followed(program: Program, options: TraceOptions) -> tuple[Builder, dict[str, Any]]:
    """Every layer and edge of a program, and the shadow of each of its values.

    It starts with a unit for each element of the inputs. Where elements turn out to be one unit,
    like the pixels of a channel, it starts again with fewer units.
    """
    program = rewritten(program)
    inputs = Inputs.of(program.inputs, program.whole)
    apart: frozenset[str] = frozenset()
    spatial = options.granularity == "spatial"
    while True:
        builder = Builder(options, program.parameters, apart=apart)
        shadows, group_of_unit = inputs.add_layers(builder)
        values: dict[str, Any] = {**program.constants, **shadows}
        try:
            for op in program.ops:
                values[op.output] = _value(op, values, program, builder)
                zero = silence(op, values, builder.silent, spatial=spatial)
                if zero is not None:
                    builder.silent[op.output] = zero
            _finish(program, values, builder)
        except SeveralInputs as several:
            inputs = inputs.merged(several, group_of_unit)
        except SeveralUnits as several:
            apart |= several.ops
        else:
            builder.activation = unit_functions(program, values, builder)
            return builder, values


def _value(op: Op, values: Mapping[str, Any], program: Program, builder: Builder) -> Any:
    args, kwargs = filled((op.args, op.kwargs), values.__getitem__)
    taken = [(x, program.uses[name]) for name in op.inputs for x in leaves(values[name])]
    activations = [(x, n_uses) for x, n_uses in taken if isinstance(x, Activation)]
    private = all(x.private and n_uses == 1 for x, n_uses in activations)
    last = op.output not in program.taken
    call = Call(replace(op, args=args, kwargs=kwargs), private, last, builder, program)
    if not activations:
        same = repr((op.name, *filled((op.args, op.kwargs), lambda name: id(values[name]))))
        if same not in builder.computed:  # once, so that its scalars are known again
            builder.computed[same] = evaluated(call)
        return builder.computed[same]
    rule = rules().get(op.name)
    if rule is None and all(x.is_empty for x, _ in activations) and op.shape:
        return of_nothing(op.shape)  # whatever it computes, it is from no unit
    if rule is None:
        raise call.refusal("there is no rule that says which units it connects")
    if builder.tokens and rule.__name__ not in _RULES_FOR_TOKENS and _holds_tokens(activations):
        raise call.refusal(
            "it takes tokens, each of which has as many units as there are words: tokens can be "
            "moved and given to an embedding, but not computed with. Where an offset picks a "
            "field's part of one table, give each field a table of its own"
        )
    value = rule(call)
    if not isinstance(value, Activation):
        return value
    if tuple(value.shape) != op.shape:  # the rule is wrong: no graph is better than a wrong one
        raise call.refusal(f"its rule returns {list(value.shape)}, the net {list(op.shape)}")
    return value.slim()


def _holds_tokens(values: Any) -> bool:
    """Whether any element of nested activations is a token of a vocabulary."""
    activations = (x for x in leaves(values) if isinstance(x, Activation))
    return any(bool((x.units < NOTHING).any()) for x in activations)


def _finish(program: Program, values: Mapping[str, Any], builder: Builder) -> None:
    """Mark whole layers as outputs, and add a layer of identity edges for each other output."""
    names = inputs_of(program.outputs)
    _check_outputs(program, {name: values[name] for name in names}, builder)
    keys = program.output_names or ("",) * len(program.outputs)
    returned = [
        (key, values[x.name])
        for key, x in zip(keys, program.outputs, strict=True)
        if isinstance(x, Ref)
    ]
    returned = [
        (key, x)
        for key, x in returned
        if isinstance(x, Activation) and bool((x.units != NOTHING).any())
    ]
    if not returned:
        raise TopologyError(
            "the net's output does not depend on its inputs: a net that computes something from "
            "them is needed. Look at what its forward returns"
        )
    if _holds_tokens([x for _, x in returned]):
        raise TopologyError(
            "the net returns tokens of its input unchanged: trace the net without that output"
        )
    for name, state in builder.states:
        junction(builder, [state], name, "state")
    outputs = [_with_constants(x, builder) for _, x in returned]
    whole = _whole_layers(outputs, builder)
    for (key, _), value, index in zip(returned, outputs, whole, strict=True):
        if index is None:
            junction(builder, [value], key or "output", "output")
        else:
            builder.layers[index] = replace(builder.layers[index], role="output")
        if key:
            builder.outputs[key] = builder.layers[-1 if index is None else index].name


def _whole_layers(outputs: Sequence[Activation], builder: Builder) -> list[int | None]:
    """The layer that each output is, all of it; None for those that need a layer of their own.

    A layer that feeds such a one, like the output of which another is a part, needs one too.
    """
    whole = [_whole_layer(x, builder) for x in outputs]
    while True:
        fed = {
            layer
            for value, index in zip(outputs, whole, strict=True)
            if index is None
            for layer in builder.layer_of(value.units[value.units != NOTHING].numpy()).tolist()
        }
        kept = [None if index in fed else index for index in whole]
        if kept == whole:
            return whole
        whole = kept


def _check_outputs(program: Program, outputs: Mapping[str, Any], builder: Builder) -> None:
    """Raise if elements of an output [N, elements] were made one unit of several constants."""
    for name, value in outputs.items():
        if isinstance(value, Activation) and len(value.shape) == 2 and builder.together:
            units = value.units[value.units != NOTHING]
            found = program.made_of([name]) & builder.together
            if found and np.unique(units.numpy()).size < units.numel() // value.shape[0]:
                raise SeveralUnits(frozenset(found))


def _with_constants(value: Activation, builder: Builder) -> Activation:
    """An output with all units of its layer: edges into those that are always the same are cut."""
    units = value.units[value.units != NOTHING].numpy()
    index = int(builder.layer_of(units[:1])[0]) if units.size else 0
    layer = builder.layers[index]
    every = np.arange(layer.start, layer.stop)
    missing = np.setdiff1d(every, units)
    constant = missing.size and np.isin(missing, builder.constant).all()
    ordered = np.array_equal(np.unique(units), np.setdiff1d(every, missing))
    factor = None if value.factor is None else value.factor[value.units != NOTHING]
    scaled = factor is not None and bool((factor != 1).any())
    whole = Activation(torch.from_numpy(every))
    if scaled or not constant or not ordered or _whole_layer(whole, builder) is None:
        return value
    for edges in builder.edges[index]:
        edges.cut(missing)
    builder.cut.extend(missing.tolist())
    return whole


def _whole_layer(value: Activation, builder: Builder) -> int | None:
    """Index of the layer whose units are all of the value's, in order, if it feeds no other."""
    units = value.units.reshape(-1).numpy()
    _, first = np.unique(units, return_index=True)
    order = units[np.sort(first)]
    index = int(builder.layer_of(order[:1])[0]) if order.size and order[0] >= 0 else 0
    layer = builder.layers[index]
    feeds = any(index in x.size for arriving in builder.edges.values() for x in arriving)
    whole = not value.is_scaled and np.array_equal(order, np.arange(layer.start, layer.stop))
    return index if whole and not feeds and layer.role != "input" else None
