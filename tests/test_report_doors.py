"""Folders that Python writes: the same as the commands, with nothing but a result and a place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import netsculpt
from netsculpt.core.figure_style import NO_FIGURES

PLAN = netsculpt.AnalysisPlan(n_nulls=0, n_seeds=0)


@pytest.fixture(scope="module")
def analyses() -> list[netsculpt.Analysis]:
    graphs = (netsculpt.planted([6, 6, 6], 2, 0.8, 0.1, rng=seed)[0] for seed in range(4))
    return [netsculpt.analyze(graph, PLAN, rng=0) for graph in graphs]


def files(folder: Path) -> set[str]:
    listed = set(json.loads((folder / "manifest.json").read_text())["files"])
    assert all((folder / name).is_file() for name in listed)
    return listed


def test_an_analysis_and_its_page(analyses: list[netsculpt.Analysis], tmp_path: Path) -> None:
    style = netsculpt.FigureStyle(("svg",), "nature")
    netsculpt.report.write_analysis(analyses[0], str(tmp_path / "out"), figures=style)
    found = files(tmp_path / "out")
    assert {"report.html", "graph.npz", "figures/network_layered.svg"} <= found


def test_a_comparison_of_two_networks(analyses: list[netsculpt.Analysis], tmp_path: Path) -> None:
    compared = netsculpt.compare_networks(*analyses[:2], n_nulls=0, rng=0)
    netsculpt.report.write_comparison(compared, str(tmp_path / "out"), figures=NO_FIGURES)
    assert {"edges.csv", "units.csv", "modules.csv", "summary.json"} <= files(tmp_path / "out")


def test_groups_of_networks(analyses: list[netsculpt.Analysis], tmp_path: Path) -> None:
    features = [netsculpt.network_features(each) for each in analyses]
    compared = netsculpt.compare.groups(features[:2], features[2:], rng=0)
    netsculpt.report.write_groups(compared, features, str(tmp_path / "out"), figures=NO_FIGURES)
    assert {"report.html", "features.csv", "models.csv"} <= files(tmp_path / "out")
    assert "<td>second 2</td>" in (tmp_path / "out/report.html").read_text("utf-8")


def test_all_figures_are_drawn_unless_others_are_named(
    analyses: list[netsculpt.Analysis], tmp_path: Path
) -> None:
    compared = netsculpt.compare_networks(*analyses[:2], n_nulls=0, rng=0)
    netsculpt.report.write_comparison(compared, tmp_path)
    assert {f"figures/modules.{kind}" for kind in ("pdf", "png", "svg")} <= files(tmp_path)
