"""A program in the form in which its operations are followed: what it computes stays the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from netsculpt.tracing.norms import with_norms
from netsculpt.tracing.program import Op, Program, Ref
from netsculpt.tracing.softmaxes import with_softmaxes

__all__ = ["rewritten"]


def rewritten(program: Program) -> Program:
    """The program with norms and softmax as one operation, distances to points as several.

    Rewriting it again changes nothing. Cost O(operations), and that of looking for them.
    """
    return with_norms(with_softmaxes(_with_differences(program)))


def _with_differences(program: Program) -> Program:
    """The program with the norm of x − p in the place of each `cdist` of x to constant points p.

    So each point has its own units, as where the difference is written by hand.
    """
    if all(op.name != "cdist" for op in program.ops):
        return program
    ops = tuple(part for op in program.ops for part in _parts(program, op))
    return replace(program, ops=ops)


def _parts(program: Program, op: Op) -> Iterator[Op]:
    names = [x.name if isinstance(x, Ref) else "" for x in op.args[:2]]
    constant = [x not in program.dependent for x in names]
    if op.name != "cdist" or not any(constant) or all(constant):
        yield op
        return
    turned = constant[0]  # points first: the samples of x stay first, and the result is turned
    x, points = reversed(names) if turned else names
    n = len(op.shape)
    rows, columns = (program.shape_of(name) for name in (x, points))
    each = (*op.shape[:-2], op.shape[-1], op.shape[-2]) if turned else op.shape
    order = float(op.arg(2, "p", 2.0))

    def part(name: str, args: tuple[object, ...], kind: str, shape: tuple[int, ...]) -> Op:
        last = name == op.output
        return Op(kind, args, {}, name if last else f"{op.output}.{name}", shape, op.layer)

    wide = (*rows[:-1], 1, rows[-1])
    yield part("x", (Ref(x), len(rows) - 1), "unsqueeze", wide)
    high = (*columns[:-2], 1, *columns[-2:])
    yield part("points", (Ref(points), len(columns) - 2), "unsqueeze", high)
    both = (Ref(f"{op.output}.x"), Ref(f"{op.output}.points"))
    yield part("difference", both, "sub", (*each, rows[-1]))
    difference = Ref(f"{op.output}.difference")
    name = "distance" if turned else op.output
    yield part(name, (difference, order, [n]), "linalg_vector_norm", each)
    if turned:
        args = (Ref(f"{op.output}.distance"), n - 2, n - 1)
        yield part(op.output, args, "transpose", op.shape)
