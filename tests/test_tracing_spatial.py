"""Graphs with one unit per element, compared with Jacobians, counts and the channel graph."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from traced_nets import Function

from netsculpt.core.errors import LimitError, TopologyError
from netsculpt.graph.graph import NetGraph
from netsculpt.nets.masks import mask_net
from netsculpt.paths import pair_weights
from netsculpt.tracing import trace

SPACE = {1: (7,), 2: (5, 6), 3: (4, 3, 5)}


def spatial(net: nn.Module, shape: tuple[int, ...], **options: object) -> NetGraph:
    dtype = next(net.parameters()).dtype
    return trace(net, torch.zeros(2, *shape, dtype=dtype), granularity="spatial", **options)


def pruned(net: nn.Module, density: float, seed: int = 0) -> nn.Module:
    generator = torch.Generator().manual_seed(seed)
    masks = {
        name: torch.rand(x.shape, generator=generator) < density
        for name, x in net.named_parameters()
        if x.ndim > 1
    }
    mask_net(net, masks)
    return net


def jacobian(net: nn.Module, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """The contribution of each input element to each output element [inputs, outputs]."""
    point = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    derivatives = torch.autograd.functional.jacobian(lambda x: net(x[None])[0].flatten(), point)
    return derivatives.flatten(1).T.numpy()


def assert_is_jacobian(net: nn.Module, shape: tuple[int, ...]) -> NetGraph:
    net = net.double().eval()
    for layer in net.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            for tensor in (layer.weight.data, layer.running_mean, layer.running_var):
                tensor.copy_(torch.linspace(0.3, 2, len(tensor)))
    graph = spatial(net, shape)
    expected = jacobian(net, shape)
    assert np.abs(expected).max() > 1e-3
    assert np.allclose(pair_weights(graph), expected, rtol=1e-9, atol=1e-12)
    return graph


CONVOLUTIONS: list[tuple[Sequence[int], dict[str, object]]] = [
    ((1, 2, 3), {}),
    ((2,), {"stride": 2}),
    ((2,), {"padding": 1}),
    ((1, 2, 3), {"padding": 1, "stride": 3, "dilation": 2}),
    ((2,), {"padding": "same", "dilation": 2}),
    ((1, 2, 3), {"padding": "same", "kernel_size": 2}),
    ((2,), {"padding": "valid"}),
    ((2,), {"groups": 2, "padding": 2}),
    ((1, 2, 3), {"padding": 1, "padding_mode": "circular"}),
    ((1, 2, 3), {"padding": 1, "padding_mode": "reflect", "stride": 2}),
    ((1, 2, 3), {"padding": 2, "padding_mode": "replicate", "groups": 2}),
]
TRANSPOSED: list[tuple[Sequence[int], dict[str, object]]] = [
    ((2,), {}),
    ((1, 2, 3), {"stride": 2, "padding": 1, "output_padding": 1}),
    ((2,), {"dilation": 2, "stride": 3, "padding": 2}),
    ((1, 2, 3), {"groups": 2, "stride": 2}),
    ((2,), {"dilation": 3, "output_padding": 2}),
]


def each(
    cases: list[tuple[Sequence[int], dict[str, object]]],
) -> list[tuple[int, dict[str, object]]]:
    return [(n, options) for dimensions, options in cases for n in dimensions]


@pytest.mark.parametrize(("n", "options"), each(CONVOLUTIONS), ids=str)
def test_convolutions_are_their_jacobians(n: int, options: dict[str, object]) -> None:
    options = {"kernel_size": 3 if n < 3 else 2, **options}
    conv = getattr(nn, f"Conv{n}d")(2, 4, **options)
    assert_is_jacobian(pruned(conv, 0.7), (2, *SPACE[n]))


@pytest.mark.parametrize(("n", "options"), each(TRANSPOSED), ids=str)
def test_transposed_convolutions_are_their_jacobians(n: int, options: dict[str, object]) -> None:
    conv = getattr(nn, f"ConvTranspose{n}d")(4, 6, 2 if n == 3 else 3, **options)
    assert_is_jacobian(pruned(conv, 0.7), (4, *SPACE[n]))


def test_uneven_kernels_strides_and_paddings() -> None:
    conv = nn.Conv3d(2, 3, (1, 2, 3), (1, 2, 1), (0, 1, 2), (1, 1, 2))
    assert_is_jacobian(conv, (2, 3, 4, 5))
    turned = nn.ConvTranspose2d(2, 3, (2, 3), (3, 1), (1, 0), (2, 0), dilation=(1, 2))
    assert_is_jacobian(turned, (2, 3, 4))


def test_a_net_of_all_kinds_is_its_jacobian() -> None:
    net = nn.Sequential(
        nn.Conv2d(2, 4, 3, 2, 1, groups=2), nn.BatchNorm2d(4), nn.Conv2d(4, 3, 2, dilation=2),
        nn.BatchNorm2d(3), nn.ConvTranspose2d(3, 2, 3, 2, 1, 1), nn.Flatten(), nn.Linear(96, 3),
        nn.BatchNorm1d(3),
    )  # fmt: skip
    graph = assert_is_jacobian(pruned(net, 0.6), (2, 11, 9))
    assert graph.multiplicity is None
    assert [layer.name for layer in graph.layers] == ["input", "0", "2", "4", "6"]
    assert 0.5 < graph.density < 0.7


def test_skips_slices_and_norms_that_leave_are_their_jacobian() -> None:
    def forward(net: Function, x: Tensor) -> Tensor:
        y = net.norm(net.a(x))
        z = net.b(y) + functional.pad(y[:, :, ::2, ::2], (0, 0, 0, 0, 1, 1))
        return net.c(torch.cat([z, 2 * z.flip(1)], 1)).flatten(1)

    net = Function(
        forward, a=nn.Conv2d(3, 2, 3, padding=1), norm=nn.BatchNorm2d(2),
        b=nn.Conv2d(2, 4, 3, 2, 1), c=nn.Conv2d(8, 2, 2),
    )  # fmt: skip
    assert_is_jacobian(net, (3, 5, 7))


POOLS = [
    nn.AvgPool2d(2),
    nn.AvgPool2d(3, 2, 1),
    nn.AvgPool2d(3, 2, 1, divisor_override=2),
    nn.AvgPool2d(3, ceil_mode=True, count_include_pad=False),
    nn.AvgPool2d((3, 2), 2, (1, 0), ceil_mode=True),
    nn.AdaptiveAvgPool2d((2, None)),
    nn.AdaptiveAvgPool2d(1),
    nn.Upsample(scale_factor=2),
    nn.Upsample(scale_factor=1.5),
    nn.Upsample(size=9, mode="nearest-exact"),
    nn.Upsample(scale_factor=2, mode="bilinear"),
    nn.Upsample(scale_factor=(1.3, 2), mode="bilinear"),
    nn.Upsample(size=(5, 7), mode="bilinear", align_corners=True),
]


@pytest.mark.parametrize("pool", POOLS, ids=str)
def test_linear_poolings_are_their_jacobians(pool: nn.Module) -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 2), pool, nn.BatchNorm2d(2), nn.Conv2d(2, 2, 2, padding=1))
    assert_is_jacobian(net, (1, 7, 9))


def test_poolings_in_one_and_three_dimensions() -> None:
    assert_is_jacobian(
        nn.Sequential(
            nn.Conv1d(2, 2, 1), nn.AvgPool1d(3, 1, 1), nn.Upsample(scale_factor=2, mode="linear")
        ),
        (2, 5),
    )
    assert_is_jacobian(
        nn.Sequential(
            nn.Conv3d(1, 2, 1), nn.AvgPool3d(2, 1), nn.Upsample(size=(3, 2, 5), mode="trilinear")
        ),
        (1, 3, 3, 4),
    )
    assert_is_jacobian(nn.Sequential(nn.Conv1d(2, 2, 1), nn.AdaptiveAvgPool1d(3)), (2, 7))


@pytest.mark.parametrize(
    "pool",
    [
        nn.MaxPool2d(2),
        nn.MaxPool2d(3, 2, 1),
        nn.MaxPool2d(2, 1, dilation=2),
        nn.MaxPool2d(2, ceil_mode=True),
        nn.AdaptiveMaxPool2d((2, 3)),
    ],
    ids=str,
)
def test_maxima_are_wired_from_their_windows(pool: nn.Module) -> None:
    net = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), pool)
    with torch.no_grad():
        net[0].weight.fill_(1)
    alone = torch.eye(35).view(35, 1, 5, 7)  # 1 at one place: reaches the windows that hold it
    expected = pool(alone).flatten(1).numpy()
    graph = spatial(net, (1, 5, 7))
    assert np.array_equal(graph.block("0", graph.layers[-1].name).toarray(), expected)
    assert graph.blocks[-1].kind == "wiring"
    assert (graph.n_parameters, graph.block("input", "0").nnz) == (1, 35)


def test_a_unit_that_a_window_takes_twice_is_one_edge() -> None:
    def net(pool: nn.Module) -> nn.Sequential:
        return nn.Sequential(nn.Conv2d(1, 1, 1), nn.Upsample(scale_factor=2), pool)

    graph = spatial(net(nn.MaxPool2d(2)), (1, 2, 2))
    assert np.array_equal(graph.block("0", "2.max_pool2d").toarray(), np.eye(4))
    conv = nn.Conv2d(1, 1, 2, bias=False)
    with torch.no_grad():
        conv.weight.copy_(torch.tensor([[[[1.0, 2.0], [4.0, -8.0]]]]))
    graph = spatial(net(conv), (1, 2, 2))
    corner = graph.block("0", "2").toarray()[0].reshape(3, 3)
    assert corner.tolist() == [[-1, 5, 0], [3, 1, 0], [0, 0, 0]]
    assert graph.n_parameters == 1 + 4
    assert graph.density == 1


def test_units_edges_and_sizes_by_hand() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
    net.append(nn.Linear(8, 3))
    graph = spatial(net, (1, 4, 4))
    touching = 4 * 4 + 8 * 6 + 4 * 9  # corners, borders, inside
    assert [layer.n_units for layer in graph.layers] == [16, 32, 8, 3]
    assert [layer.shape for layer in graph.layers] == [(1, 4, 4), (2, 4, 4), (2, 2, 2), (3,)]
    assert [block.size for block in graph.blocks] == [18, 0, 24]
    assert graph.n_edges == 2 * touching + 32 + 24
    assert graph.multiplicity is None
    assert graph.density == 1


def test_masks_decide_and_kept_zeros_are_edges() -> None:
    conv = nn.Conv2d(1, 1, 2, bias=False)
    mask_net(conv, {"weight": torch.tensor([[[[1, 0], [0, 1]]]]) > 0})
    with torch.no_grad():
        conv.weight.zero_()
    graph = spatial(conv, (1, 3, 3))
    assert graph.n_edges == 8
    assert graph.density == 0.5
    assert not graph.weights.data.any()


def circular_net() -> nn.Sequential:
    options = {"kernel_size": 3, "padding": 1, "padding_mode": "circular"}
    return nn.Sequential(
        nn.Conv2d(2, 4, **options), nn.BatchNorm2d(4), nn.Conv2d(4, 4, groups=2, **options),
        nn.ReLU(), nn.Conv2d(4, 3, **options),
    )  # fmt: skip


@pytest.mark.parametrize("norm", ["l1", "sum"])
def test_channel_graphs_sum_what_spatial_graphs_hold(norm: str) -> None:
    net = pruned(circular_net(), 0.5).double()
    net[1].running_var.copy_(torch.tensor([0.5, 2.0, 1.0, 3.0]))
    channels = trace(net, torch.zeros(1, 2, 4, 5, dtype=torch.float64), edge_norm=norm)
    elements = spatial(net, (2, 4, 5))
    if norm == "l1":
        elements = elements.magnitude
    per_position = pair_weights(elements).reshape(2, 20, 3, 20).sum(axis=1)
    expected = np.repeat(pair_weights(channels)[:, :, None], 20, axis=2)
    assert np.abs(expected).min() > 1e-3
    assert np.allclose(per_position, expected, rtol=1e-9)


def test_signed_channel_sums_are_the_jacobian_summed_over_positions() -> None:
    net = circular_net().double().eval()
    net[3] = nn.Identity()
    channels = trace(net, torch.zeros(1, 2, 4, 5, dtype=torch.float64), edge_norm="sum")
    expected = jacobian(net, (2, 4, 5)).reshape(2, 20, 3, 20).sum(axis=1)
    assert np.allclose(pair_weights(channels)[:, :, None], expected, rtol=1e-9)


def test_edge_norms_change_nothing() -> None:
    net = nn.Sequential(nn.Conv2d(2, 2, 2), nn.Flatten(), nn.Linear(8, 2))
    one, two = (spatial(net, (2, 3, 3), edge_norm=norm) for norm in ("l2", "sum"))
    assert np.array_equal(one.weights.data, two.weights.data)
    assert (one.weights.data < 0).any()


@pytest.mark.parametrize("net", [nn.Conv2d(2, 3, 3, padding=1), nn.Linear(64, 20)], ids=str)
def test_too_many_edges_are_refused_before_they_are_made(
    net: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    from netsculpt.tracing.engine.entries import Matrix
    from netsculpt.tracing.rules._parts import unroll

    def never(*_: object) -> None:
        raise AssertionError("edges were made")

    monkeypatch.setattr(Matrix, "parts", never)
    monkeypatch.setattr(unroll._Kernel, "edges", never)
    is_conv = isinstance(net, nn.Conv2d)
    example = torch.zeros(1, 2, 8, 8) if is_conv else torch.zeros(1, 64)
    n_edges = 6 * 22 * 22 if is_conv else 64 * 20
    message = rf"needs {n_edges:,} edges.*max_edges is {n_edges - 1:,}.*granularity='channel'"
    with pytest.raises(LimitError, match=message):
        trace(net, example, granularity="spatial", max_edges=n_edges - 1)
    with pytest.raises(AssertionError, match="edges were made"):
        trace(net, example, granularity="spatial", max_edges=n_edges)


def test_windows_count_against_the_limit() -> None:
    with pytest.raises(LimitError, match=r"avg_pool2d' needs 72 edges"):
        trace(
            nn.AvgPool2d(3, 1), torch.zeros(1, 2, 4, 4), granularity="spatial", max_edges=71
        )  # 2 · 4 windows of 9


def test_flattened_columns_count_once_against_the_limit() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Flatten(), nn.Linear(2 * 16, 3))
    example = torch.zeros(1, 1, 4, 4)
    assert trace(net, example, max_edges=2 + 2 * 3).n_edges == 8
    with pytest.raises(LimitError, match="max_edges is 7"):
        trace(net, example, max_edges=7)


def test_edges_that_meet_count_once_against_the_limit() -> None:
    def forward(net: nn.Module, x: Tensor) -> Tensor:
        y = net.a(x)
        return y.relu() + y.tanh()

    net = Function(forward, a=nn.Linear(4, 4))
    assert trace(net, torch.zeros(1, 4), max_edges=20).n_edges == 4 * 4 + 4
    with pytest.raises(LimitError, match="max_edges is 19"):
        trace(net, torch.zeros(1, 4), max_edges=19)


def test_samples_that_differ_are_refused() -> None:
    net = Function(
        lambda net, x: net.a(x.reshape(-1, 1, 4, 4)).reshape(-1, 8), a=nn.Conv2d(1, 1, 3)
    )
    with pytest.raises(TopologyError, match="samples of its batch"):
        spatial(net, (2, 4, 4))


def test_indices_of_a_maximum_are_refused() -> None:
    net = Function(
        lambda net, x: functional.max_pool2d(net.a(x), 2, return_indices=True), a=nn.Conv2d(1, 1, 1)
    )
    with pytest.raises(TopologyError, match=r"'getitem'.*no units"):
        trace(net, torch.zeros(1, 1, 4, 4))


def test_large_layers_are_made_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    from netsculpt.tracing.rules._parts import weights

    def graphs() -> list[NetGraph]:
        net = nn.Sequential(
            nn.Conv2d(2, 6, 2, groups=2), nn.AvgPool2d(2, 1), nn.Upsample(scale_factor=2),
            nn.Conv2d(6, 4, 3, padding=1), nn.Flatten(), nn.Linear(64, 9),
        )  # fmt: skip
        for x in net.parameters():
            x.data = torch.linspace(-1, 1, x.numel()).reshape(x.shape)
        return [spatial(net, (2, 4, 4)), trace(net, torch.zeros(1, 2, 4, 4))]

    whole = graphs()
    monkeypatch.setattr(weights, "_AT_ONCE", 50)
    for one, two in zip(whole, graphs(), strict=True):
        assert np.array_equal(one.weights.indptr, two.weights.indptr)
        assert np.array_equal(one.weights.indices, two.weights.indices)
        assert np.array_equal(one.weights.data, two.weights.data)
        assert np.array_equal(one.multiplicity, two.multiplicity)
        assert one.blocks == two.blocks
