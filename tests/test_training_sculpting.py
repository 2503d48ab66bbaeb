"""Stacked replicas against plain loops: the same nets, the same scores, the same cuts."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from netsculpt.core.catalog import catalog
from netsculpt.core.errors import FormatError
from netsculpt.core.random import stream
from netsculpt.nets.families import MLP
from netsculpt.training.fitting.recipe import Recipe
from netsculpt.training.sculpting.cuts import above_percentile
from netsculpt.training.sculpting.replicas import Replicas, initial_replicas
from netsculpt.training.sculpting.retraining import SCULPTING, Trained, _stacked, train
from netsculpt.training.sculpting.sculpt import Sculpted, SculptingMethod, sculpt
from netsculpt.training.tasks import Task, boolean, task

SPEC = MLP((4, 10, 8, 4))
RECIPE = replace(SCULPTING, epochs=40)
SCORES = catalog("unit_scores")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def separable() -> Task:
    return task("input-separable")


@pytest.fixture(scope="module")
def sculpted(separable: Task) -> Sculpted:
    return sculpt(
        MLP((4, 12, 4)),
        separable,
        RECIPE,
        seeds=range(8),
        unit_gradients=[70.0, 20.0],
        edge_gradients=[5.0],
    )


def rngs(seeds: range) -> list[np.random.Generator]:
    return [stream(seed, "test") for seed in seeds]


def alone(replicas: Replicas, at: int) -> nn.Module:
    net = replicas.spec.build()
    net.load_state_dict(replicas.state(at)[0])
    return net


@pytest.mark.parametrize("way", [train, _stacked])
def test_training_is_adam_on_shuffled_noisy_batches(
    way: Callable[..., Trained], separable: Task
) -> None:
    """Two epochs of one replica against torch's own optimizer, drawn by hand."""
    start = initial_replicas(SPEC, [3])
    recipe = replace(SCULPTING, epochs=2, batch_size=6, weight_decay=0.01, noise=0.2)
    found = way(start, separable, recipe, rngs(range(3, 4)))
    net = alone(start, 0)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.05, weight_decay=0.01)
    rng = stream(3, "test")
    best: tuple[float, float] = (-1.0, 0.0)
    for _ in range(2):
        numbers = torch.from_numpy(rng.standard_normal((16, 5), dtype=np.float32))
        order = numbers[:, -1].argsort()
        for rows in range(0, 16, 6):
            batch = order[rows : rows + 6]
            x = separable.inputs[batch] + 0.2 * numbers[rows : rows + 6, :-1]
            optimizer.zero_grad()
            separable.goal.loss(net(x), separable.targets[batch]).backward()
            optimizer.step()
        logits = net(separable.inputs).detach()
        now = separable.goal.accuracy(logits, separable.targets)
        loss = float(separable.goal.loss(logits, separable.targets))
        if (now, -loss) > best or best[0] < 0:
            best = now, -loss
            kept = {name: value.detach().clone() for name, value in net.named_parameters()}
    for name, values in kept.items():
        torch.testing.assert_close(found.replicas.parameters[name][0], values, rtol=1e-4, atol=1e-5)
    assert float(found.accuracy[0]) == pytest.approx(best[0])
    assert float(found.loss[0]) == pytest.approx(-best[1], rel=1e-4)


def test_stacked_equals_alone(separable: Task) -> None:
    """Batched products round differently: equal to 1e-3 after 6 steps of Adam."""
    recipe = replace(SCULPTING, epochs=3)
    seeds = range(5)
    together = _stacked(initial_replicas(SPEC, seeds), separable, recipe, rngs(seeds))
    for seed in seeds:
        single = _stacked(
            initial_replicas(SPEC, [seed]), separable, recipe, rngs(range(seed, seed + 1))
        )
        for name, values in single.replicas.parameters.items():
            torch.testing.assert_close(
                together.replicas.parameters[name][seed], values[0], rtol=1e-3, atol=1e-4
            )


def test_drawing_more_epochs_at_a_time_changes_nothing(
    separable: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = _stacked(initial_replicas(SPEC, [0]), separable, RECIPE, rngs(range(1)))
    monkeypatch.setattr("netsculpt.training.sculpting.retraining._CHUNK", 1)
    parts = _stacked(initial_replicas(SPEC, [0]), separable, RECIPE, rngs(range(1)))
    assert torch.equal(whole.loss, parts.loss)


@pytest.mark.parametrize("way", [train, _stacked])
def test_pruned_parameters_stay_zero(way: Callable[..., Trained], separable: Task) -> None:
    start = initial_replicas(SPEC, range(2))
    masks = {name: torch.rand(x.shape) < 0.5 for name, x in start.parameters.items()}
    found = way(start.masked(masks), separable, RECIPE, rngs(range(2))).replicas
    for name, mask in masks.items():
        assert (found.parameters[name][~mask] == 0).all()
        assert (found.parameters[name][mask] != 0).any()


def by_sample(replicas: Replicas, at: int, separable: Task) -> Tensor:
    """Mean |activation × gradient| of hidden units, one sample at a time."""
    net = alone(replicas, at)
    total = torch.zeros(replicas.spec.n_hidden)
    for x, y in zip(separable.inputs, separable.targets, strict=True):
        hidden, value = [], x[None]
        for name, layer in net.named_children():
            value = layer(value)
            if name.startswith("relu"):
                value.retain_grad()
                hidden.append(value)
        separable.goal.loss(value, y[None]).backward()
        total += torch.cat([(h * h.grad).abs()[0] for h in hidden])
    return (total / separable.n_samples).detach()


def test_activation_gradient_by_hand(separable: Task) -> None:
    replicas = initial_replicas(SPEC, range(3))
    found = SCORES["activation_gradient"](replicas, separable)
    for at in range(3):
        torch.testing.assert_close(found[at], by_sample(replicas, at, separable))


def test_activation_variance_by_hand(separable: Task) -> None:
    replicas = initial_replicas(SPEC, range(2))
    found = SCORES["activation_variance"](replicas, separable)
    first = functional_call(
        replicas.net[0],
        {
            "weight": replicas.parameters["fc1.weight"][1],
            "bias": replicas.parameters["fc1.bias"][1],
        },
        (separable.inputs,),
    ).relu()
    torch.testing.assert_close(found[1, :10], first.var(0, correction=0))


@pytest.mark.parametrize("name", SCORES)
def test_pruned_units_score_zero(name: str, separable: Task) -> None:
    replicas = initial_replicas(SPEC, range(2))
    masks = {key: mask.clone() for key, mask in replicas.masks.items()}
    masks["fc1.weight"][:, 4], masks["fc1.bias"][:, 4], masks["fc2.weight"][:, :, 4] = 0, 0, 0
    scores = SCORES[name](replicas.masked(masks), separable)
    assert scores.shape == (2, SPEC.n_hidden)
    assert (scores[:, 4] == 0).all()
    assert (scores >= 0).all()
    assert (scores > 0).any()


@pytest.mark.parametrize("percent", [0.0, 13.7, 50.0, 99.0, 100.0, 140.0])
def test_percentile_is_numpys(percent: float) -> None:
    scores = torch.randn(4, 23).abs()
    scores[:, :5] = 0
    kept = above_percentile(scores, torch.full((4,), percent, dtype=torch.float64))
    for row, mask in zip(scores.double().numpy(), kept.numpy(), strict=True):
        np.testing.assert_array_equal(mask, row > np.percentile(row, min(percent, 100)))


def test_every_accepted_net_solves_the_task(sculpted: Sculpted, separable: Task) -> None:
    assert sculpted.solved.any()
    for at in sculpted.solved.nonzero()[:, 0].tolist():
        net = alone(sculpted.replicas, at)
        assert separable.goal.solved(net(separable.inputs), separable.targets)
        assert int(sculpted.replicas.n_kept()[at]) < 40


def test_no_single_edge_step_was_left(sculpted: Sculpted, separable: Task) -> None:
    """The kept weights are not 0, and a unit without incoming ones has no bias."""
    for name in sculpted.replicas.weights:
        mask = sculpted.replicas.masks[name]
        assert (sculpted.replicas.parameters[name][~mask] == 0).all()
        bias = sculpted.replicas.parameters[name.replace(".weight", ".bias")]
        assert (bias[~mask.any(2)] == 0).all()


def test_same_seeds_same_bytes(separable: Task) -> None:
    def run() -> Sculpted:
        return sculpt(MLP((4, 8, 4)), separable, RECIPE, seeds=range(3))

    first, second = run(), run()
    for name, values in first.replicas.parameters.items():
        assert values.numpy().tobytes() == second.replicas.parameters[name].numpy().tobytes()


def test_unsolved_nets_are_left_dense() -> None:
    hard = boolean("f = a ^ b ^ c ^ d")
    few = replace(SCULPTING, epochs=1, learning_rate=1e-6)
    found = sculpt(MLP((4, 4, 1)), hard, few, seeds=range(2), unit_gradients=[10.0, 20.0])
    assert not found.solved.any()
    assert found.replicas.n_kept().tolist() == [20] * 4
    assert found.sparsest() == []


def test_runs_are_named_in_order(sculpted: Sculpted) -> None:
    assert sculpted.seeds[:4] == (0, 0, 1, 1)
    assert sculpted.unit_gradients[:4] == (70.0, 20.0, 70.0, 20.0)
    kept = sculpted.replicas.n_kept()
    for at in sculpted.sparsest():
        same = [i for i, seed in enumerate(sculpted.seeds) if seed == sculpted.seeds[at]]
        assert kept[at] == kept[same].min()


def test_moving_replicas_leaves_them_where_they_are() -> None:
    """The net, too: `nn.Module.to` moves in place."""
    replicas = initial_replicas(SPEC, [0])
    moved = replicas.to("meta")
    assert moved.device.type == "meta"
    assert {x.device.type for x in moved.net.buffers()} == {"meta"}
    assert {x.device.type for x in replicas.net.buffers()} == {"cpu"}


def by_hand(
    found: Sculpted, at: int, samples: Task, recipe: Recipe, *, rewind: bool
) -> list[Tensor]:
    """One run in plain code, from the paper: its weights and the masks of weights and biases."""
    spec, seed = found.replicas.spec, found.seeds[at]
    unit_gradient, edge_gradient = found.unit_gradients[at], found.edge_gradients[at]
    start = initial_replicas(spec, [seed])
    names = start.weights
    biases = [name.replace(".weight", ".bias") for name in names]

    def tried(net: Replicas, masks: dict[str, Tensor], rng: np.random.Generator) -> Trained:
        return train((start if rewind else net).masked(masks), samples, recipe, [rng])

    def without_units(net: Replicas, percent: float) -> dict[str, Tensor]:
        scores = by_sample(net, 0, samples).double().numpy()
        keep = iter(scores > np.percentile(scores, percent))
        masks = {name: mask.clone() for name, mask in net.masks.items()}
        for (name, following), bias in zip(itertools.pairwise(names), biases, strict=False):
            for unit in range(masks[name].shape[1]):
                if not next(keep):
                    masks[name][:, unit] = masks[bias][:, unit] = False
                    masks[following][:, :, unit] = False
        return masks

    def without_edges(net: Replicas, percent: float) -> dict[str, Tensor]:
        every = np.concatenate([net.parameters[name].abs().flatten().numpy() for name in names])
        threshold = np.percentile(every.astype(float), percent)
        masks = dict(net.masks)
        for name, bias in zip(names, biases, strict=True):
            masks[name] = net.parameters[name].abs().double() > threshold
            masks[bias] = masks[bias] & masks[name].any(2)
        return masks

    def pruned(
        net: Replicas,
        cut: Callable[[Replicas, float], dict[str, Tensor]],
        rng: np.random.Generator,
        percent: float,
        step: float,
        one: float,
    ) -> Replicas:
        while percent < 100:
            goes_to = min(percent + max(step, one), 100)
            trained = tried(net, cut(net, goes_to), rng)
            if trained.accuracy[0] == 1:
                net, percent = trained.replicas, goes_to
            elif step <= one * (1 + 1e-9):
                break
            else:
                step /= 2
        return net

    dense = train(start, samples, recipe, [stream(seed, "sculpt", "dense")])
    assert bool(found.solved[at]) == (float(dense.accuracy[0]) == 1)
    if not found.solved[at]:
        return [*dense.replicas.parameters.values(), *dense.replicas.masks.values()]
    rng = stream(seed, "sculpt", "units", str(unit_gradient))
    net = pruned(dense.replicas, without_units, rng, 0, unit_gradient, 100 / spec.n_hidden)
    again = train(net, samples, recipe, [rng])
    net = again.replicas if again.accuracy[0] == 1 else net
    rng = stream(seed, "sculpt", "edges", str(unit_gradient), str(edge_gradient))
    gone = 100 * (1 - float(net.n_kept()[0]) / spec.n_weights)
    net = pruned(net, without_edges, rng, gone, edge_gradient, 100 / spec.n_weights)
    return [*net.parameters.values(), *net.masks.values()]


@pytest.mark.parametrize(
    ("widths", "rewind"), [((4, 12, 4), False), ((4, 16, 16, 16, 4), False), ((4, 16, 4), True)]
)
def test_every_run_is_the_published_method(
    widths: tuple[int, ...], rewind: bool, separable: Task
) -> None:
    """Runs of many seeds and gradients together, each against plain code, to the bit."""
    pytest.importorskip("numba", reason="stacked products round differently")
    recipe = replace(SCULPTING, epochs=25)
    found = sculpt(
        *(MLP(widths), separable, recipe),
        seeds=range(5),
        unit_gradients=[70.0, 15.0],
        edge_gradients=[5.0, 2.0],
        method=SculptingMethod(rewind=rewind),
    )
    assert found.solved.any()
    for at in range(len(found.seeds)):
        expected = by_hand(found, at, separable, recipe, rewind=rewind)
        values = *found.replicas.parameters.values(), *found.replicas.masks.values()
        for one, other in zip(expected, values, strict=True):
            assert torch.equal(one[0], other[at]), (at, found.seeds[at])


def test_the_first_of_equally_sparse_runs_is_taken() -> None:
    found = Sculpted(
        initial_replicas(MLP((2, 3, 1)), [7, 7, 8]),
        (7, 7, 8),
        (1.0, 2.0, 1.0),
        (1.0,) * 3,
        torch.ones(3) > 0,
    )
    assert found.sparsest() == [0, 2]


@pytest.mark.parametrize(
    "wrong", [{"learning_rate": float("inf")}, {"noise": float("nan")}, {"epochs": 0}]
)
def test_recipes_out_of_bounds_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(FormatError, match=str(next(iter(wrong.values())))):
        replace(SCULPTING, **wrong)


@pytest.mark.parametrize(
    "other",
    [
        *({"optimizer": "sgd"}, {"schedule": "cosine"}, {"warmup": 2}, {"goal_accuracy": 0.9}),
        *({"schedule": "step", "milestones": (2,)}, {"momentum": 0.5}, {"nesterov": True}),
        {"factor": 0.5},
    ],
)
def test_recipes_that_stacks_cannot_follow_are_refused(
    other: dict[str, Any], separable: Task
) -> None:
    recipe, field = replace(SCULPTING, **other), next(iter(other))
    text = f"{field} of the recipe is .*, sculpting trains with .*: leave it out"
    with pytest.raises(FormatError, match=text):
        sculpt(SPEC, separable, recipe, seeds=[0])
    with pytest.raises(FormatError, match=text):
        train(initial_replicas(SPEC, [0]), separable, recipe, rngs(range(1)))
