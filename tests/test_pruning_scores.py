"""Scores, allocations, scopes: golden numbers, conservation laws, derivatives by brute force."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from netsculpt.core.catalog import catalog
from netsculpt.core.errors import FormatError
from netsculpt.nets import MLP, ResNet, initial_net, mask_net, prunable
from netsculpt.nets.choosing import apportioned, best
from netsculpt.training.fitting.batches import Batches, batches_of
from netsculpt.training.pruning.allocations import erk, uniform
from netsculpt.training.pruning.scopes import kernel, unit
from netsculpt.training.pruning.scores.grasp import grasp
from netsculpt.training.pruning.scores.snip import snip
from netsculpt.training.pruning.scores.synflow import synflow
from netsculpt.training.pruning.scores.synflow_l2 import synflow_l2
from netsculpt.training.tasks import digits

SCORES = catalog("scores")


@pytest.fixture
def batches() -> Batches:
    return batches_of(digits(), n_samples=40, batch_size=16, rng=1)


def digit_nets() -> list[nn.Module]:
    specs = [MLP((64, 20, 10)), ResNet((1, 8, 8), 10, widths=(4, 6), blocks=1)]
    return [initial_net(spec, rng=0) for spec in specs]


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("at", [0, 1])
def test_scores_fit_the_weights_and_leave_the_net(name, at, batches):
    net = digit_nets()[at]
    before = copy.deepcopy(net.state_dict())
    generator = torch.random.get_rng_state()
    scores = SCORES[name](net, batches, rng=3)
    again = SCORES[name](net, batches, rng=3)
    assert {k: x.shape for k, x in scores.items()} == {k: x.shape for k, x in prunable(net).items()}
    assert all(torch.equal(scores[k], again[k]) for k in scores)
    assert all(torch.isfinite(x).all() for x in scores.values())
    assert all(torch.equal(x, before[k]) for k, x in net.state_dict().items())
    assert all(x.grad is None for x in net.parameters())
    assert torch.equal(generator, torch.random.get_rng_state())


def mean_loss(net: nn.Module, batches: Batches, parameters: dict[str, Tensor]) -> Tensor:
    inputs, targets = (torch.cat(x) for x in zip(*batches, strict=True))
    return batches.loss(functional_call(net, parameters, (inputs,)), targets)


def small() -> tuple[nn.Module, Batches]:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    inputs, targets = torch.randn(7, 3).double(), torch.randint(2, (7,))
    return net, Batches([(inputs[:5], targets[:5]), (inputs[5:], targets[5:])])


def test_snip_is_the_gradient_of_all_samples():
    net, batches = small()
    found = snip(net, batches)
    loss = mean_loss(net, batches, dict(net.named_parameters()))
    for name, weight in prunable(net).items():
        (gradient,) = torch.autograd.grad(loss, weight, retain_graph=True)
        torch.testing.assert_close(found[name], (weight * gradient).abs().detach())


def test_snip_adds_gradients_with_their_signs():
    net = nn.Linear(1, 1, bias=False)
    opposite = [
        (torch.tensor([[1.0]]), torch.zeros(1, 1)),
        (torch.tensor([[-1.0]]), torch.zeros(1, 1)),
    ]
    assert float(snip(net, Batches(opposite, lambda f, y: (f - y).sum()))["weight"]) == 0.0


def test_grasp_is_weight_times_hessian_times_gradient():
    net, batches = small()
    names, weights = zip(*prunable(net).items(), strict=True)
    sizes = [x.numel() for x in weights]
    others = {k: x.detach() for k, x in net.named_parameters()}

    def loss(flat: Tensor) -> Tensor:
        parts = torch.split(flat, sizes)
        given = {k: part.reshape(w.shape) for k, part, w in zip(names, parts, weights, strict=True)}
        inputs, targets = (torch.cat(x) for x in zip(*batches, strict=True))
        logits = functional_call(net, {**others, **given}, (inputs,))
        return batches.loss(logits / 3.0, targets)

    flat = torch.cat([x.detach().flatten() for x in weights])
    hessian = torch.autograd.functional.hessian(loss, flat)
    gradient = torch.autograd.functional.jacobian(loss, flat)
    found = torch.cat([x.flatten() for x in grasp(net, batches, temperature=3.0).values()])
    torch.testing.assert_close(found, flat * (hessian @ gradient))
    assert (found < 0).any()  # signed


@pytest.mark.parametrize(("score", "power"), [(synflow, 1), (synflow_l2, 2)])
@pytest.mark.parametrize("at", [0, 1])
def test_flow_is_conserved_layer_by_layer(score, power, at, batches):
    """On a chain each layer carries all of R; R is what the net of |w|^power gives for ones."""
    net = digit_nets()[at]
    with torch.no_grad():
        for x in net.parameters():
            if x.ndim == 1:
                x.normal_()  # biases and factors of norms that differ from 0 and 1
    found = {name: float(x.sum()) for name, x in score(net, batches).items()}
    positive = copy.deepcopy(net).double().eval()
    with torch.no_grad():
        for name, x in positive.state_dict().items():
            if name.endswith(("bias", "running_mean")):
                x.zero_()
            elif x.ndim > 1:
                x.copy_(x.abs() ** power)
            else:
                x.copy_(x.abs())
        total = float(positive(torch.ones(1, 64, dtype=torch.float64)).sum())
    chain = ["fc1.weight", "fc2.weight"] if at == 0 else ["conv.weight", "fc.weight"]
    assert [found[name] for name in chain] == pytest.approx([total, total], rel=1e-9)


@pytest.mark.parametrize("score", [synflow, synflow_l2])
def test_flow_does_not_change_when_a_unit_is_rescaled(score, batches):
    net = digit_nets()[0]
    before = score(net, batches)
    with torch.no_grad():
        net.fc1.weight[3] *= 7.0
        net.fc2.weight[:, 3] /= 7.0
    after = score(net, batches)
    for name in before:
        torch.testing.assert_close(before[name], after[name], rtol=1e-5, atol=0)


def test_pruned_weights_carry_no_flow(batches):
    net = digit_nets()[0]
    mask = torch.rand(20, 64) < 0.5
    mask_net(net, {"fc1.weight": mask})
    assert not synflow(net, batches)["fc1.weight"][~mask].any()


@pytest.mark.parametrize(
    ("shapes", "density", "expected"),
    [
        ([(300, 784), (100, 300), (10, 100)], 0.1, [0.079568, 0.230189, 1.0]),
        ([(300, 784), (100, 300), (10, 100)], 0.05, [0.038484, 0.111334, 0.918507]),
        ([(256, 64), (128, 256), (10, 128)], 0.1, [0.117002, 0.070201, 0.645851]),
        ([(3, 3, 3, 16), (3, 3, 16, 32), (512, 10)], 0.1, [0.097927, 0.019830, 0.172523]),
    ],
)
def test_erk_golden(shapes, density, expected):
    named = {str(at): shape for at, shape in enumerate(shapes)}
    assert list(erk(named, density).values()) == pytest.approx(expected, abs=5e-7)


@pytest.mark.parametrize("allocation", [erk, uniform])
@pytest.mark.parametrize("density", [0.0, 0.3, 1.0])
def test_allocations_stay_between_nothing_and_all(allocation, density):
    found = allocation({"a": (2, 3), "b": (50, 3, 3, 3), "c": (1, 1)}, density)
    assert all(0 <= x <= 1 for x in found.values())
    kept = found["a"] * 6 + found["b"] * 1350 + found["c"]
    assert kept == pytest.approx(density * 1357, abs=3)
    with pytest.raises(FormatError, match=r"density is 1\.5"):
        allocation({"a": (2, 3)}, 1.5)


def test_best_keeps_exactly_so_many_whatever_the_ties():
    rng = np.random.default_rng(0)
    for n_kept in range(31):
        scores = {"a": rng.integers(0, 3, (4, 5)).astype(float), "b": np.zeros(10)}
        keep = best(scores, n_kept)
        flat = np.concatenate([x.ravel() for x in scores.values()])
        chosen = np.concatenate([x.ravel() for x in keep.values()])
        order = np.lexsort((np.arange(30), -flat))
        expected = np.zeros(30, dtype=bool)
        expected[order[:n_kept]] = True
        np.testing.assert_array_equal(chosen, expected)


def test_best_refuses_what_is_no_number():
    with pytest.raises(FormatError, match="scores of b"):
        best({"a": np.zeros(2), "b": np.array([np.nan])}, 1)


def test_counts_add_up_and_fit():
    rng = np.random.default_rng(0)
    for _ in range(200):
        sizes = {str(at): int(n) for at, n in enumerate(rng.integers(1, 50, 4))}
        densities = {name: float(x) for name, x in zip(sizes, rng.random(4), strict=True)}
        total = int(rng.integers(0, sum(sizes.values()) + 1))
        counts = apportioned(densities, sizes, total, sizes)
        assert sum(counts.values()) == total
        assert all(0 <= counts[name] <= n for name, n in sizes.items())


def test_scopes_sum_what_they_join():
    scores = torch.arange(2 * 3 * 4.0).reshape(2, 3, 4)
    assert kernel(scores).flatten().tolist() == scores.sum(2).flatten().tolist()
    assert unit(scores).flatten().tolist() == scores.sum((1, 2)).tolist()
    assert torch.equal(kernel(scores[0]), scores[0])
