"""Layers whose units are sums, means or maxima over windows of elements."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, kron, vstack
from torch import Tensor

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.edges import summed
from netsculpt.tracing.rules._parts.weights import parts

__all__ = ["along", "windows"]

_AT_ONCE = 1 << 22  # numbers of an identity matrix held at a time


def along(operation: Callable[[Tensor], Any], size: int) -> csr_array:
    """What each of `size` positions adds to each position that an operation on [n, 1, size] makes.

    Whatever is no linear operation, as a maximum, gives 1 for all that it chooses from.
    """
    rows = max(1, _AT_ONCE // size)
    parts = []
    for first in range(0, size, rows):
        n_rows = min(rows, size - first)
        alone = torch.zeros(n_rows, 1, size, dtype=torch.float64)
        alone[torch.arange(n_rows), 0, torch.arange(first, first + n_rows)] = 1
        parts.append(csr_array(operation(alone)[:, 0].numpy()))
    return csr_array(vstack(parts))


def windows(call: Call, joins: list[csr_array], *, largest: bool) -> Activation:
    """A junction with a unit for each element that is made, wired from all of its window.

    ``joins`` says for each dimension behind the channels what positions add to those that are
    made; the weights of the edges are the products. Where a window takes a unit several times they
    are added up, unless only the largest counts.
    """
    build, given, shape = call.build, call.activation(), call.op.shape
    if bool((given.units != given.units[:1]).any()):
        raise call.refusal("samples of its batch hold different units")
    n_channels = shape[1]
    name = call.junction_name
    build.check_room(name, n_channels * math.prod(x.nnz for x in joins))
    whole = joins[0]
    for x in joins[1:]:
        whole = csr_array(kron(whole, x, format="csr"))
    start = build.add_layer(name, "junction", shape[1:], math.prod(shape[1:]))
    pairs = whole.tocoo()
    before, after = pairs.coords
    units = given.units[0].flatten(1).numpy().astype(np.int32)
    factors = None if given.factor is None else given.factor[0].flatten(1).numpy()
    known = units[units != NOTHING]
    shared = np.unique(known).size < known.size
    found = []
    for channels in parts(np.full(n_channels, pairs.nnz)):
        source = units[channels][:, before]
        first = np.arange(n_channels)[channels] * whole.shape[1] + start
        weight = np.broadcast_to(pairs.data, source.shape)
        if factors is not None:
            weight = weight * factors[channels][:, before]
        real = source != NOTHING
        target = (first[:, None] + after)[real]
        found.append(
            _once(source[real], target, weight[real], largest)
            if shared
            else (source[real], target.astype(np.int32), weight[real])
        )
    source, target, weight = (np.concatenate(x) for x in zip(*found, strict=True))
    build.wire(source, target, weight)
    return Activation(build.every(start, shape).units)


def _once(
    source: NDArray[np.int32], target: NDArray[np.int64], weight: NDArray[np.float64], largest: bool
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:  # fmt: skip
    """Each pair of units once."""
    stop = target.max(initial=0) + 1
    key, total, count = summed(source * stop + target, weight, np.ones(weight.size, np.int64))
    total = total / count if largest else total
    return (key // stop).astype(np.int32), (key % stop).astype(np.int32), total
