"""Steps to a result: draws, statuses, stacked trainings, minima, and a workload that is known."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.optimize import least_squares
from torch import nn, optim

from netsculpt.core.errors import FormatError, LimitError, NumberError
from netsculpt.nets import MLP, initial_net, mask_net, masks_of
from netsculpt.nets.stacks import Stack
from netsculpt.training.parallelism import (
    Draws,
    NetWorkload,
    NoisyQuadratic,
    Stopping,
    bootstrapped_best,
    draws,
    gradients,
    local_lipschitz,
    median_best,
    scaling,
    shuffles,
    steps_to_result,
)
from netsculpt.training.parallelism.draws import OPTIMIZERS
from netsculpt.training.parallelism.search import COMPLETE, INCOMPLETE, INFEASIBLE
from netsculpt.training.pruning.baselines import shuffled
from netsculpt.training.tasks import Classes, Task

# ------------------------------------------------------------------------------- draws


def test_draws_are_the_published_sobol_points():
    first = [0.5, 0.75, 0.25, 0.375, 0.875, 0.625, 0.125, 0.1875]
    second = [0.5, 0.25, 0.75, 0.375, 0.875]
    made = draws("momentum", 8)
    np.testing.assert_allclose(made.learning_rates, 10 ** (4 * np.array(first) - 4))
    np.testing.assert_allclose(made.momenta[:5], 1 - 10 ** (3 * np.array(second) - 4))
    assert made.momenta[0] == pytest.approx(0.99684, abs=1e-5)


def test_draws_extend_one_another_and_keep_to_their_ranges():
    few, many = draws("nesterov", 5), draws("nesterov", 64, learning_rates=(1e-4, 1.0))
    np.testing.assert_array_equal(few.learning_rates, many.learning_rates[:5])
    wide = draws("nesterov", 64, learning_rates=(1e-2, 4.0), momenta=(0.0, 0.5))
    assert 1e-2 < wide.learning_rates.min() < 1.2e-2
    assert 3.5 < wide.learning_rates.max() < 4.0
    assert 0 <= wide.momenta.min() < 0.02
    assert 0.48 < wide.momenta.max() <= 0.5
    np.testing.assert_array_equal(draws("sgd", 64).learning_rates, many.learning_rates)
    assert not draws("sgd", 3).momenta.any()


def test_edges_are_the_outer_twentieths():
    place = np.array([0.01, 0.06, 0.5, 0.94, 0.96])
    made = Draws("sgd", 10 ** (4 * place - 4), np.zeros(5), np.arange(5), (1e-4, 1.0))
    assert made.at_edge.tolist() == [True, False, False, False, True]


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"optimizer": "adam"}, FormatError),
        ({"learning_rates": (1.0, 0.1)}, FormatError),
        ({"learning_rates": (0.0, 0.1)}, NumberError),
        ({"momenta": (0.9, 1.0)}, NumberError),
        ({"n": 0}, NumberError),
    ],
)
def test_wrong_ranges_are_refused(given, error):
    with pytest.raises(error):
        draws(**{"optimizer": "sgd", "n": 4, **given})


# ------------------------------------------------------------------------------- statuses


class Scripted:
    """A workload whose errors after each step are given [R, steps]."""

    worst_error = np.inf

    def __init__(self, errors):
        self.table = np.array(errors, dtype=float)

    def started(self, draws, batch_size):
        run = SimpleNamespace(rows=draws.index, step=0, asked=[])

        def advance():
            run.step += 1

        def errors():
            self.last_rows = run.rows
            return self.table[run.rows, run.step - 1]

        def keep(rows):
            run.rows = run.rows[rows]

        return SimpleNamespace(advance=advance, errors=errors, keep=keep)


def searched(errors, **stopping):
    settings = {"goal": 0.1, "most_steps": np.shape(errors)[1], "each_until": 0, "check_every": 2}
    workload = Scripted(errors)
    found = steps_to_result(
        workload, draws("sgd", len(errors)), 1, Stopping(**{**settings, **stopping})
    )
    return found, workload


def test_statuses_are_decided_at_checks():
    nan = np.nan
    errors = [
        [0.1, 0.2, 0.2, 0.1, 0.2, 0.2],  # at the goal between checks, then at one
        [0.5, 0.5, 0.5, 0.5, 0.5, 0.5],  # never
        [0.5, nan, 0.0, 0.0, 0.0, 0.0],  # NaN at a check, whatever comes later
        [nan, 0.5, 0.5, 0.5, 0.5, 0.1],  # NaN that no check sees
    ]
    found, workload = searched(errors)
    assert found.status.tolist() == [COMPLETE, INCOMPLETE, INFEASIBLE, COMPLETE]
    assert found.steps.tolist() == [4, np.inf, np.inf, 6]
    assert (found.best, found.best_draw, found.n_steps) == (4, 0, 6)
    assert workload.last_rows.tolist() == [1, 3]  # the others have left
    assert found.summary() == {
        "optimizer": "sgd",
        "batch_size": 1,
        "steps": 4,
        "learning_rate": 0.01,
        "momentum": 0.0,
        "at_edge": False,
        "searched": 6,
        "complete": 2,
        "incomplete": 1,
        "infeasible": 1,
    }


def test_nan_beats_arrival():
    class Both(Scripted):
        def started(self, draws, batch_size):
            run = super().started(draws, batch_size)
            errors = run.errors
            run.errors = lambda: np.where(errors() == 0, np.nan, errors())
            return run

    found = steps_to_result(Both([[0.0], [0.1]]), draws("sgd", 2), 1, Stopping(0.1, 1))
    assert found.status.tolist() == [INFEASIBLE, COMPLETE]


def test_an_easy_goal_is_reached_at_the_first_check_and_an_impossible_one_never():
    errors = np.full((3, 8), 0.5)
    assert searched(errors, goal=0.5, check_every=5)[0].steps.tolist() == [5] * 3
    found, _ = searched(errors, goal=0.0)
    assert found.status.tolist() == [INCOMPLETE] * 3
    assert found.summary()["steps"] is None
    assert not found.at_edge


def test_enough_complete_draws_end_the_search():
    errors = np.array([[0.5] * n + [0.0] * (8 - n) for n in (7, 1, 3, 5)])
    found, _ = searched(errors, check_every=1, enough=2)
    assert found.steps.tolist() == [np.inf, 2, 4, np.inf]
    assert found.n_steps == 4
    assert searched(errors, check_every=1)[0].steps.tolist() == [8, 2, 4, 6]


def test_an_optimum_at_an_edge_is_flagged_unless_another_is_as_fast():
    chosen = draws("sgd", 64)
    edge, inside = int(chosen.at_edge.argmax()), int((~chosen.at_edge).argmax())
    errors = np.full((64, 3), 0.5)
    errors[edge, 1:] = 0
    assert searched(errors, check_every=1)[0].at_edge
    errors[inside, 1:] = 0
    assert not searched(errors, check_every=1)[0].at_edge


# ------------------------------------------------------------------------------- nets


def images(n=40, n_inputs=6, seed=0):
    rng = np.random.default_rng(seed)
    inputs = torch.from_numpy(rng.standard_normal((n, n_inputs), dtype=np.float32))
    targets = (inputs @ torch.ones(n_inputs, 1) > 0).long() + (inputs[:, :1] > 1).long()
    task = Task("planted", inputs, targets, Classes((3,)))
    return replace(task, held_out=task)  # the error on the training samples, said so


def nets(n, density=0.5):
    made = [initial_net(MLP((6, 5, 3)), rng=seed) for seed in range(n)]
    if density < 1:
        for seed, net in enumerate(made):
            weights = {"fc1.weight": net.fc1.weight, "fc2.weight": net.fc2.weight}
            masks = {
                name: torch.arange(x.numel()).reshape(x.shape) % 2 == 0
                for name, x in weights.items()
            }
            mask_net(net, shuffled(masks, rng=seed))
    return made


def states(running):
    stack = running.stack
    return [
        {name: x.detach() for name, x in stack.net(row).named_parameters()}
        for row in range(stack.n_nets)
    ]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("density", [1.0, 0.5])
def test_stacked_trainings_are_those_of_a_plain_loop(optimizer, density):
    task, n, size = images(), 3, 7
    chosen = draws(optimizer, n, momenta=(0.5, 0.95))
    workload = NetWorkload(task, nets(n, density))
    running = workload.started(chosen, size)
    for _ in range(20):
        running.advance()
    for row, (net, trained) in enumerate(zip(nets(n, density), states(running), strict=True)):
        masks = masks_of(net)
        momentum = {} if optimizer == "sgd" else {"momentum": float(chosen.momenta[row])}
        nesterov = optimizer == "nesterov"
        plain = optim.SGD(
            net.parameters(), float(chosen.learning_rates[row]), **momentum, nesterov=nesterov
        )
        order = workload.order(row, task.n_samples)
        rows = np.concatenate([next(order) for _ in range(4)])  # 160 samples for 20 batches of 7
        for step in range(20):
            batch = torch.from_numpy(rows[step * size : (step + 1) * size])
            plain.zero_grad()
            nn.functional.cross_entropy(net(task.inputs[batch]), task.targets[batch, 0]).backward()
            for name, parameter in net.named_parameters():
                if name in masks:
                    parameter.grad *= masks[name]
            plain.step()
        for name, parameter in net.named_parameters():
            torch.testing.assert_close(trained[name], parameter.detach(), rtol=0, atol=1e-6)
            assert name not in masks or not trained[name][~masks[name]].any()
        answers = net(task.inputs).argmax(1)
        assert running.errors()[row] == pytest.approx(
            (answers != task.targets[:, 0]).double().mean().item()
        )


def test_trainings_that_leave_do_not_change_the_others():
    workload, chosen = NetWorkload(images(), nets(4)), draws("momentum", 4)
    whole, shrinking = workload.started(chosen, 3), workload.started(chosen, 3)
    for step in range(12):
        whole.advance()
        shrinking.advance()
        if step == 4:
            shrinking.keep(np.array([True, False, True, True]))
        if step == 8:
            shrinking.keep(np.array([True, False, True]))
    for row, left in zip((0, 3), states(shrinking), strict=True):
        for name, values in states(whole)[row].items():
            torch.testing.assert_close(left[name], values, rtol=0, atol=1e-7)
    np.testing.assert_array_equal(shrinking.errors(), whole.errors()[[0, 3]])


def test_a_diverged_training_is_nan_and_harms_no_other():
    rates = np.array([1e-2, 1e30])
    chosen = Draws("sgd", rates, np.zeros(2), np.arange(2), (1e-4, 1.0))
    running = NetWorkload(images(), nets(2)).started(chosen, 5)
    for _ in range(4):
        running.advance()
    assert np.isnan(running.errors()).tolist() == [False, True]


def test_full_batches_do_not_depend_on_the_order():
    def reversed_order(draw, n_samples):
        while True:
            yield np.arange(n_samples)[::-1].copy()

    task, chosen, stopping = images(), draws("sgd", 8), Stopping(0.3, 100)
    found = [
        steps_to_result(NetWorkload(task, nets(8), *order), chosen, task.n_samples, stopping)
        for order in ([], [reversed_order])
    ]
    np.testing.assert_array_equal(found[0].steps, found[1].steps)
    assert 1 < found[0].best < np.inf


def test_samples_r_times_in_batches_r_times_as_large_train_the_same():
    task, r, size = images(), 3, 5
    many = replace(task, inputs=task.inputs.repeat(r, 1), targets=task.targets.repeat(r, 1))

    def each_r_times(draw, n_samples):
        for order in shuffles(draw, n_samples // r):
            yield (order[:, None] + task.n_samples * np.arange(r)).ravel()

    chosen = draws("momentum", 3)
    once = NetWorkload(task, nets(3)).started(chosen, size)
    often = NetWorkload(many, nets(3), each_r_times).started(chosen, r * size)
    for _ in range(15):
        once.advance()
        often.advance()
    for one, other in zip(states(once), states(often), strict=True):
        for name, values in one.items():
            torch.testing.assert_close(other[name], values, rtol=0, atol=1e-5)


def test_batches_of_one_size_go_through_every_epoch():
    task, seen = images(n=10), []

    def recorded(draw, n_samples):
        rng = np.random.default_rng(draw)
        while True:
            seen.append(rng.permutation(n_samples))
            yield seen[-1]

    running = NetWorkload(task, nets(1), recorded).started(draws("sgd", 1), 4)
    batches = [running._rows()[0] for _ in range(5)]
    assert {len(batch) for batch in batches} == {4}
    np.testing.assert_array_equal(np.concatenate(batches), np.concatenate(seen))
    assert len(seen) == 2


def test_too_few_nets_are_refused():
    with pytest.raises(FormatError, match="none for draw 2"):
        NetWorkload(images(), nets(2)).started(draws("sgd", 3), 4)
    with pytest.raises(FormatError, match="no nets are given: give one for each draw"):
        NetWorkload(images(), [])


def test_a_task_that_holds_out_nothing_must_say_that_it_means_training_samples():
    task = replace(images(), held_out=None)
    with pytest.raises(FormatError, match=r"'planted' holds out no samples.*hold_out"):
        NetWorkload(task, nets(1))
    meant = NetWorkload(replace(task, held_out=task), nets(1)).started(draws("sgd", 1), 5)
    answers = nets(1)[0](task.inputs).argmax(1)
    assert meant.errors()[0] == (answers != task.targets[:, 0]).double().mean()


def test_batches_larger_than_the_training_set_are_refused():
    workload = NetWorkload(images(n=10), nets(1))
    assert len(workload.started(draws("sgd", 1), 10)._rows()[0]) == 10
    for size in (11, 5000):
        with pytest.raises(FormatError, match="choose sizes up to 10"):
            steps_to_result(workload, draws("sgd", 1), size, Stopping(0.3, 5))


@pytest.mark.parametrize("goal", [30, 8.0, 1.0])
def test_goals_that_no_error_misses_are_refused(goal):
    workload = NetWorkload(images(), nets(1))
    with pytest.raises(FormatError, match=r"than 1: a smaller one is needed, such as \.08 for 8 %"):
        steps_to_result(workload, draws("sgd", 1), 4, Stopping(goal, 5))
    losses = NoisyQuadratic(np.ones(1), np.ones(1), np.array([1e4]))  # have no bound
    assert steps_to_result(losses, draws("sgd", 1), 4, Stopping(goal, 5)).n_steps == 5


def test_a_goal_below_all_errors_is_refused():
    with pytest.raises(NumberError, match="goal is -1"):
        Stopping(-1, 5)


def test_nets_that_draw_random_numbers_are_refused_unless_they_are_told_not_to():
    made = [nn.Sequential(nn.Linear(6, 5), nn.Dropout(0.5), nn.Linear(5, 3)) for _ in range(2)]
    workload = NetWorkload(images(), made)
    with pytest.raises(LimitError, match=r"dropout .* call net\.eval\(\) first"):
        steps_to_result(workload, draws("sgd", 2), 4, Stopping(0.3, 5))
    for net in made:
        net.eval()
    assert steps_to_result(workload, draws("sgd", 2), 4, Stopping(0.3, 5)).n_steps <= 5


def test_the_code_of_the_docs_runs_as_printed():
    page = Path(__file__).parents[1] / "docs" / "parallelism.md"
    code = page.read_text(encoding="utf-8").partition("```python\n")[2].partition("```\n")[0]
    known = {}
    exec(code, known)
    law = known["law"]
    best = [found.best for found in known["found"]]
    assert best == sorted(best, reverse=True)
    assert 1 < law.critical_batch < 100


def test_a_taken_stack_has_its_own_parameters_and_masks():
    stack = Stack(nets(4))
    part = stack.take(torch.tensor([2, 0]))
    inputs = torch.randn(2, 3, 6, generator=torch.Generator().manual_seed(0))
    whole = stack(torch.stack([inputs[1], inputs[1], inputs[0], inputs[0]]))
    torch.testing.assert_close(part(inputs), whole[[2, 0]])
    with torch.no_grad():
        part.fc1.weight.fill_(1.0)
    part(inputs)  # what is pruned becomes 0 again
    assert torch.equal(part.fc1.weight != 0, stack.fc1.weight_mask[[2, 0]])
    assert not (stack.fc1.weight == 1).any()


# ------------------------------------------------------------------------------- Lipschitz


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9, 3.0])
def test_the_constant_of_a_quadratic_is_its_curvature_along_the_step(fraction):
    rng = torch.Generator().manual_seed(0)
    root = torch.randn(4, 4, generator=rng, dtype=torch.float64)
    curvature = root @ root.T
    start, step = torch.randn(2, 5, 4, generator=rng, dtype=torch.float64)

    def gradient(p):
        joined = torch.cat([p["a"], p["b"]], 1) @ curvature
        return {"a": joined[:, :1], "b": joined[:, 1:]}

    parts = [{"a": x[:, :1], "b": x[:, 1:]} for x in (start, step)]
    found = local_lipschitz(gradient, *parts, fractions=[fraction])
    expected = (step @ curvature).norm(dim=1) / step.norm(dim=1)
    torch.testing.assert_close(found, expected)


def test_the_constant_is_the_largest_along_the_step():
    values = {"w": torch.zeros(1, 1, dtype=torch.float64)}
    step = {"w": torch.ones(1, 1, dtype=torch.float64)}
    found = local_lipschitz(lambda p: {"w": p["w"] ** 3}, values, step)
    assert float(found) == pytest.approx(0.9**2)


def test_gradients_are_those_of_each_net_on_its_samples():
    task, made = images(), nets(3)
    rows = torch.tensor([[0, 1], [2, 3], [4, 4]])
    found = gradients(Stack(made), task, rows)
    for row, net in enumerate(made):
        loss = nn.functional.cross_entropy(net(task.inputs[rows[row]]), task.targets[rows[row], 0])
        names, values = zip(*net.named_parameters(), strict=True)
        masks = masks_of(net)
        for name, gradient in zip(names, torch.autograd.grad(loss, values), strict=True):
            expected = gradient * masks[name] if name in masks else gradient
            torch.testing.assert_close(found[name][row], expected)


# ------------------------------------------------------------------------------- quadratic


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_moments_are_those_of_all_responses_to_noise(optimizer):
    curvature, variance, size, n_steps = 0.7, 1.5, 3, 6
    workload = NoisyQuadratic(np.array([curvature]), np.array([variance]), np.array([4.0]))
    chosen = Draws(optimizer, np.array([0.3]), np.array([0.8]), np.arange(1), (1e-4, 1.0))
    if optimizer == "sgd":
        chosen = Draws(optimizer, np.array([0.3]), np.zeros(1), np.arange(1), (1e-4, 1.0))

    def last(start, impulse):
        x = nn.Parameter(torch.tensor(start, dtype=torch.float64))
        momentum = float(chosen.momenta[0])
        steps = optim.SGD([x], 0.3, momentum, nesterov=optimizer == "nesterov")
        for step in range(n_steps):
            x.grad = curvature * x.detach() + float(step == impulse)
            steps.step()
        return float(x.detach())

    expected = last(2.0, -1) ** 2
    expected += sum(last(0.0, step) ** 2 for step in range(n_steps)) * variance / size
    running = workload.started(chosen, size)
    for _ in range(n_steps):
        running.advance()
    assert running.errors()[0] == pytest.approx(curvature * expected / 2, rel=1e-12)


def exact_steps(workload, batch_size, goal, most):
    """First t with E L_t ≤ goal by the closed form of SGD, least over a fine grid of rates."""
    h, noise, start = workload.curvatures, workload.variances / batch_size, workload.start
    steps = np.arange(1, most + 1)
    best = np.inf
    for rate in np.geomspace(1e-3, 1.99, 600):
        shrink = (1 - rate * h) ** 2
        power = shrink ** steps[:, None]
        settled = rate * noise * (1 - power) / (h * (2 - rate * h))
        losses = (h * (power * start + settled)).sum(1) / 2
        reached = losses <= goal
        if reached.any():
            best = min(best, int(steps[reached.argmax()]))
    return best


QUADRATIC, GOAL, SIZES = NoisyQuadratic.power_law(24, noise=0.05), 0.01, 4 ** np.arange(6)


@pytest.fixture(scope="module")
def truth():
    steps = np.array([exact_steps(QUADRATIC, b, GOAL, 400) for b in SIZES])
    assert np.isfinite(steps).all()
    return steps


def curve(chosen, **stopping):
    rule = Stopping(GOAL, 1000, enough=8, **stopping)
    return np.array([steps_to_result(QUADRATIC, chosen, int(b), rule).best for b in SIZES])


def test_the_noisy_quadratic_is_recovered(truth):
    found = curve(draws("sgd", 256, learning_rates=(1e-3, 1.99)), check_every=1)
    np.testing.assert_allclose(found, truth, rtol=0.05)
    slopes = np.diff(np.log(found)) / np.diff(np.log(SIZES))
    assert slopes[0] < -0.9
    assert slopes[-1] > -0.03


def test_the_draws_of_the_study_recover_the_law(truth):
    found = scaling(SIZES, curve(draws("sgd", 64, learning_rates=(1e-3, 10.0))))
    expected = scaling(SIZES, truth)
    for name in ("c1", "c2", "critical_batch"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=0.05)


def test_the_plateau_on_a_grid_of_five_steps_is_too_high(truth):
    found = curve(draws("sgd", 256, learning_rates=(1e-3, 1.99)), each_until=0)
    assert found[-1] >= 1.1 * truth[-1]


def test_shapes_of_a_quadratic_are_checked():
    with pytest.raises(FormatError, match="each"):
        NoisyQuadratic(np.ones(2), np.ones(3), np.ones(2))


# ------------------------------------------------------------------------------- laws


def test_planted_laws_are_recovered():
    sizes = 2.0 ** np.arange(11)
    c1, c2 = np.array([[500.0, 9e4], [3.0, 70.0]]), np.array([[15.0, 1.0], [40.0, 0.01]])
    found = scaling(sizes, c1[..., None] / sizes + c2[..., None])
    np.testing.assert_allclose(found.c1, c1, rtol=1e-5)
    np.testing.assert_allclose(found.c2, c2, rtol=1e-3)
    np.testing.assert_allclose(found.critical_batch, c1 / c2, rtol=1e-3)
    np.testing.assert_allclose(found.residual, 0, atol=1e-6)


def test_a_law_fits_best_and_is_never_negative():
    sizes, rng = 2.0 ** np.arange(9), np.random.default_rng(0)
    for _ in range(20):
        c1, c2 = 10 ** rng.uniform(0, 4), 10 ** rng.uniform(-1, 2)
        steps = (c1 / sizes + c2) * np.exp(rng.normal(0, 0.3, len(sizes)))
        found = scaling(sizes, steps)
        peer = least_squares(
            lambda p, steps=steps: np.log(p[0] / sizes + p[1]) - np.log(steps),
            [c1, c2],
            bounds=([0, 0], np.inf),
            x_scale=[c1, c2],
        )
        ours = np.sqrt(((np.log(found.steps(sizes)) - np.log(steps)) ** 2).mean())
        assert float(found.residual) == pytest.approx(ours, abs=1e-9)
        assert ours <= np.sqrt(2 * peer.cost / len(sizes)) + 1e-7
    falling, rising = scaling(sizes, 100 / sizes**1.5), scaling(sizes, sizes)
    assert falling.c2 == 0
    assert falling.critical_batch == np.inf
    assert rising.c1 == 0
    assert rising.c2 == pytest.approx(np.exp(np.log(sizes).mean()))


def test_what_is_not_reached_is_left_out_of_a_law():
    sizes = np.array([1, 4, 16, 64, 256])
    steps = 300 / sizes + 12
    with_gap = np.where(sizes == 4, np.inf, steps)
    assert float(scaling(sizes, with_gap).c1) == pytest.approx(300, rel=1e-5)
    few = np.where(sizes > 4, np.nan, steps)
    assert np.isnan([scaling(sizes, few).c1, scaling(sizes, few).residual]).all()
    with pytest.raises(FormatError, match="positive sizes"):
        scaling([1, 2], [1.0, 2.0, 3.0])


def test_the_median_minimum_is_that_over_all_subsets():
    steps = np.array([[7.0, 3.0, 9.0, 4.0, 20.0, np.inf], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]])
    for n in range(1, 7):
        minima = [sorted(min(x) for x in combinations(row, n)) for row in steps]
        lower = [x[(len(x) - 1) // 2] for x in minima]
        assert median_best(steps, n).tolist() == lower


def test_resamples_are_shared_by_all_curves():
    steps = np.random.default_rng(0).integers(1, 100, (3, 16)).astype(float)
    joint = np.stack([steps, 10 * steps])
    again = bootstrapped_best(joint, 50, rng=0)
    assert again.shape == (50, 2, 3)
    np.testing.assert_array_equal(again[:, 1], 10 * again[:, 0])
    assert (again[:, 0] >= steps.min(1)).all()
    np.testing.assert_array_equal(again[:, 0], bootstrapped_best(steps, 50, rng=0))
    distinct = bootstrapped_best(np.arange(1.0, 65.0), 4000, rng=1)
    assert (distinct == 1).mean() == pytest.approx(1 - (1 - 1 / 64) ** 64, abs=0.03)
