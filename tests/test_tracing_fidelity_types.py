"""Fidelity raises no alarm where a net computes in its own type, or takes one of its branches."""

from __future__ import annotations

import io
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import Tensor, nn
from torch.nn import functional
from traced_nets import Function

from netsculpt.report.terminal.fidelity import fidelity_section
from netsculpt.tracing import Fidelity, fidelity, trace

ROUNDING = 1e-7  # of weights to float32


@pytest.fixture(autouse=True)
def _same_weights() -> None:
    torch.manual_seed(0)


def compared(net: nn.Module, *example: Tensor) -> Fidelity:
    return fidelity(net, trace(net, example), example, rng=1)


NUMBERS = {
    "times": lambda net, x: net.b(0.1 * torch.relu(net.a(x))),
    "over": lambda net, x: net.b(torch.relu(net.a(x)) / 3),
    "minus": lambda net, x: net.b(torch.sub(1.0, torch.relu(net.a(x)), alpha=0.3)),
    "from the left": lambda net, x: net.b(0.7 * (1 - 0.1 * torch.tanh(net.a(x)))),
    "quick GELU": lambda net, x: net.b(net.a(x) * torch.sigmoid(1.702 * net.a(x))),
    "GELU": lambda net, x: net.b(
        0.5 * net.a(x) * (1 + torch.tanh(0.79788 * (net.a(x) + 0.044715 * net.a(x) ** 3.0)))
    ),
}


def test_numbers_keep_all_their_digits() -> None:
    net = Function(
        lambda net, x: tuple(f(net, x) for f in NUMBERS.values()), a=nn.Linear(4, 5),
        b=nn.Linear(5, 2),
    )  # fmt: skip
    assert compared(net, torch.zeros(1, 4)).max_error < ROUNDING


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_epsilon_is_that_of_the_type_in_which_the_net_computes(dtype: torch.dtype) -> None:
    """Small activations, whose mean square is about ε."""
    net = nn.Sequential(nn.Linear(4, 5, bias=False), nn.RMSNorm(5), nn.Linear(5, 2))
    net[0].weight.data *= 1e-3
    assert compared(net.to(dtype), torch.zeros(1, 4, dtype=dtype)).max_error < 1e-6


def test_outputs_that_underflow() -> None:
    """Products of two weights of 1e-25 are 0 in float32."""
    net = nn.Sequential(nn.Linear(4, 5, bias=False), nn.Linear(5, 2, bias=False))
    for parameter in net.parameters():
        parameter.data *= 1e-25
    graph = trace(net, torch.zeros(1, 4))
    assert fidelity(net, graph, torch.zeros(1, 4), rng=1).max_error < ROUNDING
    wrong = graph.with_weights(graph.weights.data * 1.01)
    assert fidelity(net, wrong, torch.zeros(1, 4), rng=1).output_error > 1e-3


def test_rounding_of_half_precision_is_the_nets_own() -> None:
    net = nn.Sequential(*(nn.Linear(8, 8) for _ in range(6))).to(torch.bfloat16)
    assert compared(net, torch.zeros(1, 8, dtype=torch.bfloat16)).max_error < ROUNDING


def test_minus_infinity_in_the_outputs_hides_no_error() -> None:
    net = Function(
        lambda net, x: net.a(x) + net.mask, a=nn.Linear(4, 3), mask=torch.tensor([0, -math.inf, 0])
    )
    graph = trace(net, torch.zeros(1, 4))
    assert fidelity(net, graph, torch.zeros(1, 4), rng=1).max_error < ROUNDING
    wrong = graph.with_weights(graph.weights.data * 1.01)
    assert fidelity(net, wrong, torch.zeros(1, 4), rng=1).output_error > 1e-3


def branching(level: float) -> nn.Module:
    def forward(net: Function, x: Tensor) -> Tensor:
        if x.sum() > level:
            return net.b(torch.relu(net.a(x)))
        return net.c(torch.tanh(net.a(x)))

    return Function(forward, a=nn.Linear(4, 5), b=nn.Linear(5, 2), c=nn.Linear(5, 2))


@pytest.mark.parametrize(
    ("level", "example", "compared_on"),
    [(0, 1.0, "random inputs"), (0, -1.0, "random inputs"), (100, 50.0, "the example")],
)
def test_a_branch_is_compared_on_inputs_that_take_it(
    level: float, example: float, compared_on: str
) -> None:
    net, sample = branching(level), torch.full((1, 4), example)
    graph = trace(net, sample)
    found = compared(net, sample)
    assert found.max_error < ROUNDING
    assert found.compared_on == compared_on
    assert found.summary()["compared_on"] == compared_on
    text = io.StringIO()
    Console(file=text, width=300).print(
        fidelity_section(found, graph, np.ones(graph.n_units, bool))
    )
    assert ("random inputs take another branch" in text.getvalue()) == (level == 100)


def test_the_largest_error_is_named_among_live_layers() -> None:
    net = nn.Sequential(*(nn.Linear(4, 4) for _ in range(3)))
    graph = trace(net, torch.zeros(1, 4))
    found = fidelity(net, graph, torch.zeros(1, 4), rng=1)
    errors = {"0": 0.1, "1": 0.5, "2": 0.2}
    layers = tuple(replace(x, error=errors[x.layer]) for x in found.layers)
    live = np.ones(graph.n_units, bool)
    live[graph.layer("1").units] = False
    text = io.StringIO()
    Console(file=text, width=300).print(
        fidelity_section(replace(found, layers=layers), graph, live)
    )
    assert "2.0e-01, in 2" in text.getvalue()


@pytest.mark.parametrize(
    ("dtype", "difference", "scale"),
    [(np.float32, 1e-7, "1e-07"), (np.float32, 1e-16, "1e-16"), (np.float64, 1e-9, "1e-16")],
)
def test_rounding_is_that_of_the_numbers_next_to_it(
    dtype: type, difference: float, scale: str
) -> None:
    net = nn.Sequential(nn.Linear(4, 4))
    graph = trace(net, torch.zeros(1, 4))
    graph = graph.with_weights(graph.weights.data.astype(dtype))
    text = io.StringIO()
    found = Fidelity((), difference, 1.0)
    Console(file=text, width=300).print(fidelity_section(found, graph, np.ones(8, bool)))
    assert f"about {scale} is rounding" in text.getvalue()


class Projection(nn.Module):
    """A linear layer whose weight is [in, out], as in GPT-2."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) / 4)
        self.bias = nn.Parameter(torch.randn(n_out))

    def forward(self, x: Tensor) -> Tensor:
        flat = torch.addmm(self.bias, x.view(-1, x.size(-1)), self.weight)
        return flat.view(*x.shape[:-1], -1)


class Attention(nn.Module):
    """Causal attention in two products, with a mask of the most negative number."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.into, self.out = Projection(width, 3 * width), Projection(width, width)

    def forward(self, x: Tensor) -> Tensor:
        n_batch, n_tokens, width = x.shape
        query, key, value = (
            y.view(n_batch, n_tokens, self.n_heads, -1).transpose(1, 2)
            for y in self.into(x).split(width, dim=2)
        )
        pattern = query @ key.transpose(-1, -2) / math.sqrt(width // self.n_heads)
        seen = torch.ones(n_tokens, n_tokens, dtype=torch.bool).tril()
        lowest = torch.full([], torch.finfo(pattern.dtype).min, dtype=pattern.dtype)
        pattern = torch.where(seen, pattern, lowest).softmax(-1)
        return self.out((pattern @ value).transpose(1, 2).reshape(x.shape))


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, 2)
        self.wide, self.back = Projection(width, 16), Projection(16, width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.first(x))
        y = self.wide(self.second(x))
        inner = math.sqrt(2 / math.pi) * (y + 0.044715 * torch.pow(y, 3.0))
        return x + self.back(0.5 * y * (1.0 + torch.tanh(inner)))


class Language(nn.Module):
    """The forward pass of GPT-2."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(12, 8), nn.Embedding(5, 8)
        self.block, self.norm = Block(8), nn.LayerNorm(8)
        self.head = nn.Linear(8, 12, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.tokens(tokens) + self.places(torch.arange(tokens.shape[1])[None])
        return self.head(self.norm(self.block(x)))


class Vision(nn.Module):
    """The image side of CLIP: patches, a class token, an embedding of length 1, a scale."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, 4, bias=False)
        self.class_token = nn.Parameter(torch.randn(8))
        self.places, self.norm = nn.Embedding(5, 8), nn.LayerNorm(8)
        self.block, self.project = Block(8), nn.Linear(8, 6, bias=False)
        self.scale = nn.Parameter(torch.tensor(2.6592))

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_token.expand(len(x), 1, -1), x], 1)
        x = self.block(self.norm(x + self.places(torch.arange(5)[None])))
        x = self.project(x[:, 0])
        return self.scale.exp() * x / x.norm(p=2, dim=-1, keepdim=True)


class Mobile(nn.Module):
    """A MobileViT block: patches unfolded into tokens and folded back."""

    def __init__(self) -> None:
        super().__init__()
        self.into = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.SiLU())
        self.wide, self.block, self.norm = nn.Conv2d(6, 8, 1), Block(8), nn.LayerNorm(8)
        self.back, self.fused = nn.Conv2d(8, 6, 1), nn.Conv2d(12, 6, 3, padding=1)
        self.head = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        before = self.into(x)
        y = self.wide(before)
        n, c, height, width = y.shape
        y = y.reshape(n * c * height // 2, 2, width // 2, 2).transpose(1, 2)
        y = y.reshape(n, c, -1, 4).transpose(1, 3).reshape(n * 4, -1, c)
        y = self.norm(self.block(y)).view(n, 4, -1, c).transpose(1, 3)
        y = y.reshape(n * c * height // 2, width // 2, 2, 2).transpose(1, 2)
        y = self.back(y.reshape(n, c, height, width))
        return self.head(self.fused(torch.cat((before, y), 1)).mean((2, 3)))


class SparseLanguage(nn.Module):
    """A weight-sparse GPT: RMS norms, attention sinks, a bigram table, few nonzero weights."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.bigrams = nn.Embedding(12, 8), nn.Embedding(12, 12)
        self.one, self.two, self.three = (nn.RMSNorm(8) for _ in range(3))
        self.into, self.out = nn.Linear(8, 24), nn.Linear(8, 8)
        self.wide, self.back = nn.Linear(8, 16), nn.Linear(16, 8)
        self.head, self.sink = nn.Linear(8, 12, bias=False), nn.Parameter(torch.zeros(2))
        for layer in (self.into, self.out, self.wide, self.back):
            layer.weight.data *= torch.rand_like(layer.weight) < 0.3

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.tokens(tokens)
        n, t, _ = x.shape
        parts = self.into(self.one(x)).chunk(3, -1)
        query, key, value = (y.view(n, t, 2, 4).transpose(1, 2) for y in parts)
        hidden = torch.ones(t, t, dtype=torch.bool).triu(1)
        pattern = (query @ key.transpose(-1, -2) / 2).masked_fill(hidden, -math.inf)
        sinks = self.sink.view(1, 2, 1, 1).expand(n, 2, t, 1)
        pattern = torch.cat([sinks, pattern], -1).softmax(-1)[..., 1:]
        x = x + self.out((pattern @ value).transpose(1, 2).reshape(x.shape))
        x = x + self.back(functional.gelu(self.wide(self.two(x))))
        return self.head(self.three(x)) + self.bigrams(tokens)


TOKENS = torch.zeros(1, 5, dtype=torch.int64)
MODELS = {
    "GPT-2": (Language, TOKENS),
    "CLIP": (Vision, torch.zeros(1, 3, 8, 8)),
    "MobileViT": (Mobile, torch.zeros(1, 3, 4, 4)),
    "weight-sparse GPT": (SparseLanguage, TOKENS),
}


@pytest.mark.parametrize("name", MODELS)
def test_models_that_people_have_raise_no_alarm(name: str) -> None:
    make, example = MODELS[name]
    net = make().eval()
    found = fidelity(net, trace(net, example), example, rng=1)
    assert found.max_error < ROUNDING
    checked = [x for x in found.layers if x.error is not None and x.parameter]
    assert len(checked) == sum(x.parameter is not None for x in found.layers)


def test_a_branch_that_changed_is_found() -> None:
    net = branching(0)
    graph = trace(net, torch.ones(1, 4))
    net.b.weight.data *= 2  # the branch that was traced
    assert fidelity(net, graph, torch.ones(1, 4), rng=1).max_error > 0.1
