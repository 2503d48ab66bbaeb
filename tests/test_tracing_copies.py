"""Scalars that a parameter's copies hold count once, however they are moved."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from netsculpt.tracing import trace
from netsculpt.tracing.options import Granularity
from tests.helpers.traced_nets import Function

D = 4
X = torch.zeros(1, D)
PICTURE = torch.zeros(1, 2, 6)
linear, conv = functional.linear, functional.conv1d
Forward = Callable[..., Tensor]

TWICE: dict[str, Forward] = {  # a weight [D, D], and a copy of all its scalars
    "flip": lambda net, x: linear(linear(x, net.W), net.W.flip(0)),
    "roll": lambda net, x: linear(linear(x, net.W), net.W.roll(1, 0)),
    "rot90": lambda net, x: linear(linear(x, net.W), torch.rot90(net.W)),
    "index": lambda net, x: linear(linear(x, net.W), net.W[[1, 0, 3, 2]]),
    "index_select": lambda net, x: linear(
        linear(x, net.W), net.W.index_select(1, torch.tensor([3, 2, 1, 0]))
    ),
    "gather": lambda net, x: linear(
        linear(x, net.W), net.W.gather(0, torch.tensor([[1], [0], [3], [2]]).expand(D, D))
    ),
    "cat": lambda net, x: linear(x, torch.cat([net.W, net.W.flip(1)])),
    "stack": lambda net, x: linear(x, torch.stack([net.W, net.W], 1).flatten(0, 1)),
    "repeat": lambda net, x: linear(x, net.W.repeat(2, 1)),
    "flip of half of it": lambda net, x: linear(linear(x, net.W), 0.5 * net.W.flip(0).flip(1)),
    "tanh, flipped": lambda net, x: linear(linear(x, net.W), net.W.tanh().flip(0)),
    "transposed, then copied": lambda net, x: linear(linear(x, net.W), net.W.T.contiguous()),
    "einsum": lambda net, x: torch.einsum(
        "bhi,hio->bo", (x @ net.W).view(-1, 2, 2), net.W.view(2, D, 2).mT
    ),
    "a convolution and its transpose": lambda net, x: functional.conv_transpose1d(
        conv(x[..., None], net.W[..., None]), net.W[..., None]
    )[..., 0],
}


@pytest.mark.parametrize("granularity", ["channel", "spatial"])
@pytest.mark.parametrize("name", TWICE)
def test_copies_of_a_weight_are_its_scalars(name: str, granularity: Granularity) -> None:
    torch.manual_seed(0)
    net = Function(TWICE[name], W=nn.Parameter(torch.randn(D, D)))
    graph = trace(net, X, granularity=granularity)
    assert graph.n_parameters == D * D
    assert graph.density == 1
    assert sum(x.size for x in graph.blocks) == D * D


SOME: dict[str, tuple[Forward, int]] = {
    "a circulant": (lambda net, x: linear(x, net.w[net.at]), D),
    "of two weights": (
        lambda net, x: linear(linear(x, torch.cat([net.W, net.V])), torch.cat([net.V, net.W], 1)),
        2 * D * D,
    ),
    "of two weights, one used before": (
        lambda net, x: linear(linear(x, net.W), torch.cat([net.V, net.W.flip(0)])),
        2 * D * D,
    ),
    "of a weight and a buffer": (
        lambda net, x: linear(linear(x, net.W), torch.cat([net.W.flip(0), net.R])),
        D * D,
    ),
    "a part": (lambda net, x: linear(linear(x, net.W)[:, :2], net.W.flip(0)[:, :2]), D * D),
    "a kernel": (lambda net, x: conv(x[..., None], net.W.flip(0)[..., None])[..., 0], 16),
}


@pytest.mark.parametrize("name", SOME)
def test_copies_of_parts_count_each_scalar_once(name: str) -> None:
    torch.manual_seed(0)
    forward, expected = SOME[name]
    at = (torch.arange(D)[:, None] - torch.arange(D)) % D
    parts = {"W": (D, D), "V": (D, D), "w": (D,)}
    weights = {name: nn.Parameter(torch.randn(size)) for name, size in parts.items()}
    graph = trace(Function(forward, at=at, R=torch.randn(D, D), **weights), X)
    assert graph.n_parameters == expected


def test_a_flipped_kernel_counts_once_where_positions_are_units() -> None:
    net = Function(
        lambda net, x: conv(conv(x, net.w), net.w.flip(-1)), w=nn.Parameter(torch.randn(2, 2, 3))
    )
    assert trace(net, PICTURE).n_parameters == 12
    assert trace(net, PICTURE, granularity="spatial").n_parameters == 12
