"""Steps of pruning: schedules, scores of edges, single edges, resuming from a file."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from netsculpt.core.catalog import catalog
from netsculpt.core.errors import FormatError
from netsculpt.nets.families import MLP
from netsculpt.training.pruning.schedules import linear
from netsculpt.training.sculpting.percentile_pruning import PercentilePruning
from netsculpt.training.sculpting.replicas import Replicas, initial_replicas
from netsculpt.training.sculpting.retraining import SCULPTING, accuracy
from netsculpt.training.sculpting.saved import finish
from netsculpt.training.sculpting.sculpt import (
    STRICT,
    Sculpted,
    Sculpting,
    SculptingMethod,
    sculpt,
)
from netsculpt.training.sculpting.single_edge_pruning import SingleEdgePruning
from netsculpt.training.tasks import Task, task

SCHEDULES = catalog("schedules")
SCORES = catalog("edge_scores")
SPEC = MLP((4, 9, 7, 4))
RECIPE = replace(SCULPTING, epochs=40)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def separable() -> Task:
    return task("input-separable")


def test_catalogues_hold_what_is_promised() -> None:
    assert set(SCHEDULES) == {"linear", "exponential", "cubic", "lottery"}
    assert set(SCORES) == {"magnitude", "weight_gradient", "path_weight"}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedule_rises_from_nothing(name: str) -> None:
    schedule = SCHEDULES[name]
    places = torch.linspace(0, 1, 101, dtype=torch.float64)
    pruned = schedule(places)
    assert pruned[0] == 0
    assert 0.98 < float(pruned[-1]) <= 1
    assert (pruned.diff() > 0).all()
    assert [schedule(float(x)) for x in places] == pytest.approx(pruned.tolist())


def test_schedules_by_hand() -> None:
    assert SCHEDULES["cubic"](0.2) == pytest.approx(1 - 0.8**3)
    assert SCHEDULES["lottery"](0.1) == pytest.approx(0.36)
    density = [1 - 0.99 * SCHEDULES["exponential"](x / 4) for x in range(5)]
    assert [b / a for a, b in itertools.pairwise(density)] == pytest.approx([0.01**0.25] * 4)


def plain_steps(
    schedule: Callable[[float], float], n_items: int, gradient: float, most: float
) -> list[float]:
    """Targets of one run that accepts everything up to `most` percent, in plain numbers."""
    percent, position, step, targets = 0.0, 0.0, gradient / 100, list[float]()
    while True:
        target = 100 * schedule(min(position + step, 1))
        least = percent + 100 / n_items
        single = target <= least + 1e-9
        target = max(target, least)
        targets.append(target)
        if target <= most:
            percent = target
            position = next(
                x / 1e5 for x in range(100_001) if 100 * schedule(x / 1e5) >= target - 1e-7
            )
            if percent >= 100:
                return targets
        elif single:
            return targets
        else:
            step /= 2


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize(("gradient", "most"), [(70.0, 63.0), (10.0, 90.0), (2.5, 55.0)])
def test_accept_halve_stop(name: str, gradient: float, most: float) -> None:
    n_items, seen = 24, list[float]()

    def cut(replicas: Any, keep: Tensor) -> Any:
        return None

    pruning = PercentilePruning.starting_at(
        *(lambda _, __: torch.arange(24.0)[None], cut, SCHEDULES[name]),
        n_items=n_items,
        percent=torch.zeros(1, dtype=torch.float64),
        gradients=[gradient],
    )
    while pruning.percent.numel():
        target, _, _ = pruning._next()
        seen.append(float(target))
        pruning.settle(target <= most)
    assert seen == pytest.approx(plain_steps(SCHEDULES[name], n_items, gradient, most), abs=2e-3)


def test_runs_go_at_their_own_pace() -> None:
    """Two runs together are each as if alone."""
    made = {
        "n_items": 10,
        "percent": torch.zeros(2, dtype=torch.float64),
        "gradients": [40.0, 10.0],
    }
    pruning = PercentilePruning.starting_at(None, None, linear, **made)  # type: ignore[arg-type]
    target, _, single = pruning._next()
    assert (target.tolist(), single.tolist()) == ([40.0, 10.0], [False, True])
    assert pruning.settle(torch.tensor([False, False])).tolist() == [True, False]
    assert pruning._next()[0].tolist() == [20.0]


def test_a_run_that_has_pruned_all_is_done() -> None:
    made = {"percent": torch.full((2,), 80.0).double(), "gradients": [20.0, 10.0]}
    pruning = PercentilePruning.starting_at(None, None, linear, n_items=10, **made)  # type: ignore[arg-type]
    assert pruning.settle(torch.tensor([True, True])).tolist() == [False, True]


def flat(replicas: Replicas, what: dict[str, Tensor]) -> Tensor:
    return torch.cat([what[name].flatten(1) for name in replicas.weights], dim=1)


def test_weight_gradient_by_hand(separable: Task) -> None:
    replicas = initial_replicas(SPEC, range(2))
    found = SCORES["weight_gradient"](replicas, separable)
    for at in range(2):
        net = replicas.spec.build()
        net.load_state_dict(replicas.state(at)[0])
        total = torch.zeros(SPEC.n_weights)
        for x, y in zip(separable.inputs, separable.targets, strict=True):
            net.zero_grad()
            separable.goal.loss(net(x[None]), y[None]).backward()
            parts = [p * p.grad for p in net.parameters() if p.ndim == 2 and p.grad is not None]
            total += torch.cat([part.abs().flatten() for part in parts]).detach()
        torch.testing.assert_close(found[at], total / separable.n_samples)


def test_path_weight_by_enumeration(separable: Task) -> None:
    replicas = initial_replicas(MLP((2, 3, 2, 2)), [4])
    pruned = {name: mask.clone() for name, mask in replicas.masks.items()}
    pruned["fc2.weight"][0, 1] = False  # hidden unit feeds nothing through one row
    replicas = replicas.masked(pruned)
    one, two, three = (replicas.parameters[name][0].abs().double() for name in replicas.weights)
    expected = [torch.zeros_like(x) for x in (one, two, three)]
    for i, j, k, o in itertools.product(range(2), range(3), range(2), range(2)):
        weight = one[j, i] * two[k, j] * three[o, k]
        for matrix, place in zip(expected, ((j, i), (k, j), (o, k)), strict=True):
            matrix[place] += weight
    found = SCORES["path_weight"](replicas, separable)[0]
    torch.testing.assert_close(
        found.double(), torch.cat([x.flatten() for x in expected]), rtol=1e-5, atol=1e-7
    )


@pytest.mark.parametrize("name", SCORES)
def test_pruned_edges_score_zero(name: str, separable: Task) -> None:
    replicas = initial_replicas(SPEC, range(3))
    masks = {key: torch.rand(mask.shape) < 0.6 for key, mask in replicas.masks.items()}
    pruned = replicas.masked(masks)
    scores = SCORES[name](pruned, separable)
    assert scores.shape == (3, SPEC.n_weights)
    assert (scores[~flat(pruned, pruned.masks)] == 0).all()
    assert (scores >= 0).all()
    assert (scores > 0).any()


def test_single_edges_each_get_one_turn(separable: Task) -> None:
    replicas = initial_replicas(MLP((4, 3, 4)), range(2))
    masks = {key: mask.clone() for key, mask in replicas.masks.items()}
    masks["fc1.weight"][1, :, 1:] = False
    replicas = replicas.masked(masks)
    pruning = SingleEdgePruning(flat(replicas, replicas.masks))
    turns, rows = [0, 0], torch.arange(2)
    while rows.numel():
        smaller = pruning.propose(replicas.take(rows), separable)
        gone = replicas.n_kept()[rows] - smaller.n_kept()
        assert gone.tolist() == [1] * rows.numel()
        for row in rows.tolist():
            turns[row] += 1
        rows = rows[pruning.settle(torch.zeros(rows.numel(), dtype=torch.bool))]
    assert turns == [24, 15]


def test_edges_that_carry_nothing_go_first(separable: Task) -> None:
    replicas = initial_replicas(MLP((4, 5, 4)), [0])
    replicas.parameters["fc1.weight"].abs_()
    replicas.parameters["fc1.bias"][0, 2] = -100.0  # this unit is always off, the others are not
    pruning = SingleEdgePruning(flat(replicas, replicas.masks))
    replicas = pruning.propose(replicas, separable)
    for _ in range(7):
        replicas = pruning.propose(replicas, separable)
    assert not replicas.masks["fc1.weight"][0, 2].any()
    assert not replicas.masks["fc2.weight"][0, :, 2].any()
    assert not replicas.masks["fc1.bias"][0, 2], "no incoming weight, no bias"


def run(separable: Task, method: SculptingMethod, **other: Any) -> Sculpted:
    gradients = {"unit_gradients": [60.0, 25.0], "edge_gradients": [2.5]}
    made = {"seeds": range(5), **gradients, **other}
    return sculpt(SPEC, separable, RECIPE, method=method, **made)


@pytest.fixture(scope="module")
def published(separable: Task) -> Sculpted:
    return run(separable, STRICT)


def test_single_edges_only_take_away(separable: Task, published: Sculpted) -> None:
    more = run(separable, replace(STRICT, single_edges=True))
    assert (more.replicas.n_kept() <= published.replicas.n_kept()).all()
    assert torch.equal(more.solved, published.solved)
    assert (accuracy(more.replicas, separable)[more.solved] == 1).all()
    for name in more.replicas.weights:
        assert not (more.replicas.masks[name] & ~published.replicas.masks[name]).any()


@pytest.mark.parametrize("name", ["cubic", "lottery", "exponential"])
def test_other_schedules_reach_the_goal(name: str, separable: Task) -> None:
    found = run(separable, SculptingMethod(schedule=SCHEDULES[name]))
    assert (accuracy(found.replicas, separable)[found.solved] == 1).all()
    assert (found.replicas.n_kept()[found.solved] < SPEC.n_weights // 2).all()


def test_rewinding_starts_from_the_initial_weights(separable: Task) -> None:
    still = replace(SCULPTING, epochs=1, learning_rate=0.0)
    found = sculpt(
        *(SPEC, separable, still),
        seeds=[1],
        unit_gradients=[10.0],
        edge_gradients=[30.0],
        goal_accuracy=0.01,
        method=SculptingMethod(rewind=True),
    )
    start = initial_replicas(SPEC, [1])
    for name, values in found.replicas.parameters.items():
        assert torch.equal(values, start.parameters[name] * found.replicas.masks[name])


def test_everything_pruned_ends_a_run(separable: Task) -> None:
    """A goal that an empty net reaches as well."""
    found = sculpt(SPEC, separable, RECIPE, seeds=[0], goal_accuracy=0.01)
    assert int(found.replicas.n_kept()[0]) == 0


@pytest.mark.parametrize("single_edges", [False, True])
def test_a_restored_state_leads_to_the_same_bits(
    separable: Task, single_edges: bool, tmp_path: Any
) -> None:
    """Interrupted after any round, saved, and restored into a new object."""
    made: dict[str, Any] = {
        "seeds": range(4),
        "unit_gradients": [60.0, 30.0],
        "edge_gradients": [5.0],
        "method": SculptingMethod(single_edges=single_edges),
    }
    process, states = Sculpting(SPEC, separable, RECIPE, **made), []
    while not process.finished:
        path = tmp_path / f"{len(states)}.pt"
        torch.save(process.state(), path)
        states.append(path)
        process.advance()
    expected = process.result()
    assert expected.solved.any()
    assert len(states) > 10
    for path in states[:: max(1, len(states) // 8)]:
        other = Sculpting(SPEC, separable, RECIPE, **made)
        other.restore(torch.load(path, weights_only=True))
        while not other.finished:
            other.advance()
        found = other.result()
        for name, values in expected.replicas.parameters.items():
            assert torch.equal(values, found.replicas.parameters[name])
            assert torch.equal(expected.replicas.masks[name], found.replicas.masks[name])


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"recipe": replace(SCULPTING, epochs=2)}, "recipe epochs 1, this is 2"),
        ({"seeds": [1]}, r"seeds \[0\], this is \[1\]"),
        ({"spec": MLP((4, 5, 4))}, "net widths"),
        ({"task": task("input-separable-reused"), "spec": MLP((6, 5, 3))}, "net widths"),
        ({"unit_gradients": [5.0]}, "unit gradients"),
        ({"edge_gradients": [5.0]}, "edge gradients"),
        ({"goal_accuracy": 0.5}, "goal accuracy 1.0, this is 0.5"),
        ({"method": SculptingMethod(rewind=True)}, "method rewind False, this is True"),
        (
            {"method": SculptingMethod(edge_score=SCORES["path_weight"])},
            "method edge_score 'magnitude', this is 'path_weight'",
        ),
    ],
)
def test_a_state_of_another_sculpting_is_refused(
    change: dict[str, Any], text: str, separable: Task, tmp_path: Path
) -> None:
    made = {"spec": SPEC, "task": separable, "recipe": replace(SCULPTING, epochs=1), "seeds": [0]}
    path = tmp_path / "state.pt"
    finish(Sculpting(**made), path)  # type: ignore[arg-type]
    with pytest.raises(FormatError, match=text):
        finish(Sculpting(**{**made, **change}), path)  # type: ignore[arg-type]
    shifted = replace(separable, inputs=separable.inputs + 1)
    with pytest.raises(FormatError, match="task samples"):
        finish(Sculpting(**{**made, "task": shifted}), path)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("other", "text"),
    [
        ({"seeds": [1, 1]}, "each once"),
        ({"seeds": []}, "at least one"),
        ({"unit_gradients": [0.0]}, "percentages"),
        ({"edge_gradients": []}, "at least one"),
        ({"goal_accuracy": 1.5}, "up to 1"),
    ],
)
def test_wrong_arguments_are_named(separable: Task, other: dict[str, Any], text: str) -> None:
    with pytest.raises(FormatError, match=text):
        run(separable, STRICT, **other)


def test_a_net_that_does_not_fit_is_refused(separable: Task) -> None:
    with pytest.raises(FormatError, match="5 inputs"):
        sculpt(MLP((5, 3, 4)), separable, RECIPE, seeds=[0])
    with pytest.raises(FormatError, match="without hidden layer"):
        sculpt(MLP((4, 4)), separable, RECIPE, seeds=[0])
