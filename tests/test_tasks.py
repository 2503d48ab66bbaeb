"""The protocol of tasks: goals against their definitions, splits, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from netsculpt.core.errors import FormatError
from netsculpt.training.tasks import (
    Bits,
    Classes,
    Function,
    Goal,
    NextToken,
    Task,
    Truth,
    digit_sum,
    digits,
    hold_out,
    separate_digits,
    task,
)


def sample(n: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(n)
    return torch.from_numpy(rng.normal(size=(n, width))), torch.from_numpy(
        rng.integers(2, size=(n, width)).astype(np.float32)
    )


def test_bits_by_definition() -> None:
    logits, targets = sample(7, 3)
    losses, right = [], []
    for row, wanted in zip(logits.tolist(), targets.tolist(), strict=True):
        for z, t in zip(row, wanted, strict=True):
            p = 1 / (1 + math.exp(-z))
            losses.append(-math.log(p if t else 1 - p))
            right.append((p > 0.5) == bool(t))
    goal = Bits(3)
    assert float(goal.loss(logits, targets.double())) == pytest.approx(np.mean(losses))
    assert goal.accuracy(logits, targets) == pytest.approx(np.mean(right))
    assert 0 < goal.accuracy(logits, targets) < 1
    assert not goal.solved(logits, targets)
    assert goal.solved(targets - 0.5, targets)
    assert not Bits(1).correct(torch.zeros(1, 1), torch.ones(1, 1)).any()  # 0.5 is not above 0.5


def test_classes_by_definition() -> None:
    logits, _ = sample(6, 5)
    targets = torch.tensor([[0, 2], [1, 1], [0, 0], [1, 2], [1, 0], [0, 1]])
    losses, right = [], []
    for row, (first, second) in zip(logits.tolist(), targets.tolist(), strict=True):
        for part, wanted in ((row[:2], first), (row[2:], second)):
            losses.append(math.log(sum(map(math.exp, part))) - part[wanted])
            right.append(max(part) == part[wanted])
    goal = Classes((2, 3))
    assert goal.n_outputs == 5
    assert float(goal.loss(logits, targets)) == pytest.approx(np.mean(losses))
    assert goal.accuracy(logits, targets) == pytest.approx(np.mean(right))
    assert 0 < goal.accuracy(logits, targets) < 1


def test_losses_have_gradients() -> None:
    for goal, targets in ((Bits(4), torch.ones(3, 4)), (Classes((4,)), torch.ones(3, 1).long())):
        logits = torch.zeros(3, 4, requires_grad=True)
        goal.loss(logits, targets).backward()
        assert logits.grad is not None
        assert logits.grad.abs().sum() > 0


INPUTS = torch.zeros(2, 3)


@pytest.mark.parametrize(
    ("inputs", "targets", "goal", "message"),
    [
        (INPUTS.double(), torch.zeros(2, 1), Bits(1), "float32"),
        (INPUTS, torch.zeros(3, 1), Bits(1), "one row per target"),
        (INPUTS[0], torch.zeros(3, 1), Bits(1), "one row per target"),
        (INPUTS[:0], torch.zeros(0, 1), Bits(1), "no sample"),
        (INPUTS, torch.zeros(2, 2), Bits(1), r"\[n, 1\] is needed"),
        (INPUTS, torch.zeros(2), Bits(1), r"\[n, 1\] is needed"),
        (INPUTS, torch.full((2, 1), 0.5), Bits(1), "values other than 0 and 1"),
        (INPUTS, torch.full((2, 1), math.nan), Bits(1), "values other than 0 and 1"),
        (INPUTS, torch.zeros(2, 1), Classes((2,)), "int64"),
        (INPUTS, torch.tensor([[0], [2]]), Classes((2,)), r"0 … 2, 2 classes"),
        (INPUTS, torch.tensor([[0, -1], [1, 0]]), Classes((2, 2)), "-1 … 0, 2 classes"),
    ],
)
def test_arguments_that_are_not_a_task_are_refused(
    inputs: torch.Tensor, targets: torch.Tensor, goal: Bits | Classes, message: str
) -> None:
    with pytest.raises(FormatError, match=message):
        Task("x", inputs, targets, goal)


def test_truth_and_held_out_must_fit() -> None:
    targets = torch.zeros(2, 1)
    with pytest.raises(FormatError, match="truth has 4 inputs"):
        Task("x", INPUTS, targets, Bits(1), Truth(4, 1, ()))
    other = Task("y", torch.zeros(2, 4), targets, Bits(1))
    with pytest.raises(FormatError, match="other inputs or another goal"):
        Task("x", INPUTS, targets, Bits(1), held_out=other)


@pytest.mark.parametrize(
    ("functions", "message"),
    [
        ((Function("f"), Function("f")), "twice"),
        ((Function("f", uses=("g",)), Function("g")), "not before it"),
        ((Function("f", inputs=(3,)),), "inputs outside of 0 … 2"),
        ((Function("f", outputs=(-1,)),), "outputs outside of 0 … 0"),
        ((Function("f", outputs=(0,)), Function("g", outputs=(0,))), "to two functions"),
    ],
)
def test_functions_that_form_no_graph_are_refused(
    functions: tuple[Function, ...], message: str
) -> None:
    with pytest.raises(FormatError, match=message):
        Truth(3, 1, functions)


def test_inputs_and_outputs_of_no_function() -> None:
    truth = Truth(3, 2, (Function("f", inputs=(1,), outputs=(1,)),))
    assert truth.input_groups.labels.tolist() == [-1, 0, -1]
    assert truth.output_groups.labels.tolist() == [-1, 0]


def test_held_out_samples_are_the_others() -> None:
    whole = digits()
    split = hold_out(whole, 0.2, rng=3)
    kept = split.validation
    assert (split.n_samples, kept.n_samples) == (1438, 359)
    rows = [tuple(row) for part in (split, kept) for row in part.inputs.tolist()]
    assert sorted(rows) == sorted(map(tuple, whole.inputs.tolist()))
    again, other = hold_out(whole, 0.2, rng=3), hold_out(whole, 0.2, rng=4)
    assert torch.equal(split.inputs, again.inputs)
    assert not torch.equal(split.inputs, other.inputs)


@pytest.mark.parametrize("share", [0, 1, 1e-9, -1, 2])
def test_a_split_without_samples_is_refused(share: float) -> None:
    with pytest.raises(FormatError, match="at least one sample"):
        hold_out(digits(), share, rng=0)


def test_digits_are_those_of_sklearn() -> None:
    from sklearn.datasets import load_digits

    made, bunch = digits(), load_digits()
    np.testing.assert_allclose(made.inputs.numpy() * 16, bunch.data)
    assert made.targets[:, 0].tolist() == bunch.target.tolist()
    assert made.goal == Classes((10,))
    assert float(made.inputs.max()) == 1


def labelled(part: Task) -> dict[bytes, int]:
    return {x.numpy().tobytes(): int(y) for x, y in zip(part.inputs, part.targets, strict=True)}


def images(part: Task) -> list[tuple[bytes, bytes]]:
    half = part.n_inputs // 2
    return [(x[:half].numpy().tobytes(), x[half:].numpy().tobytes()) for x in part.inputs]


def test_both_digits_are_named_and_no_image_is_in_both_parts() -> None:
    source = hold_out(digits(), 0.25, rng=0)
    pairs = separate_digits(source, 300, rng=1)
    assert pairs.validation.n_samples == 100
    for part, known in ((pairs, source), (pairs.validation, source.validation)):
        label = labelled(known)
        found = [[label[left], label[right]] for left, right in images(part)]
        assert part.targets.tolist() == found
    assert pairs.truth is not None
    assert pairs.truth.input_groups.labels.tolist() == [0] * 64 + [1] * 64
    assert pairs.truth.output_groups.labels.tolist() == [0] * 10 + [1] * 10
    again = separate_digits(source, 300, rng=1)
    assert torch.equal(pairs.inputs, again.inputs)
    assert torch.equal(pairs.validation.inputs, again.validation.inputs)


def test_digit_sum_by_definition() -> None:
    source = digits()
    pairs = digit_sum(source, 200, rng=5)
    label = labelled(source)
    for (left, right), bits in zip(images(pairs), pairs.targets.tolist(), strict=True):
        a, b = label[left], label[right]
        assert max(a, b) < 8
        assert bits == [float(x) for x in f"{a ^ b:03b}"]
    assert pairs.held_out is None
    assert pairs.truth is not None
    assert pairs.truth.input_groups.labels.tolist() == [0] * 64 + [1] * 64
    assert pairs.truth.output_groups.labels.tolist() == [0, 1, 2]
    assert all(pairs.truth.reads[f"bit{k}"] == set(range(128)) for k in range(3))


def test_pairs_need_ten_digits() -> None:
    with pytest.raises(FormatError, match=r"Classes\(\(10,\)\) is needed"):
        separate_digits(task("reused"), 3, rng=0)
    with pytest.raises(FormatError, match="at least 1 is needed"):
        digit_sum(digits(), 0, rng=0)
    nines = Task("nines", INPUTS, torch.full((2, 1), 9), Classes((10,)))
    with pytest.raises(FormatError, match="no sample of a digit below 8"):
        digit_sum(nines, 3, rng=0)


@pytest.mark.parametrize("name", ["digits", "two-digits-separate", "two-digits-sum"])
def test_presets_of_digits(name: str) -> None:
    made, again, other = task(name, rng=0), task(name, rng=0), task(name, rng=1)
    assert made.name == name
    assert made.held_out is not None
    assert torch.equal(made.inputs, again.inputs)
    assert torch.equal(made.validation.targets, again.validation.targets)
    assert not torch.equal(made.inputs, other.inputs)


@pytest.mark.parametrize("goal", [Bits(3), Classes((2, 1)), NextToken(3, (0, 2))])
def test_a_loss_says_how_many_outputs_a_net_needs(goal: Goal) -> None:
    targets = torch.zeros(2, 3) if isinstance(goal, Bits) else torch.zeros(2, 1).long()
    with pytest.raises(FormatError, match=r"logits of shape \[2, 4\], the task needs \[n, 3\]"):
        goal.loss(torch.zeros(2, 4), targets)
