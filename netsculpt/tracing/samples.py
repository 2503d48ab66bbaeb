"""Which dimension of a value holds the samples of a batch: the first, unless it was moved.

``torch.stack([a, b])`` of activations [N, D] is [2, N, D]: a mean over its first dimension mixes
two branches, not samples. A batch may have one sample, so that sizes alone do not say it: the
program is run on shapes with a batch of another size, and the dimension that changes holds the
samples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from netsculpt.tracing.program import Op, Program, filled, leaves

__all__ = ["sample_dimensions"]

_SIZES = {"view": 1, "_unsafe_view": 1, "reshape": 1, "expand": 1}  # argument that has the sizes
_OTHER = 97  # samples: no size of a net that is not its batch


def sample_dimensions(program: Program) -> dict[str, int | None]:
    """The dimension of each value that holds the samples; None if it cannot be told.

    Examples
    --------
    >>> from netsculpt.tracing.program import Ref
    >>> op = Op("stack", ([Ref("x"), Ref("x")],), {}, "both", (2, 1, 3), "")
    >>> program = Program((op,), {}, {"x": (1, 3)}, (Ref("both"),), frozenset())
    >>> sample_dimensions(program)["both"]
    1
    """
    n_samples = next(shape[0] for shape in program.inputs.values() if shape)
    values: dict[str, Any] = {
        key: _empty(_with_samples(shape, 0) if shape[:1] == (n_samples,) else shape)
        for key, shape in program.inputs.items()
    }
    values |= {key: x.value.to("meta") for key, x in program.constants.items()}
    for op in program.ops:
        values[op.output] = _run(op, values, n_samples)
    return {name: _changed(value, program.shape_of(name)) for name, value in values.items()}


def _changed(value: Any, shape: Sequence[int]) -> int | None:
    """The one dimension that has another size than in a shape."""
    if not isinstance(value, Tensor) or value.ndim != len(shape):
        return None
    changed = [dim for dim in range(value.ndim) if value.shape[dim] != shape[dim]]
    return changed[0] if len(changed) == 1 else None


def _run(op: Op, values: dict[str, Any], n_samples: int) -> Any:
    """What an operation makes of shapes: with the samples first if it cannot be told."""
    args, kwargs = filled((op.args, op.kwargs), values.__getitem__)
    if op.name in _SIZES and isinstance(args[0], Tensor):
        sizes = _sizes(args[0], list(args[_SIZES[op.name]]), n_samples, expands=op.name == "expand")
        args = (args[0], *args[1 : _SIZES[op.name]], sizes, *args[_SIZES[op.name] + 1 :])
    try:
        made = Op(op.name, args, kwargs, op.output, op.shape, op.layer).run(lambda leaf: leaf)
    except Exception:  # an operation that has sizes in other arguments, or none for shapes alone
        made = None
    first = next(leaves(made), None)
    if isinstance(first, Tensor) and first.ndim == len(op.shape):
        changed = sum(one != two for one, two in zip(first.shape, op.shape, strict=True))
        if changed <= 1:
            return made
    first_is_batch = op.shape[:1] == (n_samples,)
    return _empty(_with_samples(op.shape, 0) if first_is_batch else op.shape)


def _sizes(value: Tensor, sizes: list[int], n_samples: int, *, expands: bool) -> list[int]:
    """The sizes of a view or an expansion, with the other batch in the place of the samples."""
    if _OTHER not in value.shape:
        return sizes
    dim = list(value.shape).index(_OTHER)
    if expands:
        place = dim + len(sizes) - value.ndim
        return list(_with_samples(sizes, place)) if sizes[place] == n_samples else sizes
    before = math.prod(value.shape[:dim])
    fits = [
        place
        for place, size in enumerate(sizes)
        if size in (n_samples, -1) and math.prod(sizes[:place]) == before
    ]
    if not fits:
        return sizes
    place = dim if dim in fits else fits[0]
    return list(_with_samples(sizes, place))


def _with_samples(sizes: Sequence[int], dim: int) -> tuple[int, ...]:
    return (*sizes[:dim], _OTHER, *sizes[dim + 1 :])


def _empty(shape: Sequence[int]) -> Tensor:
    return torch.empty(tuple(shape), device="meta")
