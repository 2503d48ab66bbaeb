"""Relative error increase: by hand, and its bootstrap by its definition."""

from __future__ import annotations

import math

import numpy as np
import pytest

from netsculpt.compare import relative_error_increase
from netsculpt.core.errors import FormatError


def test_by_hand() -> None:
    sparse = {"easy": [0.98, 0.96], "hard": [0.6, 0.5], "even": [0.7, 0.7]}
    dense = {"easy": [0.99, 0.97], "hard": [0.5, 0.5], "even": [0.8, 0.6]}
    found = relative_error_increase(sparse, dense, n_draws=0)
    # errors .03 and .02; .45 and .5; .3 and .3
    assert found.increases == pytest.approx([0.5, -0.1, 0.0])
    assert found.mean == pytest.approx(0.4 / 3)  # not .78 / .82 − 1, the ratio of the means
    assert found.median == pytest.approx(0.0)
    assert math.isnan(found.mean_interval[0])
    summary = found.summary()
    assert summary["mean_interval"] == [None, None]
    assert [x["target"] for x in summary["targets"]] == ["easy", "hard", "even"]


def test_nothing_wrong_is_no_increase_and_something_after_nothing_is_infinite() -> None:
    found = relative_error_increase({"a": [1.0], "b": [0.5]}, {"a": [1.0], "b": [1.0]}, rng=0)
    assert found.increases.tolist() == [0.0, math.inf]
    assert found.summary()["mean"] is None


def test_the_bootstrap_draws_pairs_of_seeds_for_all_targets_at_once() -> None:
    rng = np.random.default_rng(0)
    dense = {name: rng.uniform(0.7, 0.9, 4) for name in "ab"}
    sparse = {name: x - rng.uniform(0, 0.1, 4) for name, x in dense.items()}
    found = relative_error_increase(sparse, dense, n_draws=40_000, rng=0)
    grid = np.stack(np.meshgrid(*[np.arange(4)] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    every = []  # all 4⁴ draws of seeds
    for rows in grid:
        errors = [[1 - x[name][rows].mean() for name in "ab"] for x in (sparse, dense)]
        every.append([(s - d) / d for s, d in zip(*errors, strict=True)])
    means = np.mean(every, axis=1)
    assert found.mean_interval == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=4e-3)
    ends = np.quantile(np.array(every)[:, 1], [0.025, 0.975])
    assert found.intervals[1] == pytest.approx(ends, abs=4e-3)
    again = relative_error_increase(sparse, dense, n_draws=40_000, rng=0)
    assert again.summary() == found.summary()


def test_equal_nets_have_no_interval_but_zero() -> None:
    values = {"a": [0.9, 0.8, 0.7]}
    found = relative_error_increase(values, values, rng=0)
    assert (found.mean, found.mean_interval, found.median_interval) == (0, (0, 0), (0, 0))


def test_what_is_refused() -> None:
    with pytest.raises(FormatError, match="the same are needed"):
        relative_error_increase({"a": [1.0]}, {"b": [1.0]})
    with pytest.raises(FormatError, match="paired bootstrap"):
        relative_error_increase({"a": [1.0, 0.9]}, {"a": [1.0]})
    with pytest.raises(FormatError, match="from 0 to 1"):
        relative_error_increase({"a": [90.0]}, {"a": [80.0]})
