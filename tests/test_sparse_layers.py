"""Layers of kept weights only, and sparse training on them."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn, optim

from netsculpt.core.errors import FormatError, LimitError
from netsculpt.nets.families import MLP, initial_net
from netsculpt.nets.masks import masks_of
from netsculpt.nets.sparse import SparseLinear, dense_net, sparse_net
from netsculpt.training import dynamic
from netsculpt.training.dynamic import Sparsifier, candidates, edges


def masked(widths: tuple[int, ...] = (12, 16, 4), density: float = 0.3) -> nn.Module:
    net = initial_net(MLP(widths), rng=0).double()
    dynamic.static(net, density=density, rng=0)
    return net


def batch(n: int = 8, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, 12, generator=generator, dtype=torch.float64)


def test_gradients_are_those_of_finite_differences() -> None:
    layer = SparseLinear(5, 4, n_weights=9, rng=0).double()
    inputs = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)

    def outputs(inputs: Tensor, values: Tensor) -> Tensor:
        found: Tensor = torch.func.functional_call(layer, {"values": values}, (inputs,))
        return found

    assert torch.autograd.gradcheck(outputs, (inputs, layer.values))


@pytest.mark.parametrize("n_weights", [0, 1, 20])
def test_it_is_the_dense_product(n_weights: int) -> None:
    layer = SparseLinear(5, 4, n_weights=n_weights, rng=1)
    inputs = torch.randn(2, 3, 5)
    assert layer.bias is not None
    expected = inputs @ layer.dense_weight().t() + layer.bias
    assert torch.allclose(layer(inputs), expected, atol=1e-6)
    assert int((layer.dense_weight() != 0).sum()) == n_weights


def test_a_masked_net_and_back() -> None:
    net = masked()
    sparse = sparse_net(net)
    assert torch.allclose(sparse(batch()), net(batch()))
    assert sum(x.numel() for x in sparse.parameters()) == round(0.3 * 256) + 20
    again = dense_net(sparse)
    for name, value in net.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name
    loaded = sparse_net(masked())
    loaded.load_state_dict(sparse.state_dict())
    assert torch.equal(loaded(batch()), sparse(batch()))


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam])
def test_it_learns_as_the_masked_net_does(kind: Callable[..., optim.Optimizer]) -> None:
    net = masked()
    sparse = sparse_net(net)
    static = dynamic.static(net, density=None)
    one, other = kind(net.parameters(), lr=0.01), kind(sparse.parameters(), lr=0.01)
    for number in range(20):
        for each, optimizer in ((net, one), (sparse, other)):
            optimizer.zero_grad()
            (each(batch(seed=number)) - 1).square().mean().backward()
        static.step(one)
        other.step()
    again = dense_net(sparse)
    for name, value in net.state_dict().items():
        assert torch.allclose(again.state_dict()[name], value), name


def by_rigl(net: nn.Module) -> tuple[nn.Module, list[set[int]]]:
    """The net after five batches, and the places of its first layer after each."""
    seen = [set(net.fc1.flat.tolist())]  # type: ignore[union-attr, operator]
    optimizer = optim.SGD(net.parameters(), 0.05)
    sparsifier = edges.rigl(net, end=10, every=3, rng=0)
    for number in range(5):
        optimizer.zero_grad()
        (net(batch(seed=number)) - 1).square().mean().backward()
        sparsifier.step(optimizer)
        seen.append(set(net.fc1.flat.tolist()))  # type: ignore[union-attr, operator]
    return net, seen


def test_rigl_is_that_of_masks_without_returners() -> None:
    net = masked()
    sparse, seen = by_rigl(sparse_net(net))
    rigl = dynamic.rigl(copy.deepcopy(net), density=None, end=10, every=3, rng=0)
    strict = replace(rigl.rewiring, candidates=candidates.not_active)
    sparsifier = Sparsifier(net, strict, rigl.timing, density=None, rng=0)
    optimizer = optim.SGD(net.parameters(), 0.05)
    for number in range(5):
        optimizer.zero_grad()
        (net(batch(seed=number)) - 1).square().mean().backward()
        sparsifier.step(optimizer)
        mask = masks_of(net)["fc1.weight"].reshape(-1)
        assert set(mask.nonzero().squeeze(1).tolist()) == seen[number + 1]
    assert seen[0] != seen[1]
    assert sparsifier.n_updates == 2
    for name, value in net.state_dict().items():
        assert torch.allclose(dense_net(sparse).state_dict()[name], value), name


def test_accumulated_gradients_count_together() -> None:
    found = []
    for pieces in (1, 4):
        net = sparse_net(masked())
        sparsifier = edges.rigl(net, end=10, every=1, rng=0)
        for part in batch(16).chunk(pieces):
            ((net(part) - 1).square().mean() / pieces).backward()
        sparsifier.step(optim.SGD(net.parameters(), 0.05))
        found.append(net.fc1.flat)  # type: ignore[union-attr]
    assert torch.equal(found[0], found[1])  # type: ignore[arg-type]


def test_counts_values_and_moments_follow_the_places() -> None:
    net = sparse_net(masked())
    optimizer = optim.Adam(net.parameters(), 0.01)
    sparsifier = edges.set(net, end=1000, every=1, rng=0)
    layer = net.fc1
    assert isinstance(layer, SparseLinear)
    for number in range(30):
        optimizer.zero_grad()
        (net(batch(seed=number)) - 1).square().mean().backward()
        expected = dict(zip(layer.flat.tolist(), layer.values.tolist(), strict=True))
        sparsifier.step(optimizer)
        places = layer.flat
        assert len(set(places.tolist())) == len(places) == sparsifier.n_kept["fc1"]
        assert bool((places.diff() > 0).all())
        moments = optimizer.state[layer.values]["exp_avg"]
        for place, value, moment in zip(
            places.tolist(), layer.values.tolist(), moments.tolist(), strict=True
        ):
            if place in expected and value != 0:
                assert abs(value - expected[place]) < 0.011 + 1e-9  # one step of Adam
            else:
                assert (value, moment) == (0, 0)
    assert sparsifier.n_updates == 30


def test_new_weights_step_by_the_learning_rate() -> None:
    layer = SparseLinear(8, 4, n_weights=10, bias=False, rng=0).double()
    optimizer = optim.Adam(layer.parameters(), 1e-3)
    sparsifier = edges.set(layer, begin=500, end=500, every=1, rng=0)
    for _ in range(500):
        layer.values.grad = torch.ones_like(layer.values)
        sparsifier.step(optimizer)
    new = layer.values == 0
    assert int(new.sum()) == 2 or int(new.sum()) == 3
    before = layer.values.detach().clone()
    for k in range(1, 4):
        layer.values.grad = torch.ones_like(layer.values)
        sparsifier.step(optimizer)
        moved = before - layer.values.detach()
        np.testing.assert_allclose(moved.numpy(), 1e-3 * k, rtol=1e-5)


def test_random_places_are_free_and_as_likely() -> None:
    counts = np.zeros(32)
    layer = SparseLinear(8, 4, n_weights=12, rng=0)
    for seed in range(600):
        generator = torch.Generator().manual_seed(seed)
        found = edges.growing.random_places(layer, (), 4, generator)
        assert len(set(found.tolist())) == 4
        counts[found.numpy()] += 1
    assert (counts[layer.flat.numpy()] == 0).all()
    free = np.setdiff1d(np.arange(32), layer.flat.numpy())
    assert np.abs(counts[free] - 120).max() < 5 * math.sqrt(120)


def test_a_wide_layer_needs_little_memory() -> None:
    layer = SparseLinear(1_000_000, 1_000_000, n_weights=100_000, rng=0)
    optimizer = optim.SGD(layer.parameters(), 0.1)
    sparsifier = edges.set(layer, end=5, every=1, rng=0)
    layer(torch.ones(1, 1_000_000)).sum().backward()
    sparsifier.step(optimizer)
    assert sparsifier.n_kept == {"": 100_000}
    assert sum(x.numel() * x.element_size() for x in layer.state_dict().values()) < 14_000_000


def test_what_does_not_fit_is_refused() -> None:
    layer = SparseLinear(5, 4, n_weights=9, rng=0)
    with pytest.raises(LimitError, match="dense_net"):
        layer(torch.zeros(2, 5, dtype=torch.bfloat16))
    with pytest.raises(FormatError, match="0 … 20"):
        SparseLinear(5, 4, n_weights=21)
    with pytest.raises(FormatError, match="sparse_net"):
        edges.set(nn.Linear(3, 2), end=1)
    net = nn.Sequential(nn.Conv2d(1, 2, 3))
    dynamic.static(net, density=0.5, rng=0)
    with pytest.raises(FormatError, match="linear"):
        sparse_net(net)


def test_a_step_says_whether_the_optimizer_stepped() -> None:
    net = sparse_net(masked())
    sparsifier = edges.rigl(net, end=10, every=2, rng=0)
    optimizer = optim.SGD(net.parameters(), 0.1)
    stepped = []
    for number in range(6):
        optimizer.zero_grad()
        net(batch(seed=number)).square().mean().backward()
        stepped.append(sparsifier.step(optimizer))
    assert stepped == [False, True, True, False, True, True]


def test_a_frozen_sparse_layer_and_another_optimizer_are_refused() -> None:
    net = sparse_net(masked())
    sparsifier = edges.set(net, end=10, every=2, rng=0)
    with pytest.raises(FormatError, match="the optimizer does not have 'fc1', 'fc2'"):
        sparsifier.step(optim.SGD(copy.deepcopy(net).parameters(), 0.1))
    values = net.get_parameter("fc1.values").requires_grad_(False)
    before = values.clone()
    optimizer = optim.SGD(net.parameters(), 0.1)
    sparsifier.step(optimizer)
    with pytest.raises(FormatError, match="'fc1' no longer learn"):
        sparsifier.step(optimizer)
    again = edges.set(net, end=10, every=1, rng=0)  # the remedy
    again.step(optimizer)
    assert again.n_updates == 1
    assert list(again.n_kept) == ["fc2"]
    assert torch.equal(values, before)


def test_a_state_of_other_settings_is_refused() -> None:
    net = sparse_net(masked())
    state = edges.rigl(net, end=10, every=2, rng=0).state_dict()
    edges.rigl(net, end=10, every=2, rng=1).load_state_dict(state)
    with pytest.raises(FormatError, match="another fraction, update_every"):
        edges.rigl(net, end=10, every=3, fraction=0.1, rng=0).load_state_dict(state)
