"""Edges of matrices are read in the net's memory, a part at a time: the same graphs, and peaks."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from netsculpt.graph.graph import NetGraph
from netsculpt.graph.matrices import from_matrices
from netsculpt.tracing import trace
from netsculpt.tracing.engine import entries
from tests.helpers.traced_nets import Function

pytestmark = pytest.mark.usefixtures("one_export")


def masked(layer: nn.Module) -> nn.Module:
    """A layer with a mask that keeps zeros."""
    with torch.no_grad():
        layer.weight[0] = 0
    mask = (torch.arange(layer.weight.numel()) % 3 > 0).view(layer.weight.shape)
    return prune.custom_from_mask(layer, "weight", mask)


def loops(weight: torch.Tensor, keep: torch.Tensor, factor: torch.Tensor) -> dict[Any, float]:
    """Edges of a matrix [out, in] between units that are its columns and rows."""
    return {
        (column, row): float(weight[row, column] * factor[column])
        for row in range(weight.shape[0])
        for column in range(weight.shape[1])
        if keep[row, column]
    }


def edges_between(graph: NetGraph, source: str, target: str) -> dict[Any, float]:
    block = graph.block(source, target).tocoo()
    return dict(zip(zip(*(x.tolist() for x in block.coords), strict=True), block.data, strict=True))


@pytest.mark.parametrize("at_once", [1, 7, 1 << 18])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_edges_of_a_matrix_are_those_of_loops(
    dtype: torch.dtype, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "_AT_ONCE", at_once)
    torch.manual_seed(0)
    turn = torch.tensor([4, 0, 2, 1, 3])
    scale = torch.tensor([1.0, -2, 1, 3, 0.5])
    net = Function(
        lambda net, x: net.b((torch.relu(net.a(x)) * net.scale)[:, net.turn]),
        a=masked(nn.Linear(4, 5)), b=nn.Linear(5, 3), scale=scale, turn=turn,
    ).to(dtype)  # fmt: skip
    graph = trace(net, torch.zeros(1, 4, dtype=dtype))
    mask, weight = net.a.weight_mask > 0, net.a.weight_orig.detach().double()
    assert edges_between(graph, "input", "a") == pytest.approx(
        loops(weight, mask, torch.ones(4).double())
    )
    turned = net.b.weight.detach().double()[:, turn.argsort()]
    expected = loops(turned, turned != 0, scale.double())
    assert edges_between(graph, "a", "b") == pytest.approx(expected)
    assert graph.weights.has_sorted_indices


@pytest.mark.parametrize("norm", ["l1", "l2", "sum"])
@pytest.mark.parametrize("at_once", [1, 5])
def test_groups_and_copies_do_not_depend_on_parts(
    at_once: int, norm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    tied = nn.Linear(6, 6, bias=False)
    nets = [
        (nn.Sequential(masked(nn.Conv2d(4, 6, 1, groups=2)), nn.BatchNorm2d(6)), (4, 2, 2)),
        (Function(lambda net, x: net.t(net.t(x).relu()), t=tied), (3, 6)),  # a copy per row
    ]
    for net, shape in nets:
        example = torch.zeros(1, *shape)
        for granularity in ("channel", "spatial"):
            options: dict[str, Any] = {"edge_norm": norm, "granularity": granularity}
            whole = trace(net, example, **options)
            with monkeypatch.context() as patch:
                patch.setattr(entries, "_AT_ONCE", at_once)
                parts = trace(net, example, **options)
            for name in ("data", "indices", "indptr"):
                one, two = (getattr(x.weights, name) for x in (whole, parts))
                assert np.array_equal(one, two)
            assert parts.n_parameters == whole.n_parameters


def peak(make: Callable[[], object]) -> int:
    """The most bytes that NumPy and Python hold at a time, above those at the beginning."""
    tracemalloc.start()
    try:
        make()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_graph_is_not_held_twice() -> None:
    n_edges = 4 * 1200**2
    layers = [nn.Linear(1200, 1200, bias=False) for _ in range(4)]
    net, example = nn.Sequential(*layers), torch.zeros(1, 1200)
    trace(nn.Linear(2, 2), torch.zeros(1, 2))
    assert peak(lambda: trace(net, example)) < 1.6 * 8 * n_edges
    matrices = [x.weight.detach().numpy() for x in layers]
    assert peak(lambda: from_matrices(matrices)) < 1.6 * 8 * n_edges
    graph = from_matrices(matrices)
    assert peak(graph.live) < 0.3 * 8 * n_edges  # all are live: arrays are shared
    matrices[0][:, 0] = 0
    pruned = from_matrices(matrices)
    assert peak(pruned.live) < 1.4 * 8 * n_edges
    assert pruned.live().n_edges == pruned.n_edges == n_edges - 1200
