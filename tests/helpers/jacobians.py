"""The oracle of tracing: input j moves output i if and only if a path leads from j to i."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netsculpt.graph.graph import NetGraph

Bools = NDArray[np.bool_]


def paths_exist(graph: NetGraph) -> Bools:
    """Whether a path leads from each input unit to each output unit [inputs, outputs]."""
    steps = graph.pattern.weights.astype(np.float64)
    units = {
        role: np.concatenate([np.arange(x.start, x.stop) for x in graph.layers if x.role == role])
        for role in ("input", "output")
    }
    reached = np.zeros((units["input"].size, graph.n_units))
    reached[np.arange(units["input"].size), units["input"]] = 1
    front = reached
    while front.any():
        front = ((front @ steps) > 0) & (reached == 0)
        reached = np.maximum(reached, front)
    return reached[:, units["output"]] > 0


def moves(net: nn.Module, example: Tensor, *, channels: int | None = None) -> Bools:
    """Whether each input element moves each output element, in any of three random inputs.

    With `channels` elements are taken together by their index along that dimension.
    """
    net = net.double().eval()
    generator = torch.Generator().manual_seed(0)
    found: Bools | None = None
    n_in, n_out = 0, 0
    for _ in range(3):
        x = torch.randn(example.shape, generator=generator, dtype=torch.float64)[:1]
        y = net(x)
        jacobian = torch.autograd.functional.jacobian(net, x)  # [out…, in…]
        slopes = jacobian.abs()
        if channels is None:
            slopes = slopes.reshape(y.numel(), x.numel())
        else:
            n_in, n_out = x.shape[channels], y.shape[channels]
            dim = channels % y.ndim
            by_out = slopes.movedim(dim, 0).flatten(1, y.ndim - 1)  # [out, others, in…]
            by_in = by_out.movedim(2 + channels % x.ndim, 1).reshape(n_out, n_in, -1)
            slopes = by_in.amax(-1)
        moved = (slopes > 1e-12).numpy().T
        found = moved if found is None else found | moved
    assert found is not None
    net.float()
    return found
