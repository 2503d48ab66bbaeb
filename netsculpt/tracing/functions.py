"""Which function is applied to each unit before other units take it.

Rules say which units each value of a program has. Here the functions between them are named: each
unit's value is followed from operation to operation until new units take it, or it is an output.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.builder import Builder
from netsculpt.tracing.engine.choice import Ranked
from netsculpt.tracing.program import Op, Program, inputs_of, leaves
from netsculpt.tracing.rules import rules

__all__ = ["IDENTITY", "unit_functions"]

IDENTITY: Final = "identity"
_UNKNOWN: Final = "?"  # something that is not named: what follows is not known either
_THEN, _OR = ">", "|"

_SAME: Final = {"expit": "sigmoid", "absolute": "abs", "clip": "clamp", "safe_softmax": "softmax"}
_LINEAR: Final = frozenset(
    {
        *("addition", "attention", "bilinear", "conv", "einsum", "embedding", "filled", "fused"),
        *("indexing", "linear", "matmul", "moves", "norm", "padding", "patches", "pooling"),
        *("places", "product", "recurrent", "unchanged"),
    }
)  # rules that apply no function to single units; a maximum over positions is not one
_REDUCTIONS: Final = frozenset({"amax", "amin", "max", "mean", "min", "sum"})
_PRODUCTS: Final = {(IDENTITY, IDENTITY): "square", (IDENTITY, "sigmoid"): "silu"}
_LONGEST: Final = 60  # characters of functions of functions, beyond which they are not named


@dataclass(frozen=True, eq=False)
class _Set:
    """A set of units, as a mask from the first one on."""

    start: int
    mask: NDArray[np.bool_]

    def overlap(self, other: _Set) -> tuple[slice, slice]:
        """Where two sets overlap, in the mask of each."""
        start = max(self.start, other.start)
        stop = max(min(self.start + self.mask.size, other.start + other.mask.size), start)
        mine, theirs = (slice(start - x.start, stop - x.start) for x in (self, other))
        return mine, theirs

    def __and__(self, other: _Set) -> _Set:
        mine, theirs = self.overlap(other)
        start = max(self.start, other.start)
        return _Set(start, self.mask[mine] & other.mask[theirs])

    def __sub__(self, other: _Set) -> _Set:
        mine, theirs = self.overlap(other)
        mask = self.mask.copy()
        mask[mine] &= ~other.mask[theirs]
        return _Set(self.start, mask)

    def __or__(self, other: _Set) -> _Set:
        start = min(self.start, other.start)
        stop = max(self.start + self.mask.size, other.start + other.mask.size)
        mask = np.zeros(stop - start, bool)
        for x in (self, other):
            mask[x.start - start : x.start - start + x.mask.size] |= x.mask
        return _Set(start, mask)

    def __bool__(self) -> bool:
        return bool(self.mask.any())


_Flow = dict[str, _Set]  # which units of a value went through which function


@dataclass(eq=False)
class _Known:
    """What is known of all units so far."""

    n_units: int
    applied: dict[str, NDArray[np.bool_]] = field(default_factory=dict)  # [U] by function
    met: NDArray[np.bool_] = field(init=False)  # [U] whether a value had it already

    def __post_init__(self) -> None:
        self.met = np.zeros(self.n_units, bool)

    def apply(self, function: str, units: _Set) -> None:
        """Say that some unit takes these after the function."""
        known = self.applied.setdefault(function, np.zeros(self.n_units, bool))
        known[units.start : units.start + units.mask.size] |= units.mask

    def new(self, units: _Set) -> _Set:
        """Those that no value had before."""
        return _Set(units.start, units.mask & ~self._met(units))

    def meet(self, units: _Set) -> None:
        """Say that a value has these."""
        met = self._met(units)
        met |= units.mask

    def _met(self, units: _Set) -> NDArray[np.bool_]:
        return self.met[units.start : units.start + units.mask.size]


def unit_functions(
    program: Program, values: Mapping[str, Any], builder: Builder
) -> NDArray[np.str_]:
    """The function applied to each unit's sum before other units, or the net's output, take it [U].

    "identity" where there is none; "relu>square" for several in a row; "identity|relu" where
    branches apply different ones; "" where it is not known: rules for operations such as sorting,
    or parts of one operation, do not say. Normalisations, pooling and dropout are not named.
    """
    known = _Known(builder.layers[-1].stop)
    flows: dict[str, _Flow] = {}
    for name in program.inputs:
        flows[name] = _begun(values[name], known)
    for op in program.ops:
        activations = [x for x in leaves(values[op.output]) if isinstance(x, Activation)]
        if activations:
            taken = [flows[name] for name in op.inputs if name in flows]
            flows[op.output] = _flow(op, taken, activations, known, values)
    for name in inputs_of(program.outputs):
        for function, units in flows.get(name, {}).items():
            known.apply(function, units)
    for function, inside in builder.functions:
        known.apply(function, _set_of(inside))
    return _names(known, builder)


def _begun(value: Any, known: _Known) -> _Flow:
    units = _units(x for x in leaves(value) if isinstance(x, Activation))
    if not units:
        return {}
    known.meet(units)
    return {IDENTITY: units}


def _flow(
    op: Op,
    taken: list[_Flow],
    activations: list[Activation],
    known: _Known,
    values: Mapping[str, Any],
) -> _Flow:
    """What the value of an operation went through; what new units take is noted."""
    made = _units(activations)
    flow: _Flow = {}
    hidden = any(isinstance(x, Ranked) for x in activations)  # units on their way back
    given = _given(op, taken, values)
    if made:
        together = _together(op, given, made)
        for function, units in together or (x for y in given for x in y.items()):
            passed = units & made
            if passed:
                flow[function] = flow[function] | passed if function in flow else passed
        new = known.new(made)
        rest = made - new
        for units in flow.values():
            rest = rest - units
        if rest:  # units that came back from where they were not seen
            flow[_UNKNOWN] = flow[_UNKNOWN] | rest if _UNKNOWN in flow else rest
        if new:
            begun = _BEGINNING.get(op.name.removesuffix("_cell"), IDENTITY)
            flow[begun] = flow[begun] | new if begun in flow else new
            for each in given:
                for function, units in each.items():
                    known.apply(function, units - made)
        known.meet(made)
    if hidden:
        for each in given:
            for units in each.values():
                known.apply(_UNKNOWN, units)
    return flow


_BEGINNING: Final = {"rnn_tanh": "tanh", "rnn_relu": "relu"}  # functions at the end of operations


def _given(op: Op, taken: list[_Flow], values: Mapping[str, Any]) -> list[_Flow]:
    """The flows that an operation takes, after the function that it is."""
    rule = rules().get(op.name)
    kind = "" if rule is None else rule.__name__
    if op.name == "glu":
        return _gated(op, taken, values)
    if kind in ("elementwise", "softmax") and len(taken) == 1:
        return [_after(taken[0], _name_of(op))]
    linear = kind in _LINEAR or (kind == "reduction" and op.name in _REDUCTIONS)
    linear = linear or (kind == "masking" and len(taken) == 1)
    if linear and not _divides(op, values):
        return taken
    return [{_UNKNOWN: _all(flow.values())} if flow else {} for flow in taken]


def _divides(op: Op, values: Mapping[str, Any]) -> bool:
    """Whether it divides by units."""
    if "div" not in op.name:
        return False
    return any(
        isinstance(x, Activation) for y in inputs_of(op.args[1:]) for x in leaves(values.get(y))
    )


def _gated(op: Op, taken: list[_Flow], values: Mapping[str, Any]) -> list[_Flow]:
    """The halves of a gated linear unit: the second goes through a sigmoid."""
    activation: Activation = values[op.inputs[0]]
    dim = op.arg(1, "dim", -1)
    size = activation.shape[dim] // 2
    halves = [
        _units([activation.changed(lambda x, at=at: x.narrow(dim, at, size))])  # type: ignore[misc]
        for at in (0, size)
    ]
    first, second = ({name: x & half for name, x in taken[0].items()} for half in halves)
    return [first, _after(second, "sigmoid")]


def _together(op: Op, given: list[_Flow], made: _Set) -> list[tuple[str, _Set]] | None:
    """Functions of units that a sum or product has on both sides; None: it has none."""
    rule = rules().get(op.name)
    if len(given) != 2 or rule is None or rule.__name__ not in ("addition", "product"):
        return None
    times, both = rule.__name__ == "product", _all(given[0].values()) & _all(given[1].values())
    if not both & made:
        return None
    pairs = [
        (_UNKNOWN if _UNKNOWN in (one, two) else _joined(one, two, times=times), a & b)
        for (one, a), (two, b) in product(given[0].items(), given[1].items())
    ]
    alone = [(name, units - both) for flow in given for name, units in flow.items()]
    return [*pairs, *alone]


def _joined(one: str, two: str, *, times: bool) -> str:
    if not times and one == two:
        return one
    pair = min(one, two), max(one, two)
    return _short((times and _PRODUCTS.get(pair)) or ("·" if times else "+").join(pair))


def _after(flow: _Flow, function: str) -> _Flow:
    after: _Flow = {}
    for name, units in flow.items():
        if name == IDENTITY:
            longer = function
        else:
            longer = _UNKNOWN if name == _UNKNOWN else _short(f"{name}{_THEN}{function}")
        after[longer] = after[longer] | units if longer in after else units
    return after


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else _UNKNOWN


def _name_of(op: Op) -> str:
    name = op.name.strip("_").removeprefix("special_")
    if name == "pow" and op.arg(1, "exponent") == 2:
        return "square"
    return _SAME.get(name, name)


def _all(sets: Iterable[_Set]) -> _Set:
    whole = _Set(0, np.zeros(0, bool))
    for units in sets:
        whole = whole | units if whole.mask.size else units
    return whole


def _units(activations: Iterable[Activation]) -> _Set:
    """All units of some activations, which store most of their elements once."""
    parts = []
    for x in activations:
        once = tuple(slice(0, 1) if step == 0 else slice(None) for step in x.units.stride())
        parts.append(x.units[once].reshape(-1).numpy())
    units = np.concatenate(parts) if parts else np.zeros(0, np.int64)
    return _set_of(units[units > NOTHING])


def _set_of(units: NDArray[Any]) -> _Set:
    if not units.size:
        return _Set(0, np.zeros(0, bool))
    start = int(units.min())
    mask = np.zeros(int(units.max()) + 1 - start, bool)
    mask[units - start] = True
    return _Set(start, mask)


def _names(known: _Known, builder: Builder) -> NDArray[np.str_]:
    """The functions of each unit in one text [U]."""
    names = sorted(known.applied)
    rows = np.array([known.applied[x] for x in names]).reshape(len(names), known.n_units)
    for layer in builder.layers:  # what nothing takes: inputs, and copies of outputs and states
        if layer.role in ("input", "output", "state") and IDENTITY in known.applied:
            unknown = ~rows[:, layer.units].any(axis=0)
            rows[names.index(IDENTITY), layer.units] |= unknown
    if not names:
        return np.full(known.n_units, "")
    kinds, kind = np.unique(np.packbits(rows, axis=0), axis=1, return_inverse=True)
    sets = np.unpackbits(kinds, axis=0, count=len(names)).astype(bool)
    texts = [
        "" if _UNKNOWN in (chosen := [names[i] for i in np.flatnonzero(x)]) else _OR.join(chosen)
        for x in sets.T
    ]
    return np.array(texts)[kind.reshape(-1)]
