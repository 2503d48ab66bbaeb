"""One number at several places: distances to prototypes, codes that are the nearest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from netsculpt.core.errors import TopologyError
from netsculpt.tracing import fidelity, trace
from netsculpt.tracing.options import Granularity
from tests.helpers.jacobians import moves, paths_exist
from tests.helpers.traced_nets import Function, same

D, H, K = 5, 3, 4
X = torch.zeros(1, D)
SEQUENCE = torch.zeros(1, 6, D)
Forward = Callable[..., Any]


def parts() -> dict[str, Any]:
    torch.manual_seed(0)
    made = {"a": nn.Linear(D, H, bias=False), "o": nn.Linear(K, 2, bias=False)}
    with torch.no_grad():
        made["a"].weight[0, 1:] = 0
        made["a"].weight[:, 4] = 0
        made["o"].weight[0, :2] = 0
    return {**made, "p": nn.Parameter(torch.randn(K, H)), "w": nn.Parameter(torch.rand(K))}


def expanded(net: Any, x: Tensor) -> Any:
    """As most write it: both expanded before they are subtracted."""
    size = (x.shape[0], K, H)
    apart = net.a(x).unsqueeze(1).expand(size) - net.p.unsqueeze(0).expand(size)
    return net.o((apart.pow(2).sum(-1) * net.w.abs()).neg().exp())


DISTANCES: dict[str, Forward] = {
    "squares": lambda net, x: net.o(((net.a(x)[:, None] - net.p) ** 2).sum(-1)),
    "expanded": expanded,
    "norm": lambda net, x: net.o((net.a(x).unsqueeze(1) - net.p).norm(dim=-1)),
    "absolute, as AdderNet": lambda net, x: net.o(-(net.a(x)[:, None] - net.p).abs().sum(-1)),
    "p - x": lambda net, x: net.o((net.p - net.a(x)[:, None]).square().mean(-1)),
    "fuzzy sets": lambda net, x: net.o(
        (-(((net.a(x)[:, None] - net.p) / net.w[:, None]) ** 2)).exp().prod(-1)
    ),
    "a buffer": lambda net, x: net.o(((net.a(x)[:, None] - net.grid) ** 2).sum(-1)),
    "repeated": lambda net, x: net.o(
        ((net.a(x).repeat_interleave(K, 0).view(1, K, H) - net.p) ** 2).sum(-1)
    ),
    "products": lambda net, x: net.o((net.a(x)[:, None] * net.p).tanh().sum(-1)),
    "cdist": lambda net, x: net.o(torch.cdist(net.a(x), net.p)),
    "cdist of a buffer": lambda net, x: net.o(torch.cdist(net.a(x), net.grid, p=1.0)),
    "cdist, points first": lambda net, x: net.o(torch.cdist(net.p, net.a(x)).T),
}


@pytest.mark.parametrize("granularity", ["channel", "spatial"])
@pytest.mark.parametrize("name", DISTANCES)
def test_each_prototype_is_a_unit(name: str, granularity: Granularity) -> None:
    net: Any = Function(DISTANCES[name], **parts(), grid=torch.arange(K * H).view(K, H) / 5.0)
    graph = trace(net, X, granularity=granularity)
    assert [x.n_units for x in graph.layers][-2:] == [K, 2]
    last = graph.block(graph.layers[-2].name, "o").toarray()
    assert np.array_equal(last != 0, net.o.weight.detach().T.numpy() != 0)
    assert np.array_equal(paths_exist(graph), moves(net, X))


@pytest.mark.parametrize("granularity", ["channel", "spatial"])
@pytest.mark.parametrize("form", ["of each", "expanded", "points first", "p=3"])
def test_distances_by_cdist_are_those_by_hand(form: str, granularity: Granularity) -> None:
    """Of one point, and of a sequence of them; to parameters that are shared by all samples."""
    forms: dict[str, Forward] = {
        "of each": lambda net, x: net.o(torch.cdist(net.a(x), net.p)),
        "expanded": lambda net, x: net.o(torch.cdist(net.a(x), net.p.expand(len(x), -1, -1))),
        "points first": lambda net, x: net.o(torch.cdist(net.p, net.a(x)).transpose(1, 2)),
        "p=3": lambda net, x: net.o(torch.cdist(net.a(x), net.p, p=3.0)),
    }
    net = Function(forms[form], **parts())
    hand = Function(lambda net, x: net.o(((net.a(x)[:, :, None] - net.p) ** 2).sum(-1)), **parts())
    one, two = (trace(x, SEQUENCE, granularity=granularity) for x in (net, hand))
    assert np.array_equal(one.weights.indptr, two.weights.indptr)
    assert np.array_equal(one.weights.indices, two.weights.indices)
    assert np.array_equal(one.weights.data, two.weights.data)
    assert [x.parameter for x in one.blocks] == [x.parameter for x in two.blocks]
    assert fidelity(net, one, SEQUENCE, rng=0).max_error < 1e-5


def test_points_that_are_made_of_an_activation_are_refused() -> None:
    net = Function(lambda net, x: net.o(torch.cdist(net.a(x), torch.zeros_like(net.a(x))[:, :K])),
                   **parts())  # fmt: skip
    with pytest.raises(TopologyError, match=r"Make them a parameter or a buffer"):
        trace(net, SEQUENCE)


def test_features_of_one_number_are_units() -> None:
    """As the time of a diffusion model, and the distances of SchNet."""
    torch.manual_seed(0)
    for forward in (
        lambda net, t: net.o((t * net.f).sin()),
        lambda net, t: net.o((-((t - net.f) ** 2)).exp()),
    ):
        net = Function(forward, f=torch.rand(K), o=nn.Linear(K, 2))
        graph = trace(net, torch.zeros(1, 1))
        assert [x.n_units for x in graph.layers] == [1, K, 2]


def test_prototypes_that_are_outputs_are_units() -> None:
    net = Function(lambda net, x: ((net.a(x)[:, None] - net.p) ** 2).sum(-1), **parts())
    graph = trace(net, X)
    assert np.array_equal(paths_exist(graph), moves(net, X))


def test_places_that_learned_positions_make_are_positions() -> None:
    """As in a decoder that spreads its code over a picture."""
    net = Function(
        lambda net, x: net.b((x[:, :, None] + net.q).mT.tanh()),
        q=nn.Parameter(torch.randn(1, D, 7)),
        b=nn.Linear(D, 2, bias=False),
    )
    assert [x.n_units for x in trace(net, X).layers] == [D, 2]
    assert np.array_equal(paths_exist(trace(net, X, granularity="spatial")), moves(net, X))


def by_scatter(net: Any, z: Tensor) -> Any:
    distance = ((z[..., None, :] - net.p) ** 2).sum(-1)
    index = distance.reshape(-1, K).argmin(1).unsqueeze(1)
    ones = torch.zeros(index.shape[0], K, dtype=z.dtype).scatter(1, index, 1)
    return (ones @ net.p).view(z.shape)


CODES: dict[str, Forward] = {
    "index": lambda net, z: net.p[((z[..., None, :] - net.p) ** 2).sum(-1).argmin(-1)],
    "index_select": lambda net, z: net.p.index_select(
        0, ((z.view(-1, 1, H) - net.p) ** 2).sum(-1).argmin(-1)
    ).view(z.shape),
    "embedding": lambda net, z: functional.embedding(
        ((z[..., None, :] - net.p) ** 2).sum(-1).argmin(-1), net.p
    ),
    "one_hot": lambda net, z: (
        functional.one_hot(((z[..., None, :] - net.p) ** 2).sum(-1).argmin(-1), K).to(z.dtype)
        @ net.p
    ),
    "topk": lambda net, z: net.p[
        ((z[..., None, :] - net.p) ** 2).sum(-1).topk(1, largest=False)[1].squeeze(-1)
    ],
    "scatter": by_scatter,
}


@pytest.mark.parametrize("granularity", ["channel", "spatial"])
@pytest.mark.parametrize("name", CODES)
def test_the_nearest_code_depends_on_what_is_compared(name: str, granularity: Granularity) -> None:
    made = {**parts(), "o": nn.Linear(H, 2, bias=False)}
    net = Function(lambda net, x: net.o(CODES[name](net, net.a(x))), **made)
    graph = trace(net, SEQUENCE, granularity=granularity)
    plain = Function(lambda net, x: net.o(net.a(x).sum(-1, keepdim=True).expand(1, 6, H)), **made)
    expected = moves(plain, SEQUENCE, channels=-1 if granularity == "channel" else None)
    assert np.array_equal(paths_exist(graph), expected)  # all that any distance depends on
    codes = sum(x.size for x in graph.blocks if x.parameter == "p")
    assert codes == K * H
    same(graph, trace(net, SEQUENCE, granularity=granularity))


def test_codes_with_a_gradient_from_below() -> None:
    def forward(net: Any, x: Tensor) -> Any:
        z = net.a(x)
        return net.o(z + (CODES["index"](net, z) - z).detach())

    net = Function(forward, **{**parts(), "o": nn.Linear(H, 2, bias=False)})
    graph = trace(net, X)
    assert paths_exist(graph)[:4].all()
    assert not paths_exist(graph)[4].any()
