"""Layers whose units are sums, means or maxima of windows of elements."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array, kron, vstack
from torch import Tensor

from netsculpt.tracing.engine.activation import NOTHING, Activation, of_elements
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.edges import summed
from netsculpt.tracing.rules._parts.weights import parts

__all__ = ["along", "join_windows"]

_AT_ONCE = 1 << 22  # entries of an identity matrix held at a time


def along(operation: Callable[[Tensor], Any], size: int) -> csr_array:
    """Share of each of `size` positions in each output position of an operation on [n, 1, size].

    If it is not linear, like a maximum, it is 1 for all positions that it chooses from.
    """
    rows = max(1, _AT_ONCE // size)
    blocks = []
    for first in range(0, size, rows):
        n_rows = min(rows, size - first)
        alone = torch.zeros(n_rows, 1, size, dtype=torch.float64)
        alone[torch.arange(n_rows), 0, torch.arange(first, first + n_rows)] = 1
        blocks.append(csr_array(operation(alone)[:, 0].numpy()))
    return csr_array(vstack(blocks))


def join_windows(
    call: Call, taken: Activation, shares: list[csr_array], *, largest: bool
) -> Activation:
    """Add a junction with one unit per new element, wired from all elements of its window.

    The weight of an edge is the product of its shares along each dimension after the channels.
    Where a window takes a unit several times they are added, unless only the largest counts.
    """
    builder = call.builder
    shape = (*taken.shape[:2], *(x.shape[1] for x in shares))
    units, factors = call.sample(taken)
    n_channels = shape[1]
    name = call.junction_name
    builder.check_room(name, n_channels * math.prod(x.nnz for x in shares))
    whole = shares[0]
    for share in shares[1:]:
        whole = csr_array(kron(whole, share, format="csr"))
    start = builder.add_layer(name, "junction", shape[1:], math.prod(shape[1:]))
    pairs = whole.tocoo()
    before, after = pairs.coords
    present = units[units != NOTHING]
    shared = np.unique(present).size < present.size
    edges = []
    for channels in parts(np.full(n_channels, pairs.nnz)):
        source = units[channels][:, before]
        first = np.arange(n_channels)[channels] * whole.shape[1] + start
        weight = np.broadcast_to(pairs.data, source.shape)
        if factors is not None:
            weight = weight * factors[channels][:, before]
        real = source != NOTHING
        target = (first[:, None] + after)[real]
        source, weight = source[real], weight[real]
        if shared:
            source, target, weight, count = summed(source, target, weight)
            weight = weight / count if largest else weight
        edges.append((source, target.astype(np.int32, copy=False), weight))
    source, target, weight = (np.concatenate(x) for x in zip(*edges, strict=True))
    builder.wire(source, target, weight)
    return replace(of_elements(start, shape), private=False)
