"""Sums over products of two arrays, by the names of their dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from netsculpt.tracing.engine.activation import Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.program import Constant
from netsculpt.tracing.rules._parts.copies import copied
from netsculpt.tracing.rules._parts.products import multiplied

__all__ = ["contracted", "n_dims"]

Value = Activation | Constant


def contracted(
    call: Call, left: str, right: str, out: str, one: Value, two: Value, name: str = ""
) -> Activation:
    """The einsum ``left,right->out`` of an activation and another, or a parameter."""
    if isinstance(one, Constant):
        left, right, one, two = right, left, two, one
    sizes = _sizes(call, (left, one), (right, two))
    left, one = _without_ones(left, one, sizes)
    right, two = _without_ones(right, two, sizes)
    apart = [x for x in left if x in right and x in out]
    summed = [x for x in left if x in right and x not in out]
    rows = [x for x in out if x not in right]
    columns = [x for x in out if x not in left]
    if {*apart, *rows, *summed} != set(left) or {*apart, *columns, *summed} != set(right):
        raise call.refusal(f"{left},{right}->{out} sums a dimension that only one of them has")
    if isinstance(two, Activation) and not apart:
        raise call.refusal("it mixes the samples of a batch: a dimension of both must stay apart")
    given = _grouped(one, left, (apart, rows, summed), sizes)
    times = _grouped(two, right, (apart, summed, columns), sizes)
    assert isinstance(given, Activation)  # an operation on constants alone is run
    if isinstance(times, Activation):
        shape = [sizes[x] for x in out]
        found = multiplied(call.build, given, times, name or call.junction_name, shape[1:])
    else:
        found = _weighed(call, given, times)
    order = [*apart, *rows, *columns]
    back = [order.index(x) for x in out]
    return found.changed(lambda x: x.reshape([sizes[x] for x in order]).permute(back))


def _weighed(call: Call, given: Activation, times: Constant) -> Activation:
    """[S, I, J] from [S, I, K] and a parameter [S, K, J]: one matrix with S groups."""
    n_apart, n_rows, n_summed = given.units.shape
    weight = times.changed(lambda x: x.transpose(1, 2).reshape(-1, n_summed))
    flat = given.changed(lambda x: x.transpose(0, 1).reshape(n_rows, -1))
    made = copied(call, flat, weight, groups=n_apart)
    return made.changed(lambda x: x.view(n_rows, n_apart, -1).transpose(0, 1))


def _sizes(call: Call, *given: tuple[str, Value]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for letters, operand in given:
        if len(set(letters)) < len(letters):
            raise call.refusal(f"it takes a diagonal, {letters}")
        for letter, size in zip(letters, _tensor(operand).shape, strict=True):
            sizes[letter] = max(sizes.get(letter, 1), size)
    return sizes


def _without_ones(letters: str, given: Value, sizes: dict[str, int]) -> tuple[str, Value]:
    """Without dimensions of one entry that stands for several."""
    found = zip(letters, _tensor(given).shape, strict=True)
    ones = [at for at, (letter, size) in enumerate(found) if size < sizes[letter]]
    kept = "".join(x for at, x in enumerate(letters) if at not in ones)
    return kept, given.changed(lambda x: x.squeeze(ones) if ones else x)


def _grouped(
    given: Value, letters: str, groups: Sequence[Sequence[str]], sizes: dict[str, int]
) -> Value:
    """A dimension for each group of letters."""
    order = [letters.index(x) for group in groups for x in group]
    shape = [math.prod(sizes[x] for x in group) for group in groups]
    return given.changed(lambda x: x.permute(order).reshape(shape))


def n_dims(given: Value) -> int:
    """How many dimensions an operand has."""
    return _tensor(given).ndim


def _tensor(given: Value) -> Tensor:
    return given.units if isinstance(given, Activation) else given.value
