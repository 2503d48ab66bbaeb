"""Stacked replicas against plain loops: the same nets, the same scores, the same cuts."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
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
from netsculpt.training.sculpting.sculpt import (
    PUBLISHED,
    STRICT,
    Sculpted,
    Sculpting,
    SculptingMethod,
    as_published,
    sculpt,
)
from netsculpt.training.tasks import Task, boolean, task

SPEC = MLP((4, 10, 8, 4))
RECIPE = replace(SCULPTING, epochs=40)
SCORES = catalog("unit_scores")
PARTS = "prunes_unsolved", "keeps_retrained", "small_steps", "latest_epoch"


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


def test_sculpting_starts_from_the_nets_that_are_given(separable: Task) -> None:
    recipe = replace(RECIPE, epochs=5)
    usual = Sculpting(SPEC, separable, recipe, seeds=[3])
    same = Sculpting(SPEC, separable, recipe, seeds=[3], initial=initial_replicas(SPEC, [3]))
    other = Sculpting(SPEC, separable, recipe, seeds=[3], initial=initial_replicas(SPEC, [4]))
    for process in (usual, same, other):
        process.advance()
    dense = [x.state()["dense"]["parameters"]["fc1.weight"] for x in (usual, same, other)]
    assert torch.equal(dense[0], dense[1])
    assert not torch.equal(dense[0], dense[2])
    assert len({json.dumps(x.about) for x in (usual, same, other)}) == 3, "told apart when resumed"
    with pytest.raises(FormatError, match=r"2 nets of .* to start from, for 1 seeds"):
        sculpt(SPEC, separable, seeds=[3], initial=initial_replicas(SPEC, [0, 1]))


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
    found: Sculpted, at: int, samples: Task, recipe: Recipe, method: SculptingMethod
) -> list[Tensor]:
    """One run in plain code, from the paper: its weights and the masks of weights and biases."""
    latest = method.latest_epoch and samples.n_samples <= recipe.batch_size
    spec, seed = found.replicas.spec, found.seeds[at]
    unit_gradient, edge_gradient = found.unit_gradients[at], found.edge_gradients[at]
    start = initial_replicas(spec, [seed])
    names = start.weights
    biases = [name.replace(".weight", ".bias") for name in names]

    def tried(net: Replicas, masks: dict[str, Tensor], rng: np.random.Generator) -> Trained:
        begun = (start if method.rewind else net).masked(masks)
        return train(begun, samples, recipe, [rng], latest=latest)

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
    ) -> tuple[Replicas, bool]:
        """The net after the last accepted step, and whether a step was accepted."""
        accepted, as_scheduled = False, True
        while percent < 100:
            exact = as_scheduled and method.small_steps
            goes_to = min(percent + (step if exact else max(step, one)), 100)
            trained = tried(net, cut(net, goes_to), rng)
            if trained.accuracy[0] == 1:
                net, percent, accepted = trained.replicas, goes_to, True
            elif step <= one * (1 + 1e-9):
                break
            else:
                step, as_scheduled = step / 2, False
        return net, accepted

    dense = train(start, samples, recipe, [stream(seed, "sculpt", "dense")], latest=latest)
    untouched = [*dense.replicas.parameters.values(), *dense.replicas.masks.values()]
    reached = bool(dense.accuracy[0] == 1)
    if not reached and not method.prunes_unsolved:
        assert not found.solved[at]
        return untouched
    rng = stream(seed, "sculpt", "units", str(unit_gradient))
    one = 100 / spec.n_hidden
    net, accepted = pruned(dense.replicas, without_units, rng, 0, unit_gradient, one)
    reached = reached or accepted
    if not reached:
        assert not found.solved[at]
        return untouched
    again = train(net, samples, recipe, [rng], latest=latest)
    if again.accuracy[0] == 1 or method.keeps_retrained:
        net, reached = again.replicas, bool(again.accuracy[0] == 1)
    rng = stream(seed, "sculpt", "edges", str(unit_gradient), str(edge_gradient))
    gone = 100 * (1 - float(net.n_kept()[0]) / spec.n_weights)
    net, accepted = pruned(net, without_edges, rng, gone, edge_gradient, 100 / spec.n_weights)
    assert bool(found.solved[at]) == (reached or accepted)
    return [*net.parameters.values(), *net.masks.values()]


@pytest.mark.parametrize(
    ("widths", "method"),
    [
        ((4, 12, 4), STRICT),
        ((4, 16, 16, 16, 4), STRICT),
        ((4, 16, 4), SculptingMethod(rewind=True)),
        ((4, 16, 4), PUBLISHED),
    ],
)
def test_every_run_is_the_published_method(
    widths: tuple[int, ...], method: SculptingMethod, separable: Task
) -> None:
    """Runs of many seeds and gradients together, each against plain code, to the bit."""
    pytest.importorskip("numba", reason="stacked products round differently")
    recipe = replace(SCULPTING, epochs=25)
    found = sculpt(
        *(MLP(widths), separable, recipe),
        seeds=range(5),
        unit_gradients=[70.0, 15.0],
        edge_gradients=[5.0, 2.0],
        method=method,
    )
    assert found.solved.any()
    assert_by_hand(found, separable, recipe, method)


def assert_by_hand(found: Sculpted, samples: Task, recipe: Recipe, method: SculptingMethod) -> None:
    for at in range(len(found.seeds)):
        expected = by_hand(found, at, samples, recipe, method)
        values = *found.replicas.parameters.values(), *found.replicas.masks.values()
        for one, other in zip(expected, values, strict=True):
            assert torch.equal(one[0], other[at]), (at, found.seeds[at])


@pytest.mark.parametrize(
    ("part", "name", "widths", "recipe", "seeds"),
    [
        ("prunes_unsolved", "input-separable", (4, 10, 4), {"epochs": 18}, range(6)),
        ("keeps_retrained", "reused", (4, 12, 12, 16), {"epochs": 25, "learning_rate": 0.1}, (39,)),
        ("small_steps", "input-separable", (4, 10, 4), {"epochs": 40}, range(3)),
        ("latest_epoch", "input-separable", (4, 10, 4), {"epochs": 60, "batch_size": 16}, range(3)),
    ],
)
def test_each_part_of_the_published_protocol(
    part: str, name: str, widths: tuple[int, ...], recipe: dict[str, Any], seeds: Sequence[int]
) -> None:
    """Each alone does what plain code does, and changes networks."""
    pytest.importorskip("numba", reason="stacked products round differently")
    samples, trained = task(name), replace(SCULPTING, **recipe)
    found = []
    for method in (STRICT, SculptingMethod(**{part: True})):
        found.append(
            sculpt(
                *(MLP(widths), samples, trained),
                seeds=seeds,
                unit_gradients=[70.0, 25.0, 5.0],
                edge_gradients=[5.0],
                method=method,
            )
        )
        assert_by_hand(found[-1], samples, trained, method)
    assert found[1].solved.any()
    strict, other = (x.replicas.parameters.values() for x in found)
    assert not all(torch.equal(one, two) for one, two in zip(strict, other, strict=True))


@pytest.mark.parametrize("keeps", [False, True])
def test_a_net_kept_though_it_misses_the_goal_is_not_solved(
    keeps: bool, separable: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No training after that of the units reaches the goal, and so no step over edges does."""
    method = SculptingMethod(keeps_retrained=keeps)
    made = {"seeds": [1], "unit_gradients": [30.0], "edge_gradients": [10.0]}
    process = Sculpting(MLP((4, 10, 4)), separable, RECIPE, method=method, **made)
    while process.stage != "retraining":
        process.advance()

    def missing(*arguments: Any, latest: bool) -> Trained:
        trained = train(*arguments, latest=latest)
        return replace(trained, accuracy=trained.accuracy - 0.5)

    monkeypatch.setattr("netsculpt.training.sculpting.perceptrons.train", missing)
    while not process.finished:
        process.advance()
    found = process.result()
    assert int(found.replicas.n_kept()[0]) < 80, "units are pruned"
    assert found.solved.tolist() == [not keeps]
    assert found.sparsest() == ([] if keeps else [0])


def test_a_state_of_an_older_version_is_refused(separable: Task) -> None:
    """It did not say whether a step was rejected before."""
    made = {"seeds": [1], "unit_gradients": [30.0], "edge_gradients": [10.0]}
    process, other = (Sculpting(MLP((4, 10, 4)), separable, RECIPE, **made) for _ in range(2))
    while process.stage != "units":
        process.advance()
    state = process.state()
    other.restore(state)
    del state["pruning"]["rejected"]
    with pytest.raises(FormatError, match="lacks rejected: an older version"):
        other.restore(state)


def test_published_is_a_short_word_for_the_authors_protocol(separable: Task) -> None:
    made = {"seeds": range(3), "unit_gradients": [30.0], "edge_gradients": [5.0, 2.0]}
    short = sculpt(MLP((4, 10, 4)), separable, RECIPE, published=True, **made)
    whole = sculpt(MLP((4, 10, 4)), separable, RECIPE, method=PUBLISHED, **made)
    for one, two in zip(*(x.replicas.parameters.values() for x in (short, whole)), strict=True):
        assert torch.equal(one, two)
    assert short.edge_gradient_first
    changed = {key for key, value in vars(PUBLISHED).items() if value != getattr(STRICT, key)}
    assert changed == {*PARTS, "edge_gradient_first"}
    other = SculptingMethod(rewind=True, unit_score=SCORES["magnitude"])
    assert replace(as_published(other), rewind=False, unit_score=STRICT.unit_score) == PUBLISHED


@pytest.mark.parametrize("way", [train, _stacked])
def test_the_latest_of_equal_epochs(way: Callable[..., Trained], separable: Task) -> None:
    """Solved after few epochs: all later ones are as accurate, so that the last is kept."""
    start = initial_replicas(SPEC, [2])
    recipe = replace(SCULPTING, epochs=40, noise=0.3)
    lowest, latest = (
        way(start, separable, recipe, rngs(range(2, 3)), latest=latest) for latest in (False, True)
    )
    assert float(lowest.accuracy[0]) == float(latest.accuracy[0]) == 1
    assert float(lowest.loss[0]) < float(latest.loss[0])
    logits = alone(latest.replicas, 0)(separable.inputs).detach()
    loss = separable.goal.loss(logits, separable.targets)
    assert float(loss) == pytest.approx(float(latest.loss[0]), rel=1e-4)


def test_the_edge_gradient_can_decide_among_equals() -> None:
    """The first run has a weight more than the others, which are equally sparse."""
    whole = initial_replicas(MLP((2, 3, 1)), [7] * 4)
    masks = {name: mask.clone() for name, mask in whole.masks.items()}
    masks["fc1.weight"][1:, 0, 0] = False
    made = (7,) * 4, (1.0, 1.0, 2.0, 2.0), (5.0, 4.0, 5.0, 4.0), torch.ones(4) > 0
    assert Sculpted(whole.masked(masks), *made).sparsest() == [1]
    assert Sculpted(whole.masked(masks), *made, edge_gradient_first=True).sparsest() == [2]


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
