"""Factors that differ between positions: rotary embeddings and learned gates."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from netsculpt.tracing import fidelity, trace
from tests.helpers.jacobians import moves, paths_exist
from tests.helpers.traced_nets import Function

T, D, HEADS = 4, 8, 2
X = torch.zeros(1, T, D)
ANGLES = torch.arange(1, T + 1)[:, None] * torch.tensor([1.0, 0.1])  # [T, D / HEADS / 2]


def rotated_halves(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """As in Llama, Mistral, Qwen and Gemma."""
    one, two = x.chunk(2, dim=-1)
    return x * torch.cat([cos, cos], -1) + torch.cat([-two, one], -1) * torch.cat([sin, sin], -1)


def rotated_part(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """As in GPT-NeoX: the rest of the channels passes."""
    some, rest = x[..., :2], x[..., 2:]
    return torch.cat([rotated_halves(some, cos[:, :1], sin[:, :1]), rest], -1)


def rotated_pairs(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """As in GPT-J and RoFormer: partners are neighbours."""
    even, odd = x[..., ::2], x[..., 1::2]
    return torch.stack([even * cos - odd * sin, odd * cos + even * sin], -1).flatten(-2)


def rotated_numbers(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """As in the reference of Llama: complex numbers."""
    pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * torch.complex(cos, sin)).flatten(-2)


STYLES = [rotated_halves, rotated_part, rotated_pairs, rotated_numbers]


def attending(rotated: Callable[..., Tensor], *, causal: bool) -> Function:
    def heads(x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], HEADS, -1).transpose(1, 2)

    def forward(net: Function, x: Tensor) -> Tensor:
        query, key = (rotated(heads(f(x)), net.cos, net.sin) for f in (net.q, net.k))
        mixed = functional.scaled_dot_product_attention(
            query, key, heads(net.v(x)), is_causal=causal
        )
        return net.o(mixed.transpose(1, 2).flatten(2)) + x

    layers = {name: nn.Linear(D, D, bias=False) for name in "qkvo"}
    return Function(forward, cos=ANGLES.cos(), sin=ANGLES.sin(), **layers)


@pytest.mark.parametrize("rotated", STYLES)
def test_rotary_attention_has_the_paths_of_its_jacobian(rotated: Callable[..., Tensor]) -> None:
    net = attending(rotated, causal=True)
    graph, spatial = (trace(net, X, granularity=x) for x in ("channel", "spatial"))
    assert fidelity(net, graph, X, rng=0).max_error < 1e-5
    assert fidelity(net, spatial, X, rng=0).max_error < 1e-5
    assert np.array_equal(paths_exist(graph), moves(net, X, channels=-1))
    assert np.array_equal(paths_exist(spatial), moves(net, X))


@pytest.mark.parametrize("rotated", STYLES[:-1])
def test_a_rotated_channel_is_fed_by_itself_and_its_partner(rotated: Callable[..., Tensor]) -> None:
    net = Function(lambda net, x: rotated(net.a(x), net.cos, net.sin),
                   a=nn.Linear(D, 4, bias=False), cos=ANGLES.cos(), sin=ANGLES.sin())  # fmt: skip
    with torch.no_grad():  # channel c comes from input c alone
        net.a.weight.copy_(torch.eye(4, D))
    graph, spatial = (trace(net, X, granularity=x) for x in ("channel", "spatial"))
    assert np.array_equal(paths_exist(graph)[:4], moves(net, X, channels=-1)[:4])
    wiring = [x for x in graph.blocks if x.kind == "wiring"]
    assert wiring
    for block in wiring:
        assert set(graph.block(block.source, block.target).data.tolist()) == {1.0}
    assert np.array_equal(paths_exist(spatial), moves(net, X))


def test_both_parts_of_a_complex_number_are_one_unit() -> None:
    net = Function(lambda net, x: rotated_numbers(x, net.cos, net.sin),
                   cos=ANGLES.cos(), sin=ANGLES.sin())  # fmt: skip
    graph = trace(net, X[..., :4], granularity="spatial")
    assert [x.n_units for x in graph.layers] == [4 * T, 2 * T, 2 * T]
    pairs = paths_exist(graph).repeat(2, axis=1)
    assert np.array_equal(pairs, moves(net, X[..., :4]))


def test_weights_of_a_rotation_are_its_factors_where_positions_are_units() -> None:
    net = Function(lambda net, x: rotated_halves(net.a(x), net.cos, net.sin),
                   a=nn.Linear(D, 4, bias=False), cos=ANGLES.cos(), sin=ANGLES.sin())  # fmt: skip
    block = trace(net, X, granularity="spatial").block("a", "add").toarray().reshape(T, 4, T, 4)
    for at in range(T):
        cos, sin = (f(ANGLES[at]).numpy() for f in (torch.cos, torch.sin))
        expected = np.block([[np.diag(cos), np.diag(sin)], [np.diag(-sin), np.diag(cos)]])
        assert np.allclose(block[at, :, at], expected, atol=1e-7)
    graph = trace(net, X)
    assert (
        graph.block("a", "add").toarray().tolist() == np.kron([[1, 1], [1, 1]], np.eye(2)).tolist()
    )
    assert graph.provenance[-1].parameters["input_dependent"] == ["add"]
    assert graph.provenance[-1].parameters["factors"]["add"]["folded"] == "left out"


def test_one_position_has_its_factors_as_weights() -> None:
    angles = ANGLES[:1]
    net = Function(lambda net, x: rotated_halves(net.a(x), net.cos, net.sin),
                   a=nn.Linear(D, 4, bias=False), cos=angles.cos(), sin=angles.sin())  # fmt: skip
    graph = trace(net, X[:, :1])
    assert np.allclose(graph.block("a", "add").toarray()[0], [np.cos(1), 0, np.sin(1), 0])
    assert "input_dependent" not in graph.provenance[-1].parameters


GATED: dict[str, Callable[..., Tensor]] = {
    "a residual": lambda net, x: x + net.gate * net.a(x),
    "a gate per position": lambda net, x: net.a(x) + net.gate[:, :1] * net.b(x),
    "then a layer": lambda net, x: net.b(net.gate * net.a(x)),
    "then two layers": lambda net, x: net.b(y := net.gate * net.a(x)) + net.c(y),
    "of the input": lambda net, x: net.a(net.gate * x),
    "then a product": lambda net, x: net.b((net.gate * net.a(x)) * net.c(x)),
    "then a sum": lambda net, x: net.b((net.gate * net.a(x)).sum(1, keepdim=True)),
    "then a function": lambda net, x: net.b(functional.gelu(net.gate * net.a(x))),
    "twice": lambda net, x: net.b(net.gate.flip(0) * (net.gate * net.a(x))),
    "then an einsum": lambda net, x: torch.einsum("btd,ed->bte", net.gate * x, net.c.weight),
    "an interpolation": lambda net, x: torch.lerp(net.a(x), net.b(x), net.gate),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", GATED)
def test_gates_per_position_have_the_paths_of_their_jacobian(name: str) -> None:
    torch.manual_seed(0)
    gate = nn.Parameter(torch.rand(T, D) + 0.5)
    layers = {layer: nn.Linear(D, D, bias=False) for layer in "abc"}
    with torch.no_grad():  # sparse, so that paths are told apart
        for layer in layers.values():
            layer.weight[torch.rand(D, D) < 0.7] = 0
    net = Function(GATED[name], gate=gate, **layers)
    graph, spatial = (trace(net, X, granularity=x) for x in ("channel", "spatial"))
    assert fidelity(net, graph, X, rng=0).max_error < 1e-5
    assert fidelity(net, spatial, X, rng=0).max_error < 1e-5
    assert np.array_equal(paths_exist(graph), moves(net, X, channels=-1))
    assert np.array_equal(paths_exist(spatial), moves(net, X))


def test_layers_that_take_the_same_gated_channels_share_their_junction() -> None:
    net = Function(GATED["then two layers"], gate=nn.Parameter(torch.rand(T, D)),
                   **{layer: nn.Linear(D, D) for layer in "abc"})  # fmt: skip
    scaled = [x for x in trace(net, X).layers if x.role == "junction" and "scaled" in x.name]
    assert [x.n_units for x in scaled] == [D]


def test_a_factor_that_is_the_same_at_all_positions_still_multiplies_edges() -> None:
    gate = nn.Parameter(torch.tensor([[2.0]]).repeat(T, D))
    net = Function(lambda net, x: net.b(net.gate * net.a(x).relu()), gate=gate,
                   a=nn.Linear(D, D), b=nn.Linear(D, 3))  # fmt: skip
    graph = trace(net, X)
    expected = 2 * net.b.weight.detach().numpy().T
    assert np.allclose(graph.block("a", "b").toarray(), expected)
    assert "input_dependent" not in graph.provenance[-1].parameters
