"""Masks: constant ones, those that inputs are, and those that tokens make."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from netsculpt.tracing import fidelity, trace
from tests.helpers.jacobians import moves, paths_exist
from tests.helpers.traced_nets import Function, same, widths

T, D, WORDS = 4, 8, 9
X = torch.zeros(1, T, D)
IDS = torch.zeros(1, T, dtype=torch.int64)


def layers() -> dict[str, nn.Linear]:
    return {name: nn.Linear(D, D, bias=False) for name in "qkvo"}


def heads(x: Tensor) -> Tensor:
    return x.view(*x.shape[:2], 2, -1).transpose(1, 2)


def attended(net: Function, x: Tensor, scores: Callable[[Tensor], Tensor]) -> Tensor:
    pattern = scores(heads(net.q(x)) @ heads(net.k(x)).mT).softmax(-1)
    return net.o((pattern @ heads(net.v(x))).transpose(1, 2).flatten(2))


def with_buckets(net: Function, x: Tensor) -> Tensor:
    """As in T5: a learned bias for each distance, by buckets of constants."""
    place = torch.arange(T)
    far = (place[None] - place[:, None]).abs()
    large = 2 + (torch.log(far.float() / 2 + 1e-6) * 2).long()
    bucket = torch.where(far < 2, far, torch.min(large, torch.full_like(large, 4)))
    bias = net.bias(bucket).permute(2, 0, 1)[None]
    return attended(net, x, lambda scores: scores + bias)


def with_windows(net: Function, x: Tensor) -> Tensor:
    """As in Swin: a learned bias of a table, and a mask of −100 between windows."""
    bias = net.table[net.index.reshape(-1)].view(T, T, 2).permute(2, 0, 1)
    apart = net.window[None] - net.window[:, None]
    mask = apart.masked_fill(apart != 0, -100.0).masked_fill(apart == 0, 0.0)
    return attended(net, x, lambda scores: scores + bias[None] + mask)


def with_decay(net: Function, x: Tensor) -> Tensor:
    """A constant that is chosen by another one, then put through a function."""
    decay = torch.where(net.d > 1, net.d, torch.zeros_like(net.d)).exp()
    return net.o(net.q(x) * decay)


def with_filled_scores(net: Function, x: Tensor) -> Tensor:
    """As in GPT-NeoX: scores where a causal buffer allows, otherwise the smallest number."""
    smallest = torch.tensor(torch.finfo(torch.float32).min)
    return attended(net, x, lambda scores: torch.where(net.causal, scores, smallest))


CONSTANTS: dict[str, tuple[Callable[..., Tensor], dict[str, Tensor | nn.Module]]] = {
    "T5": (with_buckets, {"bias": nn.Embedding(5, 2)}),
    "Swin": (
        with_windows,
        {
            "table": nn.Parameter(torch.rand(7, 2)),
            "index": torch.arange(T)[None] - torch.arange(T)[:, None] + T - 1,
            "window": torch.tensor([0.0, 0.0, 1.0, 1.0]),
        },
    ),
    "decay": (with_decay, {"d": torch.linspace(0, 3, D)}),
    "NeoX": (with_filled_scores, {"causal": torch.ones(T, T, dtype=torch.bool).tril()}),
    "bias of a mask": (
        lambda net, x: attended(net, x, lambda s: s + (net.m.masked_fill(net.m > 0, -9.0) + 1)),
        {"m": torch.ones(T, T).triu(1)},
    ),
    "a mask times a mask": (
        lambda net, x: net.o(net.q(x) * (net.m * net.n + 0.5).log()),
        {"m": torch.ones(D), "n": torch.arange(D) % 2.0},
    ),
}


@pytest.mark.parametrize("name", CONSTANTS)
def test_constants_that_are_no_parameters_are_constants(name: str) -> None:
    torch.manual_seed(1)
    forward, parts = CONSTANTS[name]
    net = Function(forward, **layers(), **parts)
    graph = trace(net, X)
    assert fidelity(net, graph, X, rng=0).max_error < 1e-5
    assert {x.parameter for x in graph.blocks if x.parameter} <= {f"{x}.weight" for x in "qkvo"}
    assert np.array_equal(paths_exist(graph), moves(net, X, channels=-1))


def test_a_constant_mask_hides_positions_where_positions_are_units() -> None:
    net = Function(with_filled_scores, **layers(), causal=torch.ones(T, T, dtype=torch.bool).tril())
    graph = trace(net, X, granularity="spatial")
    assert np.array_equal(paths_exist(graph), moves(net, X))


def bool_mask(scores: Tensor, mask: Tensor) -> Tensor:
    return scores.masked_fill(mask[:, None, None, :] == 0, -torch.inf)


def added_mask(scores: Tensor, mask: Tensor) -> Tensor:
    """As in BERT."""
    hidden = 1.0 - mask[:, None, None, :].to(scores.dtype)
    return scores + hidden * torch.finfo(scores.dtype).min


def with_causal(scores: Tensor, mask: Tensor) -> Tensor:
    causal = torch.ones(T, T, dtype=torch.bool).tril()[None, None]
    return scores.masked_fill(~(causal & mask[:, None, None, :].bool()), -1e9)


def chosen(scores: Tensor, mask: Tensor) -> Tensor:
    visible = torch.where(mask[:, None, None, :] > 0, 0.0, -1e9)
    return scores + visible


def inverted(scores: Tensor, mask: Tensor) -> Tensor:
    causal = torch.ones(T, T, dtype=torch.bool).triu(1)[None, None]
    return torch.where(
        causal | mask[:, None, None, :].eq(0).logical_not().logical_not(), -1e9, scores
    )


MASKED = [bool_mask, added_mask, with_causal, chosen, inverted]


@pytest.mark.parametrize("scores", MASKED)
def test_a_mask_that_is_an_input_makes_no_edges_and_is_noted(
    scores: Callable[..., Tensor],
) -> None:
    def forward(net: Function, x: Tensor, mask: Tensor) -> Tensor:
        return attended(net, x, lambda s: scores(s, mask))

    parts = layers()
    net = Function(forward, **parts)
    mask = torch.ones(1, T, dtype=torch.int64)
    alone = Function(lambda net, x: attended(net, x, lambda s: scores(s, mask)), **parts)
    for granularity in ("channel", "spatial"):
        graph = trace(net, (X, mask), granularity=granularity)
        (inputs,) = [x for x in graph.layers if x.shape == (T,)]
        assert not graph.weights[inputs.start : inputs.stop].nnz
        noted = graph.provenance[-1].parameters["left_out"]
        assert any("taken to be padding" in x for x in noted.values())
        expected = trace(alone, X, granularity=granularity)
        assert np.array_equal(paths_exist(graph)[:-T], paths_exist(expected))
        assert graph.n_edges == expected.n_edges
    # where positions are units, nothing but the causal part of a mask hides
    reached = paths_exist(expected).reshape(T, D, T, D).any(axis=(1, 3))
    causal = scores in (with_causal, inverted)
    assert np.array_equal(reached, np.triu(np.ones((T, T))) > 0 if causal else np.ones((T, T)))


def test_masks_of_attention_that_are_inputs_make_no_edges() -> None:
    def forward(net: Function, x: Tensor, mask: Tensor) -> Tensor:
        mixed = functional.scaled_dot_product_attention(
            heads(net.q(x)), heads(net.k(x)), heads(net.v(x)), attn_mask=mask[:, None, None, :]
        )
        return net.o(mixed.transpose(1, 2).flatten(2))

    graph = trace(Function(forward, **layers()), (X, torch.ones(1, T, dtype=torch.bool)))
    assert widths(graph)["pattern"] == 2
    assert "scaled_dot_product_attention" in graph.provenance[-1].parameters["left_out"]


def test_a_bias_of_attention_that_is_computed_meets_its_pattern() -> None:
    def forward(net: Function, x: Tensor) -> Tensor:
        mixed = functional.scaled_dot_product_attention(
            net.q(x)[:, None], net.k(x)[:, None], net.v(x)[:, None], attn_mask=net.bias(x)[:, None]
        )
        return net.o(mixed[:, 0])

    net = Function(forward, bias=nn.Linear(D, T), **layers())
    graph = trace(net, X, granularity="spatial")
    biased = graph.block("bias", "pattern.biased").toarray()
    assert np.array_equal(biased, np.eye(T * T))
    assert np.array_equal(paths_exist(graph), moves(net, X))


def test_masks_of_tokens_are_left_out() -> None:
    """As in ESM: padding, masked tokens, a share of them, and positions from a running sum."""

    def forward(net: Function, ids: Tensor) -> Tensor:
        padding = ids.eq(1)
        x = net.words(ids).masked_fill((ids == 2)[..., None], 0.0)
        share = (ids == 2).sum(-1).float() / (~padding).sum(-1)
        x = x * 0.5 / (1 - share)[:, None, None]
        x = x * (~padding)[..., None].type_as(x)
        kept = (~padding).int()
        x = x + net.places((torch.cumsum(kept, 1).type_as(kept) * kept).long() + 1)
        return attended(net, x, lambda s: s.masked_fill(padding[:, None, None, :], -1e9))

    parts = {"words": nn.Embedding(WORDS, D), "places": nn.Embedding(WORDS, D), **layers()}
    graph = trace(Function(forward, **parts), IDS)
    plain = Function(lambda net, ids: attended(net, net.words(ids) * 0.5, lambda s: s), **parts)
    expected = trace(plain, IDS)
    assert [x.n_units for x in graph.layers] == [x.n_units for x in expected.layers]
    assert np.array_equal(graph.weights.indices, expected.weights.indices)
    assert {"eq", "masked_fill"} <= set(graph.provenance[-1].parameters["left_out"])


@pytest.mark.parametrize(
    "forward",
    [
        lambda net, x: net.o(torch.where(y > 0, y, 0.1 * y) if (y := net.q(x)) is not None else x),
        lambda net, x: net.o((y := net.q(x)) * (y > 0)),
        lambda net, x: net.o((y := net.q(x)).masked_fill(y < 0, 0.0)),
        lambda net, x: net.o((y := net.q(x)) * (y.abs() >= 0.1).float()),
    ],
)
def test_functions_that_compare_a_unit_with_a_number_are_functions(
    forward: Callable[..., Tensor],
) -> None:
    parts = layers()
    expected = trace(Function(lambda net, x: net.o(net.q(x).relu()), **parts), X)
    same(trace(Function(forward, **parts), X), expected)


def test_a_choice_by_a_unit_is_a_junction_of_all_three() -> None:
    net = Function(lambda net, x: torch.where(net.q(x) > 0, net.k(x), net.v(x)), **layers())
    graph = trace(net, X)
    assert {x.source for x in graph.blocks if x.target == "where"} == {"q", "k", "v"}


def test_inputs_that_are_compared_with_a_number_are_still_inputs() -> None:
    parts = layers()
    net = Function(lambda net, x: net.q((x > 0.5).float()), **parts)
    same(trace(net, X), trace(Function(lambda net, x: net.q(x), **parts), X))


def test_a_mask_that_multiplies_is_one_unit_and_channels_stay_channels() -> None:
    def forward(net: Function, ids: Tensor, mask: Tensor) -> Tensor:
        x = net.words(ids) * mask[..., None]
        return net.o(x.sum(1) / mask.sum(1, keepdim=True).clamp(min=1))

    net = Function(forward, words=nn.Embedding(WORDS, D), o=nn.Linear(D, 3))
    graph = trace(net, (IDS, torch.ones_like(IDS)))
    assert [x.n_units for x in graph.layers] == [WORDS, 1, D, D, D, 3]
