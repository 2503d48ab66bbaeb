"""Whether a number only scales the pattern of an attention, as 1/√d does.

Attention as one operation has that number inside, without an edge; written by hand it may stand at
the queries, at the keys or at their products. The graph should not depend on the way of writing.
"""

from __future__ import annotations

from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.program import Op, Program
from netsculpt.tracing.rules.addition import OPS as _SUMS
from netsculpt.tracing.rules.masking import OPS as _MASKS
from netsculpt.tracing.rules.moves import OPS as _MOVES
from netsculpt.tracing.rules.softmax import OPS as _SOFTMAX
from netsculpt.tracing.rules.unchanged import OPS as _UNCHANGED

__all__ = ["scales_pattern"]

_PRODUCTS = ("matmul", "bmm", "mm", "baddbmm", "einsum")
_SCALES = ("mul", "div", "multiply", "divide", "true_divide", "neg", "negative")
_BETWEEN = frozenset((*_MOVES, *_UNCHANGED, *_SCALES, *_SUMS, *_MASKS))


def scales_pattern(call: Call) -> bool:
    """Whether all that takes the value of a call is a product of which a softmax is taken.

    The product is of two activations, so that it leaves out the factors that arrive.
    """
    return call.program is not None and _meets(call.program, call.op.output)


def _meets(program: Program, name: str) -> bool:
    """Whether one operation alone takes a value, where it meets another on its way to a softmax."""
    takers = program.takers.get(name, [])
    if len(takers) != 1 or program.uses[name] > 1:
        return False
    (op,) = takers
    if op.name in (*_MOVES, *_UNCHANGED, *_SCALES) and len(op.inputs) == 1:
        return _meets(program, op.output)
    return _is_product(program, op) and _is_pattern(program, op.output)


def _is_product(program: Program, op: Op) -> bool:
    """Whether an operation is a product of two activations."""
    return op.name in _PRODUCTS and program.dependent.issuperset(op.inputs[-2:])


def _is_pattern(program: Program, name: str) -> bool:
    """Whether the softmax of a value is multiplied by values."""
    softmaxes = [op for op in _after(program, name) if op.name in _SOFTMAX]
    return any(_is_product(program, op) for x in softmaxes for op in _after(program, x.output))


def _after(program: Program, name: str) -> list[Op]:
    """The operations that take a value, or what it is once moved, scaled, added to and masked."""
    found: dict[str, Op] = {}
    left = [name]
    while left:
        new = [op for op in program.takers.get(left.pop(), []) if op.output not in found]
        found.update((op.output, op) for op in new)
        left += [op.output for op in new if op.name in _BETWEEN]
    return list(found.values())
