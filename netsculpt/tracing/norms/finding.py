"""Find normalisations among the operations of a program.

What a net computes counts, not how it is written: an activation is multiplied by a statistic of
itself, or divided by one, after another may have been subtracted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from netsculpt.tracing.norms.normalisation import NAME, Normalisation
from netsculpt.tracing.norms.probing import measured
from netsculpt.tracing.program import Constant, Op, Program, Ref, mapped

__all__ = ["with_norms"]

_CASTS = ("_to_copy", "to", "type_as", "clone", "contiguous", "alias", "detach")
_PRODUCTS = ("mul", "div")
_DIFFERENCES = ("sub", "add", "rsub")
_MOVES = (
    *("expand", "expand_as", "view", "reshape", "_unsafe_view", "flatten", "unflatten", "squeeze"),
    *("unsqueeze", "permute", "transpose", "getitem", "split", "chunk", "slice", "select"),
)
_STATISTICS = (
    *("mean", "sum", "var", "std", "var_mean", "std_mean", "linalg_vector_norm", "norm", "einsum"),
    *("amax", "amin", "max", "min", "median", "maximum", "minimum"),
)
_FUNCTIONS = (
    *("pow", "square", "abs", "neg", "sqrt", "rsqrt", "reciprocal"),
    *("clamp", "clamp_min", "clamp_max"),
)
_PURE = frozenset((*_CASTS, *_PRODUCTS, *_DIFFERENCES, *_MOVES, *_STATISTICS, *_FUNCTIONS))
_MOST_PARTS = 40  # hand-written norms have about ten operations
_MOST_ELEMENTS = 1 << 24  # of one activation, and
_MOST_IN_ALL = 1 << 30  # of all, that are run on random numbers: seconds
_MOST_STEPS = 4  # from what is multiplied back to what is normalised


def with_norms(program: Program) -> Program:
    """The program with one `Normalisation` in the place of each one that is written by hand.

    Operations that only it took are left out. Cost O(operations), and a few runs of the operations
    of each different candidate on random activations. Candidates of more than 2²⁴ elements stay as
    they are written.
    """
    found = {op.parts[-1].output: op for op in _Search(program).normalisations()}
    inside = {part.output for op in found.values() for part in op.parts}
    return program.with_replaced(found, inside)


class _Search:
    """A program, indexed for the search."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.makers = {op.output: op for op in program.ops}
        self.place = {op.output: index for index, op in enumerate(program.ops)}
        self.probed: dict[str, tuple[str, float] | None] = {}
        self.left = _MOST_IN_ALL
        known = set(program.constants)
        self.takers: dict[str, list[Op]] = {}
        self.live = set(program.inputs)  # values that depend on the inputs
        for op in program.ops:
            for name in op.inputs:
                self.takers.setdefault(name, []).append(op)
            if not self.live.isdisjoint(op.inputs):
                self.live.add(op.output)
            elif known.issuperset(op.inputs) and _is_of_aten(op):
                known.add(op.output)
        self.known = known  # constants, and what operations of ATen make of them

    def normalisations(self) -> Iterator[Normalisation]:
        """Each normalisation, in the order in which they run."""
        for op in self.program.ops:
            if op.name in _PRODUCTS:
                norm = self._ending_in(op)
                if norm is not None:
                    yield norm

    def _ending_in(self, op: Op) -> Normalisation | None:
        for scaled, scale in self._factors(op):
            dims = self._shared_dims(op, scale)
            if not dims or self._shape(scaled) != op.shape:
                continue
            for base, inner in reversed(list(self._bases(scaled))):  # the earliest has the mean
                parts = self._between(base, op) if self._shape(base) == op.shape else None
                if parts is None:
                    continue
                plain = [_unscaled(x, self.live) if x in inner else x for x in parts]
                probed = self._probed(plain, base, op.shape, dims)
                if probed is None:
                    continue
                kind, level = probed
                after = list(self._multiplied(op))
                every = (*parts, *after)
                takes = (base, *self._constants(every))
                return Normalisation(
                    NAME, tuple(Ref(x) for x in takes), {}, every[-1].output, op.shape,
                    every[-1].layer, every, takes, dims, kind,
                    level * self._product(inner, op.shape) * self._product(after, op.shape),
                )  # fmt: skip
        return None

    def _probed(
        self, parts: Sequence[Op], base: str, shape: tuple[int, ...], dims: tuple[int, ...]
    ) -> tuple[str, float] | None:
        """What `measured` says, once for operations that are the same; None if they are too large.

        Files that nobody vouches for come here: the elements of all probes together are bounded.
        """
        constants = self._constants(parts)
        number = {name: place for place, name in enumerate([base, *(x.output for x in parts)])}
        key = repr([dims, *(_numbered(x, number) for x in parts)])
        if key in self.probed and not constants:
            return self.probed[key]
        sizes = [math.prod(x.shape) for x in parts] + [math.prod(shape)]
        if max(sizes) > _MOST_ELEMENTS or sum(sizes) > self.left:
            return None
        self.left -= sum(sizes)
        self.probed[key] = measured(parts, base, shape, dims, constants)
        return self.probed[key]

    def _factors(self, op: Op) -> Iterator[tuple[str, str]]:
        """What is multiplied, and by what, if both depend on the inputs."""
        one, two = op.args[:2]
        if not isinstance(one, Ref) or not isinstance(two, Ref) or op.kwargs:
            return
        if one.name in self.live and two.name in self.live:
            yield one.name, two.name
            if op.name == "mul":
                yield two.name, one.name

    def _shared_dims(self, op: Op, scale: str) -> tuple[int, ...]:
        """The dimensions along which the same number multiplies all elements."""
        maker = self.makers.get(scale)
        while maker is not None and maker.name in ("expand", "expand_as"):
            scale = maker.args[0].name
            maker = self.makers.get(scale)
        shape = self._shape(scale)
        shape = (*[1] * (len(op.shape) - len(shape)), *shape)
        return tuple(
            dim for dim, (each, size) in enumerate(zip(shape, op.shape, strict=True))
            if each == 1 and size > 1
        )  # fmt: skip

    def _bases(self, name: str) -> Iterator[tuple[str, list[Op]]]:
        """What may be normalised, and the products with constants from there to what is scaled.

        It is the value itself, or what a number was subtracted from.
        """
        inner: list[Op] = []
        for _ in range(_MOST_STEPS):
            yield name, inner
            maker = self.makers.get(name)
            if maker is None or maker.name not in (*_CASTS, *_DIFFERENCES, *_PRODUCTS):
                return
            if maker.name in _PRODUCTS:
                if self.program.uses[name] > 1 or not self._is_by_constant(maker):
                    return
                inner = [*inner, maker]
            whole = [x for x in maker.inputs if x in self.live and self._shape(x) == maker.shape]
            if not whole:
                return
            name = whole[0]

    def _between(self, base: str, last: Op) -> tuple[Op, ...] | None:
        """The operations from a value to another, if that depends on nothing else."""
        parts, left = {last.output: last}, [last]
        while left:
            op = left.pop()
            if op.name not in _PURE or len(parts) > _MOST_PARTS:
                return None
            for name in op.inputs:
                if name == base or name in self.known or name in parts:
                    continue
                if name not in self.makers or name not in self.live:
                    return None
                parts[name] = self.makers[name]
                left.append(self.makers[name])
        return tuple(sorted(parts.values(), key=lambda x: self.place[x.output]))

    def _multiplied(self, op: Op) -> Iterator[Op]:
        """The products with constants, and casts, that alone take the value one after another."""
        while self.program.uses[op.output] == 1 and op.output in self.takers:
            (taker,) = self.takers[op.output]
            if taker.shape != op.shape:
                return
            if taker.name not in _CASTS and not self._is_by_constant(taker):
                return
            yield taker
            op = taker

    def _is_by_constant(self, op: Op) -> bool:
        """Whether an operation multiplies one activation by a constant that is not a mask."""
        if op.name not in _PRODUCTS or op.kwargs:
            return False
        if not all(x in self.live or x in self.known for x in op.inputs):
            return False
        if op.name == "div" and not (isinstance(op.args[0], Ref) and op.args[0].name in self.live):
            return False
        constants = [self._constant(x) for x in op.inputs if x not in self.live]
        masks = any(x.is_mask or x.keep is not None or x.value.dtype.is_complex for x in constants)
        booleans = any(x.value.dtype == torch.bool for x in constants)
        return len([x for x in op.inputs if x in self.live]) == 1 and not masks and not booleans

    def _product(self, scaling: Sequence[Op], shape: tuple[int, ...]) -> Tensor:
        """The product of the constants by which operations multiply."""
        product = torch.ones(shape, dtype=torch.float64)
        for op in scaling:
            if op.name in _PRODUCTS:
                here = product
                product = op.run(
                    lambda leaf, here=here: self._number(leaf, here)  # type: ignore[misc]
                )
        return product

    def _number(self, leaf: Any, product: Tensor) -> Any:
        if not isinstance(leaf, Ref):
            return leaf
        return product if leaf.name in self.live else self._constant(leaf.name).value.double()

    def _constants(self, parts: Iterable[Op]) -> dict[str, Constant]:
        names = dict.fromkeys(name for op in parts for name in op.inputs if name not in self.live)
        return {name: self._constant(name) for name in names}

    def _constant(self, name: str) -> Constant:
        known = self.program.constants.get(name)
        if known is not None:
            return known
        op = self.makers[name]
        return Constant(
            op.run(lambda leaf: self._constant(leaf.name).value if isinstance(leaf, Ref) else leaf)
        )

    def _shape(self, name: str) -> tuple[int, ...]:
        if name in self.makers:
            return self.makers[name].shape
        shape = self.program.inputs.get(name)
        return tuple(self.program.constants[name].shape) if shape is None else tuple(shape)


def _numbered(op: Op, number: Mapping[str, int]) -> Any:
    """An operation with numbers in the place of names."""

    def changed(leaf: Any) -> Any:
        return ("value", number.get(leaf.name)) if isinstance(leaf, Ref) else leaf

    return op.name, op.shape, mapped([op.args, dict(op.kwargs)], changed)


def _is_of_aten(op: Op) -> bool:
    return op.name == "getitem" or hasattr(torch.ops.aten, op.name)


def _unscaled(op: Op, live: Set[str]) -> Op:
    """An operation that passes on what a product multiplies by a constant."""
    return replace(op, name="alias", args=tuple(Ref(x) for x in op.inputs if x in live))
