"""Some of the classes of a task, groups of them, wrong labels: as functions and as text."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from netsculpt.core.errors import FormatError
from netsculpt.training.tasks import Bits, Classes, Task, absolute_task, parse_task, regrouped
from netsculpt.training.tasks.presets import is_task_name

DIGITS = parse_task("digits", rng=0)


def expected(part: Task, new: dict[int, int]) -> tuple[torch.Tensor, list[int]]:
    rows = [i for i, (label,) in enumerate(part.targets.tolist()) if label in new]
    return part.inputs[rows], [new[int(part.targets[i])] for i in rows]


@pytest.mark.parametrize(
    ("view", "new"),
    [
        ("5-9", {5: 0, 6: 1, 7: 2, 8: 3, 9: 4}),
        ("0-1+7", {0: 0, 1: 1, 7: 2}),
        ("6+8/5+7+9", {6: 0, 8: 0, 5: 1, 7: 1, 9: 1}),
        ("even-odd", {k: k % 2 for k in range(10)}),
        ("5-9:even-odd", {5: 0, 6: 1, 7: 0, 8: 1, 9: 0}),  # of the new numbers
    ],
)
def test_views_of_digits_by_definition(view: str, new: dict[int, int]) -> None:
    task = parse_task(f"digits:{view}", rng=0)
    for part, whole in ((task, DIGITS), (task.validation, DIGITS.validation)):
        inputs, labels = expected(whole, new)
        assert torch.equal(part.inputs, inputs)
        assert part.targets[:, 0].tolist() == labels
    assert task.goal == Classes((len(set(new.values())),))
    assert task.name == f"digits:{view}"
    assert is_task_name(task.name)


def test_wrong_labels_are_in_training_samples_only() -> None:
    task = parse_task("digits:5-9:relabelled-0.5", rng=0)
    clean = parse_task("digits:5-9", rng=0)
    assert torch.equal(task.validation.targets, clean.validation.targets)
    changed = int((task.targets != clean.targets).sum())
    assert 0.3 * clean.n_samples < changed < 0.5 * clean.n_samples
    again = parse_task("digits:5-9:relabelled-0.5", rng=0)
    assert torch.equal(again.targets, task.targets)


def write_idx(path: Path, values: np.ndarray) -> None:
    head = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    path.write_bytes(gzip.compress(head + values.astype(np.uint8).tobytes()))


def test_views_of_files(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    write_idx(tmp_path / "images", rng.integers(256, size=(60, 2, 2)))
    write_idx(tmp_path / "labels", np.arange(60) % 10)
    text = f"{tmp_path / 'images'},{tmp_path / 'labels'}"
    assert parse_task(f"{text}:2-3", rng=0).n_samples + 2 < 12
    assert parse_task(f"{text}:2-3", rng=0).n_outputs == 2
    assert absolute_task(f"{text}:2-3") == f"{text}:2-3"
    with_colon = tmp_path / "a:b.txt"
    with_colon.write_text("f = a & b")
    assert parse_task(str(with_colon)).n_outputs == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("digits:5", "two or more are needed"),
        ("digits:5-12", "no class 10"),
        ("digits:9-5", "have no order"),
        ("digits:1-3+2", "no class in two"),
        ("digits:odd", "not a choice of classes"),
        ("two-digits-separate:0-4", "one classification"),
        ("reused:0-1", "one classification"),
        ("reused:even-odd", "one classification"),
        ("nothing:5-9", "no task and no file"),
    ],
)
def test_what_is_not_a_view(text: str, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        parse_task(text, rng=0)


def test_groups_of_tasks_without_classes() -> None:
    bits = Task("bits", torch.zeros(2, 3), torch.zeros(2, 1), Bits(1))
    with pytest.raises(FormatError, match="one classification"):
        regrouped(bits, [[0], [1]])
