"""Softmax written by hand, made one operation like that of torch: what is computed counts.

It may be exp(x) ∕ Σ exp(x), with or without the largest x subtracted, exp(x − logsumexp(x)), or
the logarithm of either. Adding an ε to the sum makes it another function.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping

import torch
from torch import Tensor

from netsculpt.tracing.norms.normalisation import run_parts
from netsculpt.tracing.program import Op, Program, Ref

__all__ = ["with_softmaxes"]

_LAST = ("div", "mul", "sub", "exp", "log")
_SOFTMAXES = ("softmax", "_softmax", "log_softmax", "_log_softmax")
_PURE = frozenset(
    (
        *(*_LAST, *_SOFTMAXES, "logsumexp", "sum", "mean", "amax", "max", "neg", "reciprocal"),
        *("add", "rsub", "expand", "view", "reshape", "unsqueeze", "squeeze", "getitem", "slice"),
        *("select", "alias", "clone", "contiguous", "detach", "_to_copy", "to"),
        *("abs", "eq", "where", "full", "full_like", "scalar_tensor"),  # of logsumexp, decomposed
    )
)
_GROWING = ("exp", "logsumexp", *_SOFTMAXES)  # one of them is part of each softmax
_MOST_PARTS = 16
_MOST_ELEMENTS = 1 << 24
_CLOSE = 1e-9  # in float64


def with_softmaxes(program: Program) -> Program:
    """The program with one operation in the place of each softmax that is written by hand.

    A candidate is run on random numbers. Operations that only it took are left out. Cost
    O(operations) and those runs.
    """
    if all(op.name not in _GROWING for op in program.ops):
        return program
    place = {op.output: index for index, op in enumerate(program.ops)}
    found: dict[str, Op] = {}
    inside: set[str] = set()
    for op in reversed(program.ops):  # the last of several that are one
        if op.name in _LAST and op.output not in inside:
            made = _softmax(program, op, place)
            if made is not None:
                found[op.output], parts = made
                inside.update(x.output for x in parts)
    return program.with_replaced(found, inside)


def _softmax(
    program: Program, op: Op, place: Mapping[str, int]
) -> tuple[Op, tuple[Op, ...]] | None:
    """The softmax that ends in an operation, and the operations that it is written with."""
    near = _near(program, op)
    if math.prod(op.shape) > _MOST_ELEMENTS or not any(x.name in _GROWING for x in near.values()):
        return None
    taken = {x for part in near.values() for x in part.inputs if x in program.dependent}
    bases = [x for x in taken if program.shape_of(x) == op.shape]
    for base in sorted(bases, key=lambda x: place.get(x, -1)):  # the earliest: before a shift
        parts = _between(base, op, near, place)
        named = None if parts is None else _measured(parts, base, op.shape)
        if parts is not None and named is not None:
            name, dim = named
            args = (Ref(base), dim)
            return Op(name, args, {}, op.output, op.shape, op.layer), parts
    return None


def _near(program: Program, op: Op) -> dict[str, Op]:
    """The operations that make what an operation takes, by the names of their values."""
    near: dict[str, Op] = {}
    left = deque([op.output])
    while left and len(near) < _MOST_PARTS:
        name = left.popleft()
        maker = program.makers.get(name)
        if maker is not None and maker.name in _PURE and name not in near:
            near[name] = maker
            left += maker.inputs
    return near


def _between(
    base: str, op: Op, near: Mapping[str, Op], place: Mapping[str, int]
) -> tuple[Op, ...] | None:
    """The operations from a value to another, if that depends on nothing else."""
    parts = {op.output: op}
    left = [op]
    while left:
        for name in left.pop().inputs:
            if name == base or name in parts:
                continue
            if name not in near:
                return None
            parts[name] = near[name]
            left.append(near[name])
    return tuple(sorted(parts.values(), key=lambda x: place[x.output]))


def _measured(parts: tuple[Op, ...], base: str, shape: tuple[int, ...]) -> tuple[str, int] | None:
    """Whether operations are a softmax or its logarithm, and along which dimension."""
    if not any(x.name in _GROWING for x in parts):
        return None
    generator = torch.Generator().manual_seed(0)
    x = 3 * torch.randn(shape, generator=generator, dtype=torch.float64)
    try:
        y = run_parts(parts, {base: x})[parts[-1].output]
    except (RuntimeError, IndexError):  # it needs other numbers than these, or a list of them
        return None
    for dim in range(1, len(shape)):
        for name in ("softmax", "log_softmax"):
            native: Tensor = getattr(torch, name)(x, dim)
            if shape[dim] > 1 and bool(((y - native).abs() <= _CLOSE * (1 + native.abs())).all()):
                return name, dim
    return None
