"""Taps of a kernel that only ever meet padding are neither edges nor parameters."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from netsculpt.nets.families.resnet import ResidualBlock
from netsculpt.tracing import fidelity, trace
from netsculpt.tracing.options import Granularity
from tests.helpers.jacobians import moves, paths_exist


def kernel_of(net: nn.Module) -> nn.Parameter:
    return next(x for x in net.parameters() if x.ndim > 1)


def read(net: nn.Module, shape: tuple[int, ...]) -> torch.Tensor:
    """Which entries of its kernel some output depends on, by derivatives of one at a time."""
    found = torch.zeros(kernel_of(net).shape, dtype=torch.bool)
    for each in net(torch.rand(shape) + 0.5).flatten():
        (slope,) = torch.autograd.grad(each, kernel_of(net), retain_graph=True)
        found |= slope != 0
    return found


CASES = [
    (nn.Conv2d(2, 3, 3, padding=1), (1, 2, 1, 1)),
    (nn.Conv2d(4, 4, 3, padding=1, groups=2, stride=2), (1, 4, 1, 2)),
    (nn.Conv1d(2, 3, 3, padding=4, dilation=4), (1, 2, 4)),
    (nn.Conv3d(2, 2, (1, 3, 3), padding=(0, 1, 1)), (1, 2, 2, 2, 1)),
    (nn.Conv1d(3, 2, 5, padding="same"), (1, 3, 2)),
    (nn.ConvTranspose2d(4, 2, 3, padding=1, groups=2), (1, 4, 1, 2)),
    (nn.ConvTranspose1d(2, 3, 4, padding=4, dilation=2), (1, 2, 3)),
    (nn.Sequential(nn.ZeroPad2d(1), nn.Conv2d(2, 3, 3)), (1, 2, 1, 2)),
]


@pytest.mark.parametrize("granularity", ["channel", "spatial"])
@pytest.mark.parametrize(("net", "shape"), CASES)
def test_only_taps_that_are_read_count(
    net: nn.Module, shape: tuple[int, ...], granularity: Granularity
) -> None:
    seen = read(net, shape)
    graph = trace(net, torch.zeros(shape), granularity=granularity)
    assert 0 < int(seen.sum()) < seen.numel()
    assert graph.n_parameters == int(seen.sum())
    (unread,) = graph.provenance[0].parameters["unread_taps"].values()
    assert unread == int((~seen).sum())
    assert fidelity(net, graph, torch.zeros(shape), rng=0).max_error < 1e-5


@pytest.mark.parametrize("granularity", ["channel", "spatial"])
def test_a_kernel_that_reads_nothing_has_no_paths(granularity: Granularity) -> None:
    conv = nn.Conv2d(2, 3, 3, padding=1)
    with torch.no_grad():
        conv.weight.zero_()
        conv.weight[..., 0, 0] = 1.0
        conv.weight[2, 1, 1, 1] = 1.0
    x = torch.zeros(1, 2, 1, 1)
    graph = trace(conv, x, granularity=granularity)
    assert (graph.n_edges, graph.n_parameters) == (1, 1)
    assert np.array_equal(paths_exist(graph), moves(conv, x))


def test_kernels_that_fit_say_nothing() -> None:
    graph = trace(nn.Conv2d(2, 3, 3, padding=1), torch.zeros(1, 2, 2, 2))
    assert "unread_taps" not in graph.provenance[0].parameters
    assert graph.n_parameters == 54
    circular = nn.Conv2d(2, 3, 3, padding=1, padding_mode="circular")
    assert trace(circular, torch.zeros(1, 2, 1, 1)).n_parameters == 54


def test_the_last_stage_of_a_resnet_18_on_small_images() -> None:
    """It halves 32 x 32 five times: kernels of the last stage meet maps of 2 x 2 and 1 x 1."""
    widths = (3, 4, 4, 5, 6)
    stages = [
        nn.Sequential(ResidualBlock(n_in, n_out, 1 + (n > 0)), ResidualBlock(n_out, n_out, 1))
        for n, (n_in, n_out) in enumerate(pairwise((4, *widths[1:])))
    ]
    stem = nn.Conv2d(3, 4, 7, stride=2, padding=3, bias=False), nn.MaxPool2d(3, 2, 1)
    net = nn.Sequential(*stem, *stages, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 2))
    x = torch.zeros(1, 3, 32, 32)
    graph = trace(net, x)
    every = sum(x.numel() for x in net.parameters() if x.ndim > 1)
    # strided 3 x 3 on 2 x 2: 4 of 9 taps; on 1 x 1: 1 of 9
    unread = {
        "5.0.residual.conv1": 5 * 5 * 6, "5.0.residual.conv2": 8 * 6 * 6,
        "5.1.residual.conv1": 8 * 6 * 6, "5.1.residual.conv2": 8 * 6 * 6,
    }  # fmt: skip
    assert graph.provenance[0].parameters["unread_taps"] == unread
    assert graph.n_parameters == every - sum(unread.values())
    assert fidelity(net, graph, x, rng=0).max_error < 1e-5
