"""Benefit of reuse: costs to a goal, those that were never reached included."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest
from scipy.stats import binomtest

from netsculpt.compare.reuse import Curve, reuse_benefit
from netsculpt.core.errors import FormatError


def curve(first: float, last: float = 100) -> Curve:
    """Reaches .9 at `first`, every 10 recorded; ends at `last`."""
    costs = np.arange(10, last + 1, 10)
    return Curve(costs, np.where(costs >= first, 0.95, 0.5))


def test_ratio_and_interval_from_their_definition() -> None:
    ours, theirs = [20, 30, 10], [60, 40, 50]
    result = reuse_benefit(
        [curve(x) for x in ours], {"free": [curve(x) for x in theirs]}, goal=0.9, rng=0
    )
    (row,) = result.controls
    assert row.ratio == pytest.approx(150 / 60)
    assert (row.n_earlier, row.n_later, row.n_undecided) == (3, 0, 0)
    assert row.p == pytest.approx(binomtest(3, 3).pvalue) == pytest.approx(0.25)
    assert (row.note, row.horizon) == ("", math.inf)
    ratios = [  # all 27 equally likely draws of pairs
        sum(theirs[i] for i in draw) / sum(ours[i] for i in draw)
        for draw in itertools.product(range(3), repeat=3)
        for _ in range(100)  # so that percentiles are those of the 27, not between them
    ]
    assert row.interval[0] == pytest.approx(np.percentile(ratios, 2.5), rel=0.02)
    assert row.interval[1] == pytest.approx(np.percentile(ratios, 97.5), rel=0.02)
    same = reuse_benefit(
        [curve(x) for x in ours], {"free": [curve(x) for x in theirs]}, goal=0.9, rng=0
    )
    assert same.summary() == result.summary()


def test_a_frozen_module_that_does_nothing_has_ratio_one() -> None:
    curves = [curve(x) for x in (20, 50, 80)]
    (row,) = reuse_benefit(curves, {"shuffled": curves}, goal=0.9, rng=0).controls
    assert (row.ratio, row.interval, row.p, row.n_undecided) == (1.0, (1.0, 1.0), 1.0, 3)


def test_runs_that_never_arrive_are_counted_and_said() -> None:
    never = math.inf
    cases = {
        "is a lower bound": ([20, 30], [60, never]),
        "is an upper bound": ([20, never], [60, 40]),
        "is one of restricted means": ([20, never], [60, never]),
    }
    for said, (ours, theirs) in cases.items():
        (row,) = reuse_benefit(
            [curve(x) for x in ours], {"c": [curve(x) for x in theirs]}, goal=0.9, rng=0
        ).controls
        restricted = [sum(min(x, 100) for x in side) for side in (theirs, ours)]
        assert row.ratio == pytest.approx(restricted[0] / restricted[1])
        assert row.note.endswith(said)
        assert "by 100" in row.note
        assert row.n_reached == sum(math.isfinite(x) for x in ours)
        assert row.n_reached_control == sum(math.isfinite(x) for x in theirs)
        assert row.n_earlier + row.n_later + row.n_undecided == 2
    assert (row.n_earlier, row.n_undecided) == (1, 1), "neither reached it: undecided"


def test_runs_are_compared_up_to_the_shortest_that_did_not_arrive() -> None:
    ours = [curve(20), curve(90), curve(math.inf, last=50)]
    theirs = [curve(50), curve(60), curve(40)]
    (row,) = reuse_benefit(ours, {"c": theirs}, goal=0.9, rng=0).controls
    assert row.horizon == 50
    assert (row.mean_cost, row.mean_cost_control) == ((20 + 50 + 50) / 3, (50 + 50 + 40) / 3)
    assert (row.n_reached, row.n_reached_control) == (1, 2)
    assert (row.n_earlier, row.n_later, row.n_undecided) == (1, 1, 1)


def test_tables_and_plain_numbers() -> None:
    result = reuse_benefit(
        [curve(20)], {"shuffled": [curve(30)], "free": [curve(math.inf)]}, goal=0.9, unit="samples"
    )
    table = result.table()
    assert list(table["control"]) == ["shuffled", "free"]
    assert list(table["ratio"]) == [1.5, 5.0]
    summary = json.loads(json.dumps(result.summary(), allow_nan=False))
    assert summary["controls"][0]["horizon"] is None
    assert summary["controls"][0]["interval"] == [None, None], "one pair: nothing to draw from"
    assert summary["unit"] == "samples"


def test_curves_that_are_none_are_refused() -> None:
    good = curve(20)
    for bad in (
        Curve([], []),
        Curve([1, 1], [0, 0]),
        Curve([0, 1], [0, 0]),
        Curve([1], [math.nan]),
    ):
        with pytest.raises(FormatError, match="a curve has costs"):
            reuse_benefit([bad], {"c": [good]}, goal=0.9)
    with pytest.raises(FormatError, match="of the same seeds"):
        reuse_benefit([good], {"c": [good, good]}, goal=0.9)
    with pytest.raises(FormatError, match="at least one each"):
        reuse_benefit([good], {}, goal=0.9)
