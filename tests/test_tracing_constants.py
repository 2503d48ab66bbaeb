"""What is always the same: h − h, products with 0, and positions that constants mix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from netsculpt.tracing import fidelity, trace
from netsculpt.tracing.options import Granularity
from tests.helpers.jacobians import moves, paths_exist
from tests.helpers.traced_nets import Function, same

T, D = 4, 5
X = torch.zeros(1, T, D)
Forward = Callable[..., Any]


def layers() -> dict[str, nn.Linear]:
    """Sparse layers, so that paths are told apart."""
    torch.manual_seed(0)
    made = {name: nn.Linear(D, D, bias=False) for name in "abo"}
    with torch.no_grad():
        for layer in made.values():
            layer.weight[torch.rand(D, D) < 0.5] = 0
    return made


def reshaped(net: Any, x: Tensor) -> Any:
    h = net.a(x)
    return net.o(h - h.mT.contiguous().mT + net.b(x))


def computed_twice(net: Any, x: Tensor) -> Any:
    return net.o(net.a(x).relu() - net.a(x).relu() + net.b(x))


NOTHING_LEFT: dict[str, Forward] = {
    "h - h": lambda net, x: net.o((h := net.a(x)) - h + net.b(x)),
    "h - h, moved": reshaped,
    "h - h, twice": computed_twice,
    "h - h, detached": lambda net, x: net.o((h := net.a(x)) - h.detach() + net.b(x)),
    "rsub": lambda net, x: net.o(torch.rsub(h := net.a(x), h) + net.b(x)),
    "alpha": lambda net, x: net.o(torch.add(h := net.a(x), h, alpha=-1) + net.b(x)),
    "h / h": lambda net, x: net.o((h := net.a(x)) / h + net.b(x)),
    "0 h": lambda net, x: net.o(0 * net.a(x) + net.b(x)),
    "h zeros": lambda net, x: net.o(net.a(x) * torch.zeros(D) + net.b(x)),
    "h zeros_like": lambda net, x: net.o((h := net.a(x)) * torch.zeros_like(h) + net.b(x)),
    "0 h g": lambda net, x: net.o((0 * net.a(x)) * net.b(x).sigmoid() + net.b(x)),
    "tanh of 0 h": lambda net, x: net.o((net.a(x) - net.a(x)).tanh() * net.b(x) + net.b(x)),
}


@pytest.mark.parametrize("granularity", ["channel", "spatial"])
@pytest.mark.parametrize("name", NOTHING_LEFT)
def test_what_is_always_the_same_makes_no_path(name: str, granularity: Granularity) -> None:
    parts = layers()
    net = Function(NOTHING_LEFT[name], **parts)
    graph = trace(net, X, granularity=granularity)
    plain = trace(Function(lambda net, x: net.o(net.b(x)), **parts), X, granularity=granularity)
    assert np.array_equal(paths_exist(graph), paths_exist(plain))
    assert graph.live().n_parameters == plain.live().n_parameters
    dead = graph.provenance[-1].parameters.get("constant_units", {})
    assert sum(dead.values()) > 0 or name == "h - h, twice"


STILL_THERE: dict[str, Forward] = {
    "2 h - h": lambda net, x: net.o(2 * (h := net.a(x)) - h),
    "h - flipped h": lambda net, x: net.o((h := net.a(x)) - h.flip(-1)),
    "h - a function of h": lambda net, x: net.o((h := net.a(x)) - h.tanh()),
    "exp of 0 h, times g": lambda net, x: net.o((0 * net.a(x)).exp() * net.b(x)),
    "0 h + 1, times g": lambda net, x: net.o((0 * net.a(x) + 1) * net.b(x)),
    "1 - 0 h, times g": lambda net, x: net.o((1 - 0 * net.a(x)) * net.b(x)),
    "h / h, times g": lambda net, x: net.o((h := net.a(x)) / h * net.b(x)),
}


@pytest.mark.parametrize("granularity", ["channel", "spatial"])
@pytest.mark.parametrize("name", STILL_THERE)
def test_what_is_not_always_0_keeps_its_paths(name: str, granularity: Granularity) -> None:
    net = Function(STILL_THERE[name], **layers())
    graph = trace(net, X, granularity=granularity)
    oracle = moves(net, X, channels=-1 if granularity == "channel" else None)
    assert np.array_equal(paths_exist(graph), oracle)


def test_some_of_the_differences_are_0() -> None:
    def forward(net: Any, x: Tensor) -> Any:
        h = net.a(x)
        return net.o(h - torch.stack([h[..., 0], *h.flip(-1).unbind(-1)[1:4], h[..., 4]], -1))

    def by_parts(net: Any, x: Tensor) -> Any:
        h = net.a(x)
        return net.o(torch.cat([h[..., :2] - h[..., :2], h[..., 2:] - h[..., :3]], -1))

    for each in (forward, by_parts):
        net = Function(each, **layers())
        assert np.array_equal(paths_exist(trace(net, X)), moves(net, X, channels=-1)), each


DECAY = torch.where(
    torch.ones(T, T).tril() > 0, 0.9 ** (torch.arange(T)[:, None] - torch.arange(T)), 0.0
)
ZEROS: dict[str, Forward] = {  # scores that are 0 before they multiply values
    "a retention": lambda net, x: (net.a(x) @ net.b(x).mT * net.m) @ net.o(x),
    "a function of it": lambda net, x: (net.a(x) @ net.b(x).mT * net.m).erf() @ net.o(x),
    "tril": lambda net, x: (net.a(x) @ net.b(x).mT).tril() @ net.o(x),
    "masked_fill": lambda net, x: (net.a(x) @ net.b(x).mT).masked_fill(net.m == 0, 0.0) @ net.o(x),
    "where": lambda net, x: torch.where(net.m > 0, net.a(x) @ net.b(x).mT, 0.0) @ net.o(x),
    "twice masked": lambda net, x: (
        (net.a(x) @ net.b(x).mT * net.m + net.b(x) @ net.a(x).mT * net.m) @ net.o(x)
    ),
    "values that are 0": lambda net, x: (net.a(x) @ net.b(x).mT) @ (net.o(x) * net.m[:, 1:2]),
    "exp is not 0": lambda net, x: (net.a(x) @ net.b(x).mT * net.m).exp() @ net.o(x),
    "plus 1 is not 0": lambda net, x: (net.a(x) @ net.b(x).mT * net.m + 1) @ net.o(x),
    "softmax is not 0": lambda net, x: (net.a(x) @ net.b(x).mT * net.m).softmax(-1) @ net.o(x),
    "a matrix": lambda net, x: net.m @ net.o(net.a(x)),
}


@pytest.mark.parametrize("name", ZEROS)
def test_constants_that_are_0_cut_edges(name: str) -> None:
    dense = {x: nn.Linear(D, D, bias=False) for x in "abo"}  # as a · 0 moves nothing either
    net = Function(ZEROS[name], m=DECAY, **dense)
    graph = trace(net, X, granularity="spatial")
    assert np.array_equal(paths_exist(graph), moves(net, X))


BINARY = torch.tensor([[0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1.0]])
TO, OF = BINARY.nonzero().T
MIXED: dict[str, Forward] = {
    "matmul": lambda net, x: net.o(net.A @ net.a(x)),
    "bmm": lambda net, x: net.o(torch.bmm(net.A[None], net.a(x))),
    "einsum": lambda net, x: net.o(torch.einsum("ij,bjd->bid", net.A, net.a(x))),
    "the other side": lambda net, x: net.o((net.a(x).mT @ net.A).mT),
    "linear": lambda net, x: net.o(nn.functional.linear(net.a(x).mT, net.A).mT),
}


def added(net: Any, x: Tensor) -> Any:
    h = net.a(x)
    return net.o(torch.zeros_like(h).index_add(1, TO, h[:, OF]))


@pytest.mark.parametrize("name", MIXED)
def test_positions_that_a_constant_mixes_are_positions(name: str) -> None:
    parts = layers()
    net = Function(MIXED[name], A=BINARY, **parts)
    graph = trace(net, X)
    same(graph, trace(Function(added, **parts), X))
    assert [x.n_units for x in graph.layers] == [D, D, D]
    assert np.array_equal(paths_exist(graph), moves(net, X, channels=-1))
    everywhere = trace(net, X, granularity="spatial")
    assert np.array_equal(paths_exist(everywhere), moves(net, X))
    other = trace(Function(added, **parts), X, granularity="spatial")
    assert [x.n_units for x in other.layers] == [x.n_units for x in everywhere.layers]
    assert np.array_equal(paths_exist(other), paths_exist(everywhere))


def test_inputs_that_a_constant_mixes_are_one_unit_per_feature() -> None:
    net = Function(lambda net, x: net.a(net.A @ x), A=BINARY, **layers())
    graph = trace(net, X)
    assert [x.n_units for x in graph.layers] == [D, D]
    assert np.array_equal(paths_exist(graph), moves(net, X, channels=-1))


@pytest.mark.parametrize(
    "forward",
    [
        lambda net, x: net.o(net.a(x) @ net.R),
        lambda net, x: net.o(x @ net.R),
        lambda net, x: net.o(torch.einsum("bti,ij->btj", net.a(x), net.R)),
    ],
)
def test_features_that_a_constant_mixes_are_a_layer(forward: Forward) -> None:
    torch.manual_seed(1)
    net = Function(forward, R=torch.randn(D, D), **layers())
    graph = trace(net, X)
    assert np.array_equal(paths_exist(graph), moves(net, X, channels=-1))
    assert fidelity(net, graph, X, rng=0).max_error < 1e-5
    assert None in {x.parameter for x in graph.blocks}


OFF = torch.tensor([1.0, 0, 0, 1, 1, 0])
MASKED: dict[str, Forward] = {
    "times 0 and 1": lambda net, h: h * OFF,
    "times numbers": lambda net, h: h * (2.5 * OFF),
    "filled with 0": lambda net, h: h.masked_fill(OFF == 0, 0.0),
    "where": lambda net, h: torch.where(OFF.bool(), h, 0.0),
    "where, of zeros": lambda net, h: torch.where(OFF == 0, torch.zeros_like(h), h),
    "twice": lambda net, h: h * OFF.roll(1) * OFF,
}


@pytest.mark.parametrize("granularity", ["channel", "spatial"])
@pytest.mark.parametrize("name", MASKED)
def test_units_that_a_mask_switches_off_are_counted(name: str, granularity: Granularity) -> None:
    net = Function(
        lambda net, x: net.o(MASKED[name](net, net.a(x).tanh())),
        a=nn.Linear(5, 6),
        o=nn.Linear(6, 2),
    )
    x = torch.zeros(1, 5)
    graph = trace(net, x, granularity=granularity)
    slopes = torch.autograd.functional.jacobian(lambda h: MASKED[name](net, h), torch.ones(1, 6))
    n_off = int((slopes.abs().sum((0, 1, 2)) == 0).sum())
    assert n_off >= 3
    assert graph.provenance[-1].parameters["constant_units"] == {"a": n_off}
    assert [layer.n_units for layer in graph.live().layers] == [5, 6 - n_off, 2]


def test_a_unit_that_another_layer_takes_is_not_switched_off() -> None:
    net = Function(
        lambda net, x: net.o((h := net.a(x).tanh()) * OFF) + net.b(h),
        a=nn.Linear(5, 6), o=nn.Linear(6, 2), b=nn.Linear(6, 2),
    )  # fmt: skip
    assert "constant_units" not in trace(net, torch.zeros(1, 5)).provenance[-1].parameters
