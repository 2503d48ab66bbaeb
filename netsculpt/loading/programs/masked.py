"""Which parameters of a program a mask prunes: its own, or one that the program multiplies by."""

from __future__ import annotations

from netsculpt.tracing.program import Program, refs

__all__ = ["masked_parameters"]

_APPLIES = frozenset(("mul", "where", "masked_fill"))
_COMPARES = frozenset(("eq", "ge", "gt", "le", "lt", "ne"))


def masked_parameters(program: Program) -> frozenset[str]:
    """Names of parameters whose edges a mask decides."""
    constants = program.constants.items()
    owners = {name: {x.parameter} - {None} for name, x in constants}
    masks = {name for name, x in constants if x.is_mask and x.value.ndim > 1}
    found = {x.parameter for _, x in constants if x.keep is not None}
    for op in program.ops:
        taken = {ref.name for ref in refs((op.args, op.options))}
        if not taken <= owners.keys():
            continue
        owners[op.output] = {x for name in taken - masks for x in owners[name]}
        if op.name in _COMPARES or (taken and taken <= masks):
            masks.add(op.output)
        elif op.name in _APPLIES and taken & masks:
            found |= owners[op.output]
    return frozenset(x for x in found if x is not None)
