"""Whether a number only scales the pattern of an attention, as 1/√d does.

Attention as one operation has that number inside, without an edge; written by hand it may stand at
the queries, at the keys or at their products. The graph should not depend on the way of writing.
"""

from __future__ import annotations

from dataclasses import dataclass

from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.program import Op, Program

__all__ = ["Between", "scales_pattern"]

_PRODUCTS = ("matmul", "bmm", "mm", "baddbmm", "einsum")


@dataclass(frozen=True)
class Between:
    """Names of the operations that may stand between a number and the softmax that it scales."""

    before: frozenset[str]  # the product of queries and keys: moves, and other numbers
    after: frozenset[str]  # it: also sums and masks
    softmaxes: frozenset[str]


def scales_pattern(call: Call, between: Between) -> bool:
    """Whether all that takes the value of a call is a product of which a softmax is taken.

    The product is of two activations, so that it leaves out the factors that arrive.
    """
    program, name = call.program, call.op.output
    if program is None:
        return False
    while True:
        takers = program.takers.get(name, [])
        if len(takers) != 1 or program.uses[name] > 1:
            return False
        (op,) = takers
        if op.name not in between.before or len(op.inputs) != 1:
            return _is_product(program, op) and _is_pattern(program, op.output, between)
        name = op.output


def _is_product(program: Program, op: Op) -> bool:
    """Whether an operation is a product of two activations."""
    return op.name in _PRODUCTS and program.dependent.issuperset(op.inputs[-2:])


def _is_pattern(program: Program, name: str, between: Between) -> bool:
    """Whether the softmax of a value is multiplied by values."""
    after = _after(program, name, between)
    softmaxes = [op for op in after if op.name in between.softmaxes]
    return any(
        _is_product(program, op) for x in softmaxes for op in _after(program, x.output, between)
    )


def _after(program: Program, name: str, between: Between) -> list[Op]:
    """The operations that take a value, or what it is once moved, scaled, added to and masked."""
    found: dict[str, Op] = {}
    left = [name]
    while left:
        new = [op for op in program.takers.get(left.pop(), []) if op.output not in found]
        found.update((op.output, op) for op in new)
        left += [op.output for op in new if op.name in between.after]
    return list(found.values())
