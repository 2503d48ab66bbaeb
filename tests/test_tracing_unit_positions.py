"""Units keep the index of their elements where other elements are constant or share a unit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from netsculpt import paths
from netsculpt.graph.graph import NetGraph
from netsculpt.tracing import trace
from tests.helpers.jacobians import moves, paths_exist
from tests.helpers.traced_nets import Function

X = torch.zeros(1, 5)


def sparse(n_in: int, n_out: int, seed: int) -> nn.Linear:
    """A layer with a column and a row of its own for each unit, so that no two are confused."""
    layer = nn.Linear(n_in, n_out)
    generator = torch.Generator().manual_seed(seed)
    layer.weight.data *= torch.rand(layer.weight.shape, generator=generator) < 0.5
    layer.weight.data[torch.arange(n_out), torch.arange(n_out)] = 1.0
    return layer


def parts() -> dict[str, nn.Module]:
    return {"a": sparse(5, 2, 0), "b": sparse(5, 3, 1)}


def between_zeros(net: Function, x: Tensor) -> Tensor:
    return torch.cat([net.a(x), x.new_zeros(len(x), 2), net.b(x)], 1)


def after_constants(net: Function, x: Tensor) -> Tensor:
    return torch.cat([x.new_ones(len(x), 3), net.b(x), net.a(x)], 1)


def written(net: Function, x: Tensor) -> Tensor:
    empty = x.new_zeros(len(x), 9)
    empty[:, [7, 2]] = net.a(x)
    return empty.index_copy(1, torch.tensor([0, 3, 8]), net.b(x))


def twice(net: Function, x: Tensor) -> Tensor:
    return torch.cat([net.b(x), net.b(x).flip(1), net.a(x)], 1)


def masked(net: Function, x: Tensor) -> Tensor:
    both = torch.cat([net.a(x), net.b(x), x], 1)
    return both * torch.tensor([1.0, 0, 1, 0, 0, 0, 1, 1, 0, 1])


def of_some_inputs(net: Function, x: Tensor) -> Tensor:
    return torch.cat([functional.pad(net.a(x), (1, 1)), x[:, 3:].tanh()], 1)


FORWARDS = [between_zeros, after_constants, written, twice, masked, of_some_inputs]


def ends(graph: NetGraph, role: str) -> list[int]:
    """The index that each unit of a role's layers has."""
    assert graph.positions is not None
    layers = [x for x in graph.layers if x.role == role]
    return np.concatenate([graph.positions[x.units] for x in layers]).tolist()


@pytest.mark.parametrize("granularity", ["channel", "spatial"])
@pytest.mark.parametrize("forward", FORWARDS)
def test_a_unit_has_the_index_of_its_element(forward: object, granularity: str) -> None:
    net = Function(forward, **parts())  # type: ignore[arg-type]
    graph = trace(net, X, granularity=granularity)  # type: ignore[arg-type]
    moved, found = moves(net, X), ends(graph, "output")
    assert ends(graph, "input") == list(range(5))
    assert np.array_equal(paths_exist(graph), moved[:, found])
    alone = {tuple(x) for x in moved.T.tolist() if any(x)}
    assert alone == {tuple(x) for x in moved[:, found].T.tolist() if any(x)}  # none is left out
    assert len(set(found)) == len(found)


def test_a_batch_of_several_samples() -> None:
    graph = trace(Function(between_zeros, **parts()), torch.zeros(3, 5))
    assert ends(graph, "output") == [0, 1, 4, 5, 6]


def test_the_right_output_is_named() -> None:
    net = Function(between_zeros, **parts())
    net.b.weight.data[1] = 0
    assert paths.effective(trace(net, X)).disconnected_outputs == ("output[5]",)


def padded_image(net: Function, x: Tensor) -> Tensor:
    return functional.pad(net.conv(x), (1, 0, 0, 2, 1, 0))


@pytest.mark.parametrize("granularity", ["channel", "spatial"])
def test_channels_and_positions(granularity: str) -> None:
    """A padded channel, column and rows are no units: channels and elements keep their index."""
    net = Function(padded_image, conv=nn.Conv2d(2, 3, 2, bias=False))
    net.conv.weight.data[1, 0] = 0
    net.conv.weight.data[2, :, 1] = 0
    x = torch.zeros(1, 2, 3, 4)
    graph = trace(net, x, granularity=granularity)  # type: ignore[arg-type]
    of_channels = granularity == "channel"
    moved, found = moves(net, x, channels=1 if of_channels else None), ends(graph, "output")
    assert np.array_equal(paths_exist(graph), moved[:, found])
    assert not np.delete(moved, found, axis=1).any()
    assert ends(graph, "input") == list(range(2 if of_channels else 24))
    if of_channels:
        assert found == [1, 2, 3]


def test_inputs_that_are_one_unit() -> None:
    """Pixels of two channels are one unit each: a unit has the index of its channel."""

    def forward(net: Function, image: Tensor, extra: Tensor) -> Tensor:
        return net.fc(torch.cat([net.conv(image).mean((2, 3)), extra], 1))

    net = Function(forward, conv=nn.Conv2d(2, 3, 1), fc=nn.Linear(5, 1))
    graph = trace(net, (torch.zeros(1, 2, 3, 3), torch.zeros(1, 2)))
    assert ends(graph, "input") == [0, 1, 0, 1]


def test_inputs_that_are_summed() -> None:
    """Of elements that a grid's mean takes together, the unit has the index of the first."""

    def forward(net: Function, x: Tensor) -> Tensor:
        return net.fc(x.view(1, 2, 3, 2).mean(2).flatten(1))

    graph = trace(Function(forward, fc=nn.Linear(4, 2)), torch.zeros(1, 6, 2))
    units = {layer.role: ends(graph, layer.role) for layer in graph.layers}
    elements = np.arange(12).reshape(2, 3, 2)
    assert units["input"] == elements[:, 0].ravel().tolist()
    assert units["output"] == [0, 1]
