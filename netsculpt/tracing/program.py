"""A net as a list of operations: the common form of live nets and of files.

Operations have the names and the arguments of ATen, without overloads, and change nothing in
place.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from netsculpt.tracing.addresses import Addresses, Stored, addresses, is_view, memory_of

__all__ = [
    "RANDOM",
    "Constant",
    "Op",
    "Program",
    "Ref",
    "filled",
    "inputs_of",
    "leaves",
    "mapped",
]

RANDOM = frozenset(  # operations whose values differ from run to run
    (
        *("alpha_dropout", "bernoulli", "dropout", "exponential", "feature_dropout", "multinomial"),
        *("native_dropout", "normal", "normal_functional", "poisson", "rand", "rand_like"),
        *("randint", "randint_like", "randn", "randn_like", "randperm", "uniform", "rrelu"),
    )
)

_WEIGHTED = frozenset(  # operations that sum the products of units and weights
    (
        *("addmm", "addmv", "baddbmm", "bilinear", "bmm", "einsum", "embedding", "embedding_bag"),
        *("gru", "linear", "lstm", "matmul", "mm", "mv", "scaled_dot_product_attention"),
    )
)


@dataclass(frozen=True)
class Ref:
    """A reference to the value of this name."""

    name: str


@dataclass(frozen=True, eq=False)
class Op:
    """One operation."""

    name: str  # "linear", "conv2d", "add", …
    args: tuple[Any, ...]  # numbers, lists, `Ref`
    kwargs: Mapping[str, Any]
    output: str  # name of its value
    shape: tuple[int, ...]  # of that value, or of the first if there are several
    layer: str  # the layer of the net that calls it; "" is the net itself

    @property
    def inputs(self) -> list[str]:
        """Names of the values that it takes."""
        return inputs_of((self.args, self.kwargs))

    def arg(self, index: int, name: str, default: Any = None) -> Any:
        """An argument by position or by name."""
        return self.args[index] if len(self.args) > index else self.kwargs.get(name, default)

    def each_dim(self, index: int, name: str, default: Any, n_dims: int) -> list[int]:
        """An argument that is a number for each dimension, or one number for all of them."""
        value = self.arg(index, name, default)
        numbers = list(value) if isinstance(value, list | tuple) else [value]
        return numbers * n_dims if len(numbers) == 1 else numbers

    def run(self, change: Callable[[Any], Any]) -> Any:
        """The value that ATen computes from the arguments with each leaf changed."""
        args, kwargs = mapped((self.args, self.kwargs), change)
        if self.name == "getitem":
            return operator.getitem(*args)
        name = self.name
        if name in ("view", "_unsafe_view") and not isinstance(args[1], torch.dtype):
            name = "reshape"  # which takes all strides: those of shadows are not the net's
        return getattr(torch.ops.aten, name)(*args, **kwargs)


@dataclass(frozen=True, eq=False)
class Constant:
    """A tensor that does not depend on the inputs."""

    value: Tensor
    keep: Tensor | None = None  # True = kept; None: the nonzero entries are kept
    parameter: str | None = None  # name of the parameter that it is, or is made from
    is_mask: bool = False  # 0 or 1, and not a weight: a buffer, frozen, or compared
    made_from: Stored | None = None  # what entry by entry it is a function of; None: itself

    @property
    def stored(self) -> Stored:
        """What has the addresses that say which stored scalar each entry is."""
        return self.value if self.made_from is None else self.made_from

    @property
    def shape(self) -> torch.Size:
        """The shape of the tensor."""
        return self.value.shape

    def changed(self, change: Callable[[Tensor], Tensor]) -> Constant:
        """The constant with its entries and its mask changed in the same way."""
        keep = None if self.keep is None else change(self.keep)
        value, made_from = change(self.value), self.made_from
        if isinstance(made_from, Tensor):
            moved = change(made_from)
            made_from = moved if is_view(moved, made_from) else self._copied(change)
        elif made_from is not None or not (self.parameter is None or is_view(value, self.value)):
            made_from = self._copied(change)
        return replace(self, value=value, keep=keep, made_from=made_from)

    def _copied(self, change: Callable[[Tensor], Tensor]) -> Addresses:
        """The addresses of entries that a change copies."""
        return Addresses(change(addresses(self.stored)), memory_of(self.stored))


@dataclass(frozen=True, eq=False)
class Program:
    """Operations in the order in which they run."""

    ops: tuple[Op, ...]
    constants: Mapping[str, Constant]
    inputs: Mapping[str, tuple[int, ...]]  # shapes, batch first
    outputs: tuple[Any, ...]  # `Ref`, or a value that is always the same
    parameters: frozenset[str]  # every name, including those of parameters that share a tensor
    one_path: bool = False  # whether the net branches on values, and this is one observed path
    whole: frozenset[str] = frozenset()  # inputs of whole numbers or truth values
    output_names: tuple[str, ...] = ()  # keys of outputs that the net returns in a dictionary

    @cached_property
    def taken(self) -> Counter[str]:
        """How often operations take each value."""
        return Counter(name for op in self.ops for name in op.inputs)

    @cached_property
    def uses(self) -> Counter[str]:
        """How often operations and outputs take each value."""
        return self.taken + Counter(inputs_of(self.outputs))

    @cached_property
    def takers(self) -> dict[str, list[Op]]:
        """The operations that take each value."""
        takers: dict[str, list[Op]] = {}
        for op in self.ops:
            for name in dict.fromkeys(op.inputs):
                takers.setdefault(name, []).append(op)
        return takers

    @cached_property
    def makers(self) -> dict[str, Op]:
        """The operation that makes each value."""
        return {op.output: op for op in self.ops}

    def shape_of(self, name: str) -> tuple[int, ...]:
        """The shape of a value, or of the first where an operation returns several."""
        maker = self.makers.get(name)
        if maker is not None:
            return maker.shape
        given = self.inputs.get(name)
        return tuple(self.constants[name].shape if given is None else given)

    def with_replaced(self, found: Mapping[str, Op], inside: Collection[str]) -> Program:
        """The program with other operations for some values.

        Those that make the values `inside` are left out where nothing takes them any more.
        """
        if not found:
            return self  # with what it has computed of itself
        needed, ops = set(inputs_of(self.outputs)), []
        for op in reversed([found.get(op.output, op) for op in self.ops]):
            if op.output in needed or op.output not in inside:
                ops.append(op)
                needed.update(op.inputs)
        return replace(self, ops=tuple(ops[::-1]))

    @cached_property
    def dependent(self) -> frozenset[str]:
        """The values that are made of the net's inputs."""
        found = set(self.inputs)
        for op in self.ops:
            if not found.isdisjoint(op.inputs):
                found.add(op.output)
        return frozenset(found)

    @cached_property
    def numbers(self) -> dict[str, int]:
        """A number for each value: the same for those of equal operations on equal values."""
        known: dict[str, int] = {}
        numbers = {x: known.setdefault(x, len(known)) for x in (*self.inputs, *self.constants)}
        for op in self.ops:
            given = filled((op.args, op.kwargs), lambda name: Ref(str(numbers[name])))
            key = op.output if op.name in RANDOM else repr((op.name, given))
            numbers[op.output] = known.setdefault(key, len(known))
        return numbers

    def made_of(self, names: Iterable[str]) -> set[str]:
        """Values that these are made of without a weight in between, and they themselves."""
        found, left = set(), list(names)
        while left:
            name = left.pop()
            if name in found:
                continue
            found.add(name)
            op = self.makers.get(name)
            if op is not None and not (op.name in _WEIGHTED or op.name.startswith("conv")):
                left += op.inputs
        return found

    def needed(self) -> Program:
        """The program without operations and constants that its outputs do not need."""
        names, ops = set(inputs_of(self.outputs)), []
        for op in reversed(self.ops):
            if op.output in names:
                ops.append(op)
                names.update(op.inputs)
        constants = {name: x for name, x in self.constants.items() if name in names}
        return replace(self, ops=tuple(ops[::-1]), constants=constants)


def mapped(arguments: Any, change: Callable[[Any], Any]) -> Any:
    """Nested arguments with each leaf changed.

    >>> mapped(([1, 2], {"dim": 3}), str)
    (['1', '2'], {'dim': '3'})
    """
    if isinstance(arguments, Mapping):
        return {key: mapped(x, change) for key, x in arguments.items()}
    if isinstance(arguments, list | tuple):
        return type(arguments)(mapped(x, change) for x in arguments)
    return change(arguments)


def leaves(arguments: Any) -> Iterator[Any]:
    """The leaves of nested arguments, in order.

    >>> list(leaves(([1, 2], {"dim": 3})))
    [1, 2, 3]
    """
    if isinstance(arguments, Mapping):
        arguments = tuple(arguments.values())
    if isinstance(arguments, list | tuple):
        for item in arguments:
            yield from leaves(item)
    else:
        yield arguments


def inputs_of(arguments: Any) -> list[str]:
    """Names of the values that nested arguments refer to."""
    return [x.name for x in leaves(arguments) if isinstance(x, Ref)]


def filled(arguments: Any, value: Callable[[str], Any]) -> Any:
    """Nested arguments with values in the place of references."""
    return mapped(arguments, lambda x: value(x.name) if isinstance(x, Ref) else x)
