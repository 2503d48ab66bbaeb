"""Which entries of parameters weigh which edges, and which are added to or scale which units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import TopologyError
from netsculpt.tracing.addresses import addresses
from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.edges import LayerWeight
from netsculpt.tracing.program import Constant, Op, Program, leaves
from netsculpt.training.sculpting.parts.layout import NO_ENTRY, Layout

__all__ = ["Uses", "constants", "uses"]

Ints = NDArray[np.int64]

_BY_CHANNEL = ("conv", "_native_batch_norm", "group_norm", "instance_norm")
_BESIDE = "cat"  # puts constants next to units: they belong to none
_RECURRENT = ("lstm", "gru", "rnn")


class Uses(NamedTuple):
    """Entries that weigh edges, one by one: a shared entry is there as often as it is used."""

    entry: Ints  # [N]
    source: Ints  # [N] units of the graph
    target: Ints  # [N]


def uses(weights: Sequence[LayerWeight], layout: Layout) -> Uses:
    """The uses of the weights that a trace has met, in the order in which they run."""
    found = [_uses(weight, layout) for weight in weights]
    nothing = np.zeros(0, np.int64)
    return Uses(*(np.concatenate([nothing, *x]) for x in zip(*found, strict=True)))


def _uses(weight: LayerWeight, layout: Layout) -> Uses:
    n_out, width = weight.weight.shape[:2]
    entries = layout.entries(addresses(weight.weight.stored)).reshape(n_out, width, -1)
    taken, n_rows = weight.taken, n_out // weight.groups
    rows = (taken.column // width * n_rows)[:, None] + np.arange(n_rows)  # [pairs, rows]
    entry = entries[rows, (taken.column % width)[:, None]]  # [pairs, rows, taps]
    target = (weight.start + taken.copies[:, None] * n_out + rows)[..., None]
    each = np.broadcast_arrays(entry, taken.unit[:, None, None], target)
    stored = each[0] != NO_ENTRY
    return Uses(*(x[stored].astype(np.int64) for x in each))


def constants(
    program: Program, shadows: Mapping[str, Any], weighed: Uses, layout: Layout
) -> tuple[Ints, Ints]:
    """Entries that weigh no edge, and the units of the graph that each meets, pair by pair.

    Raises
    ------
    TopologyError
        If a parameter meets an operation in a way that does not say to which units it belongs.
    """
    is_weight = np.zeros(layout.n_entries + 1, np.bool_)  # the last is `NO_ENTRY`
    is_weight[weighed.entry] = True
    target_of = np.full(layout.n_entries + 1, NOTHING)
    target_of[weighed.entry[::-1]] = weighed.target[::-1]
    pairs = [np.zeros((2, 0), np.int64)]
    for op in program.ops:
        if op.name == _BESIDE:
            continue
        made = [x for x in leaves(shadows[op.output]) if isinstance(x, Activation)]
        rows = np.zeros(0, np.int64)  # unit of each row of the last weight so far
        for constant in _parameters(op, shadows) if made else ():
            entries = layout.entries(addresses(constant.stored))
            if is_weight[entries].any():
                rows = target_of[entries].reshape(len(entries), -1).max(axis=1)
                unfed = np.where(is_weight[entries], NO_ENTRY, entries)  # columns of constants
                pairs.append(_paired(op, constant, unfed.reshape(len(rows), -1), rows[:, None]))
            elif op.name.startswith(_RECURRENT):
                pairs.append(_paired(op, constant, entries, rows))
            else:
                units = made[0].units.numpy()
                by_channel = op.name.startswith(_BY_CHANNEL) and entries.ndim == 1
                shape = (-1, *[1] * (units.ndim - 2)) if by_channel else entries.shape
                pairs.append(_paired(op, constant, entries.reshape(shape), units))
    entry, unit = np.unique(np.concatenate(pairs, axis=1), axis=1)
    return entry, unit


def _parameters(op: Op, shadows: Mapping[str, Any]) -> Iterator[Constant]:
    """What an operation takes that is a parameter, or made from one."""
    for name in op.inputs:
        for value in leaves(shadows[name]):
            if isinstance(value, Constant) and value.parameter is not None:
                yield value


def _paired(op: Op, constant: Constant, entries: Ints, units: Ints) -> Ints:
    """Entries and the units that they meet [2, pairs]; raises unless their shapes fit."""
    try:
        entry, unit = np.broadcast_arrays(entries, units)
    except ValueError:
        raise TopologyError(
            f"parameter {constant.parameter!r} {list(constant.shape)} meets operation {op.name!r} "
            f"in layer {op.layer!r} in a way that does not say to which units it belongs: write "
            "it as a bias, as a factor of each unit, or as a weight"
        ) from None
    known = (entry != NO_ENTRY) & (unit != NOTHING)
    return np.stack([entry[known], unit[known]])
