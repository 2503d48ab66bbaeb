"""Sums of products of two arrays, by the letters of their dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.uneven import even
from netsculpt.tracing.program import Constant
from netsculpt.tracing.rules._parts.copies import apply
from netsculpt.tracing.rules._parts.hushing import hush_product
from netsculpt.tracing.rules._parts.meeting import merge_inputs
from netsculpt.tracing.rules._parts.products import multiply

__all__ = ["contract"]

Value = Activation | Constant


def contract(
    call: Call,
    left: str,
    right: str,
    out: str,
    one: Value,
    two: Value,
    name: str = "",
    *,
    passes: tuple[Tensor | None, Tensor | None] = (None, None),
) -> Activation:
    """The einsum ``left,right->out`` of an activation and another activation or a parameter.

    `passes` is 1.0 where an activation may differ from 0; None: everywhere.
    """
    given = left, right
    if isinstance(one, Constant):
        left, right, one, two = right, left, two, one
    mixes = False  # whether a constant mixes positions
    sizes = _sizes(call, (left, one), (right, two))
    left, one = _without_ones(left, one, sizes)
    right, two = _without_ones(right, two, sizes)
    apart = [x for x in left if x in right and x in out]
    summed = [x for x in left if x in right and x not in out]
    rows = [x for x in out if x not in right]
    columns = [x for x in out if x not in left]
    if {*apart, *rows, *summed} != set(left) or {*apart, *columns, *summed} != set(right):
        raise call.refusal(f"{left},{right}->{out} sums over a dimension that only one of them has")
    if isinstance(two, Activation) and not apart:
        raise call.refusal("it mixes the samples of a batch: a dimension of both must be kept")
    assert isinstance(one, Activation)  # operations on constants alone have been run
    if isinstance(two, Constant):
        mixes = two.parameter is None and len(apart) + len(rows) > 1
        if mixes:
            _merge_inputs(call, one, [left.index(x) for x in summed])
        one = even(call, one, [left.index(x) for x in (*apart, *summed)])
    first = _grouped(one, left, (apart, rows, summed), sizes)
    second = _grouped(two, right, (apart, summed, columns), sizes)
    assert isinstance(first, Activation)
    if isinstance(second, Activation):
        shape = [sizes[x] for x in out]
        product = multiply(call.builder, first, second, name or call.junction_name, shape[1:])
        if any(x is not None for x in passes):
            hush_product(
                call.builder,
                product,
                (first, second),
                (
                    _passing(passes[0], given[0], (left, one), (apart, rows, summed), sizes),
                    _passing(passes[1], given[1], (right, two), (apart, summed, columns), sizes),
                ),
            )
    elif mixes and _are_positions(call, first):
        product = _mixed(call, first, second)
    else:
        product = _apply(call, first, second)
    order = [*apart, *rows, *columns]
    back = [order.index(x) for x in out]
    return product.changed(lambda x: x.reshape([sizes[y] for y in order]).permute(back))


def _merge_inputs(call: Call, activation: Activation, summed: Sequence[int]) -> None:
    """Make the rows of an input [N, rows, features] one unit per feature where they are mixed."""
    units = activation.units
    if units.ndim != 3 or list(summed) != [1]:
        return
    first = units[:, :1].expand(units.shape)
    differ = (units != first) & (units > NOTHING) & (first > NOTHING)
    merge_inputs(call, units[differ].numpy(), first[differ].numpy())


def _are_positions(call: Call, activation: Activation) -> bool:
    """Whether what is summed [S, I, K] along K are positions of one unit each."""
    if call.builder.options.granularity == "spatial" or activation.shape[-1] == 1:
        return False
    units = activation.units
    one = units.amax(-1, keepdim=True)
    return not bool(((units != one) & (units != NOTHING)).any())


def _mixed(call: Call, activation: Activation, constant: Constant) -> Activation:
    """The same units [S, I, J] at positions that a constant [S, K, J] makes of others.

    As where they are added by indices, and in a mean, how much of each is left out.
    """
    present = (activation.units != NOTHING).float()
    reached = present @ (constant.value != 0).float() > 0
    whole = even(call, activation, [])
    units = whole.units.amax(-1, keepdim=True)
    factors = whole.factors.where(whole.units != NOTHING, torch.inf).amin(-1, keepdim=True)
    factor = None if whole.factor is None else factors.where(units != NOTHING, 1.0)
    return Activation(units, factor).broadcast(reached.shape).hidden(~reached, 0.0)


def _apply(call: Call, activation: Activation, parameter: Constant) -> Activation:
    """[S, I, J] from [S, I, K] and a parameter [S, K, J]: one matrix with S groups."""
    n_apart, n_rows, n_summed = activation.shape
    if n_apart > 1 and call.builder.options.granularity == "spatial":
        return _each(call, activation, parameter)
    weight = parameter.changed(lambda x: x.transpose(1, 2).reshape(-1, n_summed))
    flat = activation.changed(lambda x: x.transpose(0, 1).reshape(n_rows, -1))
    product = apply(call, flat, weight, groups=n_apart)
    return product.changed(lambda x: x.view(n_rows, n_apart, -1).transpose(0, 1))


def _each(call: Call, activation: Activation, parameter: Constant) -> Activation:
    """The same with a layer for each of the S matrices, as their rows differ."""
    made = [
        apply(
            call,
            activation.changed(lambda x, at=at: x[at]),  # type: ignore[misc]
            parameter.changed(lambda x, at=at: x[at].T),  # type: ignore[misc]
        )
        for at in range(len(activation.units))
    ]
    return Activation(torch.stack([x.units for x in made]))


def _sizes(call: Call, *operands: tuple[str, Value]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for letters, operand in operands:
        if len(set(letters)) < len(letters):
            raise call.refusal(f"it takes a diagonal, {letters}")
        for letter, size in zip(letters, operand.shape, strict=True):
            sizes[letter] = max(sizes.get(letter, 1), size)
    return sizes


def _without_ones(letters: str, operand: Value, sizes: dict[str, int]) -> tuple[str, Value]:
    """The operand without dimensions of size 1 that are broadcast."""
    pairs = zip(letters, operand.shape, strict=True)
    ones = [dim for dim, (letter, size) in enumerate(pairs) if size < sizes[letter]]
    kept = "".join(x for dim, x in enumerate(letters) if dim not in ones)
    return kept, operand.changed(lambda x: x.squeeze(ones) if ones else x)


def _passing(
    passes: Tensor | None,
    given: str,
    operand: tuple[str, Value],
    groups: Sequence[Sequence[str]],
    sizes: dict[str, int],
) -> Tensor:
    """Where an operand may differ from 0, in its groups of letters; `given` are those of passes."""
    letters, value = operand
    ones: Value = Constant(torch.ones(value.shape) if passes is None else passes)
    if passes is not None:
        letters, ones = _without_ones(given, ones, sizes)
    grouped = _grouped(ones, letters, groups, sizes)
    assert isinstance(grouped, Constant)
    return grouped.value


def _grouped(
    operand: Value, letters: str, groups: Sequence[Sequence[str]], sizes: dict[str, int]
) -> Value:
    """The operand with one dimension per group of letters."""
    order = [letters.index(x) for group in groups for x in group]
    shape = [math.prod(sizes[x] for x in group) for group in groups]
    return operand.changed(lambda x: x.permute(order).reshape(shape))
