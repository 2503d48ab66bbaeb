"""The calibration of tests: families as they are described, rates by hand, a study that resumes."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ANALYSES = Path(__file__).parents[1] / "analyses"
sys.path.insert(0, str(ANALYSES))

from calibrated.families import FAMILIES, lognormal_strengths  # noqa: E402
from calibration import PLANTED, QUICK, TESTS, Cell, measure, study, tables  # noqa: E402

from netsculpt import planted  # noqa: E402


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_is_small_live_and_drawn_from_its_generator(name):
    graph, again, other = (FAMILIES[name](np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert graph.weights.data.tobytes() == again.weights.data.tobytes()
    assert graph.weights.data.tobytes() != other.weights.data.tobytes()
    assert 50 < graph.live().n_edges < 400
    assert (graph.weights.data != 0).all()
    assert FAMILIES[name].__doc__


def test_what_makes_families_differ():
    def spread(name, of):
        return np.mean([of(FAMILIES[name](np.random.default_rng(seed))) for seed in range(5)])

    def degrees(graph):
        held = np.diff(graph.weights.indptr)[:20]
        return held.std() / held.mean()

    def strengths(graph):
        sums = np.abs(graph.weights).sum(axis=1)[:20]
        return sums.std() / sums.mean()

    assert spread("lognormal degrees", degrees) > 1.3 * spread("homogeneous", degrees)
    assert spread("scale-free", degrees) > 1.3 * spread("homogeneous", degrees)
    assert spread("lognormal strengths", strengths) > 1.5 * spread("homogeneous", strengths)
    assert FAMILIES["CNN channels"](np.random.default_rng(0)).multiplicity is not None


def test_lognormal_strengths_are_scales_and_noise():
    graph, _ = planted([6, 6], 1, 1.0, 1.0, rng=0)
    made = lognormal_strengths(graph, np.random.default_rng(0), noise=0.0)
    np.testing.assert_allclose(made.balanced.weights.data, 1, rtol=1e-9)
    assert made.weights.data.std() > 0.5


def test_one_network():
    rows = measure(Cell("planted .5", 0, 3, 0))["p_values"]
    assert [row["test"] for row in rows] == list(TESTS)
    by = {row["test"]: row for row in rows}
    assert by["balanced"]["p"] == by["pattern"]["p"] == by["n-cut"]["p"] == 0.25
    assert by["|weights|"]["p"] == 1.0, "not valid where strengths differ"
    assert by["pattern"]["delta"] > 0.1
    assert by["balanced"]["delta"] > 0.1
    assert [row["test"] for row in measure(Cell("planted .5", 1, 1, 0))["p_values"]] == [
        name for name, test in TESTS.items() if test.every == 1
    ]


def test_rates_by_hand():
    def rows(family, test, n_rejected, n):
        p = [0.05] * n_rejected + [0.5] * (n - n_rejected)
        return [
            {"family": family, "test": test, "p": each, "delta": 0.1, "edges": 10} for each in p
        ]

    frame = pd.DataFrame(
        [
            *rows("homogeneous", "pattern", 10, 200),
            *rows("skips", "pattern", 20, 200),
            *rows("skips", "balanced", 2, 200),
            *rows("planted .5", "balanced", 199, 200),
            *rows("skips", "n-cut", 0, 20),
        ]
    )
    rates = tables({"p_values": frame})["rates"]
    assert list(rates["test"]) == ["balanced", "balanced", "pattern", "pattern", "n-cut"]
    assert list(rates["family"]) == ["skips", "planted .5", "homogeneous", "skips", "skips"]
    assert list(rates["rejected"]) == [0.01, 0.995, 0.05, 0.1, 0.0]
    assert list(rates["verdict"]) == [
        "too few",
        "power",
        "as it should",
        "too many",
        "open: few networks",
    ]
    assert set(rates["allowed"][:4]) == {"0.015 – 0.095"}  # 3 … 19 of 200


def test_cells_of_the_study():
    cells = study(QUICK).cells
    assert {cell.family for cell in cells} == set(QUICK.families)
    assert sum(cell.family in PLANTED for cell in cells) == QUICK.n_planted
    with pytest.raises(ValueError, match="no family is called nothing"):
        study(type(QUICK)(families=("nothing",)))
