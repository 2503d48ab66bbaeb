"""Each stored scalar counts once, however often it is used; buffers do not count."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import prune

from netsculpt import NetGraph, TopologyError, load, trace
from netsculpt.graph.interop import from_networkx, to_networkx
from netsculpt.graph.npz import save


class Net(nn.Module):
    def __init__(self, forward: Callable[..., Tensor], **parts: nn.Module | Tensor) -> None:
        super().__init__()
        self._forward = forward
        for name, part in parts.items():
            if isinstance(part, nn.Module | nn.Parameter):
                setattr(self, name, part)
            else:
                self.register_buffer(name, part)

    def forward(self, *inputs: Tensor) -> Tensor:
        return self._forward(self, *inputs)


def linear(n_in: int, n_out: int) -> nn.Linear:
    return nn.Linear(n_in, n_out, bias=False)


def n_stored(net: nn.Module) -> int:
    """Scalars of the matrices and kernels of a net, tied ones once."""
    return sum(x.numel() for x in net.parameters() if x.ndim > 1)


A = torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0]])
KERNEL: dict[str, Any] = {"kernel_size": 3, "padding": 1, "bias": False}
NETS: dict[str, tuple[Callable[[], nn.Module], tuple[Tensor, ...], int]] = {
    "fixed random features": (
        lambda: Net(
            lambda net, x: net.fc(torch.relu(functional.linear(x, net.features))),
            features=torch.randn(8, 2), fc=linear(8, 3),
        ), (torch.zeros(1, 2),), 24,
    ),
    "a layer called twice": (
        lambda: Net(
            lambda net, x: net.out(torch.relu(net.fc(torch.relu(net.fc(x))))),
            fc=linear(3, 3), out=linear(3, 3),
        ), (torch.zeros(1, 3),), 18,
    ),
    "GCN on three nodes": (
        lambda: Net(lambda net, x: torch.relu(net.a @ net.fc(x)), a=A, fc=linear(2, 2)),
        (torch.zeros(1, 3, 2),), 4,
    ),
    "two convolutions of a graph": (
        lambda: Net(
            lambda net, x: net.a @ net.g(torch.relu(net.a @ net.f(x))),
            a=A / 2, f=linear(2, 3), g=linear(3, 2),
        ), (torch.zeros(1, 3, 2),), 12,
    ),
    "a weight for every row": (
        lambda: Net(
            lambda net, x: net.b(net.a(x.transpose(1, 2)).transpose(1, 2)),
            a=linear(4, 5), b=linear(3, 2),
        ), (torch.zeros(1, 4, 3),), 26,
    ),
    "tied embedding": (
        lambda: Net(
            lambda net, x: functional.linear(net.emb(x), net.emb.weight), emb=nn.Embedding(7, 3)
        ), (torch.zeros(1, 4, dtype=torch.int64),), 21,
    ),
    "tied autoencoder": (
        lambda: Net(
            lambda net, x: functional.linear(torch.relu(net.fc(x)), net.fc.weight.t()),
            fc=linear(5, 3),
        ), (torch.zeros(1, 5),), 15,
    ),
    "a slice of it again": (
        lambda: Net(
            lambda net, x: functional.linear(torch.relu(net.fc(x))[:, :2], net.fc.weight[:, :2]),
            fc=linear(4, 3),
        ), (torch.zeros(1, 4),), 12,
    ),
    "siamese": (
        lambda: Net(lambda net, x, y: net.fc(x) - net.fc(y), fc=linear(4, 2)),
        (torch.zeros(1, 4), torch.zeros(1, 4)), 8,
    ),
    "parts of one matrix": (
        lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
        (torch.zeros(1, 4, 8),), 512,
    ),
    "concatenated": (
        lambda: Net(
            lambda net, x: net.c(torch.cat([net.a(x), net.b(x)], 1)),
            a=linear(3, 2), b=linear(3, 4), c=linear(6, 2),
        ), (torch.zeros(1, 3),), 30,
    ),
    "a kernel twice": (
        lambda: Net(lambda net, x: net.c(torch.relu(net.c(x))), c=nn.Conv2d(2, 2, **KERNEL)),
        (torch.zeros(1, 2, 4, 4),), 36,
    ),
    "a transposed kernel with groups twice": (
        lambda: Net(
            lambda net, x: net.c(torch.relu(net.c(x))),
            c=nn.ConvTranspose2d(4, 4, 3, groups=2, bias=False),
        ), (torch.zeros(1, 4, 4, 4),), 72,
    ),
    "channels shuffled to pixels": (
        lambda: Net(
            lambda net, x: net.b(functional.pixel_shuffle(net.a(x), 2)),
            a=nn.Conv2d(3, 8, 1, bias=False), b=nn.Conv2d(2, 4, 3, bias=False),
        ), (torch.zeros(1, 3, 6, 6),), 96,
    ),
    "units as positions": (
        lambda: Net(
            lambda net, x: net.b(net.a(x)[:, None]),
            a=linear(6, 8), b=nn.Conv1d(1, 4, 3, bias=False),
        ), (torch.zeros(1, 6),), 60,
    ),
    "units as channels and positions": (
        lambda: Net(
            lambda net, x: net.b(net.a(x).view(-1, 2, 3)),
            a=linear(6, 6), b=nn.Conv1d(2, 4, 1, bias=False),
        ), (torch.zeros(1, 6),), 44,
    ),
    "a factorisation machine": (
        lambda: Net(
            lambda net, x: net.fc(x).pow(2).sum(-1, keepdim=True)
            - functional.linear(x**2, net.fc.weight**2).sum(-1, keepdim=True),
            fc=linear(6, 4),
        ), (torch.zeros(1, 6),), 24,
    ),
    "a weight and its double": (
        lambda: Net(lambda net, x: functional.linear(net.fc(x), 2 * net.fc.weight),
                    fc=linear(4, 4)), (torch.zeros(1, 4),), 16,
    ),
    "a weight and its direction": (
        lambda: Net(
            lambda net, x: functional.linear(
                net.fc(x), functional.normalize(net.fc.weight).t().contiguous()
            ), fc=linear(4, 3),
        ), (torch.zeros(1, 4),), 12,
    ),
    "parts of a weight's double": (
        lambda: Net(
            lambda net, x: functional.linear(
                functional.linear(x, (2 * net.fc.weight).chunk(2)[0]), net.fc.weight[:4].abs()
            ), fc=linear(4, 8),
        ), (torch.zeros(1, 4),), 16,
    ),
}  # fmt: skip


def check(graph: NetGraph, n_kept: int, n_all: int) -> None:
    assert graph.n_parameters == n_kept
    assert sum(block.size for block in graph.blocks) == n_all
    assert graph.density == n_kept / n_all


@pytest.mark.parametrize("kind", NETS)
def test_every_stored_scalar_counts_once(kind: str) -> None:
    build, example, expected = NETS[kind]
    net = build()
    if kind != "parts of a weight's double":
        assert n_stored(net) == expected
    check(trace(net, example), expected, expected)


def test_spatial_graphs_count_a_tap_once() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, **KERNEL), nn.ReLU(), nn.Flatten(), linear(32, 3))
    graph = trace(net, torch.zeros(1, 1, 4, 4), granularity="spatial")
    check(graph, 18 + 96, 18 + 96)


def test_spatial_taps_that_are_summed_count_once() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, **KERNEL), nn.Upsample(scale_factor=2),
                        nn.Conv2d(2, 2, **KERNEL))  # fmt: skip
    graph = trace(net, torch.zeros(1, 1, 4, 4), granularity="spatial")
    check(graph, 18 + 36, 18 + 36)


def test_unrolled_steps_count_once() -> None:
    net = nn.LSTM(3, 2, batch_first=True, bias=False)
    graph = trace(net, torch.zeros(1, 4, 3), unroll=4)
    check(graph, n_stored(net), n_stored(net))


@pytest.mark.parametrize("hook", [True, False], ids=["prune", "in its code"])
def test_masks_of_shared_weights(hook: bool) -> None:
    if hook:
        net = Net(
            lambda net, x: net.out(torch.relu(net.fc(torch.relu(net.fc(x))))),
            fc=linear(3, 3),
            out=linear(3, 3),
        )
        prune.random_unstructured(net.fc, "weight", 4)
        check(trace(net, torch.zeros(1, 3)), 14, 18)
        return
    mask = torch.tensor([[1.0, 0, 1], [0, 1, 1], [0, 0, 1]])
    net = Net(
        lambda net, x: functional.linear(
            torch.relu(functional.linear(x, net.w * net.mask)), net.w * net.mask
        ),
        w=nn.Parameter(torch.randn(3, 3)),
        mask=mask,
    )
    check(trace(net, torch.zeros(1, 3)), 5, 9)


def test_masks_of_weights_made_of_one() -> None:
    mask = torch.tensor([[1.0, 0, 1], [0, 1, 1], [0, 0, 1]])
    net = Net(
        lambda net, x: functional.linear(
            functional.linear(x, net.w * net.mask), (net.w * net.mask) ** 2
        ),
        w=nn.Parameter(torch.randn(3, 3)), mask=mask,
    )  # fmt: skip
    with pytest.raises(TopologyError, match="may fill pruned entries"):
        trace(net, torch.zeros(1, 3))
    net = Net(
        lambda net, x: functional.linear(
            functional.linear(x, net.w * net.mask), (2 * net.w) * net.mask
        ),
        w=nn.Parameter(torch.randn(3, 3)), mask=mask,
    )  # fmt: skip
    check(trace(net, torch.zeros(1, 3)), 5, 9)


def test_shuffled_channels_that_are_pruned() -> None:
    net = Net(
        lambda net, x: net.b(functional.pixel_shuffle(net.a(x), 2)),
        a=nn.Conv2d(3, 8, 1, bias=False), b=nn.Conv2d(2, 4, 3, bias=False),
    )  # fmt: skip
    prune.random_unstructured(net.b, "weight", 40)
    check(trace(net, torch.zeros(1, 3, 6, 6)), 24 + 32, 24 + 72)
    check(trace(net, torch.zeros(1, 3, 6, 6), granularity="spatial"), 24 + 32, 24 + 72)


def test_dead_units_take_their_scalars_along() -> None:
    net = Net(lambda net, x: net.fc(torch.relu(net.fc(x))), fc=linear(2, 2))
    with torch.no_grad():
        net.fc.weight.copy_(torch.tensor([[1.0, 0.0], [2.0, 3.0]]))
    graph = trace(net, torch.zeros(1, 2))
    assert (graph.n_edges, graph.n_parameters, graph.live().n_parameters) == (6, 3, 3)
    sliced = Net(
        lambda net, x: functional.linear(torch.relu(net.fc(x))[:, :2], net.fc.weight[:, :2]),
        fc=linear(4, 3),
    )
    live = trace(sliced, torch.zeros(1, 4)).live()
    # unit 2 is dead: its four scalars are behind edges only there, but two are used again
    assert live.n_parameters == 8 + 2


def test_counts_survive_files_and_other_libraries(tmp_path: Path) -> None:
    build, example, expected = NETS["a slice of it again"]
    graph = trace(build(), example)
    assert graph.scalars is not None
    save(graph, tmp_path / "g.npz")
    again, other = load(tmp_path / "g.npz"), from_networkx(to_networkx(graph))
    for copy in (again, other, graph.pattern, graph.magnitude):
        assert copy.scalars is not None
        np.testing.assert_array_equal(copy.scalars, graph.scalars)
        assert copy.n_parameters == expected


def test_plain_nets_need_no_numbers() -> None:
    net = nn.Sequential(linear(4, 3), nn.ReLU(), linear(3, 2))
    assert trace(net, torch.zeros(1, 4)).scalars is None


W = torch.arange(1.0, 10).view(3, 3)
AGAIN: dict[str, tuple[Callable[[Any, Tensor], Tensor], tuple[int, ...], int]] = {
    "w and -w, on one input twice": (
        lambda net, x: functional.linear(torch.cat([x, x], 1), torch.cat([net.w, -net.w], 1)),
        (1, 3), 9,
    ),
    "2 w, w and a part of w": (
        lambda net, x: functional.linear(
            torch.cat([x, x, x[:, :2]], 1), torch.cat([2 * net.w, net.w, net.w[:, :2]], 1)
        ), (1, 3), 9,
    ),
    "other columns on one input": (
        lambda net, x: functional.linear(torch.cat([x[:, :2], x[:, :1]], 1), net.w), (1, 3), 9,
    ),
    "a symmetric kernel": (
        lambda net, x: functional.conv1d(x, torch.cat([net.w, net.w.flip(1)], 1)[:, None]),
        (1, 1, 8), 9,
    ),
    "a mirrored channel": (
        lambda net, x: functional.conv1d(x.repeat(1, 2, 1), net.w[:, None].expand(3, 2, 3)),
        (1, 1, 8), 9,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", AGAIN)
def test_a_scalar_that_an_edge_takes_twice_counts_once(name: str) -> None:
    """The count by hand: the 9 entries of the parameter, or those of them that are not 0."""
    forward, shape, n_scalars = AGAIN[name]
    net = Net(forward, w=nn.Parameter(W.clone()))
    assert trace(net, torch.zeros(shape)).n_parameters == n_scalars
    net.w.data[0, 1:] = 0
    pruned = trace(net, torch.zeros(shape))
    assert pruned.n_parameters == n_scalars - 2
    assert pruned.density == (n_scalars - 2) / n_scalars
