"""Layers made nearly isometric: exact where they can be, a long L-BFGS run elsewhere."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.sparse import csr_array
from scipy.sparse.csgraph import structural_rank
from torch import Tensor, nn

from netsculpt.core.catalog import catalog
from netsculpt.core.errors import FormatError
from netsculpt.nets import MLP, initial_net, mask_net, masks_of
from netsculpt.nets.initialisations import glorot, he, orthogonal
from netsculpt.paths import isometry
from netsculpt.training import prune
from netsculpt.training.pruning.approximate_isometry import _residual, _slope, approximate_isometry


def linear(n_out: int, n_in: int, seed: int = 0) -> nn.Linear:
    net = nn.Linear(n_in, n_out)
    with torch.no_grad():
        net.weight.normal_(generator=torch.Generator().manual_seed(seed))
    return net


def random_mask(n_out: int, n_in: int, density: float, seed: int = 0) -> Tensor:
    return torch.rand(n_out, n_in, generator=torch.Generator().manual_seed(seed)) < density


@pytest.mark.parametrize("shape", [(30, 30), (12, 40), (40, 12), (1, 5), (5, 1), (1, 1)])
@pytest.mark.parametrize("gain", [1.0, 2.0**0.5, 0.01, 30.0])
def test_dense_matrices_become_orthogonal(shape, gain):
    net = linear(*shape)
    found = approximate_isometry(net, gain=gain)
    assert found.converged == (True,)
    np.testing.assert_allclose(found.after[0], np.full(min(shape), gain), rtol=1e-3)
    np.testing.assert_allclose(found.after[0], isometry(found.net.weight).singular_values)
    np.testing.assert_allclose(found.before[0], isometry(net.weight).singular_values, rtol=1e-5)
    assert torch.equal(found.net.bias, net.bias)


def squared_distance(weight: np.ndarray, gain: float) -> float:
    """As defined: the smaller Gram matrix less gain² · identity."""
    gram = weight @ weight.T if weight.shape[0] <= weight.shape[1] else weight.T @ weight
    return float(((gram - gain**2 * np.eye(len(gram))) ** 2).sum())


@pytest.mark.parametrize("shape", [(20, 20), (12, 30), (30, 12)])
@pytest.mark.parametrize("density", [0.5, 0.2, 0.1])
def test_sparse_matrices_come_as_near_as_by_a_long_run_of_lbfgs(shape, density):
    net, mask = linear(*shape), random_mask(*shape, density)
    found = approximate_isometry(net, {"weight": mask}, steps=5000, tolerance=1e-7)
    kept = mask.numpy()
    start = net.weight.detach().double().numpy()[kept]

    def objective(entries: np.ndarray) -> tuple[float, np.ndarray]:
        weight = np.zeros(shape)
        weight[kept] = entries
        slim = weight if shape[0] <= shape[1] else weight.T
        slope = 4 * (slim @ slim.T - np.eye(len(slim))) @ slim
        return squared_distance(weight, 1.0), (slope if shape[0] <= shape[1] else slope.T)[kept]

    long = minimize(
        objective, start, jac=True, method="L-BFGS-B",
        options={"maxiter": 20000, "maxfun": 40000, "ftol": 0, "gtol": 1e-10, "maxcor": 30},
    )  # fmt: skip
    weight = found.net.weight.detach().double().numpy()
    reached = found.distance_after[0] ** 2
    assert reached == pytest.approx(squared_distance(weight, 1.0), abs=1e-9)
    assert reached <= long.fun + 1e-3
    best = np.zeros(shape)
    best[kept] = long.x
    squares = np.linalg.svd(best, compute_uv=False) ** 2
    if abs(reached - long.fun) < 1e-3:  # the same minimum, not a lower one
        assert (found.after[0] ** 2).mean() == pytest.approx(squares.mean(), abs=1e-3)
    rank = structural_rank(csr_array(kept.astype(float)))
    assert reached >= min(shape) - rank - 1e-9, "every singular value that must be 0 costs 1"


def test_a_diagonal_is_solved_exactly():
    mask = torch.eye(5) > 0
    found = approximate_isometry(linear(5, 5), {"weight": mask})
    assert found.net.weight.diagonal().abs().tolist() == pytest.approx([1.0] * 5, abs=1e-5)
    assert not found.net.weight[~mask].any()


def test_a_kept_weight_goes_to_zero_where_it_has_to():
    """Rows (a, b) and (c, 0) are orthonormal for a = 0 and b = c = ±1 alone."""
    mask = torch.tensor([[True, True], [True, False]])
    found = approximate_isometry(linear(2, 2), {"weight": mask})
    expected = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    torch.testing.assert_close(found.net.weight.detach().abs(), expected, atol=1e-3, rtol=0)


@pytest.mark.parametrize("gain", [1.0, 1.7])
def test_slope_is_the_gradient_of_the_squared_distance(gain):
    torch.manual_seed(0)
    matrix = torch.randn(2, 4, 6, dtype=torch.float64, requires_grad=True)
    free = (torch.rand(2, 4, 6) < 0.6).double()
    masked = matrix * free
    (expected,) = torch.autograd.grad(_residual(masked, gain).square().sum(), matrix)
    torch.testing.assert_close(_slope(_residual(masked, gain), masked, free), expected)


def test_no_step_makes_it_worse():
    net, mask = linear(25, 25), {"weight": random_mask(25, 25, 0.3)}
    reached = [approximate_isometry(net, mask, steps=n).distance_after[0] for n in range(1, 30)]
    assert np.all(np.diff(reached) <= 1e-6)


def pruned_net(density: float = 0.1) -> nn.Module:
    net = orthogonal(initial_net(MLP((20, 30, 30, 5)), rng=0), rng=0)
    mask_net(net, prune(net, method="random", density=density, rng=0).masks)
    return net


def test_the_net_stays_and_its_masks_too():
    net = pruned_net()
    before = copy.deepcopy(net.state_dict())
    found = approximate_isometry(net)
    again = approximate_isometry(net)
    assert all(torch.equal(x, before[name]) for name, x in net.state_dict().items())
    assert list(found.net.state_dict()) == list(before)
    for name, mask in masks_of(net).items():
        assert torch.equal(mask, masks_of(found.net)[name])
        weight = found.net.state_dict()[name]
        assert not weight[~mask].any()
        assert torch.equal(weight, again.net.state_dict()[name]), "the same bytes"
    given = approximate_isometry(
        orthogonal(initial_net(MLP((20, 30, 30, 5)), rng=0), rng=0), masks_of(net)
    )
    assert torch.equal(given.net.fc2.weight, found.net.fc2.weight)


def test_results_say_what_was_found():
    net = pruned_net()
    told = []
    found = approximate_isometry(net, progress=lambda *at: told.append(at))
    assert told == [(1, 3), (2, 3), (3, 3)]
    table = found.table()
    assert table["parameter"].tolist() == ["fc1.weight", "fc2.weight", "fc3.weight"]
    assert (table["distance_after"] < table["distance_before"]).all()
    assert table["mean_before"].iloc[1] == pytest.approx(isometry(net.fc2.weight).mean)
    assert table["sd_after"].iloc[1] == pytest.approx(isometry(found.net.fc2.weight).sd)
    summary = found.summary()
    assert summary["steps"] == sum(found.steps)
    assert summary["mean_after"] > 2 * summary["mean_before"]
    assert all(type(x) in {int, float, bool} for x in summary.values())


@pytest.mark.parametrize(
    ("layer", "groups"),
    [
        (nn.Conv2d(4, 6, 3), 1),
        (nn.Conv2d(4, 6, 3, groups=2), 2),
        (nn.Conv2d(6, 6, 3, groups=6), 6),
        (nn.Conv1d(3, 20, 2), 1),
        (nn.ConvTranspose2d(6, 4, 3), 1),
        (nn.ConvTranspose2d(6, 4, 3, groups=2), 2),
    ],
    ids=str,
)
def test_kernels_are_matrices_of_units_by_inputs_and_taps(layer, groups):
    net = orthogonal(layer, rng=1, gain=3.0)
    found = approximate_isometry(layer)

    def units(weight: Tensor) -> list[Tensor]:
        """[out, in · taps] of each group, from torch's definition of a kernel."""
        parts = weight.detach().chunk(groups)
        turned = isinstance(layer, nn.ConvTranspose2d)
        return [(x.transpose(0, 1) if turned else x).flatten(1) for x in parts]

    matrices = zip(units(net.weight), units(found.net.weight), strict=True)
    for drawn, moved in matrices:
        torch.testing.assert_close(
            torch.linalg.svdvals(drawn), torch.full((min(drawn.shape),), 3.0), rtol=1e-5, atol=0
        )
        torch.testing.assert_close(
            torch.linalg.svdvals(moved), torch.ones(min(moved.shape)), rtol=1e-3, atol=0
        )
    n_values = sum(min(x.shape) for x in units(net.weight))
    assert found.after[0].shape == (n_values,)
    assert np.all(np.diff(found.after[0]) <= 0)


def test_what_cannot_move_stays():
    net = linear(4, 4)
    empty = approximate_isometry(net, {"weight": torch.zeros(4, 4, dtype=torch.bool)})
    assert not empty.net.weight.any()
    assert empty.distance_after == (2.0,)
    assert empty.converged == (True,)
    with torch.no_grad():
        net.weight[2] = 0.0  # kept weights that are 0: a stationary point
    found = approximate_isometry(net)
    assert not found.net.weight[2].any()
    np.testing.assert_allclose(found.after[0], [1, 1, 1, 0], atol=1e-3)
    assert approximate_isometry(nn.ReLU()).names == ()


def test_norms_and_float64():
    net = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Linear(5, 5)).double()
    found = approximate_isometry(net, tolerance=1e-10)
    assert found.names == ("0.weight", "2.weight")
    assert torch.equal(found.net[1].weight, net[1].weight)
    assert found.net[0].weight.dtype == torch.float64
    np.testing.assert_allclose(np.concatenate(found.after), np.ones(10), atol=1e-9)


def test_broken_nets_and_settings_are_told():
    net = linear(3, 3)
    for wrong in ({"gain": 0.0}, {"gain": float("nan")}, {"steps": 0}):
        with pytest.raises(FormatError, match="gain above 0"):
            approximate_isometry(net, **wrong)
    with pytest.raises(FormatError, match="boolean mask"):
        approximate_isometry(net, {"weight": torch.ones(3, 3)})
    with torch.no_grad():
        net.weight[1, 1] = float("inf")
    with pytest.raises(FormatError, match="'weight' are not finite"):
        approximate_isometry(net)


@pytest.mark.parametrize("name", catalog("initialisations"))
def test_initialisations_depend_on_the_seed_alone(name):
    draw = catalog("initialisations")[name]
    net = pruned_net()
    before = copy.deepcopy(net.state_dict())
    a, b, other = draw(net, rng=3), draw(net, rng=3), draw(net, rng=4)
    assert all(torch.equal(x, before[key]) for key, x in net.state_dict().items())
    assert torch.equal(a.fc2.weight, b.fc2.weight)
    assert not torch.equal(a.fc2.weight, other.fc2.weight)
    for key, mask in masks_of(net).items():
        assert torch.equal(a.state_dict()[key] != 0, mask)
    assert not a.fc1.bias.any()


@pytest.mark.parametrize(
    ("layer", "variances"),
    [
        (nn.Linear(300, 100), {he: 2 / 300, glorot: 2 / 400}),
        (nn.Conv2d(40, 20, 5), {he: 2 / 1000, glorot: 2 / 1500}),
        (nn.Conv2d(40, 20, 5, groups=2), {he: 2 / 500, glorot: 2 / 750}),
        (nn.ConvTranspose2d(40, 20, 5), {he: 2 / 1000, glorot: 2 / 1500}),
    ],
)
def test_variances_are_those_of_the_papers(layer, variances):
    for draw, variance in variances.items():
        weight = draw(layer, rng=0).weight.detach().double()
        assert weight.square().mean().item() == pytest.approx(variance, rel=0.05)
        assert abs(weight.mean().item()) < 4 * (variance / weight.numel()) ** 0.5
