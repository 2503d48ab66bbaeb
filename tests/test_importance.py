"""Importance: what estimates vary with, truths they must meet, ranks, curves, groups."""

from __future__ import annotations

import copy
from itertools import permutations

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau, spearmanr
from torch import Tensor, nn

from netsculpt.core.catalog import catalog
from netsculpt.core.declared import variations
from netsculpt.core.errors import FormatError
from netsculpt.nets import CNN, LSTM, MLP, initial_net, mask_net, prunable
from netsculpt.training import Recipe, fit
from netsculpt.training.ablation import ablation
from netsculpt.training.fitting.batches import Batches
from netsculpt.training.importance import (
    group_shapley,
    importance,
    movement,
    obd_exact,
    pruning_curve,
)
from netsculpt.training.importance.places import Places
from netsculpt.training.importance.ranks import agreement
from netsculpt.training.pruning.scores import (
    input_deviation,
    lamp,
    obd,
    relative_importance,
    wanda,
    woodfisher,
)
from netsculpt.training.pruning.scores.woodfisher import compensated
from netsculpt.training.tasks import Task, digits, hold_out

SCORES = catalog("scores")
OWN_TERMS = {"synflow", "synflow_l2"}  # of the net without biases


def sample(n: int = 24) -> Batches:
    generator = torch.Generator().manual_seed(2)
    inputs = torch.randn(n, 6, generator=generator).double()
    targets = torch.randint(3, (n,), generator=generator)
    return Batches([(inputs[:15], targets[:15]), (inputs[15:], targets[15:])])


@pytest.fixture(scope="module")
def batches() -> Batches:
    return sample()


@pytest.fixture(scope="module")
def net() -> nn.Module:
    return initial_net(MLP((6, 7, 5, 3)), rng=3).double()


def rescaled(net: nn.Module) -> nn.Module:
    """The same function: hidden ReLU units scaled."""
    made, factors = copy.deepcopy(net), torch.linspace(0.2, 6, 7).double()
    with torch.no_grad():
        made.fc1.weight.mul_(factors[:, None])
        made.fc1.bias.mul_(factors)
        made.fc2.weight.div_(factors)
    return made


def ranks(scores: dict[str, Tensor]) -> Tensor:
    return torch.cat([x.flatten() for x in scores.values()])


def same(one: Tensor, other: Tensor) -> bool:
    """Whether scores are equal up to one factor for all: rankings are what they are for."""
    return bool(torch.allclose(one, other * (one.norm() / other.norm()), rtol=1e-6, atol=1e-12))


@pytest.mark.parametrize("name", SCORES)
def test_scores_vary_with_unit_scales_as_declared(
    name: str, net: nn.Module, batches: Batches
) -> None:
    before, after = (ranks(SCORES[name](x, batches, rng=0)) for x in (net, rescaled(net)))
    assert same(before, after) is ("unit scales" not in variations(SCORES[name]))


@pytest.mark.parametrize("name", SCORES)
def test_scores_vary_with_input_scales_as_declared(
    name: str, net: nn.Module, batches: Batches
) -> None:
    factors, other = torch.tensor([0.1, 3, 1, 7, 0.5, 2]).double(), copy.deepcopy(net)
    with torch.no_grad():
        other.fc1.weight.div_(factors)
    measured = Batches([(x * factors, y) for x, y in batches])
    before = ranks(SCORES[name](net, batches, rng=0))
    after = ranks(SCORES[name](other, measured, rng=0))
    assert same(before, after) is ("input scales" not in variations(SCORES[name]))


@pytest.mark.parametrize("name", SCORES)
def test_scores_vary_with_the_seed_as_declared(name: str, net: nn.Module, batches: Batches) -> None:
    one, other = (ranks(SCORES[name](net, batches, rng=seed)) for seed in (0, 1))
    assert torch.equal(one, other) is ("seed" not in variations(SCORES[name]))


@pytest.mark.parametrize("name", [x for x in SCORES if "seed" not in variations(SCORES[x])])
def test_scores_follow_units_in_another_order(name: str, net: nn.Module, batches: Batches) -> None:
    order, other = torch.tensor([3, 0, 6, 1, 5, 2, 4]), copy.deepcopy(net)
    with torch.no_grad():
        other.fc1.weight.copy_(net.fc1.weight[order])
        other.fc1.bias.copy_(net.fc1.bias[order])
        other.fc2.weight.copy_(net.fc2.weight[:, order])
    before, after = (SCORES[name](x, batches, rng=0) for x in (net, other))
    torch.testing.assert_close(after["fc1.weight"], before["fc1.weight"][order])
    torch.testing.assert_close(after["fc2.weight"], before["fc2.weight"][:, order])


def regression(n_in: int = 5) -> tuple[nn.Linear, Batches, Tensor]:
    """Least squares at its minimum, and its Hessian [n_in, n_in]: the loss is a quadratic."""
    inputs = torch.randn(40, n_in).double() @ torch.randn(n_in, n_in).double()
    targets = torch.randn(40, 1).double()
    net = nn.Linear(n_in, 1, bias=False).double()
    net.weight.data = torch.linalg.lstsq(inputs, targets).solution.T.contiguous()
    loss = Batches([(inputs, targets)], lambda f, y: (f - y).square().mean() / 2)
    return net, loss, inputs.T @ inputs / 40


def test_obd_is_exact_on_a_quadratic() -> None:
    net, batches, _ = regression()
    for weights in (net.weight.data.clone(), torch.randn(1, 5).double()):  # minimum, elsewhere
        net.weight.data = weights
        truth = ablation(net, batches).changes["weight"]
        torch.testing.assert_close(obd_exact(net, batches)["weight"], truth)


def test_compensation_is_a_refit() -> None:
    net, batches, hessian = regression()
    found = compensated(net.weight.data, hessian[None], damping=0.0)[0]
    ((inputs, targets),) = batches
    before = batches.loss(net(inputs), targets).detach()
    for q in range(5):
        others = [j for j in range(5) if j != q]
        refit = torch.linalg.lstsq(inputs[:, others], targets).solution
        after = batches.loss(inputs[:, others] @ refit, targets)
        assert float(found[q]) == pytest.approx(float(after - before), rel=1e-9)


def test_woodfisher_from_its_definition(net: nn.Module, batches: Batches) -> None:
    masked = copy.deepcopy(net)
    mask_net(masked, {"fc2.weight": torch.rand(5, 7) < 0.6})
    found = woodfisher(masked, batches)["fc2.weight"]
    gradients = []
    for inputs, targets in batches:
        for x, y in zip(inputs, targets, strict=True):
            loss = batches.loss(masked(x[None]), y[None])
            gradients.append(torch.autograd.grad(loss, masked.fc2.weight)[0])
    stacked = torch.stack(gradients)
    for row in range(5):
        kept = masked.fc2.weight[row] != 0
        own = stacked[:, row, kept]
        fisher = own.T @ own / len(own) + 1e-7 * torch.eye(own.shape[1])
        inverse = torch.linalg.inv(fisher).diagonal()
        expected = masked.fc2.weight.data[row, kept] ** 2 / (2 * inverse)
        torch.testing.assert_close(found[row, kept], expected, rtol=1e-6, atol=1e-12)
        assert not found[row, ~kept].any()


def test_exact_and_drawn_curvature_agree(batches: Batches) -> None:
    net = initial_net(MLP((6, 4, 3), "tanh"), rng=0).double()
    exact = obd_exact(net, batches)
    errors = [
        float((ranks(obd(net, batches, rng=1, n_draws=n)) - ranks(exact)).norm()) for n in (8, 512)
    ]
    assert errors[1] < errors[0] / 3  # √64 = 8 in the mean
    loss = torch.func.functional_call

    def of(flat: Tensor) -> Tensor:
        inputs, targets = (torch.cat(x) for x in zip(*batches, strict=True))
        parts = {"fc1.weight": flat[:24].view(4, 6), "fc2.weight": flat[24:].view(3, 4)}
        return batches.loss(loss(net, parts, (inputs,)), targets)

    flat = torch.cat([x.detach().flatten() for x in prunable(net).values()])
    hessian = torch.autograd.functional.hessian(of, flat)
    gradient = torch.autograd.functional.jacobian(of, flat)
    expected = -flat * gradient + flat**2 * hessian.diagonal() / 2
    torch.testing.assert_close(ranks(exact), expected)


def test_inputs_of_every_layer() -> None:
    """Root mean squares and deviations, by the values that layers are called with."""
    inputs = torch.randn(11, 16).double() + 1
    batches = Batches([(inputs[:4], torch.zeros(4)), (inputs[4:], torch.zeros(7))])
    cnn = initial_net(CNN((1, 4, 4), (3, 2), (), 2), rng=0).double()
    read = cnn[:4](inputs).movedim(1, -1).flatten(0, -2)  # what conv2 is called with
    sizes = {"wanda": read.square().mean(0).sqrt(), "deviation": read.std(0, correction=0)}
    for score, size in zip((wanda, input_deviation), sizes.values(), strict=True):
        expected = cnn.conv2.weight.abs() * size[:, None, None]
        torch.testing.assert_close(score(cnn, batches)["conv2.weight"], expected.detach())
    lstm = initial_net(LSTM((4, 4), 3, 2), rng=0).double()
    states = lstm.lstm(inputs.view(11, 4, 4))[0].detach()
    before = torch.cat([torch.zeros(11, 1, 3), states[:, :-1]], dim=1).flatten(0, 1)
    expected = lstm.lstm.weight_hh_l0.abs() * before.square().mean(0).sqrt()
    torch.testing.assert_close(wanda(lstm, batches)["lstm.weight_hh_l0"], expected.detach())


def test_layers_whose_inputs_are_not_known_are_named() -> None:
    net = nn.Sequential(nn.Unflatten(1, (4, 4)), nn.LSTM(4, 3, 2, batch_first=True))
    with pytest.raises(FormatError, match=r"'1\.weight_ih_l0' is a weight of LSTM"):
        wanda(net, Batches([(torch.zeros(2, 16), torch.zeros(2))]))


def test_layer_relative_scores_of_convolutions() -> None:
    net = nn.Conv2d(4, 6, 3, groups=2)
    size = net.weight.detach().double().abs()
    found, by_lamp = relative_importance(net)["weight"], lamp(net)["weight"]
    squares = size.square()
    for place in [(0, 0, 0, 0), (1, 1, 2, 0), (5, 1, 1, 1)]:
        out, column = place[0], place[1]
        group = slice(0, 3) if out < 3 else slice(3, 6)
        expected = size[place] / size[out].sum() + size[place] / size[group, column].sum()
        assert float(found[place]) == pytest.approx(float(expected))
        above = squares[squares >= squares[place]].sum()
        assert float(by_lamp[place]) == pytest.approx(float(squares[place] / above))


def test_movement_is_the_sum_over_a_descent() -> None:
    net, batches, _ = regression()
    net.weight.data = torch.randn(1, 5).double()
    start, rate, total = copy.deepcopy(net), 1e-4, torch.zeros(1, 5).double()
    inputs, targets = batches.pairs[0]
    for _ in range(200):
        (gradient,) = torch.autograd.grad(batches.loss(net(inputs), targets), net.weight)
        total -= net.weight.data * gradient
        net.weight.data -= rate * gradient
    found = movement(net, start)["weight"] / rate
    torch.testing.assert_close(found, total, rtol=0.05, atol=float(total.abs().max()) * 0.02)
    with pytest.raises(FormatError, match="the same net"):
        movement(net, nn.Linear(3, 1))


def test_ranks_are_scipys() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 200))
    y[:40] = 0  # no effect: not ties
    x[50:60] = 1.0  # ties
    for absolute in (False, True):
        found = agreement(x, y, absolute=absolute)
        one, other = (np.abs(v[40:]) if absolute else v[40:] for v in (x, y))
        assert found.n == 160
        assert found.spearman == pytest.approx(spearmanr(one, other).statistic)
        assert found.kendall == pytest.approx(kendalltau(one, other).statistic)


@pytest.fixture(scope="module")
def split() -> Task:
    whole = digits()
    return hold_out(Task("digits", whole.inputs[:300], whole.targets[:300], whole.goal), 0.3, rng=0)


@pytest.fixture(scope="module")
def trained(split: Task) -> nn.Module:
    net = initial_net(MLP((64, 12, 10)), rng=0)
    mask_net(net, {"fc1.weight": torch.arange(12 * 64).view(12, 64) % 3 > 0})
    return fit(net, split, Recipe(epochs=8, learning_rate=0.02), rng=0).net


def test_importance_says_what_its_parts_say(trained: nn.Module, split: Task) -> None:
    start = initial_net(MLP((64, 12, 10)), rng=0)
    found = importance(
        trained, split, estimators=["magnitude", "first_order"], start=start, n_samples=60, rng=0
    )
    table = found.table()
    kept = {n: x.detach() for n, x in prunable(trained).items()}
    assert found.n_weights == 12 * 64 * 2 // 3 + 120
    for row in table.sample(20, random_state=0).to_dict("records"):
        weight = float(kept[row["parameter"]][row["row"], row["column"]])
        assert row["weight"] == pytest.approx(weight)
        assert row["magnitude"] == pytest.approx(abs(weight))
    held_out = split.held_out
    assert held_out is not None
    again = importance(trained, split, estimators=["magnitude"], curves_of=[], rng=1)
    expected = ablation(trained, Batches([(held_out.inputs, held_out.targets)], split.goal.loss))
    np.testing.assert_array_equal(
        again.changes["held_out"], Places.of(trained).values(expected.changes)
    )
    assert again.losses["held_out"] == expected.loss
    correlations = found.correlations()
    assert len(correlations) == 3 * 3 * 2 * 2  # estimates, pooled and layers, data, outcomes
    assert set(correlations["estimate"]) == {"magnitude", "first_order", "movement"}
    dead = (split.inputs == 0).all(dim=0)
    never = table[(table["parameter"] == "fc1.weight") & dead.numpy()[table["column"]]]
    assert len(never)
    assert not never["change_train"].any()
    effects = found.effects().set_index(["parameter", "data"])
    assert effects.loc[("fc1.weight", "train"), "unchanged"] >= len(never) / (len(table) - 120)


def test_curves_are_forward_passes(trained: nn.Module, split: Task) -> None:
    places = Places.of(trained)
    size = places.values({k: x.abs() for k, x in prunable(trained).items()})
    curves = {
        order: pruning_curve(
            trained, split, size, estimate="magnitude", order=order, shares=(0.0, 0.5, 1.0)
        )
        for order in ("smallest", "largest", "random")
    }
    cut = copy.deepcopy(trained)
    threshold = np.sort(size)[round(0.5 * len(size))]
    mask_net(cut, {name: x.abs() >= float(threshold) for name, x in prunable(trained).items()})
    expected = split.goal.accuracy(cut(split.validation.inputs), split.validation.targets)
    assert curves["smallest"].accuracies["held_out"][1] == pytest.approx(expected)
    ends = {tuple(x.accuracies["train"][[0, 2]]) for x in curves.values()}
    assert len(ends) == 1  # all weights, and none, in whatever order
    assert curves["smallest"].area("train") > curves["random"].area("train")
    assert curves["random"].area("train") > curves["largest"].area("train")
    assert np.isnan(curves["random"].accuracies["recovered"]).all()


def test_recovery_trains_what_is_left(trained: nn.Module, split: Task) -> None:
    size = Places.of(trained).values({k: x.abs() for k, x in prunable(trained).items()})
    curve = pruning_curve(
        trained,
        split,
        size,
        estimate="magnitude",
        order="largest",
        shares=(0.5,),
        recovery=Recipe(epochs=20, learning_rate=0.02),
    )
    assert curve.accuracies["recovered"][0] > curve.accuracies["held_out"][0] + 0.1


def groups_of(net: nn.Module, n: int) -> dict[str, dict[str, Tensor]]:
    names = torch.arange(net.fc1.weight.numel()).view_as(net.fc1.weight) % n
    return {str(g): {"fc1.weight": names == g} for g in range(n)}


def test_shapley_values_are_means_over_all_orders(net: nn.Module, batches: Batches) -> None:
    groups = groups_of(net, 4)

    def loss(removed: tuple[int, ...]) -> float:
        made = copy.deepcopy(net)
        for g in removed:
            made.fc1.weight.data[groups[str(g)]["fc1.weight"]] = 0
        return sum(batches.loss(made(x), y).item() * len(x) for x, y in batches) / 24

    expected = np.zeros(4)
    for order in permutations(range(4)):
        for at, g in enumerate(order):
            expected[g] += (loss(order[: at + 1]) - loss(order[:at])) / 24
    found = group_shapley(net, batches, groups)
    np.testing.assert_allclose(found.values, expected, atol=1e-12)
    assert found.values.sum() == pytest.approx(found.total)


def test_sampled_shapley_values_are_near_and_add_up(net: nn.Module, batches: Batches) -> None:
    groups = groups_of(net, 11)
    found = group_shapley(net, batches, groups, n_orders=40, rng=0)
    assert found.values.sum() == pytest.approx(found.total)
    other = group_shapley(net, batches, groups, n_orders=120, rng=1)
    errors = np.hypot(found.errors, other.errors)
    assert (np.abs(found.values - other.values) < 4 * errors + 1e-12).all()
    assert (other.errors > 0).all()


def test_groups_are_apart(net: nn.Module, batches: Batches) -> None:
    everything = {"fc1.weight": torch.ones(7, 6, dtype=torch.bool)}
    with pytest.raises(FormatError, match="group 'b' shares weights"):
        group_shapley(net, batches, {"a": everything, "b": everything})
    with pytest.raises(FormatError, match="group 'a' has a mask of 'fc9'"):
        group_shapley(net, batches, {"a": {"fc9": torch.ones(1, dtype=torch.bool)}})


def test_what_cannot_be_measured_is_refused(trained: nn.Module, split: Task) -> None:
    with pytest.raises(FormatError, match="no held-out samples"):
        importance(trained, digits())
    with pytest.raises(FormatError, match="did you mean magnitude"):
        importance(trained, split, estimators=["magnitud"])
    with pytest.raises(FormatError, match="no estimate 'lamp' to prune by"):
        importance(trained, split, estimators=["magnitude"], curves_of=["lamp"])
