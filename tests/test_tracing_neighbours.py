"""Sums over neighbours of different numbers, however they are written: no false alarm, no miss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from traced_nets import Function

from netsculpt.tracing import fidelity, trace

N, D = 7, 4
X = torch.zeros(1, N, D)
Sum = Callable[[Any, Tensor], Tensor]
SUMS: dict[str, Sum] = {
    "index_add": lambda net, h: torch.zeros_like(h).index_add(1, net.target, h[:, net.source]),
    "matmul": lambda net, h: net.adjacency @ h,
    "onto": lambda net, h: h.index_add(1, net.target, h[:, net.source]),
    "mean": lambda net, h: net.adjacency @ h / net.adjacency.sum(1, keepdim=True).clamp(min=1),
}
LAYERS: dict[str, Callable[[Any, Tensor, Sum], Tensor]] = {
    "GIN": lambda net, x, sums: net.b((1 + net.eps) * x + sums(net, x)),
    "hidden": lambda net, x, sums: net.b(
        (1 + net.eps) * net.a(x).relu() + sums(net, net.a(x).relu())
    ),
    "Laplacian": lambda net, x, sums: net.b((net.a(x) - 0.5 * sums(net, net.a(x))).tanh()),
    "two hops": lambda net, x, sums: net.b(x + sums(net, x) + sums(net, sums(net, x))),
}


def net_of(layer: str, sums: str, seed: int) -> nn.Module:
    """A layer on a graph whose nodes have 0 to 5 neighbours, in an order that a seed draws."""
    torch.manual_seed(seed)
    order = torch.randperm(N)
    ends = torch.tensor([((i + 1 + j) % N, i) for i in range(6) for j in range(i)])
    source, target = order[ends].T
    adjacency = torch.zeros(N, N)
    adjacency[target, source] = 1
    assert sorted(adjacency.sum(1).tolist()) == [0, 0, 1, 2, 3, 4, 5]
    return Function(
        lambda net, x: net.head(LAYERS[layer](net, x, SUMS[sums]).sum(1)),
        a=nn.Linear(D, D),
        b=nn.Linear(D, 5),
        head=nn.Linear(5, 2),
        eps=nn.Parameter(torch.tensor(0.3)),
        source=source,
        target=target,
        adjacency=adjacency,
    )


@pytest.mark.parametrize("sums", SUMS)
@pytest.mark.parametrize("layer", LAYERS)
def test_numbers_of_neighbours_raise_no_alarm_and_hide_no_wrong_edge(layer: str, sums: str) -> None:
    for seed in (0, 1):
        net = net_of(layer, sums, seed)
        graph = trace(net, X)
        result = fidelity(net, graph, X, rng=seed)
        assert result.max_error < 1e-5, result.table()
        checks = {x.layer: x.check for x in result.layers}
        uneven = graph.provenance[0].parameters.get("input_dependent", ())
        assert all(x == "values" or layer in uneven for layer, x in checks.items())
        assert not uneven or sums == "mean"
    for block in (x for x in graph.blocks if x.target not in uneven):
        weights = graph.weights.data.copy()
        edges = np.arange(graph.n_edges)[graph.block_edges(block.source, block.target)]
        weights[edges[seed % edges.size]] *= 1.01
        wrong = fidelity(net, graph.with_weights(weights), X, rng=0)
        found = {x.layer for x in wrong.layers if x.error is not None and x.error > 1e-5}
        assert found == {block.target}


def test_the_order_of_nodes_changes_nothing() -> None:
    for layer in LAYERS:
        one, two = (trace(net_of(layer, "matmul", seed), X) for seed in (0, 1))
        assert np.array_equal(one.weights.indices, two.weights.indices)
        assert one.layers == two.layers
        added = trace(net_of(layer, "index_add", 0), X)  # the same function: the same graph
        assert np.array_equal(one.weights.indices, added.weights.indices)
        assert np.array_equal(one.weights.data, added.weights.data)
