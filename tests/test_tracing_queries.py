"""Learned queries, products of three operands, what is written in place, patches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from netsculpt.tracing import trace
from tests.helpers.jacobians import moves, paths_exist
from tests.helpers.traced_nets import Function

T, D = 3, 4
X = torch.zeros(1, T, D)
Forward = Callable[..., Any]


def heads(x: Any) -> Any:
    return x.view(1, -1, 2, 2).transpose(1, 2)


def perceiver(net: Any, x: Any) -> Any:
    mixed = functional.scaled_dot_product_attention(
        heads(net.q(net.queries)), heads(net.k(x)), heads(net.v(x))
    )
    return net.o(mixed.transpose(1, 2).flatten(2))


def filled(net: Any, x: Any) -> Any:
    h = net.k(x).clone()
    h[..., 0].fill_(1.0)
    h[..., 1].zero_()
    h[..., 2].copy_(h[..., 3])
    return net.o(h)


def assigned(net: Any, x: Any) -> Any:
    h = x.new_empty(x.shape)
    h[..., :2] = net.k(x)[..., 2:]
    h[..., 2:] = net.v(x)[..., :2]
    return net.o(h)


NETS: dict[str, Forward] = {
    "learned queries": perceiver,
    "three operands": lambda net, x: torch.einsum("bti,ir,ro->bto", x, net.A, net.B),
    "written in place": filled,
    "assigned": assigned,
}


def net_of(forward: Forward) -> Function:
    torch.manual_seed(0)
    linear = {name: nn.Linear(D, D, bias=False) for name in "qkvo"}
    drawn = {"queries": (1, T, D), "A": (D, 2), "B": (2, 3)}
    learned = {name: nn.Parameter(torch.randn(size)) for name, size in drawn.items()}
    return Function(forward, **linear, **learned)


@pytest.mark.parametrize("name", NETS)
def test_paths_are_those_of_the_jacobian(name: str) -> None:
    net = net_of(NETS[name])
    assert np.array_equal(paths_exist(trace(net, X)), moves(net, X, channels=-1))
    everywhere = trace(net, X, granularity="spatial")
    assert np.array_equal(paths_exist(everywhere), moves(net, X))


def test_patches_times_a_kernel_are_a_convolution() -> None:
    picture = torch.zeros(1, 2, 5, 5)
    kernel = nn.Parameter(torch.randn(3, 2, 3, 3))
    patches = Function(
        lambda net, x: (net.w.flatten(1) @ functional.unfold(x, 3, padding=1)).view(1, 3, 5, 5),
        w=kernel,
    )
    plain = Function(lambda net, x: functional.conv2d(x, net.w, padding=1), w=kernel)
    one, two = trace(patches, picture), trace(plain, picture)
    assert np.array_equal(one.weights.toarray(), two.weights.toarray())
    assert one.n_parameters == two.n_parameters == 54
    net = trace(patches, picture, granularity="spatial")
    assert np.array_equal(paths_exist(net), moves(patches, picture))
