"""Branches that are stacked before the samples of a batch: an ensemble, mixed experts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from netsculpt.core.errors import TopologyError
from netsculpt.graph.graph import NetGraph
from netsculpt.tracing import fidelity, trace
from tests.helpers.jacobians import moves, paths_exist
from tests.helpers.traced_nets import Function

Reduce = Callable[[Tensor], Tensor]


def sparse(n_in: int, n_out: int, seed: int) -> nn.Linear:
    layer = nn.Linear(n_in, n_out)
    generator = torch.Generator().manual_seed(seed)
    layer.weight.data *= torch.rand(layer.weight.shape, generator=generator) < 0.4
    layer.weight.data[torch.arange(n_out), torch.arange(n_out)] = (
        1.0 + seed
    )  # no sum of branches cancels
    return layer


def ensemble(reduce: Reduce) -> Function:
    def forward(net: Function, x: Tensor) -> Tensor:
        return net.out(reduce(torch.stack([net.a(x), net.b(x), net.c(x)])))

    layers = {name: sparse(5, 4, seed) for seed, name in enumerate("abc")}
    return Function(forward, **layers, out=sparse(4, 3, 3))


LINEAR: list[Reduce] = [
    lambda x: x.mean(0),
    lambda x: x.sum(0),
    lambda x: x.sum(dim=-3),
    lambda x: x[1:].mean(0),
    lambda x: x[0] - x[2],
    lambda x: x.unbind(0)[1],
    lambda x: x.transpose(0, 1).mean(1),
    lambda x: x.mean(0, keepdim=True)[0],
    lambda x: x.unsqueeze(0).sum((0, 1)),
    lambda x: torch.stack(x.unbind(0), 1).mean(1),
    lambda x: torch.stack(x.unbind(0), -1).mean(-1),
    lambda x: x.view(3, -1, 2, 2).sum((0, 3)).flatten(1).repeat(1, 2),
]
CURVED: list[Reduce] = [
    lambda x: x.amax(0),
    lambda x: x.max(0).values,
    lambda x: x.median(0).values,
    lambda x: x.std(0),
    lambda x: x.var(0, unbiased=False),
    lambda x: x.logsumexp(0),
    lambda x: x.prod(0),
    lambda x: x.norm(dim=0),
    lambda x: x.softmax(0)[1],
    lambda x: (x.softmax(0) * x.tanh()).sum(0),
    lambda x: x.cumsum(0)[1].tanh(),
    lambda x: torch.stack([x.sigmoid(), x.tanh()]).mean((0, 1)),
]


def products(graph: NetGraph) -> np.ndarray:
    """The sum over paths of the product of weights, for each input and output."""
    dense = graph.weights.toarray().astype(np.float64)
    whole = np.linalg.inv(np.eye(graph.n_units) - dense)
    return whole[np.ix_(graph.inputs, graph.outputs)]


@pytest.mark.parametrize("n_samples", [1, 3])
@pytest.mark.parametrize("reduce", LINEAR)
def test_a_linear_ensemble_is_its_matrix(reduce: Reduce, n_samples: int) -> None:
    net = ensemble(reduce).double()
    graph = trace(net, torch.zeros(n_samples, 5, dtype=torch.float64))
    slopes = torch.autograd.functional.jacobian(net, torch.zeros(1, 5, dtype=torch.float64))
    assert np.allclose(products(graph), slopes[0, :, 0].numpy().T, atol=1e-12)


@pytest.mark.parametrize("reduce", CURVED)
def test_paths_are_those_of_the_net(reduce: Reduce) -> None:
    net, x = ensemble(reduce), torch.zeros(1, 5)
    graph = trace(net, x, granularity="spatial")
    reached, moved = paths_exist(graph), moves(net, x)
    if reduce in CURVED[:3]:  # what is chosen moves alone at one point, and may be any
        moved = moves(ensemble(CURVED[5]), x)
    assert np.array_equal(reached, moved)


def test_fidelity_runs_an_ensemble() -> None:
    net, x = ensemble(LINEAR[0]), torch.zeros(2, 5)
    checked = fidelity(net, trace(net, x), x, rng=0)
    assert checked.max_error < 1e-6


def test_images_that_are_averaged_stay_apart() -> None:
    """Channels of two pictures are units of their own: no position of one another."""

    def forward(net: Function, one: Tensor, two: Tensor) -> Tensor:
        return net.fc(torch.stack([one, two]).mean((0, 3, 4)))

    graph = trace(
        Function(forward, fc=nn.Linear(3, 2)), (torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4))
    )
    assert [x.n_units for x in graph.layers if x.role == "input"] == [3, 3]
    assert paths_exist(graph).all()


@pytest.mark.parametrize("n_samples", [1, 3])
@pytest.mark.parametrize(
    "mixing",
    [
        lambda x: x.mean(0),
        lambda x: torch.stack([x, 2 * x]).sum((0, 1)),
        lambda x: torch.stack([x, 2 * x]).mean(1).sum(0),
        lambda x: torch.stack([x, 2 * x]).softmax(1)[0],
        lambda x: x.softmax(0),
        lambda x: x.t().mean(-1),
        lambda x: torch.stack([x, 2 * x]).sum(),
    ],
)
def test_samples_are_not_mixed(mixing: Reduce, n_samples: int) -> None:
    def forward(net: Function, x: Tensor) -> Tensor:
        return net.fc(x) + mixing(net.fc(x)).sum(-1, keepdim=True)

    with pytest.raises(TopologyError, match="mixes the samples"):
        trace(Function(forward, fc=nn.Linear(4, 3)), torch.zeros(n_samples, 4))
