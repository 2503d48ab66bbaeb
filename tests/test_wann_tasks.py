"""Tasks that topologies are searched for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from topologies import published_swing_up, random_topology, topology

from netsculpt.core.errors import FormatError, GraphError
from netsculpt.graph.activations import WANN_ACTIVATIONS
from netsculpt.training.search.engine import outputs
from netsculpt.training.search.tasks import (
    SampleTask,
    SearchTask,
    SwingUp,
    boolean_search,
    classification_search,
    parse_search_task,
)
from netsculpt.training.search.tasks.swing_up import drawn_starts
from netsculpt.training.search.topology import Topology
from netsculpt.training.tasks import boolean, task

WEIGHTS = [-2, -1, -0.5, 0.5, 1, 2]


def test_the_published_network_swings_up_as_published() -> None:
    net, weights = published_swing_up()
    tested = SwingUp().tested(net, weights[None], rng=0)
    assert tested.spreads is not None
    assert abs(tested.rewards[0] - 931.2) < 3
    assert 3 < tested.spreads[0] < 15


def test_the_published_pattern_with_shared_weights() -> None:
    net, _ = published_swing_up()
    tested = SwingUp().tested(net, WEIGHTS, n_starts=300, rng=0)
    assert tested.spreads is not None
    expected = [541, 685, 521, 522, 701, 685]
    allowed = 4 * tested.spreads * math.sqrt(1 / 300 + 1 / 100)  # they are of 100 other starts
    assert (np.abs(tested.rewards - expected) < allowed).all()
    assert abs(tested.rewards.mean() - 609) < 9
    grid = np.linspace(-2, 2, 21)
    scan = SwingUp().tested(net, grid, rng=0).rewards
    assert abs(grid[scan.argmax()] - 0.8) < 0.15
    assert abs(scan.max() - 706) < 12


def starts_of(n: int, seed: int) -> NDArray[np.float64]:
    return drawn_starts(n, np.random.default_rng(seed))


def rewards(task: SearchTask, nets: list[Topology], seed: int = 0, **more: int) -> Any:
    rng = np.random.default_rng(seed)
    return task.rewards(nets, np.array(WEIGHTS), **{"repetitions": 3, **more}, rng=rng)


def one_roll_out(net: Topology, weight: float, start: NDArray[np.float64], n_steps: int) -> float:
    """The equations of motion solved for both accelerations, step by step."""
    x, speed, angle, spin = start
    total, m, length = 0.0, 0.5, 0.6
    for _ in range(n_steps):
        c, s = math.cos(angle), math.sin(angle)
        shown = np.array([[x, speed, c, s, spin]])
        push = 10 * float(np.clip(outputs([net], shown, [weight])[0, 0, 0, 0], -1, 1))
        # the pole is uniform: its centre is at l/2 and its inertia about it m l²/12
        forces = [[1.0, -m * length / 2 * c], [-m * length / 2 * c, m * length**2 / 3]]
        causes = [
            push - 0.1 * speed - m * length / 2 * spin**2 * s,
            m * 9.82 * length / 2 * s,
        ]
        faster, turned = np.linalg.solve(forces, causes)
        x, angle = x + 0.01 * speed, angle + 0.01 * spin
        speed, spin = speed + 0.01 * faster, spin + 0.01 * turned
        total += (math.cos(angle) + 1) / 2 * math.cos(math.pi * x / 4.8)
        if abs(x) >= 2.4:
            break
    return total


def test_roll_outs_are_those_of_the_equations_of_motion() -> None:
    net, _ = published_swing_up()
    starts = starts_of(3, 2)
    found = SwingUp(n_steps=80).totals([net], [-1, 0.8], starts)
    for mine, weight in zip(found[0], (-1, 0.8), strict=True):
        expected = [one_roll_out(net, weight, start, 80) for start in starts]
        assert np.allclose(mine, expected, rtol=1e-3)


def test_a_roll_out_does_not_depend_on_its_neighbours() -> None:
    rng = np.random.default_rng(4)
    nets = [random_topology(rng, 6, 15, 1) for _ in range(9)]
    starts, swing = starts_of(30, 0), SwingUp(n_steps=300)
    together = swing.totals(nets, WEIGHTS, starts)
    for threads in (2, 3):
        assert swing.totals(nets, WEIGHTS, starts, threads=threads).tobytes() == together.tobytes()
    for p, w, r in rng.integers([9, 6, 30], size=(20, 3)):
        alone = swing.totals([nets[p]], [WEIGHTS[w]], starts[[r]])
        assert alone[0, 0, 0] == together[p, w, r]
    long = swing.totals(nets, [1], np.concatenate([starts] * 9))  # more lanes than run at once
    assert np.array_equal(long.reshape(9, 9, 30)[:, 8], together[:, 4])


def test_equal_weights_are_a_shared_one() -> None:
    net, _ = published_swing_up()
    starts, swing = starts_of(20, 1), SwingUp(n_steps=40)
    individual = swing.individual_totals(net, np.full((2, net.n_edges), [[0.5], [2]]), starts)
    assert np.allclose(individual, swing.totals([net], [0.5, 2], starts)[0], rtol=1e-3)


def test_a_failed_roll_out_earns_nothing_more() -> None:
    push = topology(6, 1, [("identity", [0])])  # always to one side
    starts = np.array([[0, 0, np.pi, 0]])
    totals = [SwingUp(n_steps=n).totals([push], [1], starts)[0, 0, 0] for n in (60, 400, 1000)]
    assert totals[0] != totals[1] == totals[2]


def test_rewards_of_the_swing_up_are_means_over_the_same_starts() -> None:
    rng, swing = np.random.default_rng(5), SwingUp(n_steps=50)
    nets = [random_topology(rng, 6, 5, 1) for _ in range(3)]
    found = rewards(swing, nets, 7, threads=2)
    assert np.array_equal(found, swing.totals(nets, WEIGHTS, starts_of(3, 7)).mean(axis=2))
    assert np.array_equal(found[1:], rewards(swing, nets[1:], 7))
    assert not np.array_equal(found, rewards(swing, nets, 8))


def xor() -> Topology:
    """w²(|w|·1 − |w(a + b)|), of the sign of a ^ b for every w but 0."""
    return topology(
        3,
        1,
        [
            ("abs", [1]),  # |w|
            ("abs", [1, 2]),  # 2|w| or 0
            ("identity", [3]),
            ("negative", [4]),
            ("identity", [5, 6]),
        ],
    )


def test_xor_of_two_absolute_values_is_solved_by_every_weight() -> None:
    search = boolean_search(boolean("f = a ^ b", name="xor"))
    weights = np.array([-2, -0.5, 0.1, 1, 3])
    tested = search.tested(xor(), weights)
    assert tested.accuracies is not None
    assert (tested.accuracies == 1).all()
    size = np.abs(np.array(WEIGHTS)) ** 3
    assert np.allclose(rewards(search, [xor()])[0], -np.abs(size - 1), rtol=1e-5)
    entropy = boolean_search(search.task, loss="cross-entropy")
    assert np.allclose(rewards(entropy, [xor()])[0], -np.log1p(np.exp(-size)), atol=1e-6)
    assert (search.output_activation, entropy.output_activation) == ("tanh", "identity")
    assert search.fixed
    assert search.about != entropy.about


@pytest.mark.parametrize("loss", ["absolute-error", "squared-error", "cross-entropy"])
def test_losses_of_bits_are_those_of_torch(loss: str) -> None:
    search = boolean_search(task("overlap-1-use-2"), loss=loss)
    rng = np.random.default_rng(6)
    nets = [random_topology(rng, 8, 20, 4) for _ in range(5)]
    found = rewards(search, nets, threads=2)
    inputs = 2 * search.task.inputs.numpy() - 1
    for net, row in zip(outputs(nets, inputs, WEIGHTS), found, strict=True):
        for values, reward in zip(net, row, strict=True):
            logits = torch.from_numpy(values.copy())
            if loss == "cross-entropy":
                expected = search.task.goal.loss(logits, search.task.targets)
            else:
                power = 1 if loss == "absolute-error" else 2
                expected = ((logits - (2 * search.task.targets - 1)).abs() ** power).mean()
            assert reward == pytest.approx(-float(expected), rel=1e-5, abs=1e-6)


def test_losses_of_classes_are_those_of_torch() -> None:
    for name in ("digits", "two-digits-separate"):
        search = classification_search(task(name, rng=0), batch=None)
        rng = np.random.default_rng(7)
        net = random_topology(rng, search.n_inputs + 1, 30, search.n_outputs)
        inputs = search.task.inputs.numpy()
        found = rewards(search, [net])[0]
        for values, reward in zip(outputs([net], inputs, WEIGHTS)[0], found, strict=True):
            expected = search.task.goal.loss(torch.from_numpy(values.copy()), search.task.targets)
            assert reward == pytest.approx(-float(expected), rel=1e-5)
        tested, held_out = search.tested(net, WEIGHTS), search.task.validation
        assert tested.accuracies is not None
        values = outputs([net], held_out.inputs.numpy(), WEIGHTS)[0]
        for logits, accuracy in zip(values, tested.accuracies, strict=True):
            right = held_out.goal.correct(torch.from_numpy(logits.copy()), held_out.targets)
            assert accuracy == right.double().mean()


def test_a_batch_is_the_same_for_all_topologies() -> None:
    search = classification_search(task("digits", rng=0), batch=50)
    rng = np.random.default_rng(8)
    nets = [random_topology(rng, 65, 10, 10) for _ in range(4)]
    found = rewards(search, nets, 1, threads=2)
    assert np.array_equal(found[2:], rewards(search, nets[2:], 1))
    assert not np.array_equal(found, rewards(search, nets, 2))
    assert "step" not in search.activations
    assert len(search.activations) == 9


def test_what_does_not_fit_a_task_is_refused() -> None:
    digits = task("digits", rng=0)
    with pytest.raises(GraphError, match="has 2 inputs and 1 outputs, task 'digits' has 64 and 10"):
        rewards(classification_search(digits), [xor()])
    with pytest.raises(GraphError, match="task 'swing-up' has 5 and 1"):
        rewards(SwingUp(), [xor()])
    with pytest.raises(FormatError, match="bits are needed"):
        boolean_search(digits)
    with pytest.raises(FormatError, match="classes are needed"):
        classification_search(boolean("f = a ^ b"))
    with pytest.raises(FormatError, match="cross-entropy is needed"):
        SampleTask(digits, ("identity",), loss=boolean_search(boolean("f = a")).loss)
    with pytest.raises(GraphError, match=r"starts are \[3\]"):
        SwingUp().totals([published_swing_up()[0]], [1], np.zeros(3))


def test_repetitions_are_further_batches() -> None:
    search = classification_search(task("digits", rng=0), batch=40)
    assert not search.fixed
    net = random_topology(np.random.default_rng(9), 65, 10, 10)
    rng = np.random.default_rng(3)
    both = [search.rewards([net], np.array([1.0]), repetitions=1, rng=rng) for _ in range(2)]
    mean = search.rewards([net], np.array([1.0]), repetitions=2, rng=np.random.default_rng(3))
    assert mean == pytest.approx(np.mean(both, axis=0))


def test_tasks_by_name() -> None:
    assert parse_search_task("swing-up").name == "swing-up"
    assert parse_search_task("overlap-1-use-2").activations == WANN_ACTIVATIONS[:10]
    assert parse_search_task("digits").n_inputs == 64
    with pytest.raises(FormatError, match="no task and no file 'nothing'"):
        parse_search_task("nothing")
