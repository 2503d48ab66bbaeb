"""Helpers for tests of tracing and loading."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import Tensor, nn

from netsculpt.graph.graph import NetGraph


class Function(nn.Module):
    """A net with this forward function; tensors among its parts are buffers."""

    def __init__(self, forward: Callable[..., Tensor], **parts: nn.Module | Tensor) -> None:
        super().__init__()
        self.called = forward
        for name, part in parts.items():
            if isinstance(part, Tensor) and not isinstance(part, nn.Parameter):
                self.register_buffer(name, part)
            else:
                setattr(self, name, part)

    def forward(self, *given: Tensor) -> Tensor:
        return self.called(self, *given)


def same(one: NetGraph, two: NetGraph) -> None:
    """Assert that two graphs are bitwise equal."""
    assert one.layers == two.layers
    assert one.blocks == two.blocks
    assert np.array_equal(one.weights.indptr, two.weights.indptr)
    assert np.array_equal(one.weights.indices, two.weights.indices)
    assert np.array_equal(one.weights.data, two.weights.data)
    assert one.weights.dtype == two.weights.dtype
    assert (one.multiplicity is None) == (two.multiplicity is None)
    if one.multiplicity is not None:
        assert np.array_equal(one.multiplicity, two.multiplicity)


def widths(graph: NetGraph) -> dict[str, int]:
    """Number of units of each layer."""
    return {layer.name: layer.n_units for layer in graph.layers}
