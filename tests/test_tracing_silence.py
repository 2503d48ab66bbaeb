"""A product with a factor that is always 0, as nothing arrives there, takes nothing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from netsculpt.tracing import fidelity, trace
from netsculpt.tracing.options import Granularity
from tests.helpers.jacobians import moves, paths_exist
from tests.helpers.traced_nets import Function

D = 6


def kept(net: nn.Module) -> int:
    return sum(int((x != 0).sum()) for x in net.parameters() if x.ndim > 1)


def lines(density: float, *shapes: tuple[int, ...]) -> dict[str, nn.Module]:
    """Sparse layers without biases, a third of whose outputs have no weight at all."""
    torch.manual_seed(1)
    made: dict[str, nn.Module] = {}
    for name, (n_in, n_out) in zip("abcd", shapes, strict=False):
        made[name] = line = nn.Linear(n_in, n_out, bias=False)
        with torch.no_grad():
            line.weight[torch.rand(n_out, n_in) > density] = 0
            line.weight[:: 3 if name in "ac" else 4] = 0
    return made


def swiglu(net: Function, x: Tensor) -> Tensor:
    return net.c(functional.silu(net.a(x)) * net.b(x).relu())


def its_own_gate(net: Function, x: Tensor) -> Tensor:
    return x * torch.tanh(net.a(x))


def gate_in_parts(net: Function, x: Tensor) -> Tensor:
    one, two = torch.cat([net.a(x), net.b(x)], -1).chunk(2, -1)
    return net.c((one + 2 * one) * two)


def divided(net: Function, x: Tensor) -> Tensor:
    return torch.sinh(net.a(x)) * net.b(x).exp() / (1 + x.square().sum(-1, keepdim=True))


def crossed(net: Function, x: Tensor) -> Tensor:
    return net.a(x).transpose(1, 2) @ net.b(x)


def attended(net: Function, x: Tensor) -> Tensor:
    q, k, v = (part(x).unflatten(-1, (2, 3)).transpose(1, 2) for part in (net.a, net.b, net.c))
    return (q @ k.mT).softmax(-1) @ v


def attended_at_once(net: Function, x: Tensor) -> Tensor:
    q, k, v = (part(x).unflatten(-1, (2, 3)).transpose(1, 2) for part in (net.a, net.b, net.c))
    return functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)


SIX = (D, D)


@pytest.mark.parametrize("granularity", ["channel", "spatial"])
@pytest.mark.parametrize(
    ("forward", "shapes"),
    [
        (swiglu, (SIX, SIX, SIX)),
        (its_own_gate, (SIX,)),
        (gate_in_parts, (SIX, SIX, SIX)),
        (divided, (SIX, SIX)),
    ],
)
def test_gates_that_nothing_feeds(
    forward: Callable[..., Tensor], shapes: tuple[tuple[int, int], ...], granularity: Granularity
) -> None:
    net = Function(forward, **lines(0.3, *shapes))
    x = torch.zeros(1, D)
    graph = trace(net, x, norms="dense", granularity=granularity)
    assert np.array_equal(paths_exist(graph), moves(net, x))
    assert graph.n_parameters == kept(net)  # what a dead unit feeds is kept as it was
    assert fidelity(net, graph, x, rng=0).max_error < 1e-5


@pytest.mark.parametrize("forward", [crossed, attended, attended_at_once])
def test_products_of_matrices_by_elements(forward: Callable[..., Tensor]) -> None:
    net = Function(forward, **lines(0.25, SIX, SIX, SIX))
    x = torch.zeros(1, 3, D)
    graph = trace(net, x, norms="dense", granularity="spatial")
    assert np.array_equal(paths_exist(graph), moves(net, x))
    used = ("a", "b") if forward is crossed else ("a", "b", "c")
    assert graph.n_parameters == sum(kept(getattr(net, part)) for part in used)


@pytest.mark.parametrize("equation", ["bi,oij,bj->bo", "bj,bi,oij->bo"])
def test_einsums_of_three(equation: str) -> None:
    torch.manual_seed(0)
    weight = nn.Parameter(torch.randn(4, D, D).where(torch.rand(4, D, D) < 0.06, 0.0))

    def forward(net: Function, x: Tensor) -> Tensor:
        places = iter((x, x))
        given = [net.w if len(part) == 3 else next(places) for part in equation[:-4].split(",")]
        return torch.einsum(equation, *given)

    net, x = Function(forward, w=weight), torch.zeros(1, D)
    if equation.startswith("bj"):
        x = x + 0  # the outer product first, then the weight
    graph = trace(net, x)
    assert np.array_equal(paths_exist(graph), moves(net, x))


@pytest.mark.parametrize("granularity", ["channel", "spatial"])
def test_pruned_heads_of_torch(granularity: Granularity) -> None:
    torch.manual_seed(3)
    layer = nn.MultiheadAttention(D, 2, batch_first=True)  # its bias is 0 to begin with
    with torch.no_grad():
        for weight in (layer.in_proj_weight, layer.out_proj.weight):
            weight[torch.rand(weight.shape) > 0.15] = 0
    net = Function(lambda net, x: net.m(x, x, x, need_weights=False)[0], m=layer)
    x = torch.zeros(1, 3, D)
    graph = trace(net, x, granularity=granularity)
    channels = -1 if granularity == "channel" else None
    assert np.array_equal(paths_exist(graph), moves(net, x, channels=channels))


@pytest.mark.parametrize("granularity", ["channel", "spatial"])
def test_gates_of_convolutions(granularity: Granularity) -> None:
    torch.manual_seed(0)
    parts = {name: nn.Conv2d(3, 5, 3, padding=1, bias=False) for name in "ab"}
    with torch.no_grad():
        for conv in parts.values():
            conv.weight[torch.rand(conv.weight.shape) > 0.3] = 0
        parts["a"].weight[1:3] = 0
        parts["b"].weight[2:4] = 0
    net = Function(lambda net, x: torch.sinh(net.a(x)) ** 3 * torch.tanh(net.b(x)), **parts)
    x = torch.zeros(1, 3, 4, 4)
    graph = trace(net, x, granularity=granularity)
    channels = 1 if granularity == "channel" else None
    assert np.array_equal(paths_exist(graph), moves(net, x, channels=channels))
    assert graph.n_parameters == kept(net)


def test_a_gate_with_a_bias_or_kept_zeros_takes_what_it_meets() -> None:
    """A bias makes the factor a number; a mask keeps a weight that is 0 now."""
    parts = {"a": nn.Linear(2, 2), "b": nn.Linear(2, 2, bias=False)}
    with torch.no_grad():
        parts["a"].weight.zero_()
    net = Function(lambda net, x: net.a(x) * net.b(x), **parts)
    assert paths_exist(trace(net, torch.zeros(1, 2))).all()
    mask = torch.ones(2, 2)
    masked = Function(
        lambda net, x: functional.linear(x, net.w * net.mask) * net.b(x),
        w=nn.Parameter(torch.zeros(2, 2)), mask=mask, b=parts["b"],
    )  # fmt: skip
    assert paths_exist(trace(masked, torch.zeros(1, 2))).all()


def test_a_dead_gate_leaves_nothing_alive() -> None:
    parts = {name: nn.Linear(2, 3, bias=False) for name in "ab"} | {"c": nn.Linear(3, 1)}
    with torch.no_grad():
        parts["a"].weight.zero_()
        parts["a"].weight[1, 0] = 1.0
        parts["c"].weight.copy_(torch.tensor([[1.0, 0.0, 0.0]]))
    net = Function(lambda net, x: net.c(net.a(x) * functional.silu(net.b(x))), **parts)
    graph = trace(net, torch.zeros(1, 2))
    assert not paths_exist(graph).any()
    assert graph.live().n_edges == 0


def norm_of_nothing(net: Function, x: Tensor) -> Tensor:
    return net.c(net.norm(net.a(x)) * net.b(x))


@pytest.mark.parametrize("beta", [0.0, 1.5])
@pytest.mark.parametrize("kind", ["batch", "layer", "group", "rms", "nothing arrives"])
def test_what_a_norm_makes_0_gates(kind: str, beta: float) -> None:
    """With γ = 0 a norm is β: where that is 0, so is a product with it."""
    torch.manual_seed(0)
    norms = {"layer": nn.LayerNorm(D), "group": nn.GroupNorm(2, D), "rms": nn.RMSNorm(D)}
    norm = norms.get(kind, nn.BatchNorm1d(D))
    parts = {name: nn.Linear(D, D, bias=False) for name in "abc"}
    with torch.no_grad():
        if kind == "nothing arrives":
            parts["a"].weight[:2] = 0
        else:
            norm.weight[:2] = 0
        if kind != "rms":
            norm.bias[1:] = beta
    net, x = Function(norm_of_nothing, norm=norm, **parts), torch.zeros(1, D)
    graph = trace(net, x, norms="dense")
    assert np.array_equal(paths_exist(graph), moves(net, x))
    n_gates = 2 if kind == "rms" or not beta else 1  # of 0, which close
    closed = graph.live().layer("b").n_units
    assert closed == D - n_gates
    assert fidelity(net, graph, x, rng=0).max_error < 1e-5


def test_a_mean_that_is_not_0_opens_what_nothing_feeds() -> None:
    parts = {name: nn.Linear(2, 3, bias=False) for name in "ab"} | {"c": nn.Linear(3, 2)}
    norm = nn.BatchNorm1d(3)
    with torch.no_grad():
        parts["a"].weight[:2] = 0
        norm.running_mean[1] = 0.3
    net, x = Function(norm_of_nothing, norm=norm, **parts), torch.zeros(1, 2)
    live = trace(net, x).live()
    assert live.positions[live.layer("b").units].tolist() == [1, 2]


@pytest.mark.parametrize("table", [nn.Embedding, nn.EmbeddingBag])
def test_dimensions_without_an_embedding(table: type) -> None:
    words, gated, last = table(7, D), nn.Linear(D, D), nn.Linear(D, 2)
    with torch.no_grad():
        words.weight[:, 2:4] = 0

    def forward(net: Function, tokens: Tensor, x: Tensor) -> Tensor:
        vectors = net.words(tokens)
        return net.last((vectors if vectors.ndim == 2 else vectors.mean(1)) * net.gated(x))

    net = Function(forward, words=words, gated=gated, last=last)
    live = trace(net, (torch.zeros(1, 3, dtype=torch.int64), torch.zeros(1, D))).live()
    assert live.positions[live.layer("gated").units].tolist() == [0, 1, 4, 5]
