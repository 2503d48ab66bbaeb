"""Units that are normalised together, coupled by the statistics that they share."""

from __future__ import annotations

from collections.abc import Sequence

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.junction import join_sets, junction
from netsculpt.tracing.engine.rows import merged, sets

__all__ = ["coupled"]


def coupled(call: Call, activation: Activation, dims: Sequence[int]) -> Activation:
    """Add a junction of each set of units along `dims`, and one where each unit meets its set.

    The activation itself is returned if no set has two units. Edges from a set have weight 1, as
    their strength depends on the input; sets that differ only in units that are missing at some
    positions are one.
    """
    if not dims:
        return activation
    builder, n_dims = call.builder, len(activation.shape)
    others = [x for x in range(n_dims) if x not in dims]
    order = [*others, *dims]
    lines = activation.units.permute(order).flatten(len(others)).flatten(0, -2)
    top = lines.amax(1, keepdim=True)
    if not bool(((lines != top) & (lines != NOTHING)).any()):
        return activation
    rows, row = merged(lines[None].numpy())
    members, set_of = sets(rows)
    layer = call.op.layer or call.op.name
    sizes = [activation.shape[x] for x in others]
    numbers = set_of[row[0]].reshape(sizes)
    met = join_sets(builder, members, numbers, f"{layer}.statistics", sizes[1:] or (1,))
    builder.input_dependent.append(builder.layers[-1].name)
    shape = [size if dim not in dims else 1 for dim, size in enumerate(activation.shape)]
    statistic = met.units.reshape(shape).broadcast_to(activation.shape)
    statistic = statistic.masked_fill(activation.units == NOTHING, NOTHING)
    both = junction(builder, [activation, Activation(statistic)], layer)
    builder.input_dependent.append(builder.layers[-1].name)
    return both
