"""Importance of nets of any kind: in train mode, of other types, under torch's masks, refused."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from netsculpt import plots
from netsculpt.core.errors import FormatError, NetsculptWarning
from netsculpt.nets import mask_net, masks_of, with_own_masks
from netsculpt.training import Recipe, fit
from netsculpt.training import prune as pruned_net
from netsculpt.training.fitting.batches import Batches
from netsculpt.training.importance import importance, obd_exact
from netsculpt.training.pruning.scores import grasp, obd
from netsculpt.training.tasks import Classes, Task


def samples(n: int, seed: int) -> Task:
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(n, 6, generator=generator)
    targets = torch.randint(3, (n, 1), generator=generator)
    return Task("small", inputs, targets, Classes((3,)))


@pytest.fixture(scope="module")
def task() -> Task:
    made, held_out = samples(40, 0), samples(20, 1)
    return Task(made.name, made.inputs, made.targets, made.goal, held_out=held_out)


def perceptron() -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))


def with_norm() -> nn.Sequential:
    return nn.Sequential(perceptron()[0], nn.BatchNorm1d(5), nn.Dropout(0.5), nn.Linear(5, 3))


@pytest.mark.parametrize("is_training", [True, False])
def test_a_net_stays_as_it_is_whatever_its_mode(task: Task, is_training: bool) -> None:
    net = with_norm().train(is_training)
    before, drawn = copy.deepcopy(net.state_dict()), torch.get_rng_state()
    found = importance(net, task, estimators=["magnitude", "snip", "grasp", "obd"], rng=0)
    assert all(torch.equal(x, before[name]) for name, x in net.state_dict().items())
    assert net.training is is_training
    assert torch.equal(torch.get_rng_state(), drawn)
    still = copy.deepcopy(net).eval()
    for name, part in (("train", task), ("held_out", task.validation)):
        logits = still(part.inputs).detach()
        assert found.accuracies[name] == part.goal.accuracy(logits, part.targets)
        loss = float(part.goal.loss(logits, part.targets))
        assert found.losses[name] == pytest.approx(loss, rel=1e-5)


@pytest.mark.parametrize("kind", [torch.float64, torch.float16, torch.bfloat16])
def test_a_net_of_another_type(task: Task, kind: torch.dtype) -> None:
    net = perceptron().to(kind)
    recovery = Recipe(epochs=1)
    options = {"curves_of": ["magnitude"], "recovery": recovery, "rng": 0}
    found = importance(net, task, estimators=["magnitude", "snip"], **options)
    same = importance(copy.deepcopy(net).float(), task, estimators=["magnitude"], **options)
    assert net[0].weight.dtype == kind
    np.testing.assert_allclose(found.changes["train"], same.changes["train"], atol=1e-6)
    assert found.curves[0].accuracies["recovered"] == pytest.approx(
        same.curves[0].accuracies["recovered"]
    )


def under_torch_prune() -> nn.Sequential:
    net = perceptron()
    prune.l1_unstructured(net[0], "weight", amount=0.5)
    prune.random_unstructured(net[2], "bias", amount=1)
    return net


def test_masks_of_torch_are_masks(task: Task) -> None:
    net = under_torch_prune()
    mask = net[0].weight_mask != 0
    expected = perceptron()
    mask_net(expected, {"0.weight": mask})
    with torch.no_grad():
        expected[2].bias.mul_(net[2].bias_mask)
    found = importance(net, task, start=net, estimators=["magnitude", "snip", "wanda"], rng=0)
    same = importance(expected, task, start=perceptron(), estimators=["magnitude"], rng=0)
    assert found.n_weights == 15 + 15
    np.testing.assert_array_equal(found.weights, same.weights)
    np.testing.assert_array_equal(found.changes["train"], same.changes["train"])
    assert not found.estimates["movement"].any()
    assert prune.is_pruned(net)
    assert torch.equal(masks_of(with_own_masks(net))["0.weight"], mask)


def test_pruning_a_net_under_torchs_masks_says_what_to_do(task: Task) -> None:
    net = under_torch_prune()
    with pytest.raises(FormatError, match="with_own_masks"):
        pruned_net(net, method="magnitude", density=0.2)
    masks = pruned_net(with_own_masks(net), method="magnitude", density=0.2).masks
    assert not (masks["0.weight"] & (net[0].weight_mask == 0)).any()
    fitted = fit(net, task, Recipe(epochs=2, learning_rate=0.1), rng=0).net
    fitted(task.inputs)
    assert not fitted[0].weight[net[0].weight_mask == 0].any()


def test_zeros_without_a_mask_are_pointed_out(task: Task) -> None:
    net = under_torch_prune()
    prune.remove(net[0], "weight")
    with pytest.warns(NetsculptWarning, match=r"15 of the 30 weights of '0\.weight' are 0"):
        found = importance(net, task, estimators=["magnitude"], rng=0)
    assert found.n_weights == 45
    mask_net(net, {"0.weight": net[0].weight != 0})
    assert importance(net, task, estimators=["magnitude"], rng=0).n_weights == 30


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(2, 1, batch_first=True)
        self.last = nn.Linear(2, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = x.view(-1, 3, 2)
        return self.last(self.attention(x, x, x, need_weights=False)[0].mean(1))


@pytest.fixture(scope="module")
def attention() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Attention()


def test_second_derivatives_of_attention(task: Task, attention: nn.Module) -> None:
    """By differences of gradients along each weight."""
    inputs, targets = task.inputs.double(), task.targets
    batches, name = Batches([(inputs, targets)], task.goal.loss), "attention.in_proj_weight"
    net = copy.deepcopy(attention).double()
    weight = dict(net.named_parameters())[name]

    def gradient() -> Tensor:
        (found,) = torch.autograd.grad(task.goal.loss(net(inputs), targets), weight)
        return found

    step, here = 1e-5, gradient()
    expected = torch.empty(weight.numel(), dtype=torch.float64)
    for n in range(weight.numel()):
        with torch.no_grad():
            weight.view(-1)[n] += step
        ahead = gradient().flatten()[n]
        with torch.no_grad():
            weight.view(-1)[n] -= step
        h, w = (ahead - here.flatten()[n]) / step, weight.detach().flatten()[n]
        expected[n] = w * w * h / 2 - w * here.flatten()[n]
    exact = obd_exact(net, batches)[name]
    torch.testing.assert_close(exact.flatten(), expected, atol=1e-6, rtol=1e-3)
    drawn = obd(net, batches, rng=0, n_draws=400)[name]
    assert np.corrcoef(drawn.flatten(), expected)[0, 1] > 0.9
    assert torch.isfinite(grasp(net, batches)[name]).all()


def test_all_estimates_are_all_that_can_be_made(task: Task, attention: nn.Module) -> None:
    found = importance(attention, task, n_samples=10, rng=0)
    assert {"obd", "grasp", "woodfisher", "magnitude"} <= set(found.estimates)
    assert set(found.left_out) == {"wanda", "input_deviation"}
    assert "choose a score that needs no inputs" in found.summary()["left_out"]["wanda"]


def test_an_estimate_that_cannot_be_made_is_named_before_the_work(
    task: Task, attention: nn.Module
) -> None:
    stages: list[str] = []
    with pytest.raises(FormatError, match=r"no estimate 'wanda' of this net .*: leave it out"):
        importance(
            attention,
            task,
            estimators=["magnitude", "wanda"],
            rng=0,
            progress=lambda stage, *_: stages.append(stage),
        )
    assert set(stages) == {"estimators"}

    def wrong(net: nn.Module, batches: Batches, *, rng: object) -> dict[str, Tensor]:
        return {}

    with pytest.raises(FormatError, match="no estimate 'wrong' of this net"):
        importance(perceptron(), task, estimators=[wrong], rng=0)


@pytest.mark.parametrize(
    ("net", "said"),
    [
        (nn.Linear(6, 2), r"returns \[2, 2\] for 2 samples, task 'small' needs logits \[2, 3\]"),
        (nn.Linear(5, 3), r"does not take the inputs of task 'small', \[2, 6\]"),
        (nn.Sequential(nn.ReLU()), "keeps none of its 0 weights"),
    ],
)
def test_nets_that_do_not_fit_are_refused(task: Task, net: nn.Module, said: str) -> None:
    with pytest.raises(FormatError, match=said):
        importance(net, task, rng=0)


def test_a_net_that_keeps_nothing_is_refused(task: Task) -> None:
    net = nn.Linear(6, 3)
    mask_net(net, {"weight": torch.zeros(3, 6, dtype=torch.bool)})
    with pytest.raises(FormatError, match="keeps none of its 18 weights"):
        importance(net, task, rng=0)


def test_curves_are_of_what_there_is(task: Task) -> None:
    found = importance(perceptron(), task, estimators=["obd"], rng=0)
    assert {curve.estimate for curve in found.curves} == {"ablation"}
    areas = found.areas().set_index("estimate")
    curves = {curve.order: curve for curve in found.curves}
    for name in ("train", "held_out"):
        means = {
            order: float(np.trapezoid(curve.accuracies[name], curve.shares)) / 0.9
            for order, curve in curves.items()
        }
        assert areas.loc["ablation", name] == pytest.approx(means["smallest"] - means["largest"])
    with pytest.raises(FormatError, match=r"there are ablation, obd, lamp$"):
        importance(perceptron(), task, estimators=["obd", "lamp"], curves_of=["snip"], rng=0)


@pytest.mark.parametrize(
    ("estimators", "said"),
    [
        (["movement"], "'movement' compares the net with an earlier one"),
        (["obd", "obd"], "'obd' is there twice"),
        ("magnitude", "give a list"),
        (["movment"], "did you mean movement"),
    ],
)
def test_names_of_estimates_are_checked(task: Task, estimators: list[str], said: str) -> None:
    with pytest.raises(FormatError, match=said):
        importance(perceptron(), task, estimators=estimators, rng=0)


def test_movement_may_be_named_where_there_is_a_start(task: Task) -> None:
    found = importance(
        perceptron(), task, estimators=["magnitude", "movement"], start=perceptron(), rng=0
    )
    assert list(found.estimates) == ["magnitude", "movement"]


def test_points_of_either_kind_of_samples_are_inside_the_same_axes(task: Task) -> None:
    found = importance(perceptron(), task, estimators=["magnitude"], curves_of=[], rng=0)
    drawn = {data: plots.ablation(found, data=data) for data in ("train", "held_out")}
    assert len({(ax.get_xlim(), ax.get_ylim()) for ax in drawn.values()}) == 1
    for data, ax in drawn.items():
        points = np.concatenate([np.asarray(x.get_offsets()) for x in ax.collections])
        assert len(points) == found.matters(data).sum()
        for limits, values in zip((ax.get_xlim(), ax.get_ylim()), points.T, strict=True):
            assert limits[0] < values.min() <= values.max() < limits[1]


def test_an_ablation_in_which_nothing_matters_is_drawn(task: Task) -> None:
    net = perceptron()
    net[0].bias.data.fill_(-1e3)
    net[2].weight.data.fill_(1.0)
    found = importance(net, task, estimators=["magnitude"], curves_of=[], rng=0)
    ax = plots.ablation(found)
    assert ax.figure is not None
    ax.figure.canvas.draw()
    assert "100% of the weights change nothing" in ax.get_title()
