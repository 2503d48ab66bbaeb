"""The analysis of detectors: its truth about hidden units, and its families."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from netsculpt import Partition, from_matrices
from netsculpt.nets.families import MLP
from netsculpt.training.sculpting.replicas import Replicas, initial_replicas
from netsculpt.training.tasks import boolean

sys.path.insert(0, str(Path(__file__).parents[1] / "analyses"))

from detector_families.families import JUDGED, TUNED, text_of
from detector_families.truth import decided, judged

TEXT = "one = a & b\ntwo = c"


def net() -> Replicas:
    """Unit 0 is a & b, unit 1 is c, unit 2 feeds both outputs too weakly to decide anything."""
    replicas = initial_replicas(MLP((3, 3, 2)), [0])
    parameters = {
        "fc1.weight": [[1.0, 1, 0], [0, 0, 1], [1, 0, 1]],
        "fc1.bias": [-1.0, 0, 0],
        "fc2.weight": [[1.0, 0, 0.1], [0, 1, 0.1]],
        "fc2.bias": [-0.5, -0.5],
    }
    for name, values in parameters.items():
        replicas.parameters[name][0] = torch.tensor(values)
    return replicas


def test_a_unit_serves_what_changes_without_it() -> None:
    decides = decided(net(), boolean(TEXT))
    assert decides.tolist() == [
        *[[False, False]] * 3,
        [True, False],
        [False, True],
        *[[False, False]] * 3,
    ]


def test_units_of_no_function_are_left_out() -> None:
    task, made = boolean(TEXT), net()
    assert task.truth is not None
    graph = from_matrices([made.parameters[name][0].numpy() for name in made.weights])
    right = Partition([0, 0, 1, 0, 1, 2, 0, 1])
    verdict = judged(graph, right, task.truth, decided(made, task))
    assert verdict == {
        "inputs": True,
        "outputs": True,
        "hidden": True,
        "hidden_ami": 1.0,
        "n_hidden": 2,
        "in_several": 0.0,
    }
    wrong = Partition([0, 1, 1, 0, 0, 2, 0, 0])
    verdict = judged(graph, wrong, task.truth, decided(made, task))
    assert not any(verdict[name] for name in ("inputs", "outputs", "hidden"))


@pytest.mark.parametrize("family", [*JUDGED, *TUNED])
def test_every_family_has_three_functions_or_more(family: str) -> None:
    task = boolean(text_of(family))
    assert task.truth is not None
    assert task.truth.output_groups.n_modules >= 3
    values = task.targets.numpy() > 0
    assert (values.any(axis=0) & ~values.all(axis=0)).all(), "no function is constant"
    inputs = task.inputs.numpy() > 0
    for column in range(task.n_inputs):
        flipped = inputs.copy()
        flipped[:, column] ^= True
        rows = flipped @ (1 << np.arange(task.n_inputs)[::-1])
        reads = (values[rows] != values).any(axis=0)
        truth = {
            o for f in task.truth.functions if column in task.truth.reads[f.name] for o in f.outputs
        }
        assert set(np.flatnonzero(reads).tolist()) == truth, "what the text reads, it depends on"


def test_families_to_judge_by_are_not_those_to_tune_on() -> None:
    assert not set(JUDGED.values()) & set(TUNED.values())
