"""Check the edges of a layer that one weight feeds against its operation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from netsculpt.graph.graph import WIRING
from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.edges import Ints
from netsculpt.tracing.engine.reach import of_kernel, reached
from netsculpt.tracing.engine.rows import distinct
from netsculpt.tracing.fidelity.bench import Bench, Outcome, error
from netsculpt.tracing.fidelity.rows import CONVOLUTIONS, OPERANDS, Form, form, on_channels
from netsculpt.tracing.fidelity.run import Numbers, activations_of, number, ran
from netsculpt.tracing.program import Constant, Op, Ref

__all__ = ["checked_product", "rebuilt"]

_POWERS: dict[str, Callable[[Any], Any]] = {"l1": abs, "l2": lambda x: x * x, "sum": lambda x: x}


def checked_product(bench: Bench, op: Op, layer: int) -> Outcome:
    """The check of a layer that one weight feeds."""
    weight = _weight(bench, op)
    taken = activations_of(op, bench.shadows)
    if weight is None or len(taken) != 1:
        return Outcome.skipped(f"operation '{op.name}' is not a product with one matrix or kernel")
    activation = bench.operand(op, taken[0])
    rows = _form(bench, op, weight)
    norm = _norm(bench, layer)
    collapsed = norm != "sum"
    block, start, largest = bench.into(layer), bench.builder.layers[layer].start, 0.0
    kernel = _POWERS[norm](number(bench.shadows[weight]))
    if op.name in CONVOLUTIONS and bench.builder.options.granularity == "channel":
        cases = _of_channels(bench, op, activation, kernel, norm)
        collapsed = collapsed or rows is None
    else:
        assert rows is not None
        cases = _of_rows(bench, op, activation, {weight: kernel}, norm, rows)
    for sources, targets, expected in cases:
        if sources is None:
            return Outcome.skipped("positions of a channel that it takes are several units")
        present = np.unique(sources[sources != NOTHING])
        spread = present.size < int(np.count_nonzero(sources != NOTHING))
        collapsed = collapsed or (spread and op.name not in CONVOLUTIONS)
        part = block[present][:, targets - start]
        part.data = _POWERS[norm](part.data) if norm == "l2" else part.data
        values = bench.values[present]
        fold = _POWERS[norm](bench.fold[targets])
        largest = max(largest, error(values @ part, expected * fold, np.abs(values) @ abs(part)))
    return Outcome("path sums" if collapsed else "values", largest)


def _of_channels(
    bench: Bench, op: Op, activation: Activation, kernel: Tensor, norm: str
) -> Iterator[tuple[Ints | None, Ints, Any]]:
    """The single row of a convolution of stride 1 on channels that are the same everywhere."""
    units, factors = (x.movedim(1, 0).flatten(1) for x in (activation.units, activation.factors))
    top = units.max(dim=1)
    targets = bench.shadows[op.output].units.movedim(1, 0).flatten(1)[:, 0].numpy()
    if not bool(((units == top.values[:, None]) | (units == NOTHING)).all()):
        yield None, targets, None
        return
    factor = factors.gather(1, top.indices[:, None])[:, 0]
    channels = bench.random(Activation(top.values, _POWERS[norm](factor)))
    kernel = kernel * _read(op, activation.units, kernel)
    yield top.values.numpy(), targets, on_channels(op, channels, kernel).numpy()


def _read(op: Op, units: Tensor, kernel: Tensor) -> Tensor:
    """Which entries of a kernel, as it is written, meet anything but padding."""
    reach = reached(op, units, tuple(kernel.shape[2:]))
    if "transpose" in op.name:  # [in, out / groups, …]
        return reach[:, None]
    return of_kernel(reach, len(kernel), op.arg(6, "groups", 1))


def _of_rows(
    bench: Bench, op: Op, activation: Activation, kernel: dict[str, Tensor], norm: str, rows: Form
) -> Iterator[tuple[Ints | None, Ints, Any]]:
    """Rows of distinct units, run as they are but without the bias."""
    (name,) = activations_of(op, bench.shadows)
    if norm != "sum":
        activation = _filled(activation, bench.shadows[op.output].units, rows)
    random = bench.random(replace(activation, factor=_POWERS[norm](activation.factors)))

    def run(value: Tensor) -> Any:
        changed = {name: value, **kernel}
        return ran(op, lambda n: changed[n] if n in changed else number(bench.shadows[n]))

    expected = rows.after(run(random) - run(torch.zeros_like(random))).numpy()
    for alike, sources, targets in rows.groups(activation.units, bench.shadows[op.output].units):
        if (targets != NOTHING).all():  # else the row is always the same, like a class token
            yield sources, targets, expected[alike[0]]


def _filled(activation: Activation, made: Tensor, rows: Form) -> Activation:
    """The activation, whose rows take the units that others into the same targets take.

    An edge is the norm of all columns that a unit has in any row; where a scatter leaves some of
    them empty, a single row shows only a part of it.
    """
    if bool((activation.units != NOTHING).all()):
        return activation
    places = rows.before(torch.arange(activation.units.numel()).view(activation.shape))
    units, factors = activation.units.flatten().clone(), activation.factors.flatten().clone()
    _, place = distinct(rows.after(made).numpy())
    ends = np.cumsum(np.bincount(place))[:-1]
    for alike in np.split(np.argsort(place, kind="stable"), ends):
        group = places[torch.from_numpy(alike)]
        top = units[group].max(dim=0)
        empty = units[group] == NOTHING
        if bool((empty | (units[group] == top.values)).all()):
            factor = factors[group].gather(0, top.indices[None])
            units[group] = top.values.expand(group.shape)
            factors[group] = torch.where(empty, factor, factors[group])
    return Activation(units.view(activation.shape), factors.view(activation.shape))


def rebuilt(bench: Bench, op: Op, layer: int, numbers: Numbers, value: Tensor) -> Tensor:
    """The value of an operation with the graph's edges in the place of its weight."""
    (name,) = activations_of(op, bench.shadows)
    shadow, weight = bench.operand(op, name), _weight(bench, op)
    assert weight is not None
    rows = _form(bench, op, weight)
    assert rows is not None
    of_units = (shadow.units != NOTHING) & (shadow.factors != 0)
    constant = ran(op, lambda n: numbers(n).where(~of_units, 0.0) if n == name else numbers(n))
    unit_values = (numbers(name) / shadow.factors).where(of_units, 0.0)
    source_rows, result = rows.before(unit_values).numpy(), rows.after(value).clone()
    block, start = bench.into(layer), bench.builder.layers[layer].start
    for alike, sources, targets in rows.groups(shadow.units, bench.shadows[op.output].units):
        units, first, place = np.unique(sources, return_index=True, return_inverse=True)
        values = source_rows[alike][:, first]
        if (targets == NOTHING).any() or not np.array_equal(values[:, place], source_rows[alike]):
            continue  # always the same; or a unit has two values here, like x and relu(x)
        here = units != NOTHING
        part: csr_array = block[units[here]][:, targets - start]
        fold = bench.fold[targets]
        usable = np.isfinite(fold) & (fold != 0)
        sums = (values[:, here] @ part) / np.where(usable, fold, 1.0)
        exact = torch.from_numpy(rows.after(constant)[alike].numpy() + sums)
        result[alike] = torch.where(torch.from_numpy(usable), exact, result[alike])
    return rows.back(result, value.shape)


def _weight(bench: Bench, op: Op) -> str | None:
    """Name of the matrix or kernel by which an operation multiplies one activation."""
    operands = (op.args[index] for index in OPERANDS.get(op.name, ()))
    for name in (x.name for x in operands if isinstance(x, Ref)):
        weight = bench.shadows[name]
        ndim = weight.value.ndim if isinstance(weight, Constant) else 0
        if ndim > 1 and (ndim == 2 or op.name in CONVOLUTIONS):
            return name
    return None


def _form(bench: Bench, op: Op, weight: str) -> Form | None:
    left = op.args[OPERANDS[op.name][0]] == Ref(weight)
    spatial = bench.builder.options.granularity == "spatial"
    return form(op, bench.shadows[weight].value.shape, spatial=spatial, left=left)


def _norm(bench: Bench, layer: int) -> str:
    """How several scalars became one edge; also "sum" if there is always one scalar."""
    normed = any(edges.normed for edges in bench.arriving(layer) if edges.kind != WIRING)
    return bench.builder.options.edge_norm if normed else "sum"
