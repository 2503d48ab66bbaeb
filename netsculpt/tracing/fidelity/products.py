"""Edges of a layer that one weight feeds, against the operation itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from netsculpt.graph.graph import WIRING
from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.fidelity.bench import Bench, error
from netsculpt.tracing.fidelity.rows import CONVOLUTIONS, OPERANDS, Form, form, on_channels
from netsculpt.tracing.fidelity.run import Numbers, given_to, number, ran
from netsculpt.tracing.program import Constant, Op, Ref

__all__ = ["checked_product", "rebuilt"]

Ints = NDArray[np.int64]

_POWERS: dict[str, Callable[[Any], Any]] = {"l1": abs, "l2": lambda x: x * x, "sum": lambda x: x}


def checked_product(bench: Bench, op: Op, at: int) -> tuple[str, float | None, str]:
    """Which check was made of a layer, its error, and why it was none."""
    weight = _weight(bench, op)
    given = given_to(op, bench.shadows)
    if weight is None or len(given) != 1:
        return "not checked", None, f"operation '{op.name}' is no product with one matrix or kernel"
    units = bench.shadows[given[0]]
    one_by_one = _form(bench, op, weight)
    norm = _norm(bench, at)
    collapsed = norm != "sum"
    found, (block, start) = 0.0, (bench.into(at), bench.build.layers[at].start)
    kernel = _POWERS[norm](number(bench.shadows[weight]))
    if op.name in CONVOLUTIONS and bench.build.plan.granularity == "channel":
        cases = _of_channels(bench, op, units, kernel, norm)
        collapsed = collapsed or one_by_one is None
    else:
        assert one_by_one is not None
        cases = _of_rows(bench, op, units, {weight: kernel}, norm, one_by_one)
    for taken, given_units, wanted in cases:
        if taken is None:
            return "not checked", None, "positions of a channel that it takes are several units"
        present = np.unique(taken[taken != NOTHING])
        spread = present.size < int(np.count_nonzero(taken != NOTHING))
        collapsed = collapsed or (spread and op.name not in CONVOLUTIONS)
        part = block[present][:, given_units - start]
        part.data = _POWERS[norm](part.data) if norm == "l2" else part.data
        values = bench.values[present]
        fold = _POWERS[norm](bench.fold[given_units])
        found = max(found, error(values @ part, wanted * fold, np.abs(values) @ abs(part)))
    return "path sums" if collapsed else "values", found, ""


def _of_channels(
    bench: Bench, op: Op, given: Activation, kernel: Tensor, norm: str
) -> Iterator[tuple[Ints | None, Ints, Any]]:
    """The one row of a convolution of stride 1 on channels that are the same everywhere."""
    units, factors = (x.movedim(1, 0).flatten(1) for x in (given.units, given.factors))
    top = units.max(dim=1)
    out = bench.shadows[op.output].units.movedim(1, 0).flatten(1)[:, 0].numpy()
    if not bool(((units == top.values[:, None]) | (units == NOTHING)).all()):
        yield None, out, None
        return
    factor = factors.gather(1, top.indices[:, None])[:, 0]
    channels = bench.random(Activation(top.values), _POWERS[norm](factor))
    yield top.values.numpy(), out, on_channels(op, channels, kernel).numpy()


def _of_rows(
    bench: Bench, op: Op, given: Activation, kernel: dict[str, Tensor], norm: str, rows: Form
) -> Iterator[tuple[Ints | None, Ints, Any]]:
    """Rows of different units, run as they are but for the bias."""
    (name,) = given_to(op, bench.shadows)
    random = bench.random(given, _POWERS[norm](given.factors))

    def run(x: Tensor) -> Tensor:
        here = {name: x, **kernel}
        value: Tensor = ran(op, lambda n: here[n] if n in here else number(bench.shadows[n]))
        return value

    wanted = rows.given(run(random) - run(torch.zeros_like(random))).numpy()
    for alike, taken, out in rows.groups(given.units, bench.shadows[op.output].units):
        if (out != NOTHING).all():  # else the row is always the same, as a class token is
            yield taken, out, wanted[alike[0]]


def rebuilt(bench: Bench, op: Op, at: int, of: Numbers, own: Tensor) -> Tensor:
    """What an operation gives, by the graph's edges instead of its weight."""
    (name,) = given_to(op, bench.shadows)
    shadow, weight = bench.shadows[name], _weight(bench, op)
    assert weight is not None
    rows = _form(bench, op, weight)
    assert rows is not None
    known = (shadow.units != NOTHING) & (shadow.factors != 0)
    constant = ran(op, lambda n: of(n).where(~known, 0.0) if n == name else of(n))
    unit_values = (of(name) / shadow.factors).where(known, 0.0)
    taken_rows, found = rows.taken(unit_values).numpy(), rows.given(own).clone()
    block, start = bench.into(at), bench.build.layers[at].start
    for alike, taken, out in rows.groups(shadow.units, bench.shadows[op.output].units):
        units, first, place = np.unique(taken, return_index=True, return_inverse=True)
        values = taken_rows[alike][:, first]
        if (out == NOTHING).any() or not np.array_equal(values[:, place], taken_rows[alike]):
            continue  # always the same; or a unit has two values here, as x and relu(x)
        here = units != NOTHING
        part: csr_array = block[units[here]][:, out - start]
        fold = bench.fold[out]
        usable = np.isfinite(fold) & (fold != 0)
        sums = (values[:, here] @ part) / np.where(usable, fold, 1.0)
        exact = rows.given(constant)[alike].numpy() + sums
        found[alike] = torch.where(torch.from_numpy(usable), torch.from_numpy(exact), found[alike])
    return rows.back(found, own.shape)


def _weight(bench: Bench, op: Op) -> str | None:
    """The name of the matrix or kernel by which an operation multiplies one activation."""
    places = OPERANDS.get(op.name, ())
    operands = [x.name for x in (op.args[at] for at in places) if isinstance(x, Ref)]
    for name in operands:
        weight = bench.shadows[name]
        ndim = weight.value.ndim if isinstance(weight, Constant) else 0
        if ndim > 1 and (ndim == 2 or op.name in CONVOLUTIONS):
            return name
    return None


def _form(bench: Bench, op: Op, weight: str) -> Form | None:
    left = op.args[OPERANDS[op.name][0]] == Ref(weight)
    spatial = bench.build.plan.granularity == "spatial"
    return form(op, bench.shadows[weight].value.shape, spatial=spatial, left=left)


def _norm(bench: Bench, at: int) -> str:
    """How several scalars became one edge; "sum" too if there was always one."""
    normed = any(edges.normed for edges in bench.arriving(at) if edges.kind != WIRING)
    return bench.build.plan.edge_norm if normed else "sum"
