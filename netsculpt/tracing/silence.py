"""Which elements of a value are always 0 because nothing arrives there.

Such is a unit without edges and without a bias, and what functions with f(0) = 0 make of it. It
stays a unit; but a product with it is 0, whatever the other factor is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from netsculpt.tracing.engine.activation import Activation
from netsculpt.tracing.engine.reach import of_kernel, reached
from netsculpt.tracing.engine.zeros import kept, nonzero
from netsculpt.tracing.program import Constant, Op, Ref, leaves
from netsculpt.tracing.rules.conv import OPS as _CONVOLUTIONS
from netsculpt.tracing.rules.elementwise import OPS as _ELEMENTWISE
from netsculpt.tracing.rules.moves import OPS as _MOVES
from netsculpt.tracing.rules.unchanged import OPS as _UNCHANGED

__all__ = ["silence"]

_SUMS = ("add", "sub", "rsub")
_PRODUCTS = ("mul", "multiply")
_MATRICES = ("addmm", "baddbmm", "bmm", "einsum", "linear", "matmul", "mm")
_AVERAGES = ("mean", "sum", "avg_pool", "adaptive_avg_pool")  # beginnings of names
_ALIKE = (  # 0 where the first is
    *("neg", "negative", "prelu", "div", "true_divide", "rms_norm", *_UNCHANGED),
)
_TABLES = ("embedding", "embedding_bag")
_BATCH_NORM = "_native_batch_norm_legit_no_training"
_ATTENTION = "scaled_dot_product_attention"


def silence(op: Op, values: Mapping[str, Any], silent: Mapping[str, Any], *, spatial: bool) -> Any:
    """Where the value of an operation is always 0 [its shape]; None: nowhere known.

    Of an operation with several values, one for each. `values` are the shadows of all values so
    far, and `silent` what this function said of them. Where units are elements (`spatial`), those
    that only meet padding are found too. Cost: at most that of the operation.
    """
    if not any(isinstance(x, Activation) for x in leaves(values[op.output])):
        return None
    if op.name in _TABLES and isinstance(values[op.args[0].name], Constant):
        return _empty_dimensions(op, values)
    hears_less = any(_has_zeros(values[x], silent.get(x)) for x in op.inputs)
    if op.name in _CONVOLUTIONS and spatial and _has_gaps(op, values):
        made = _run(op, values, silent)
    elif op.name in _CONVOLUTIONS or op.name == "linear":
        made = _any_rows(op, values, silent) if hears_less else _empty_rows(op, values)
    elif hears_less:
        made = _any_rows(op, values, silent)
    elif op.name in _MATRICES and _has_gaps(op, values):
        made = _run(op, values, silent)
    else:
        return None
    return made if any(isinstance(x, Tensor) and bool(x.any()) for x in leaves(made)) else None


def _has_zeros(value: Any, silent: Any) -> bool:
    if silent is not None:
        return True
    return any(isinstance(x, Activation) and x.zero is not None for x in leaves(value))


def _has_gaps(op: Op, values: Mapping[str, Any]) -> bool:
    """Whether an operation has a constant with entries that are 0."""
    constants = [values[x] for x in op.inputs if isinstance(values[x], Constant)]
    return any(not bool(kept(x).all()) for x in constants)


def _empty_rows(op: Op, values: Mapping[str, Any]) -> Tensor | None:
    """Where no weight is kept and there is no bias, of a matrix or of a kernel."""
    activation, weight = values[op.inputs[0]], values[op.inputs[1]]
    if not isinstance(activation, Activation) or not isinstance(weight, Constant):
        return None
    there, groups = kept(weight), int(op.arg(6, "groups", 1))
    if op.name in _CONVOLUTIONS:
        reach = reached(op, activation.units, tuple(there.shape[2:]))
        if "transpose" in op.name:  # [in, out / groups, …taps]
            there = (there & reach[:, None]).flatten(2).any(2)
            rows = there.view(groups, len(there) // groups, -1).any(1).flatten()
        else:
            rows = (there & of_kernel(reach, len(there), groups)).flatten(1).any(1)
    else:
        rows = there.any(1)
    bias = op.arg(2, "bias")
    if isinstance(bias, Ref):
        rows = rows | (nonzero(values[bias.name]) != 0)  # it may depend on the inputs
    if bool(rows.all()):
        return None
    shape = [1, -1, *[1] * (len(op.shape) - 2)] if op.name in _CONVOLUTIONS else [-1]
    empty: Tensor = ~rows.view(shape).expand(op.shape)
    return empty


def _empty_dimensions(op: Op, values: Mapping[str, Any]) -> Any:
    """Where no token has an entry in a table [tokens, dimensions]."""
    empty = ~kept(values[op.args[0].name]).any(0)
    if not bool(empty.any()):
        return None
    made = empty.expand(op.shape)
    return (made, None, None, None) if op.name == "embedding_bag" else made


def _unmoved(op: Op, values: Mapping[str, Any], silent: Mapping[str, Any]) -> Any:
    """Where a batch norm with stored statistics makes 0 of 0: the mean is 0, and so is β."""
    moved = torch.zeros(op.shape[1]) > 0
    for index in (2, 3):  # β, the mean
        given = op.args[index]
        if isinstance(given, Ref):
            moved = moved | (nonzero(values[given.name]) != 0)
    zero = nonzero(values[op.inputs[0]], silent.get(op.inputs[0])) == 0
    return zero & ~moved.view(-1, *[1] * (len(op.shape) - 2)), None, None


def _any_rows(op: Op, values: Mapping[str, Any], silent: Mapping[str, Any]) -> Any:
    """What is made of arguments of which some elements are 0."""
    first = op.args[0] if op.args else None
    if op.name == _ATTENTION:
        return _unheard(op, values, silent)
    if op.name == _BATCH_NORM:
        return _unmoved(op, values, silent)
    if op.name in _ALIKE or (op.name in _ELEMENTWISE and _keeps_zero(op)):
        if not isinstance(first, Ref) or op.kwargs.get("rounding_mode") is not None:
            return None
        passes = nonzero(values[first.name], silent.get(first.name))
        return (passes == 0).broadcast_to(op.shape) if isinstance(passes, Tensor) else None
    moves = op.name in _MOVES and not (op.name == "repeat_interleave" and len(op.inputs) > 1)
    adds = op.name in (*_SUMS, *_PRODUCTS, *_MATRICES, *_CONVOLUTIONS)
    return _run(op, values, silent) if moves or adds or op.name.startswith(_AVERAGES) else None


def _keeps_zero(op: Op) -> bool:
    """Whether a function of one value is 0 at 0."""
    if len(op.inputs) != 1 or not isinstance(op.args[0], Ref) or op.name == "imag":
        return False
    return bool((op.run(lambda x: torch.zeros(1) if isinstance(x, Ref) else x) == 0).all())


def _run(op: Op, values: Mapping[str, Any], silent: Mapping[str, Any]) -> Any:
    """Where an operation that only adds, multiplies and moves makes 0 of what may not be 0."""
    if any(isinstance(x, torch.dtype) for x in leaves(op.args)):
        return None
    if op.name in (*_SUMS, *_PRODUCTS):
        one, two = (_operand(x, values, silent) for x in op.args[:2])
        made: Any = one * two if op.name in _PRODUCTS else one + two
        return (made == 0).broadcast_to(op.shape)
    if any(float(op.kwargs.get(x, 1)) <= 0 for x in ("alpha", "beta")):
        return None  # what is subtracted would cancel what is added
    made = op.run(
        lambda x: nonzero(values[x.name], silent.get(x.name)) if isinstance(x, Ref) else x
    )
    return tuple(x == 0 for x in made) if isinstance(made, list | tuple) else made == 0


def _operand(leaf: Any, values: Mapping[str, Any], silent: Mapping[str, Any]) -> Tensor:
    if isinstance(leaf, Ref):
        made: Tensor = nonzero(values[leaf.name], silent.get(leaf.name))
        return made
    return torch.tensor(float(leaf != 0), dtype=torch.float32)


def _unheard(op: Op, values: Mapping[str, Any], silent: Mapping[str, Any]) -> Tensor | None:
    """Where the values of all keys are 0, and so is what attention takes from them."""
    value = op.args[2]
    passes = nonzero(values[value.name], silent.get(value.name))
    if tuple(passes.shape[:-2]) != op.shape[:-2]:
        return None
    unheard: Tensor = (passes == 0).all(-2, keepdim=True).expand(op.shape)
    return unheard
