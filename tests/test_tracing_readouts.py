"""A softmax of the outputs: left out and said, or with norms="dense" what couples them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from netsculpt.tracing import fidelity, trace
from netsculpt.tracing.options import Granularity, Norms
from tests.helpers.jacobians import moves, paths_exist
from tests.helpers.traced_nets import Function, same

X = torch.zeros(1, 3)


def net(last: nn.Module) -> nn.Module:
    line = nn.Linear(3, 3, bias=False)
    with torch.no_grad():
        line.weight.copy_(torch.eye(3))
    return nn.Sequential(line, last)


@pytest.mark.parametrize("granularity", ["channel", "spatial"])
@pytest.mark.parametrize("last", [nn.Softmax(-1), nn.LogSoftmax(1), nn.Softmax(1)])
def test_outputs_are_coupled_where_norms_are_dense(
    last: nn.Module, granularity: Granularity
) -> None:
    dense = trace(net(last), X, norms="dense", granularity=granularity)
    assert np.array_equal(paths_exist(dense), moves(net(last), X))
    assert "left_out" not in dense.provenance[0].parameters
    plain = trace(net(last), X, granularity=granularity)
    assert np.array_equal(paths_exist(plain), np.eye(3) > 0)
    (reason,) = plain.provenance[0].parameters["left_out"].values()
    assert "norms='dense'" in reason
    for graph in (dense, plain):
        assert fidelity(net(last), graph, X, rng=0).max_error < 1e-5


def by_exponentials(x: Tensor) -> Tensor:
    return x.exp() / x.exp().sum(-1, keepdim=True)


def less_the_largest(x: Tensor) -> Tensor:
    powers = (x - x.max(dim=-1, keepdim=True).values).exp()
    return powers / powers.sum(-1)[:, None]


def reciprocal(x: Tensor) -> Tensor:
    powers = (x - x.amax(-1, keepdim=True).detach()).exp()
    return powers * powers.sum(-1, keepdim=True).reciprocal()


BY_HAND: dict[str, list[Callable[[Tensor], Tensor]]] = {
    "softmax": [
        by_exponentials,
        less_the_largest,
        reciprocal,
        lambda x: (x - x.logsumexp(-1, keepdim=True)).exp(),
    ],
    "log_softmax": [
        lambda x: x - x.logsumexp(-1, keepdim=True),
        lambda x: x - x.exp().sum(-1, keepdim=True).log(),
        lambda x: less_the_largest(x).log(),
        lambda x: torch.softmax(x, -1).log(),
    ],
}


@pytest.mark.parametrize("norms", ["scale", "dense"])
@pytest.mark.parametrize("name", list(BY_HAND))
def test_written_by_hand_it_is_the_same(name: str, norms: Norms) -> None:
    line = nn.Linear(3, 4)
    native = trace(Function(lambda net, x: getattr(net.a(x), name)(-1), a=line), X, norms=norms)
    for formula in BY_HAND[name]:
        net = Function(lambda net, x, f=formula: f(net.a(x)), a=line)
        graph = trace(net, X, norms=norms)
        same(graph, native)
        left_out = (x.provenance[0].parameters.get("left_out") for x in (graph, native))
        assert next(left_out) == next(left_out)
        assert fidelity(net, graph, X, rng=0).max_error < 1e-5


def test_a_softmax_by_hand_in_the_middle_is_the_native_one() -> None:
    parts = {"a": nn.Linear(3, 4), "b": nn.Linear(4, 2)}
    one = trace(Function(lambda net, x: net.b(less_the_largest(net.a(x))), **parts), X)
    two = trace(Function(lambda net, x: net.b(net.a(x).softmax(-1)), **parts), X)
    same(one, two)


def test_what_is_not_a_softmax_stays_as_it_is() -> None:
    for formula in (
        lambda x: x.exp() / (1 + x.exp().sum(-1, keepdim=True)),
        lambda x: x.exp() / x.exp().mean(-1, keepdim=True),
        lambda x: (2 * x).exp() / x.exp().sum(-1, keepdim=True),
    ):
        net = Function(lambda net, x, f=formula: f(net.a(x)), a=nn.Linear(3, 4))
        graph = trace(net, X)
        assert np.array_equal(paths_exist(graph), moves(net, X))
        assert "left_out" not in graph.provenance[0].parameters


def test_a_softmax_of_one_output_couples_nothing() -> None:
    graph = trace(nn.Sequential(nn.Linear(3, 1), nn.Softmax(-1)), X)
    assert "left_out" not in graph.provenance[0].parameters
