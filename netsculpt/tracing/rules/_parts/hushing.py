"""Products of activations of which one is always 0, as nothing arrives there.

The unit of such a product stays, like any unit without edges: what it feeds is kept as it was. But
it takes nothing from the other factor.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from torch import Tensor

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.builder import Builder
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.zeros import nonzero

__all__ = ["hear", "hush", "hush_product"]


def hear(call: Call, value: object, index: int, argument: int | None = None) -> Tensor | None:
    """1.0 where an activation may differ from 0, else 0.0; None: it may everywhere.

    Its indices are those of `Call.silent`.
    """
    zero = call.silent(index, argument) if isinstance(value, Activation) else None
    if zero is None or not isinstance(value, Activation):
        return None
    passes: Tensor = nonzero(value, zero.broadcast_to(value.shape))
    return passes


def hush(builder: Builder, met: Activation, operands: Sequence[Activation], zero: Tensor) -> None:
    """Leave out edges into the last layer from operands [shape] that only meet where it is 0."""
    target = met.units.broadcast_to(zero.shape)[~zero].numpy()
    sources = (x.units.broadcast_to(zero.shape)[~zero].numpy() for x in operands)
    _keep(builder, ((source, target) for source in sources))


def hush_product(
    builder: Builder,
    product: Activation,
    factors: tuple[Activation, Activation],
    passes: tuple[Tensor, Tensor],
) -> None:
    """The same for the sums of products of [S, I, K] and [S, K, J].

    `passes` is 1.0 where a factor may differ from 0.
    """
    one, two = factors
    left, right = (x != 0 for x in passes)

    def pairs() -> Iterable[tuple[np.ndarray, np.ndarray]]:
        for s, made in enumerate(product.units):
            for i, row in enumerate(made):
                k, j = (left[s, i, :, None] & right[s]).nonzero().T
                yield one.units[s, i, k].numpy(), row[j].numpy()
                yield two.units[s, k, j].numpy(), row[j].numpy()

    _keep(builder, pairs())


def _keep(builder: Builder, pairs: Iterable[tuple[np.ndarray, np.ndarray]]) -> None:
    """Keep the edges into the last layer that are among pairs of source and target."""
    n_units = builder.layers[-1].stop
    keys = []
    for source, target in pairs:
        here = (source > NOTHING) & (target > NOTHING)
        keys.append(np.unique(source[here].astype(np.int64) * n_units + target[here]))
    known = np.unique(np.concatenate(keys)) if keys else np.zeros(0, np.int64)
    for edges in builder.edges.get(len(builder.layers) - 1, []):
        edges.only(lambda one, two: np.isin(one.astype(np.int64) * n_units + two, known))
