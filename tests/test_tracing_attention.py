"""Traced transformers and mixers: counts by hand, forms of attention, paths and Jacobians."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import prune
from traced_nets import Function

from netsculpt.core.errors import TopologyError
from netsculpt.graph.graph import Block, Layer, NetGraph
from netsculpt.nets.masks import mask_net
from netsculpt.tracing import fidelity, trace


def widths(graph: NetGraph) -> list[int]:
    return [layer.n_units for layer in graph.layers]


def blocks(graph: NetGraph) -> dict[tuple[str, str], int]:
    return {(b.source, b.target): graph.block(b.source, b.target).nnz for b in graph.blocks}


def assert_same_shape(one: NetGraph, two: NetGraph) -> None:
    """Assert that graphs are equal except for names."""
    assert widths(one) == widths(two)
    for name in ("indptr", "indices", "data"):
        assert np.array_equal(getattr(one.weights, name), getattr(two.weights, name)), name
    assert [x.kind for x in one.blocks] == [x.kind for x in two.blocks]
    assert one.n_parameters == two.n_parameters


def reach(graph: NetGraph) -> NDArray[np.bool_]:
    """Whether each input unit has a path to each output unit [inputs, outputs]."""
    pattern = graph.pattern.weights.toarray().astype(np.float64)
    paths = np.linalg.inv(np.eye(graph.n_units) - pattern)[np.ix_(graph.inputs, graph.outputs)]
    return paths > 0.5


def responds(net: nn.Module, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Whether each output element depends on each input element [inputs, outputs]."""
    net = net.double().eval()
    strength = 0.0
    for seed in range(3):
        given = torch.randn(1, *shape, generator=torch.Generator().manual_seed(seed)).double()
        jacobian = torch.autograd.functional.jacobian(net, given)
        strength = strength + jacobian.abs().reshape(-1, math.prod(shape)).T.numpy()
    return strength > 1e-14


def pruned(net: nn.Module, density: float, seed: int = 1) -> nn.Module:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
            if parameter.ndim > 1:
                parameter.mul_(torch.rand(parameter.shape, generator=generator) < density)
    return net


def heads_of(given: Tensor, heads: int) -> Tensor:
    return given.unflatten(-1, (heads, -1)).transpose(1, 2)


def self_attention(net: nn.Module, x: Tensor) -> Tensor:
    """Attention written by hand, for the parameters of two heads."""
    query, key, value = (heads_of(f(x), 2) for f in (net.q, net.k, net.v))
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    return net.out((scores.softmax(-1) @ value).transpose(1, 2).flatten(2))


def fused_attention(net: nn.Module, x: Tensor, **options: object) -> Tensor:
    query, key, value = (heads_of(f(x), 2) for f in (net.q, net.k, net.v))
    heads = functional.scaled_dot_product_attention(query, key, value, **options)
    return net.out(heads.transpose(1, 2).flatten(2))


def projections() -> dict[str, nn.Module]:
    torch.manual_seed(3)
    return {name: nn.Linear(8, 8) for name in ("q", "k", "v", "out")}


X = torch.zeros(2, 5, 8)


@pytest.mark.parametrize("norm_first", [False, True])
def test_a_transformer_encoder_has_the_units_counted_by_hand(norm_first: bool) -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=norm_first)
    graph = trace(nn.TransformerEncoder(layer, 2, enable_nested_tensor=not norm_first), X)
    # q, k, v; a pattern a head; heads; output projection; sum; two linear layers; sum
    each = [24, 2, 8, 8, 8, 16, 8, 8]
    assert widths(graph) == [8, *each, *each]
    wiring = (16 + 8 + 8) + 2 * (8 + 8)  # q, k → pattern → heads, v → heads; two sums
    weights = 24 * 8 + 8 * 8 + 2 * 16 * 8
    assert graph.n_edges == 2 * (wiring + weights)
    assert graph.n_parameters == 2 * weights
    assert graph.multiplicity is None
    n_edges = blocks(graph)
    first = "layers.0.self_attn"
    assert n_edges[f"{first}.in_proj_weight", f"{first}.pattern"] == 16
    assert n_edges[f"{first}.in_proj_weight", f"{first}.heads"] == 8
    assert n_edges[f"{first}.pattern", f"{first}.heads"] == 8
    input_dependent = graph.provenance[0].parameters["input_dependent"]
    assert list(input_dependent[:2]) == [f"{first}.pattern", f"{first}.heads"]
    heads = graph.block(f"{first}.pattern", f"{first}.heads")
    assert heads.toarray().tolist() == [[1] * 4 + [0] * 4, [0] * 4 + [1] * 4]
    query_key = graph.block(f"{first}.in_proj_weight", f"{first}.pattern").toarray()
    assert query_key[:, 0].tolist() == [1, 1, 1, 1, 0, 0, 0, 0] * 2 + [0] * 8
    assert query_key[:, 1].tolist() == [0, 0, 0, 0, 1, 1, 1, 1] * 2 + [0] * 8


def test_gamma_of_a_norm_before_attention_goes_into_its_projections() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True)
    with torch.no_grad():
        layer.norm1.weight.copy_(torch.arange(1.0, 9.0))
    graph = trace(layer, X)
    weights = graph.block("input", "self_attn.in_proj_weight").toarray().T
    expected = layer.self_attn.in_proj_weight.detach().numpy() * np.arange(1, 9)
    assert np.allclose(weights, expected, rtol=1e-6)
    assert (graph.block("input", "add").diagonal() == 1).all()


def test_forms_of_attention_give_one_graph() -> None:
    parts = projections()
    own = trace(Function(self_attention, **parts), X)
    assert widths(own) == [8, 8, 8, 8, 2, 8, 8]
    fused = trace(Function(fused_attention, **parts), X)
    assert_same_shape(own, fused)
    causal = trace(Function(lambda net, x: fused_attention(net, x, is_causal=True), **parts), X)
    assert_same_shape(own, causal)
    separate = nn.MultiheadAttention(8, 2, kdim=8, vdim=8, batch_first=True)
    separate._qkv_same_embed_dim = False  # as with other widths of keys and values
    for name in "qkv":
        weight = nn.Parameter(parts[name].weight.detach().clone())
        separate.register_parameter(f"{name}_proj_weight", weight)
    separate.register_parameter("in_proj_weight", None)
    separate.out_proj.weight.data.copy_(parts["out"].weight)
    forward = Function(lambda net, x: net.a(x, x, x, need_weights=False)[0], a=separate)
    assert_same_shape(own, trace(forward, X))


@pytest.mark.parametrize("batch_first", [False, True])
def test_packed_projections_weigh_what_separate_ones_do(batch_first: bool) -> None:
    parts = projections()
    own = trace(Function(self_attention, **parts), X)
    packed = nn.MultiheadAttention(8, 2, batch_first=batch_first)
    with torch.no_grad():
        packed.in_proj_weight.copy_(torch.cat([parts[name].weight for name in "qkv"]))
        packed.out_proj.weight.copy_(parts["out"].weight)
    for weights in (False, True):
        net = Function(lambda net, x, w=weights: net.a(x, x, x, need_weights=w)[0], a=packed)
        graph = trace(net, X)
        assert widths(graph) == [8, 24, 2, 8, 8]
        assert_same_shape(_unpacked(graph), _unpacked(own))
        assert {b.parameter for b in graph.blocks if b.kind == "linear"} == {
            "a.in_proj_weight",
            "a.out_proj.weight",
        }
    factors = (
        trace(net, X).provenance[0].parameters["factors"]
    )  # q is scaled where weights are given
    assert [x["folded"] for x in factors.values()] == ["left out"]


CROSS: dict[str, dict[str, object]] = {
    "packed": {},
    "other widths": {"kdim": 6, "vdim": 6},
    "learned key": {"add_bias_kv": True},
    "sequence first": {"batch_first": False},
    "a zero": {"add_zero_attn": True, "kdim": 6, "vdim": 6},
}


@pytest.mark.parametrize("options", CROSS)
def test_cross_attention_with_and_without_its_pattern_is_one_graph(options: str) -> None:
    """Where weights are asked for torch scales q first, else it does so inside an operation."""
    layer = nn.MultiheadAttention(8, 2, **{"batch_first": True, **CROSS[options]})
    pruned(layer, 0.6)
    keys = torch.zeros(2, 5 if options == "sequence first" else 3, layer.kdim)
    nets = [
        Function(lambda net, x, y, w=w: net.a(x, y, y, need_weights=w)[0], a=layer)
        for w in (False, True)
    ]
    one, two = (trace(net, (X, keys)) for net in nets)
    assert_same_shape(one, two)


PLACES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "scores": lambda q, k: q @ k.mT / 2,
    "queries": lambda q, k: (q * 0.5) @ k.mT,
    "keys": lambda q, k: q @ (k / 2).mT,
    "both": lambda q, k: (q * 0.5**0.5) @ (k * 0.5**0.5).mT,
    "by bmm": lambda q, k: torch.bmm(
        (0.5 * q).flatten(0, 1), k.flatten(0, 1).mT
    ).view(2, 2, 5, 5),
    "by einsum": lambda q, k: torch.einsum("bhqc,bhkc->bhqk", q * 0.5, k),
    "turned": lambda q, k: (k @ (q * 0.5).mT).mT,
    "with a bias": lambda q, k: (q * 0.5) @ k.mT + torch.arange(5.0),
    "masked": lambda q, k: ((q * 0.5) @ k.mT).masked_fill(torch.eye(5).bool(), -torch.inf),
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_where_a_pattern_is_scaled_makes_no_difference(place: str) -> None:
    def forward(net: nn.Module, x: Tensor) -> Tensor:
        query, key, value = (heads_of(f(x), 2) for f in (net.q, net.k, net.v))
        pattern = PLACES[place](query, key).softmax(-1)
        return net.out((pattern @ value).transpose(1, 2).flatten(2))

    net = Function(forward, **projections())
    assert_same_shape(trace(net, X), trace(Function(fused_attention, **projections()), X))
    assert fidelity(net, trace(net, X), X, rng=0).max_error < 1e-5


def test_numbers_before_other_products_stay_in_the_weights() -> None:
    """Without a softmax, or where something else takes what is scaled, they are no pattern's."""

    def no_softmax(net: nn.Module, x: Tensor) -> Tensor:
        return net.out((net.q(x) * 0.5) @ net.k(x).mT @ net.v(x))

    def also_elsewhere(net: nn.Module, x: Tensor) -> Tensor:
        query = net.q(x) * 0.5
        return net.out((query @ net.k(x).mT).softmax(-1) @ net.v(x) + query)

    for forward in (no_softmax, also_elsewhere):
        net = Function(forward, **projections())
        weights = trace(net, X).block("input", "q").toarray().T
        assert np.allclose(weights, net.q.weight.detach().numpy() * 0.5)


def _unpacked(graph: NetGraph) -> NetGraph:
    """The graph with one layer for q, k and v, whether it has one or three."""
    weights = graph.weights
    layers = [graph.layers[0], *graph.layers[-3:]]
    qkv = Layer("qkv", "hidden", (24,), 8, 32)
    renamed = [
        Layer(str(at), x.role, x.shape, x.start, x.stop)
        for at, x in enumerate([layers[0], qkv, *layers[1:]])
    ]
    kinds = [("0", "1"), ("1", "2"), ("1", "3"), ("2", "3"), ("3", "4")]
    blocks = [
        Block(a, b, None, kind, 0)
        for (a, b), kind in zip(kinds, ["linear", *["wiring"] * 3, "linear"], strict=True)
    ]
    return NetGraph(weights, None, tuple(renamed), tuple(blocks))


def test_cross_attention_and_the_whole_transformer() -> None:
    attention = nn.MultiheadAttention(8, 2, kdim=6, vdim=4, batch_first=True, add_bias_kv=True)
    net = Function(lambda net, x, y, z: net.a(x, y, z)[0], a=attention)
    graph = trace(net, (X, torch.zeros(2, 7, 6), torch.zeros(2, 7, 4)))
    assert widths(graph) == [8, 6, 4, 8, 8, 8, 2, 8, 8]
    assert graph.n_parameters == 8 * (8 + 6 + 4) + 64
    whole = nn.Transformer(8, 2, 2, 2, 16, batch_first=True)
    graph = trace(whole, (X, X + 1))
    matrices = [x.numel() for x in whole.parameters() if x.ndim == 2]
    assert graph.n_parameters == sum(matrices)
    assert len([x for x in graph.layers if x.name.endswith("pattern")]) == 2 + 4


@pytest.mark.parametrize("given", ["bool", "float", "padding"])
def test_constant_masks_change_nothing_between_channels(given: str) -> None:
    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    plain = trace(Function(lambda net, x: net.a(x, x, x)[0], a=attention), X)
    hidden = torch.ones(5, 5).triu(1).bool()
    mask = {
        "bool": {"attn_mask": hidden},
        "float": {"attn_mask": torch.zeros(5, 5).masked_fill(hidden, -torch.inf)},
        "padding": {"key_padding_mask": torch.tensor([[False] * 4 + [True]] * 2)},
    }[given]
    (name, mask_tensor), = mask.items()  # fmt: skip
    for weights in (False, True):
        net = Function(
            lambda net, x, w=weights: net.a(x, x, x, need_weights=w, **{name: net.mask})[0],
            a=attention,
            mask=mask_tensor,
        )
        assert_same_shape(trace(net, X), plain)


class Gpt(nn.Module):
    """A block with a buffer for its causal mask."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(8), nn.LayerNorm(8)
        self.qkv, self.out = nn.Linear(8, 24), nn.Linear(8, 8)
        self.up, self.down = nn.Linear(8, 32), nn.Linear(32, 8)
        self.register_buffer("seen", torch.tril(torch.ones(6, 6)).view(1, 1, 6, 6))

    def forward(self, x: Tensor) -> Tensor:
        length = x.shape[1]
        query, key, value = (heads_of(y, 2) for y in self.qkv(self.norm1(x)).split(8, dim=2))
        scores = (query @ key.transpose(-2, -1)) * 0.5
        scores = scores.masked_fill(self.seen[:, :, :length, :length] == 0, -torch.inf)
        heads = functional.softmax(scores, dim=-1) @ value
        x = x + self.out(heads.transpose(1, 2).contiguous().view(-1, length, 8))
        return x + self.down(functional.gelu(self.up(self.norm2(x))))


def test_a_decoder_block_with_a_causal_buffer() -> None:
    graph = trace(Gpt(), X)
    assert widths(graph) == [8, 24, 2, 8, 8, 8, 32, 8, 8]
    assert graph.n_parameters == 24 * 8 + 64 + 2 * 32 * 8
    assert graph.n_edges == graph.n_parameters + (16 + 8 + 8) + 2 * 16


class Vit(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, 8, 4, 4)
        self.token = nn.Parameter(torch.ones(1, 1, 8))
        self.place = nn.Parameter(torch.ones(1, 5, 8))
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], dim=1) + self.place
        return self.head(self.blocks(x)[:, 0])


def test_a_class_token_is_a_position_like_the_others() -> None:
    graph = trace(Vit(), torch.zeros(2, 3, 8, 8))
    each = [24, 2, 8, 8, 8, 16, 8, 8]
    assert widths(graph) == [3, 8, *each, *each, 3]
    assert graph.n_parameters == 8 * 48 + 2 * (24 * 8 + 64 + 2 * 128) + 24
    assert blocks(graph)["embed", "blocks.layers.0.add"] == 8
    assert set(graph.multiplicity[graph.block_edges("input", "embed")].tolist()) == {16}


class Mixer(nn.Module):
    """The net without norms, whose coupling makes no edges."""

    def __init__(self, embed: nn.Module, tokens: int, channels: int, blocks: int = 1) -> None:
        super().__init__()
        self.embed = embed
        self.tokens = nn.ModuleList(
            nn.Sequential(nn.Linear(tokens, 3), nn.Tanh(), nn.Linear(3, tokens))
            for _ in range(blocks)
        )
        self.channels = nn.ModuleList(
            nn.Sequential(nn.Linear(channels, 5), nn.Tanh(), nn.Linear(5, channels))
            for _ in range(blocks)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        for tokens, channels in zip(self.tokens, self.channels, strict=True):
            x = x + tokens(x.transpose(1, 2)).transpose(1, 2)
            x = x + channels(x)
        return x


def test_a_mixer_has_a_copy_of_each_weight_for_each_row() -> None:
    embed = nn.Sequential(nn.Conv2d(3, 4, 2, 2), nn.Flatten(2), Function(lambda _, x: x.mT))
    net = Mixer(embed, tokens=6, channels=4)
    head = Function(lambda net, x: net.head(net.mixer(x).mean(1)), mixer=net, head=nn.Linear(4, 2))
    graph = trace(head, torch.zeros(2, 3, 4, 6))
    # channels; tokens of each channel; sums; channels of each token; mean; head
    assert widths(graph) == [3, 4, 4 * 3, 4 * 6, 24, 6 * 5, 24, 24, 4, 2]
    assert graph.n_parameters == 4 * 12 + (6 * 3 + 3 * 6) + (4 * 5 + 5 * 4) + 8
    layer = "mixer.tokens.0.0"
    edges = graph.block("mixer.embed.0", layer).toarray()
    sums = net.tokens[0][0].weight.detach().double().abs().sum(1).numpy()
    expected = np.zeros((4, 12))
    for channel in range(4):
        expected[channel, 3 * channel : 3 * channel + 3] = sums
    assert np.allclose(edges, expected, rtol=1e-6)
    counts = graph.multiplicity[graph.block_edges("mixer.embed.0", layer)]
    assert counts.tolist() == [6] * 12
    signed = graph.block(layer, "mixer.tokens.0.2").toarray()[:3].reshape(3, -1)
    weight = net.tokens[0][2].weight.detach().numpy()
    assert np.array_equal(signed[:, signed.any(axis=0)], weight.T)
    by_target = {b.target: b for b in graph.blocks if b.kind != "wiring"}
    assert by_target["mixer.channels.0.0"].parameter == "mixer.channels.0.0.weight"
    assert by_target["mixer.channels.0.0"].size == 20


@pytest.mark.parametrize("seed", range(2))
def test_reach_in_a_mixer_is_what_its_jacobian_shows(seed: int) -> None:
    net = pruned(Mixer(nn.Linear(3, 4), tokens=5, channels=4, blocks=2), 0.25, seed)
    depends = responds(net, (5, 3))
    spatial = trace(net, torch.zeros(1, 5, 3).double(), granularity="spatial")
    assert 0.1 < depends.mean() < 0.9
    assert np.array_equal(reach(spatial), depends)
    channels = trace(net, torch.zeros(1, 5, 3).double())
    assert np.array_equal(reach(channels), depends.reshape(5, 3, -1).any(axis=0))


@pytest.mark.parametrize("causal", [False, True])
def test_reach_in_attention_is_what_its_jacobian_shows(causal: bool) -> None:
    parts = {name: nn.Linear(4, 4) for name in ("q", "k", "v", "out")}
    net = Function(lambda net, x: fused_attention(net, x, is_causal=causal), **parts)
    net = pruned(net, 0.3, 2)
    with torch.no_grad():  # a softmax does not see keys or values that are the same everywhere
        for layer in (net.k, net.v):
            layer.weight += torch.eye(4)
    depends = responds(net, (3, 4))
    graph = trace(net, torch.zeros(1, 3, 4).double(), granularity="spatial")
    assert 0.1 < depends.mean() < 0.9
    assert np.array_equal(reach(graph), depends)
    channels = trace(net, torch.zeros(1, 3, 4).double())
    assert np.array_equal(reach(channels), depends.reshape(3, 4, 3, 4).any(axis=(0, 2)))


def by_hand(net: nn.Module, x: Tensor, seen: Tensor) -> Tensor:
    scores = (net.q(x) @ net.k(x).transpose(1, 2)).masked_fill(~seen, -torch.inf)
    return net.out(scores.softmax(-1) @ net.v(x))


@pytest.mark.parametrize("way", ["at once", "by hand"])
@pytest.mark.parametrize("seen", ["causal", "itself", "all", "one or two"])
def test_a_softmax_of_one_key_is_1(way: str, seen: str) -> None:
    masks = {
        "causal": torch.ones(3, 3).tril() > 0,
        "itself": torch.eye(3) > 0,
        "all": torch.ones(1, 1) > 0,
        "one or two": torch.tensor([[0, 1, 0], [0, 1, 1], [0, 0, 1]]) > 0,
    }
    mask = masks[seen]
    parts = {name: nn.Linear(4, 4) for name in ("q", "k", "v", "out")}
    forward = (
        (lambda net, x: by_hand(net, x, mask))
        if way == "by hand"
        else (lambda net, x: fused_attention(net, x, attn_mask=mask))
    )
    net = pruned(Function(forward, **parts), 0.3, 2)
    with torch.no_grad():
        net.v.weight += torch.eye(4)
        net.k.weight += torch.eye(4)
    depends = responds(net, (len(mask), 4))
    graph = trace(net, torch.zeros(1, len(mask), 4).double(), granularity="spatial")
    assert np.array_equal(reach(graph), depends)
    live = graph.live()
    n_free = 4 * int((mask.sum(1) > 1).sum())  # queries that choose among keys
    assert live.layer("q").n_units == n_free
    if not n_free:
        channels = trace(net, torch.zeros(1, len(mask), 4).double()).live()
        assert channels.layer("q").n_units == channels.layer("k").n_units == 0


def test_rows_of_different_units_have_copies_in_the_order_of_rows() -> None:
    net = pruned(Function(lambda net, x: net.b(net.a(x).view(-1, 3, 2)), a=nn.Linear(4, 6),
        b=nn.Linear(2, 2)), 0.6)  # fmt: skip
    graph = trace(net, torch.zeros(1, 4))
    dense = torch.block_diag(*[net.b.weight] * 3).detach().numpy()
    assert np.array_equal(graph.block("a", "b").toarray().T, dense)
    kept = [np.count_nonzero(layer.weight.detach()) for layer in (net.a, net.b)]
    assert graph.n_parameters == sum(kept)
    assert np.array_equal(reach(graph), responds(net, (4,)))
    assert graph.multiplicity is None


def test_padded_rows_share_a_copy_and_empty_ones_have_none() -> None:
    def forward(net: nn.Module, x: Tensor) -> Tensor:
        return net.b(functional.pad(net.a(x), (0, 0, 1, 2)))

    net = Function(forward, a=nn.Linear(3, 2), b=nn.Linear(2, 2))
    graph = trace(net, torch.zeros(1, 4, 3))
    assert widths(graph) == [3, 2, 2]
    assert graph.n_edges == 3 * 2 + 2 * 2
    net = Function(lambda net, x: net.b(functional.pad(net.a(x).view(-1, 2, 2), (0, 0, 0, 1))),
        a=nn.Linear(3, 4), b=nn.Linear(2, 5))  # fmt: skip
    graph = trace(net, torch.zeros(1, 3))  # two rows of different units, and one of none
    assert widths(graph) == [3, 4, 10, 10]  # the last: outputs, with what is always the same left
    assert np.array_equal(reach(graph), responds(net, (3,))[:, :10])


def test_products_by_einsum_matmul_and_bmm_are_one() -> None:
    parts = {"a": nn.Linear(8, 4), "b": nn.Linear(8, 4)}
    forms: list[Callable[[nn.Module, Tensor], Tensor]] = [
        lambda net, x: net.a(x) @ net.b(x).mT,
        lambda net, x: torch.bmm(net.a(x), net.b(x).mT),
        lambda net, x: torch.einsum("bid,bjd->bij", net.a(x), net.b(x)),
        lambda net, x: torch.einsum("...id,...jd", net.a(x), net.b(x)).clone(),
        lambda net, x: torch.baddbmm(torch.ones(1, 5, 5), net.a(x), net.b(x).mT),
    ]
    graphs = [trace(Function(form, **parts), X) for form in forms]
    assert widths(graphs[0]) == [8, 4, 4, 1]
    for graph in graphs[1:]:
        assert_same_shape(graph, graphs[0])
    heads = Function(
        lambda net, x: torch.einsum("bnhd,bmhd->bhnm", *(
            f(x).unflatten(-1, (2, 2)) for f in (net.a, net.b))), **parts
    )  # fmt: skip
    graph = trace(heads, X)
    assert graph.block("a", "einsum").toarray().tolist() == [[1, 0], [1, 0], [0, 1], [0, 1]]


def test_parameters_in_products_of_any_order() -> None:
    weight = nn.Parameter(torch.randn(5, 3, generator=torch.Generator().manual_seed(1)))
    linear = trace(Function(lambda net, x: x.mT @ net.w, w=weight), X[:, :, :1])
    assert np.array_equal(linear.weights.toarray()[:5, 5:], weight.detach().numpy())
    left = trace(Function(lambda net, x: (net.w.mT @ x).mT, w=weight), X[:, :, :1])
    assert_same_shape(linear, left)
    einsum = Function(lambda net, x: torch.einsum("bnd,nm->bdm", x, net.w), w=weight)
    assert_same_shape(linear, trace(einsum, X[:, :, :1]))
    each = nn.Parameter(torch.randn(2, 4, 3))
    heads = Function(lambda net, x: heads_of(net.a(x), 2) @ net.w, a=nn.Linear(8, 8), w=each)
    graph = trace(heads, X)
    assert widths(graph) == [8, 8, 6]
    expected = torch.block_diag(*each.detach()).numpy()
    assert np.array_equal(graph.block("a", "w").toarray(), expected)


def test_masks_of_pruned_attention_decide_its_edges() -> None:
    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    for part, name in ((attention, "in_proj_weight"), (attention.out_proj, "weight")):
        mask = torch.rand(getattr(part, name).shape) < 0.5
        prune.custom_from_mask(part, name, mask)
    net = Function(lambda net, x: net.a(x, x, x)[0], a=attention)
    graph = trace(net, X)
    for parameter, mask in (
        ("a.in_proj_weight", attention.in_proj_weight_mask),
        ("a.out_proj.weight", attention.out_proj.weight_mask),
    ):
        (block,) = [b for b in graph.blocks if b.parameter == parameter]
        weights = graph.block(block.source, block.target)
        assert np.array_equal(weights.toarray().T != 0, mask.bool().numpy())
        assert block.size == mask.numel()
    plain = nn.MultiheadAttention(8, 2, batch_first=True)
    masks = {name: torch.rand(x.shape) < 0.5 for name, x in plain.named_parameters() if x.ndim == 2}
    mask_net(plain, masks)
    graph = trace(Function(lambda net, x: net.a(x, x, x)[0], a=plain), X)
    assert graph.n_parameters == sum(int(x.sum()) for x in masks.values())


def test_sums_over_units_are_junctions_of_all_of_them() -> None:
    forms: list[tuple[Callable[..., Tensor], float]] = [
        (lambda net, x: net.a(x).view(-1, 3, 2).mean(1), 1 / 3),
        (lambda net, x: net.a(x).view(-1, 3, 2).sum(1), 1),
        (lambda net, x: net.a(x).view(-1, 3, 2).repeat(1, 2, 1).sum(1), 2),
        (lambda net, x: net.a(x).view(-1, 3, 2).amax(1), 1),
        (lambda net, x: net.a(x).view(-1, 3, 2).repeat(1, 2, 1).max(1).values, 1),
    ]
    for form, weight in forms:
        graph = trace(Function(form, a=nn.Linear(4, 6)), torch.zeros(1, 4))
        (junction,) = [x for x in graph.layers if x.name != "a" and x.role != "input"]
        weights = graph.block("a", junction.name).toarray()
        assert np.allclose(weights, np.tile(np.eye(2), (3, 1)) * weight)
    scaled = Function(
        lambda net, x: (net.a(x).relu() * net.g).sum(1, keepdim=True),
        a=nn.Linear(4, 3),
        g=nn.Parameter(torch.tensor([2.0, -1.0, 0.5])),
    )
    graph = trace(scaled, torch.zeros(1, 4))
    assert graph.block("a", "sum").toarray().tolist() == [[2], [-1], [0.5]]


def test_path_sums_of_a_linear_mixer_are_its_jacobian() -> None:
    torch.manual_seed(1)

    def forward(net: nn.Module, x: Tensor) -> Tensor:
        x = net.embed(x)
        return net.head((x + net.tokens(x.mT).mT + net.channels(x)).mean(1))

    net = Function(
        forward,
        embed=nn.Linear(3, 3),
        tokens=nn.Linear(5, 5),
        channels=nn.Linear(3, 3),
        head=nn.Linear(3, 2),
    ).double()
    given = torch.zeros(1, 5, 3).double()
    graph = trace(net, given, granularity="spatial")
    sums = np.linalg.inv(np.eye(graph.n_units) - graph.weights.toarray())
    jacobian = torch.autograd.functional.jacobian(net, given).reshape(2, 15).T
    assert np.allclose(sums[np.ix_(graph.inputs, graph.outputs)], jacobian, rtol=1e-9)
    channels = trace(net, given, edge_norm="sum")
    sums = np.linalg.inv(np.eye(channels.n_units) - channels.weights.toarray())
    path_sums = sums[np.ix_(channels.inputs, channels.outputs)]
    assert np.allclose(path_sums, jacobian.reshape(5, 3, 2).sum(0), rtol=1e-9)


def test_gates_and_extremes_are_junctions() -> None:
    graph = trace(Function(lambda net, x: functional.glu(net.a(x)), a=nn.Linear(8, 6)), X)
    assert graph.block("a", "glu").toarray().tolist() == np.tile(np.eye(3), (2, 1)).tolist()
    for meet in (torch.maximum, torch.max, torch.div):
        net = Function(lambda net, x, f=meet: f(net.a(x), net.b(x)), a=nn.Linear(8, 3),
            b=nn.Linear(8, 3))  # fmt: skip
        assert widths(trace(net, X)) == [8, 3, 3, 3]
    capped = trace(Function(lambda net, x: net.a(x).minimum(torch.ones(3)), a=nn.Linear(8, 3)), X)
    assert widths(capped) == [8, 3]


def test_constant_choices_leave_out_what_they_hide() -> None:
    cases: list[tuple[Callable[[nn.Module, Tensor], Tensor], list[int]]] = [
        (lambda net, x: net.a(x)[:, net.at], [0, 2]),
        (lambda net, x: net.a(x).index_select(1, net.at), [0, 2]),
        (lambda net, x: net.a(x).gather(1, net.at[None].expand(len(x), -1)), [0, 2]),
        (lambda net, x: torch.where(net.at2, net.a(x), 0.0), [0, 3]),
        (lambda net, x: net.a(x).masked_fill(~net.at2, -1e9), [0, 3]),
        (lambda net, x: net.a(x) * net.at2, [0, 3]),
        (lambda net, x: net.a(x) + torch.where(net.at2, 0.0, -torch.inf), [0, 3]),
    ]
    for forward, kept in cases:
        net = Function(lambda net, x, f=forward: net.b(f(net, x)), a=nn.Linear(3, 4),
            b=nn.LazyLinear(2), at=torch.tensor([0, 2]),
            at2=torch.tensor([True, False, False, True]))  # fmt: skip
        net(torch.zeros(1, 3))
        graph = trace(net, torch.zeros(2, 3))
        assert np.flatnonzero(graph.block("a", "b").toarray().any(axis=1)).tolist() == kept


def test_a_shifted_window_is_the_plain_one_between_channels() -> None:
    def forward(net: nn.Module, x: Tensor) -> Tensor:
        windows = torch.roll(x, (-1, -1), (1, 2)).view(-1, 2, 2, 2, 2, 8).permute(0, 1, 3, 2, 4, 5)
        mixed = net.inner(windows.reshape(-1, 4, 8)).view(-1, 2, 2, 2, 2, 8)
        back = mixed.permute(0, 1, 3, 2, 4, 5).reshape(-1, 4, 4, 8)
        return x + torch.roll(back, (1, 1), (1, 2))

    inner = Function(self_attention, **projections())
    graph = trace(Function(forward, inner=inner), torch.zeros(2, 4, 4, 8))
    assert widths(graph) == [8, 8, 8, 8, 2, 8, 8, 8]


def test_what_has_no_rule_is_refused_by_name() -> None:
    a = nn.Linear(8, 8)
    cases: list[tuple[Callable[..., Tensor], str]] = [
        (lambda net, x: net.a(x[0]) @ net.a(x[0]).mT, "samples of a batch"),
        (lambda net, x: torch.einsum("bii->bi", x[:, :, :5]), "more than a permutation"),
        (lambda net, x: torch.einsum("bid,bjd->bj", net.a(x), x), "only one of them has"),
        (lambda net, x: functional.scaled_dot_product_attention(x, x, x, dropout_p=0.5),
         "at random"),
    ]  # fmt: skip
    for forward, message in cases:
        with pytest.raises(TopologyError, match=message):
            trace(Function(forward, a=a), X)


def test_the_fast_path_of_torch_is_as_it_was() -> None:
    assert torch.backends.mha.get_fastpath_enabled()
    trace(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), X)
    assert torch.backends.mha.get_fastpath_enabled()


def wide(width: int, heads: int, depth: int) -> tuple[nn.Module, dict[str, Tensor]]:
    layer = nn.TransformerEncoderLayer(width, heads, 4 * width, batch_first=True)
    net = nn.TransformerEncoder(layer, depth)
    generator = torch.Generator().manual_seed(1)
    masks = {
        name: torch.rand(x.shape, generator=generator) < 0.1
        for name, x in net.named_parameters()
        if x.ndim == 2
    }
    mask_net(net, masks)
    return net, masks


@pytest.mark.parametrize(
    ("width", "heads", "depth"),
    [(48, 4, 2), pytest.param(768, 12, 12, marks=pytest.mark.slow)],
)
def test_deep_encoders_keep_every_masked_weight(width: int, heads: int, depth: int) -> None:
    net, masks = wide(width, heads, depth)
    graph = trace(net, torch.zeros(1, 32, width))
    assert graph.n_parameters == sum(int(x.sum()) for x in masks.values())
    wiring = depth * (4 * width + 4 * width)
    for name, mask in masks.items():
        if name.endswith("in_proj_weight"):  # what nothing feeds, and its partner, feed nothing
            q, k, v = mask.any(dim=1).split(width)
            wiring -= 2 * int((~(q & k)).sum() + (~v).sum())
    assert graph.n_edges == graph.n_parameters + wiring
    assert graph.n_units == width + depth * (3 * width + heads + 4 * width + 4 * width + width + 0)
