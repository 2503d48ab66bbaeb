"""Traced convolutions, norms, junctions and masks: counts by hand, and sums over paths."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize, prune
from traced_nets import Function, widths

import netsculpt
from netsculpt.core.errors import GraphError, TopologyError
from netsculpt.files.model import write_model
from netsculpt.graph.graph import NetGraph
from netsculpt.nets.families import CNN, VGG, ResNet, initial_net
from netsculpt.nets.masks import mask_net, plain_state
from netsculpt.paths import path_total
from netsculpt.tracing import trace


def sizes(graph: NetGraph) -> dict[tuple[str, str], tuple[int, set[int], int]]:
    """Edges, multiplicities and size of every block."""
    counts = np.ones(graph.n_edges, int) if graph.multiplicity is None else graph.multiplicity
    by_layers = {}
    for block in graph.blocks:
        inside = counts[graph.block_edges(block.source, block.target)]
        by_layers[block.source, block.target] = (inside.size, set(inside.tolist()), block.size)
    return by_layers


def path_sums(graph: NetGraph) -> NDArray[np.float64]:
    """Sums over all paths of the products of weights [inputs, outputs]."""
    weights = graph.weights.toarray().astype(np.float64)
    return np.linalg.inv(np.eye(graph.n_units) - weights)[np.ix_(graph.inputs, graph.outputs)]


def shake_norms(net: nn.Module) -> None:
    generator = torch.Generator().manual_seed(5)
    for layer in net.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            affine = [] if layer.weight is None else [layer.weight.data, layer.bias.data]
            for tensor in (*affine, layer.running_mean):
                tensor.copy_(torch.randn(tensor.shape, generator=generator))
            layer.running_var.copy_(torch.rand(layer.running_var.shape, generator=generator) + 0.2)


def responses(net: nn.Module, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """The contribution of each input channel to each output of a linear net [inputs, outputs]."""
    net.eval()
    ones = torch.eye(shape[0], dtype=torch.float64).view(shape[0], shape[0], *[1] * len(shape[1:]))
    with torch.no_grad():
        zero = torch.zeros(1, *shape, dtype=torch.float64)
        return (net(ones.expand(-1, *shape).contiguous()) - net(zero)).numpy()


def assert_linear_identity(net: nn.Module, shape: tuple[int, ...]) -> None:
    net = net.double()
    shake_norms(net)
    graph = trace(net, torch.zeros(2, *shape, dtype=torch.float64), edge_norm="sum")
    expected = responses(net, shape)
    assert np.abs(expected).max() > 1e-3
    assert np.allclose(path_sums(graph), expected, rtol=1e-9, atol=1e-12)


def circular(n_in: int, n_out: int, **options: object) -> nn.Conv2d:
    return nn.Conv2d(n_in, n_out, 3, padding=1, padding_mode="circular", **options)


def lenet() -> nn.Sequential:
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(inplace=True), nn.AvgPool2d(2), nn.Flatten()),
        *(nn.Linear(256, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10)),
    )


def test_lenet_by_hand() -> None:
    graph = trace(lenet(), torch.zeros(1, 1, 28, 28))
    assert list(widths(graph).values()) == [1, 6, 16, 120, 84, 10]
    assert list(sizes(graph).values()) == [
        (6, {25}, 150),
        (96, {25}, 2400),
        (1920, {16}, 30720),
        (10080, {1}, 10080),
        (840, {1}, 840),
    ]
    assert [block.kind for block in graph.blocks] == ["conv", "conv", "linear", "linear", "linear"]
    assert graph.layers[1].shape == (6, 24, 24)
    assert graph.density == 1


@pytest.mark.parametrize("norm", ["l1", "l2", "sum"])
def test_edge_norms_of_kernel_slices_and_flattened_channels(norm: str) -> None:
    net = nn.Sequential(nn.Conv2d(2, 3, 2, bias=False), nn.Flatten(), nn.Linear(27, 2, bias=False))
    graph = trace(net, torch.zeros(1, 2, 4, 4), edge_norm=norm)
    of = {
        "l1": lambda x: x.abs().sum(-1),
        "l2": lambda x: x.square().sum(-1).sqrt(),
        "sum": lambda x: x.sum(-1),
    }[norm]
    kernel, matrix = (layer.weight.detach().double() for layer in (net[0], net[2]))
    assert np.allclose(graph.block("input", "0").toarray().T, of(kernel.flatten(2)), rtol=1e-6)
    assert np.allclose(graph.block("0", "2").toarray().T, of(matrix.view(2, 3, 9)), rtol=1e-6)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_groups_and_depthwise_in_every_dimension(n: int) -> None:
    conv, norm = (getattr(nn, f"{name}{n}d") for name in ("Conv", "BatchNorm"))
    pool = getattr(nn, f"AdaptiveAvgPool{n}d")(1)
    net = nn.Sequential(
        conv(4, 6, 3, groups=2, padding=1), norm(6), nn.ReLU6(),
        conv(6, 12, 3, groups=6, padding="same", dilation=2), getattr(nn, f"MaxPool{n}d")(2),
        conv(12, 5, 1), pool, nn.Flatten(), nn.Linear(5, 2),
    )  # fmt: skip
    graph = trace(net, torch.zeros(2, 4, *[8] * n))
    taps = 3**n
    assert list(sizes(graph).values()) == [
        (4 * 3, {taps}, 12 * taps),
        (12, {taps}, 12 * taps),
        (60, {1}, 60),
        (10, {1}, 10),
    ]
    pattern = graph.pattern.block("input", "0").toarray()
    assert np.array_equal(pattern, np.kron(np.eye(2), np.ones((2, 3))))
    assert np.array_equal(
        graph.pattern.block("0", "3").toarray(), np.kron(np.eye(6), np.ones((1, 2)))
    )


@pytest.mark.parametrize("groups", [1, 2])
def test_transposed_convolutions(groups: int) -> None:
    net = nn.ConvTranspose2d(4, 6, 3, stride=2, groups=groups)
    graph = trace(net, torch.zeros(1, 4, 5, 5))
    expected = np.zeros((4, 6))
    kernel = net.weight.detach().double().abs().sum((2, 3)).numpy()
    for source in range(4):
        group = source // (4 // groups)
        for at in range(6 // groups):
            expected[source, group * (6 // groups) + at] = kernel[source, at]
    assert np.allclose(graph.weights.toarray()[:4, 4:], expected, rtol=1e-6)


@pytest.mark.parametrize(
    "spec",
    [
        CNN((2, 8, 8), (4, 6), (5,), 3),
        VGG((3, 8, 8), ((4, 4), (6,)), 5, hidden=(7,)),
    ],
    ids=["cnn", "vgg"],
)
def test_chains_are_what_load_makes_of_them(spec: CNN | VGG, tmp_path: Path) -> None:
    net = initial_net(spec, rng=3)
    shake_norms(net)
    generator = torch.Generator().manual_seed(4)
    masks = {
        name: torch.rand(x.shape, generator=generator) < 0.3
        for name, x in net.named_parameters()
        if x.ndim > 1
    }
    mask_net(net, masks)
    torch.save(net.state_dict(), tmp_path / "net.pt")
    state, bits = plain_state(net)
    write_model(tmp_path / "model.pt", net=spec.spec, state=state, masks=bits)
    one, two = trace(net, torch.zeros(2, spec.n_inputs)), netsculpt.load(tmp_path / "net.pt")
    own = netsculpt.load(tmp_path / "model.pt")
    assert own.provenance[0].parameters["topology"] == "the net that it describes"
    assert own.layers == one.layers
    assert own.blocks == one.blocks
    assert np.array_equal(own.weights.toarray(), one.weights.toarray())
    assert np.array_equal(own.multiplicity, one.multiplicity)
    assert widths(one) == widths(two)
    assert one.blocks == two.blocks
    assert np.array_equal(one.weights.indices, two.weights.indices)
    assert np.array_equal(one.weights.indptr, two.weights.indptr)
    assert np.array_equal(one.multiplicity, two.multiplicity)
    assert np.allclose(one.weights.data, two.weights.data, rtol=1e-5)
    assert one.n_parameters == sum(int(mask.sum()) for mask in masks.values())


def test_a_small_resnet_by_hand() -> None:
    spec = ResNet((3, 8, 8), 4, widths=(2, 3), blocks=1)
    graph = trace(initial_net(spec, rng=0), torch.zeros(1, spec.n_inputs))
    one, two = "block1_1.residual", "block2_1.residual"
    assert sizes(graph) == {
        ("input", "conv"): (6, {9}, 54),
        ("conv", f"{one}.conv1"): (4, {9}, 36),
        (f"{one}.conv1", f"{one}.conv2"): (4, {9}, 36),
        ("conv", "block1_1.add"): (2, {1}, 0),
        (f"{one}.conv2", "block1_1.add"): (2, {1}, 0),
        ("block1_1.add", f"{two}.conv1"): (6, {9}, 54),
        (f"{two}.conv1", f"{two}.conv2"): (9, {9}, 81),
        ("block1_1.add", "block2_1.shortcut.conv"): (6, {1}, 6),
        (f"{two}.conv2", "block2_1.add"): (3, {1}, 0),
        ("block2_1.shortcut.conv", "block2_1.add"): (3, {1}, 0),
        ("block2_1.add", "fc"): (12, {1}, 12),
    }
    wiring = [block for block in graph.blocks if block.kind == "wiring"]
    assert len(wiring) == 4
    assert all((graph.block(x.source, x.target).data == 1).all() for x in wiring)
    assert graph.n_units == 3 + 2 + 2 + 2 + 2 + 3 + 3 + 3 + 3 + 4
    assert graph.n_parameters == 54 + 36 + 36 + 54 + 81 + 6 + 12
    assert graph.layer("block1_1.add").role == "junction"


def test_path_counts_of_a_pruned_resnet_20_equal_enumeration() -> None:
    spec = ResNet((1, 8, 8), 2, widths=(1, 2, 2), blocks=3)
    net = initial_net(spec, rng=0)
    generator = torch.Generator().manual_seed(1)
    masks = {
        name: torch.rand(*x.shape[:2], *[1] * (x.ndim - 2), generator=generator).expand(x.shape)
        < 0.72
        for name, x in net.named_parameters()
        if x.ndim > 1 and name != "conv.weight"
    }
    mask_net(net, masks)

    kept = {
        name: masks.get(name, torch.ones_like(x)).flatten(2).any(2) if x.ndim > 2 else masks[name]
        for name, x in net.named_parameters()
        if x.ndim > 1
    }
    reached = {
        name: [column.nonzero().flatten().tolist() for column in mask.T]
        for name, mask in kept.items()
    }

    def after(name: str, channel: int) -> list[int]:
        return reached[name][channel]

    blocks = [name for name, _ in net.named_children() if name.startswith("block")]

    def paths(channel: int, left: list[str]) -> int:
        if not left:
            return len(after("fc.weight", channel))
        name = left[0]
        total = 0
        for middle in after(f"{name}.residual.conv1.weight", channel):
            for out in after(f"{name}.residual.conv2.weight", middle):
                total += paths(out, left[1:])
        if f"{name}.shortcut.conv.weight" in masks:
            for out in after(f"{name}.shortcut.conv.weight", channel):
                total += paths(out, left[1:])
        else:
            total += paths(channel, left[1:])
        return total

    assert spec.depth == 20
    expected = sum(paths(out, blocks) for out in after("conv.weight", 0))
    graph = trace(net, torch.zeros(1, spec.n_inputs))
    assert expected > 100
    assert path_total(graph.pattern) == expected


def dense_block() -> Function:
    def forward(net: Function, x: Tensor) -> Tensor:
        x = net.first(x)
        x = torch.cat([x, net.one(net.norm1(x))], 1)
        x = torch.cat([x, net.two(net.norm2(x))], 1)
        return net.fc(net.norm3(x).mean((2, 3)))

    return Function(
        forward, first=circular(3, 4), norm1=nn.BatchNorm2d(4), one=circular(4, 2),
        norm2=nn.BatchNorm2d(6), two=circular(6, 2), norm3=nn.BatchNorm2d(8), fc=nn.Linear(8, 3),
    )  # fmt: skip


def test_dense_connections_by_hand() -> None:
    graph = trace(dense_block(), torch.zeros(1, 3, 4, 4))
    assert sizes(graph) == {
        ("input", "first"): (12, {9}, 108),
        ("first", "one"): (8, {9}, 72),
        ("first", "two"): (8, {9}, 72),
        ("one", "two"): (4, {9}, 36),
        ("first", "fc"): (12, {1}, 12),
        ("one", "fc"): (6, {1}, 6),
        ("two", "fc"): (6, {1}, 6),
    }


def test_folded_norms_keep_a_linear_net_what_it_is() -> None:
    linear = nn.Sequential(
        nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Linear(5, 3), nn.BatchNorm1d(3, affine=False)
    )
    assert_linear_identity(linear, (4,))
    assert_linear_identity(dense_block(), (3, 4, 4))
    mixed = nn.Sequential(
        circular(4, 6, groups=2), nn.BatchNorm2d(6), circular(6, 12, groups=6),
        nn.AvgPool2d(2), nn.BatchNorm2d(12), nn.Conv2d(12, 3, 1, stride=2), nn.Flatten(),
        nn.Linear(12, 2),
    )  # fmt: skip
    assert_linear_identity(mixed, (4, 8, 8))


def test_junctions_of_a_linear_net_keep_it_what_it_is() -> None:
    def forward(net: Function, x: Tensor) -> Tensor:
        x = net.norm(net.a(x))
        y = 2 * x - net.b(x)
        y = net.norm(y) + 0.5 * y.flip(1) + y + 3
        one, two = y.chunk(2, 1)
        z = torch.cat([two + one, x[:, 1:3], 3 - one], 1)
        return net.c(z / 4).mean((2, 3))

    net = Function(
        forward, a=circular(3, 4), b=circular(4, 4), norm=nn.BatchNorm2d(4), c=circular(6, 2)
    )
    assert_linear_identity(net, (3, 4, 4))


def test_norms_after_activations_scale_what_leaves() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.BatchNorm1d(3), nn.Linear(3, 1))
    shake_norms(net)
    graph, plain = (trace(net, torch.zeros(2, 2), fold_norms=x) for x in (True, False))
    factor = (net[2].weight / torch.sqrt(net[2].running_var + 1e-5)).detach().numpy()
    assert np.array_equal(graph.block("input", "0").data, plain.block("input", "0").data)
    weights = graph.block("0", "3").toarray()[:, 0]
    assert np.allclose(weights, net[3].weight[0].detach().numpy() * factor, rtol=1e-6)
    assert graph.provenance[-1].parameters["factors"] == {
        "2": {"kind": "batch", "folded": "into leaving edges", "epsilon": 1e-5}
    }
    assert plain.provenance[-1].parameters["factors"] == {}


@pytest.mark.parametrize("make", [nn.LayerNorm, nn.RMSNorm, lambda n: nn.GroupNorm(2, n)])
def test_other_norms_multiply_by_their_weights(make: Callable[[int], nn.Module]) -> None:
    net = nn.Sequential(nn.Linear(2, 4), make(4))
    with torch.no_grad():
        net[1].weight.copy_(torch.tensor([1.0, -2.0, 3.0, 0.0]))
    graph = trace(net, torch.zeros(2, 2))
    expected = net[0].weight.detach().numpy().T * np.array([1, -2, 3, 0])
    assert np.allclose(graph.block("input", "0").toarray(), expected, rtol=1e-6)
    assert graph.n_edges == 6  # the last output is always the same


def test_a_norm_on_the_inputs_and_at_the_end() -> None:
    net = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 2), nn.ReLU(), nn.BatchNorm1d(2))
    shake_norms(net)
    graph = trace(net, torch.zeros(2, 3))
    first, last = (
        (x.weight / torch.sqrt(x.running_var + x.eps)).detach().numpy() for x in (net[0], net[3])
    )
    assert np.allclose(
        graph.block("input", "1").toarray(), net[1].weight.detach().numpy().T * first[:, None]
    )
    assert np.allclose(graph.block("1", "output").toarray(), np.diag(last))
    assert [layer.role for layer in graph.layers] == ["input", "hidden", "output"]


def test_zero_padded_shortcuts_have_no_edges_for_the_padding() -> None:
    def forward(net: Function, x: Tensor) -> Tensor:
        return net.b(x) + functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 1, 1))

    net = Function(forward, b=nn.Conv2d(2, 4, 3, stride=2, padding=1))
    graph = trace(net, torch.zeros(1, 2, 8, 8))
    assert widths(graph) == {"input": 2, "b": 4, "add": 4}
    expected = np.zeros((2, 4))
    expected[[0, 1], [1, 2]] = 1
    assert np.array_equal(graph.block("input", "add").toarray(), expected)


def test_products_of_activations_are_junctions() -> None:
    def forward(net: Function, x: Tensor) -> Tensor:
        y = net.a(x)
        return y * torch.sigmoid(net.gate(y.mean((2, 3), keepdim=True)))

    net = Function(forward, a=nn.Conv2d(3, 4, 1), gate=nn.Conv2d(4, 4, 1))
    graph = trace(net, torch.zeros(1, 3, 5, 5))
    assert widths(graph) == {"input": 3, "a": 4, "gate": 4, "mul": 4}
    assert np.array_equal(graph.block("a", "mul").toarray(), np.eye(4))
    assert np.array_equal(graph.block("gate", "mul").toarray(), np.eye(4))


@pytest.mark.parametrize(
    "gate", [lambda x: x * torch.sigmoid(x), lambda x: x * x, lambda x: 2 * x * torch.tanh(3 * x)]
)
def test_a_unit_that_gates_itself_stays_one_unit(gate: Callable[[Tensor], Tensor]) -> None:
    net = Function(lambda net, x: net.two(gate(net.one(x))))
    net.one, net.two = nn.Linear(3, 4), nn.Linear(4, 2)
    assert widths(trace(net, torch.zeros(1, 3))) == {"input": 3, "one": 4, "two": 2}


def test_tied_weights_make_two_blocks_of_one_parameter() -> None:
    net = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3))
    net[2].weight = net[0].weight
    graph = trace(net, torch.zeros(1, 3))
    assert [x.parameter for x in graph.blocks] == ["0.weight", "0.weight"]
    assert list(widths(graph)) == ["input", "0", "2"]
    twice = Function(lambda net, x: net.a(net.a(x)), a=nn.Linear(2, 2))
    assert list(widths(trace(twice, torch.zeros(1, 2)))) == ["input", "a", "a (2)"]
    decoder = Function(
        lambda net, x: functional.linear(net.a(x), net.a.weight.t()), a=nn.Linear(3, 2)
    )
    graph = trace(decoder, torch.zeros(1, 3))
    weight = decoder.a.weight.detach().numpy()
    one, two = graph.blocks
    assert one.parameter == two.parameter == "a.weight"
    assert np.array_equal(graph.block(two.source, two.target).toarray(), weight)


MASK = torch.tensor([[1, 0, 1], [0, 0, 1]])


class Masked(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mask", MASK.float())

    def forward(self, weight: Tensor) -> Tensor:
        return weight * self.mask


def in_product(net: Function, x: Tensor) -> Tensor:
    return functional.linear(x, net.W * net.mask)


def in_where(net: Function, x: Tensor) -> Tensor:
    return functional.linear(x, torch.where(net.mask != 0, net.W, 0.0))


def in_fill(net: Function, x: Tensor) -> Tensor:
    return functional.linear(x, net.W.masked_fill(net.mask == 0, 0.0))


def in_matmul(net: Function, x: Tensor) -> Tensor:
    return x @ (net.W * net.mask.bool()).t() + 1


@pytest.mark.parametrize("forward", [in_product, in_where, in_fill, in_matmul])
@pytest.mark.parametrize("dtype", [torch.float32, torch.int64])
def test_masks_in_functions_decide_the_edges(
    forward: Callable[..., Tensor], dtype: torch.dtype
) -> None:
    weight = nn.Parameter(torch.tensor([[0.0, 5.0, 2.0], [7.0, 8.0, -3.0]]))
    net = Function(forward, W=weight, mask=MASK.to(dtype))
    graph = trace(net, torch.zeros(1, 3))
    assert list(zip(graph.sources.tolist(), graph.weights.indices.tolist(), strict=True)) == [
        (0, 3),
        (2, 3),
        (2, 4),
    ]
    assert graph.weights.data.tolist() == [0, 2, -3]
    assert graph.blocks[0].parameter == "W"
    assert list(widths(graph)) == ["input", "W"]


def test_pruning_tools_and_parametrizations_agree(tmp_path: Path) -> None:
    def net() -> nn.Sequential:
        made = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1))
        with torch.no_grad():
            made[0].weight.copy_(torch.tensor([[0.0, 5.0, 2.0], [7.0, 8.0, -3.0]]))
            made[2].weight.fill_(1.5)
        return made

    pruned, parametrized, own = net(), net(), net()
    prune.custom_from_mask(pruned[0], "weight", MASK)
    parametrize.register_parametrization(parametrized[0], "weight", Masked())
    mask_net(own, {"0.weight": MASK.bool()})
    torch.save(pruned.state_dict(), tmp_path / "net.pt")
    loaded = netsculpt.load(tmp_path / "net.pt")
    for made in (pruned, parametrized, own):
        graph = trace(made, torch.zeros(1, 3))
        assert graph.layers == loaded.layers
        assert graph.blocks == loaded.blocks
        assert np.array_equal(graph.weights.indptr, loaded.weights.indptr)
        assert np.array_equal(graph.weights.indices, loaded.weights.indices)
        assert np.array_equal(graph.weights.data, loaded.weights.data)


def test_masked_kernels_count_kept_taps_even_if_zero() -> None:
    net = nn.Conv2d(1, 2, 2, bias=False)
    mask_net(net, {"weight": torch.tensor([[[[1, 1], [0, 1]]], [[[0, 0], [0, 0]]]]) > 0})
    with torch.no_grad():
        net.weight.zero_()
    graph = trace(net, torch.zeros(1, 1, 4, 4))
    assert graph.weights.data.tolist() == [0]
    assert graph.multiplicity is not None
    assert graph.multiplicity.tolist() == [3]
    assert graph.blocks[0].size == 8


def test_a_mask_that_would_be_lost_is_refused() -> None:
    net = Function(
        lambda net, x: functional.linear(x, net.W * net.mask + 1),
        W=nn.Parameter(torch.ones(2, 3)),
        mask=MASK.float(),
    )
    with pytest.raises(TopologyError, match=r"'add'.*a mask prunes"):
        trace(net, torch.zeros(1, 3))


def test_weights_that_are_not_finite_are_refused() -> None:
    net = nn.Linear(2, 1)
    with torch.no_grad():
        net.weight.fill_(torch.nan)
    with pytest.raises(GraphError, match="NaN"):
        trace(net, torch.zeros(1, 2))


def test_several_inputs_and_outputs() -> None:
    net = Function(
        lambda net, x, y: (net.a(x), net.b(torch.cat([x, y], 1))),
        a=nn.Linear(2, 3),
        b=nn.Linear(4, 1),
    )
    graph = trace(net, (torch.zeros(1, 2), torch.zeros(1, 2)))
    assert [layer.role for layer in graph.layers] == ["input", "input", "output", "output"]
    assert graph.n_edges == 6 + 4


def test_operations_that_join_samples_are_refused() -> None:
    for forward, message in (
        (lambda net, x: net.a(x) @ net.a(x).t(), "samples of a batch"),
        (lambda net, x: x.sum(0) + net.a(x), "samples of a batch"),
    ):
        with pytest.raises(TopologyError, match=message):
            trace(Function(forward, a=nn.Linear(3, 3)), torch.zeros(2, 3))


def test_values_that_are_returned_on_the_way_or_twice() -> None:
    def forward(net: Function, x: Tensor) -> tuple[Tensor, ...]:
        y = net.a(x)
        z = net.b(y)
        return y, z, z, 2 * z

    net = Function(forward, a=nn.Linear(2, 3), b=nn.Linear(3, 2))
    graph = trace(net, torch.zeros(1, 2))
    feeding = {block.source for block in graph.blocks}
    ends = [layer for layer in graph.layers if layer.role == "output"]
    assert not feeding & {layer.name for layer in ends}
    assert [layer.n_units for layer in ends] == [3, 2, 2, 2]
    weight = net.b.weight.detach().double().T @ torch.eye(2, dtype=torch.float64)
    through = net.a.weight.detach().double().T @ weight
    first = net.a.weight.detach().double().T
    expected = sorted([*first.flatten().tolist(), *through.flatten().tolist() * 2])
    sums = path_sums(graph)
    doubled = (2 * through).flatten().tolist()
    assert np.allclose(sorted(sums.ravel()), sorted([*expected, *doubled]), rtol=1e-5)


@pytest.mark.parametrize("last", [nn.Softmax(1), nn.LogSoftmax(1)])
def test_softmax_over_units_couples_them_unless_it_is_the_end(last: nn.Module) -> None:
    first, second = nn.Linear(3, 2), nn.Linear(2, 2)
    graph = trace(nn.Sequential(first, last), torch.zeros(1, 3))
    assert np.array_equal(graph.weights.data, first.weight.detach().T.flatten().numpy())
    graph = trace(nn.Sequential(first, last, second), torch.zeros(1, 3))
    assert [x.n_units for x in graph.layers] == [3, 2, 1, 2, 2]
    assert np.array_equal(graph.weights[3:5, 5:8].toarray(), [[1, 1, 0], [1, 0, 1]])
    assert np.array_equal(graph.weights[5:6, 6:8].toarray(), [[1, 1]])


def test_frozen_parameters_of_zeros_and_ones_are_masks() -> None:
    net = Function(
        lambda net, x: functional.linear(x, net.mask * net.W),
        W=nn.Parameter(torch.zeros(2, 3)),
        mask=nn.Parameter(MASK.float(), requires_grad=False),
    )
    graph = trace(net, torch.zeros(1, 3))
    assert graph.n_edges == 3
    assert graph.blocks[0].parameter == "W"


def test_masks_from_thresholds_of_scores() -> None:
    net = Function(
        lambda net, x: functional.linear(x, net.W * (net.scores > 0.5).float()),
        W=nn.Parameter(torch.zeros(2, 3)),
        scores=nn.Parameter(MASK.float()),
    )
    assert trace(net, torch.zeros(1, 3)).n_edges == 3


def test_equal_weights_without_a_mask_drop_zeros_only() -> None:
    net = Function(
        lambda net, x: functional.linear(x, net.W * net.scale),
        W=nn.Parameter(torch.tensor([[1.0, 0.0], [1.0, 1.0]])),
        scale=nn.Parameter(torch.tensor([[2.0], [1.0]])),
    )
    graph = trace(net, torch.zeros(1, 2))
    assert graph.block("input", "W").toarray().tolist() == [[2, 1], [0, 1]]


@pytest.mark.parametrize(
    ("move", "n_edges"),
    [
        (lambda x: functional.pixel_shuffle(x, 2), 24 + 8 * 2),
        (lambda x: x.roll(1, 1).flip(1), 24 + 8 * 2),
        (lambda x: x[:, ::2], 24 + 4 * 2),
        (lambda x: x.repeat(1, 2, 1, 1), 24 + 8 * 2),
        (lambda x: functional.pad(x, (1, 1, 1, 1), "reflect"), 24 + 8 * 2),
        (lambda x: functional.interpolate(x, scale_factor=2), 24 + 8 * 2),
        (lambda x: torch.stack(x.unbind(1), 1).to(torch.float32), 24 + 8 * 2),
        (lambda x: functional.adaptive_max_pool2d(x, 2), 24 + 8 * 2),
    ],
)
def test_moved_channels_keep_their_units(move: Callable[[Tensor], Tensor], n_edges: int) -> None:
    n_moved = move(torch.zeros(1, 8, 4, 4)).shape[1]
    net = Function(
        lambda net, x: net.b(move(net.a(x))), a=nn.Conv2d(3, 8, 1), b=nn.Conv2d(n_moved, 2, 1)
    )
    graph = trace(net, torch.zeros(2, 3, 4, 4))
    assert graph.n_edges == n_edges
    assert graph.block("a", "b").nnz == n_edges - 24


def test_operations_of_other_libraries_are_not_taken_for_known_ones() -> None:
    with torch.library._scoped_library("netsculpt_test", "FRAGMENT") as library:
        library.define("relu(Tensor x) -> Tensor")
        library.impl("relu", lambda x: x.flip(1).clone(), "CompositeExplicitAutograd")
        net = Function(lambda net, x: torch.ops.netsculpt_test.relu(net.a(x)), a=nn.Linear(2, 2))
        with pytest.raises(TopologyError, match=r"'netsculpt_test\.relu'"):
            trace(net, torch.zeros(1, 2))


def test_units_of_a_junction_keep_the_order_of_its_elements() -> None:
    net = Function(
        lambda net, x: net.b(net.a(x).roll(1, 1) + x), a=nn.Linear(3, 3), b=nn.Linear(3, 2)
    )
    assert_linear_identity(net, (3,))
