"""Units, edges, multiplicities and parameters of architectures, compared with counts by hand."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import nn

from netsculpt.graph.graph import NetGraph
from netsculpt.nets.masks import mask_net
from netsculpt.tracing import trace

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

from architectures import (  # noqa: E402
    dense_net,
    lenet5,
    mobile_net,
    resnet20,
    resnet50,
    u_net,
    vgg19,
)


def full(net: nn.Module) -> nn.Module:
    """The net without zero weights, some of which torch draws."""
    for x in net.parameters():
        x.data = torch.linspace(0.1, 1, x.numel()).reshape(x.shape)
    return net


def widths(graph: NetGraph) -> list[int]:
    return [layer.n_units for layer in graph.layers]


def edges(graph: NetGraph) -> list[tuple[int, int, int]]:
    """Edges of every block, scalars behind each edge, and the block's size."""
    counted = []
    for block in graph.blocks:
        inside = graph.block_edges(block.source, block.target)
        many = {1} if graph.multiplicity is None else set(graph.multiplicity[inside].tolist())
        assert len(many) == 1
        counted.append((graph.block(block.source, block.target).nnz, many.pop(), block.size))
    return counted


def n_scalars(net: nn.Module) -> int:
    return sum(x.numel() for x in net.parameters() if x.ndim > 1)


def assert_all_is_there(graph: NetGraph, net: nn.Module) -> None:
    assert graph.n_parameters == n_scalars(net) == sum(block.size for block in graph.blocks)
    assert graph.density == 1
    named = {name for name, x in net.named_parameters() if x.ndim > 1}
    assert {block.parameter for block in graph.blocks} - {None} == named


def test_lenet_5() -> None:
    net = full(lenet5())
    graph = trace(net, torch.zeros(1, 1, 32, 32))
    assert widths(graph) == [1, 6, 16, 120, 84, 10]
    assert edges(graph) == [
        (6, 25, 150),
        (6 * 16, 25, 2400),
        (16 * 120, 25, 48000),
        (120 * 84, 1, 10080),
        (84 * 10, 1, 840),
    ]
    assert_all_is_there(graph, net)


def test_lenet_5_with_a_unit_for_each_element() -> None:
    graph = trace(full(lenet5()), torch.zeros(1, 1, 32, 32), granularity="spatial")
    assert widths(graph) == [1024, 4704, 1176, 1600, 400, 120, 84, 10]
    assert edges(graph) == [
        (4704 * 25, 1, 6 * 25),
        (4704, 1, 0),
        (1600 * 150, 1, 16 * 150),
        (1600, 1, 0),
        (48000, 1, 48000),
        (10080, 1, 10080),
        (840, 1, 840),
    ]


@pytest.mark.slow
def test_vgg_19() -> None:
    net = full(vgg19(16))
    graph = trace(net, torch.zeros(1, 3, 32, 32))
    channels = [3, *[16] * 2, *[32] * 2, *[64] * 4, *[128] * 8]
    assert widths(graph) == [*channels, 10]
    pairs = [one * two for one, two in pairwise(channels)]
    assert edges(graph) == [*((n, 9, 9 * n) for n in pairs), (1280, 1, 1280)]
    assert_all_is_there(graph, net)


@pytest.mark.slow
def test_a_pruned_vgg_19_with_a_unit_for_each_element() -> None:
    net = vgg19(16)
    generator = torch.Generator().manual_seed(0)
    weights = {name: x for name, x in net.named_parameters() if x.ndim > 1}
    masks = {n: torch.rand(x.shape, generator=generator) < 0.01 for n, x in weights.items()}
    mask_net(net, masks)
    graph = trace(net, torch.zeros(1, 3, 32, 32), granularity="spatial")
    *convs, linear = masks
    n_edges, side = int(masks[linear].sum()), 32
    for name, last in zip(convs, (0, 1, 0, 1, *[0, 0, 0, 1] * 3), strict=True):
        reach = [side - 1, side, side - 1]  # positions of a tap that are not on padding
        taps = masks[name].sum((0, 1))
        n_edges += sum(int(taps[i, j]) * reach[i] * reach[j] for i in range(3) for j in range(3))
        if last:
            n_edges += len(masks[name]) * side * side  # the windows of the pool
            side //= 2
    assert graph.n_edges == n_edges
    assert graph.multiplicity is None


def test_resnet_20() -> None:
    net = full(resnet20())
    graph = trace(net, torch.zeros(1, 3, 32, 32))
    # 1 + 3 blocks of 3 layers a stage; stages 2 and 3 begin with a projection
    by_width = Counter(widths(graph))
    assert by_width == {3: 1, 16: 1 + 9, 32: 9 + 1, 64: 9 + 1, 10: 1}
    counts = Counter(edges(graph))
    assert counts == {
        (48, 9, 432): 1,
        (256, 9, 2304): 6,
        (512, 9, 4608): 1,
        (1024, 9, 9216): 5,
        (2048, 9, 18432): 1,
        (4096, 9, 36864): 5,
        (512, 1, 512): 1,
        (2048, 1, 2048): 1,
        (16, 1, 0): 6,
        (32, 1, 0): 6,
        (64, 1, 0): 6,
        (640, 1, 640): 1,
    }
    assert graph.n_parameters == 270_896 == n_scalars(net)
    identity, projection = "3.add", "5.add"
    into = {x.source for x in graph.blocks if x.target == identity}
    assert into == {"2.add", "3.body.2.0"}
    into = {x.source for x in graph.blocks if x.target == projection}
    assert into == {"5.shortcut.0", "5.body.2.0"}


@pytest.mark.slow
def test_a_narrow_resnet_50() -> None:
    net = full(resnet50(16, 100))
    graph = trace(net, torch.zeros(1, 3, 64, 64))
    expected = Counter({(48, 49, 2352): 1, (51200, 1, 51200): 1})
    n_in, n_units = 16, 3 + 16 + 100
    for middle, n_blocks in ((16, 3), (32, 4), (64, 6), (128, 3)):
        out = 4 * middle
        for block in range(n_blocks):
            expected[n_in * middle, 1, n_in * middle] += 1
            expected[middle**2, 9, 9 * middle**2] += 1
            expected[middle * out, 1, middle * out] += 1
            expected[out, 1, 0] += 2  # wiring into the sum
            if not block:
                expected[n_in * out, 1, n_in * out] += 1
            n_units += 2 * middle + out + out + (0 if block else out)
            n_in = out
    assert Counter(edges(graph)) == expected
    assert graph.n_units == n_units
    assert_all_is_there(graph, net)
    strided = [x for x in graph.blocks if x.target.endswith("shortcut.0")]
    assert [(x.source, x.parameter) for x in strided][1] == ("5.add", "6.shortcut.0.weight")


def test_a_mobile_net() -> None:
    net = full(mobile_net(4, 3))
    graph = trace(net, torch.zeros(1, 3, 32, 32))
    assert widths(graph) == [3, 4, 12, 12, 4, 4, 12, 12, 8, 10]
    assert edges(graph) == [
        (12, 9, 108),
        (48, 1, 48), (12, 9, 108), (48, 1, 48),  # wide, depthwise, narrow
        (4, 1, 0), (4, 1, 0),
        (48, 1, 48), (12, 9, 108), (96, 1, 96),  # narrows; has no shortcut
        (80, 1, 80),
    ]  # fmt: skip
    assert_all_is_there(graph, net)
    depthwise = graph.pattern.block("2.body.0.0", "2.body.2.0")
    assert (depthwise.indices == range(12)).all()


def test_a_dense_net() -> None:
    net = full(dense_net(growth=3, n_layers=2))
    graph = trace(net, torch.zeros(1, 3, 8, 8))
    # 6 channels, then 3 and 3 more; the transition halves 12 to 6; again 3 and 3
    assert widths(graph) == [3, 6, 3, 3, 6, 3, 3, 10]
    assert edges(graph) == [
        (18, 9, 162),
        (18, 9, 162),  # first → one
        (18, 9, 162), (9, 9, 81),  # first, one → two
        (36, 1, 36), (18, 1, 18), (18, 1, 18),  # first, one, two → transition
        (18, 9, 162),
        (18, 9, 162), (9, 9, 81),
        (60, 1, 60), (30, 1, 30), (30, 1, 30),
    ]  # fmt: skip
    assert_all_is_there(graph, net)


@pytest.mark.parametrize("transposed", [True, False])
def test_a_u_net(transposed: bool) -> None:
    net = full(u_net(4, transposed=transposed))
    graph = trace(net, torch.zeros(1, 3, 8, 8))
    assert widths(graph) == [3, 4, 8, 4, 4, 2]
    up = 4 if transposed else 1
    assert edges(graph) == [
        (12, 9, 108),
        (32, 9, 288),
        (32, up, 32 * up),
        (16, 9, 144),  # skip: from the way down
        (16, 9, 144),
        (8, 1, 8),
    ]
    assert_all_is_there(graph, net)
    (last,) = {x.target for x in graph.blocks if x.source == "down1" and x.target != "down2"}
    assert last == "last"
    elements = trace(net, torch.zeros(1, 3, 8, 8), granularity="spatial")
    assert elements.layers[-1].shape == (2, 8, 8)
    n_up = 0 if transposed else 8 * 64  # elements that the upsampling makes
    assert elements.n_units == 64 * 3 + 64 * 4 + 16 * 4 + 16 * 8 + n_up + 64 * (4 + 4 + 2)


TRACED = """
import resource, sys, time
sys.path.insert(0, sys.argv[1])
import torch
from architectures import resnet50
from netsculpt.tracing import trace
from netsculpt.nets.masks import mask_net, masks_of
torch.set_num_threads(1)
net, generator = resnet50(), torch.Generator().manual_seed(0)
weights = {n: x for n, x in net.named_parameters() if x.ndim > 1}
mask_net(net, {n: torch.rand(x.shape, generator=generator) < 0.1 for n, x in weights.items()})
kept = sum(int(mask.sum()) for mask in masks_of(net).values())  # some of them weigh 0
graph = trace(net, torch.zeros(1, 3, 224, 224))
assert abs(graph.n_parameters - kept) == 0, (graph.n_parameters, kept)
assert 0.0995 < graph.density < 0.1005
print(graph.n_edges, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
def test_resnet_50_in_bounded_memory() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", TRACED, str(BENCHMARKS)], capture_output=True, text=True, check=True
    )
    n_edges, peak = map(int, ran.stdout.split())
    assert n_edges > 2_000_000
    assert peak < 4096  # MiB
