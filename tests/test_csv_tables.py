"""CSV files are those that pandas writes, and an analysis writes its own without pandas."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from netsculpt.graph.synthetic import planted
from netsculpt.pipeline import AnalysisPlan, analyze
from netsculpt.report.csv_tables import write_table

TABLES: dict[str, dict[str, Any]] = {
    "numbers": {
        "whole": np.array([-1, 0, 2**62]),
        "small": np.array([0.1, 1e-300, -2.5e17]),
        "single": np.array([0.1, 3.0, 1e10], np.float32),
        "byte": np.array([0, 1, 255], np.uint8),
        "yes": np.array([True, False, True]),
    },
    "lists": {"whole": [1, 2], "mixed": [1, 0.5], "of numpy": [np.float64(0.1), np.int64(3)]},
    "text": {
        "name": ["a,b", 'say "a"'],
        "numpy": np.array(["x", ""]),
        "é → ∞": ["ü", "\U0001f600"],
    },
    "empty": {"a": [], "b": np.zeros(0)},
}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("framed", [False, True])
def test_tables_are_those_of_pandas(name: str, framed: bool, tmp_path: Path) -> None:
    frame = pd.DataFrame(TABLES[name])
    write_table(frame if framed else TABLES[name], tmp_path / "ours.csv")
    frame.to_csv(tmp_path / "theirs.csv", index=False, quoting=csv.QUOTE_NONNUMERIC)
    ours, theirs = ((tmp_path / f"{x}.csv").read_bytes() for x in ("ours", "theirs"))
    if name == "lists" and not framed:  # a frame makes fractions of all numbers in a column
        ours = ours.replace(b"1,1,", b"1,1.0,").replace(b",3\n", b",3.0\n")
    assert ours == theirs


def test_whole_numbers_stay_whole_next_to_a_cell_that_is_empty(tmp_path: Path) -> None:
    write_table({"n": [18, None, 3], "why": [None, "not there", None]}, tmp_path / "a.csv")
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert lines == ['"n","why"', '18,""', '"","not there"', '3,""']


def test_what_is_not_finite_is_empty_and_several_values_share_a_cell(tmp_path: Path) -> None:
    columns = {
        "x": [float("inf"), float("nan"), 1.0],
        "of": [(1, 2), (), (3,)],
        "y": ["=1", "a", "-"],
    }
    write_table(columns, tmp_path / "a.csv")
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert lines == ['"x","of","y"', '"","1 2","\'=1"', '"","","a"', '1.0,"3","\'-"']


def test_frames_of_an_analysis_have_its_columns() -> None:
    graph, _ = planted([8, 8, 8], 2, 0.6, 0.1, rng=0)
    plan = AnalysisPlan(detectors=("layered", "spectral"), n_nulls=20, n_seeds=2)
    found = analyze(graph, plan, rng=0)
    pairs = [
        (found.units(), found.unit_columns()),
        (found.modules(), found.module_columns()),
        (found.links(), found.link_columns()),
        (found.flows(), found.flow_columns()),
    ]
    for frame, columns in pairs:
        assert list(frame.columns) == list(columns)
        assert len(frame) == len(next(iter(columns.values()))) > 0
    first, second = found.detected
    joined = pd.concat([first.flow.table(), second.flow.table()], ignore_index=True)
    pd.testing.assert_frame_equal(found.flows().iloc[:, 3:], joined)
    for flow in (first.flow.table(), second.flow.table()):
        ordered = flow.sort_values("weight", ascending=False, kind="stable", ignore_index=True)
        pd.testing.assert_frame_equal(flow, ordered)


def test_an_analysis_imports_no_library_that_it_does_not_use(tmp_path: Path) -> None:
    torch.save({"a.weight": torch.eye(4), "b.weight": torch.ones(2, 4)}, tmp_path / "net.pt")
    code = """
import sys
from netsculpt.cli import main
sys.argv = ["netsculpt", "analyze", "net.pt", "-o", "out", "--nulls", "2"]
try:
    main()
finally:
    print(sorted({"torch", "pandas", "joblib", "networkx", "igraph"} & set(sys.modules)))
"""
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert (tmp_path / "out" / "report.html").is_file()
    assert run.stdout.splitlines()[-1] == "[]"
