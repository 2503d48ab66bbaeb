"""The study of frozen recognisers of digits: what sources are told, what is kept of them."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "analyses"))

from digit_pairs import METHODS, QUICK, SHARED, largest, shuffled, study

from netsculpt.training.tasks import digits, separate_digits


@pytest.mark.parametrize("shared", SHARED)
def test_only_labels_of_digits_that_are_named_are_true(shared: int) -> None:
    named = separate_digits(digits(), 300, rng=0)
    told, again = (shuffled(named, shared, 1, "source") for _ in range(2))
    assert torch.equal(told.targets, again.targets)
    assert torch.equal(told.inputs, named.inputs)
    for digit in range(2):
        true, seen = named.targets[:, digit], told.targets[:, digit]
        assert torch.equal(true.sort().values, seen.sort().values)
        right = float((true == seen).double().mean())
        assert right == 1 if digit < shared else right < 0.25
    other = shuffled(named, shared, 1, "unrelated")
    assert torch.equal(told.targets, other.targets) == (shared == 2)


def test_the_largest_weights_are_kept() -> None:
    weight = torch.tensor([[3.0, -1.0], [2.0, -5.0], [1.0, 0.0]])
    assert largest(weight, 0.5).tolist() == [[True, False], [True, True], [False, False]]
    assert largest(torch.ones(2, 5), 0.3).sum() == 3


@pytest.mark.slow
def test_files_and_columns(tmp_path: Path) -> None:
    found = study(QUICK).run(tmp_path)
    sources = pd.DataFrame(found.tables["source_means"])
    assert len(sources) == len(METHODS) * len(SHARED)
    density = sources.set_index("method")["density"]
    assert (density["dense"] == 1).all()
    assert density["pruned"].to_numpy() == pytest.approx(0.1, abs=1e-3)
    assert {"gains", "steps", "source_means"} <= set(found.tables)
