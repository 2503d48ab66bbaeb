"""How figures are drawn: one object, from the command line to the manifest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import cli

import netsculpt
from netsculpt.cli.options import FigureOptions, ModuleFigureOptions
from netsculpt.core.errors import FormatError
from netsculpt.core.figure_style import ALL_FIGURES, NO_FIGURES, FigureStyle
from netsculpt.graph.npz import save


def test_options_make_a_style() -> None:
    assert FigureOptions().style == ModuleFigureOptions().style == ALL_FIGURES
    assert FigureOptions("none").style == NO_FIGURES
    wanted = FigureStyle(("svg", "pdf"), "icml", verdicts=False)
    assert ModuleFigureOptions("svg,pdf", "icml", no_verdicts=True).style == wanted


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"formats": ("svg", "gif")}, "'gif': one of pdf, png, svg"),
        ({"width": "a4"}, "'a4': one of neurips"),
    ],
)
def test_what_cannot_be_drawn_is_refused(fields: dict[str, object], found: str) -> None:
    with pytest.raises(FormatError, match=found):
        FigureStyle(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("several", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_the_command_leaves_verdicts_out_and_says_so(tmp_path: Path, several: bool) -> None:
    for name in "ab"[: 1 + several]:
        save(netsculpt.planted([6, 6, 6], 2, 0.9, 0.05, rng=0)[0], tmp_path / f"{name}.npz")
    out, files = tmp_path / "out", sorted(tmp_path.glob("*.npz"))
    options = ("--nulls", 0, "--stability-seeds", 0, "--figures", "svg", "--no-verdicts")
    assert cli("analyze", *files, *options, "-o", out).returncode == 0
    folder = next(out.glob("*/manifest.json")).parent if several else out
    assert json.loads((folder / "manifest.json").read_text())["arguments"]["verdicts"] is False
    figures = [path.read_text() for path in (folder / "figures").iterdir()]
    assert figures
    assert not any("untested: too few" in text for text in figures)
    page = (folder / "report.html").read_text()
    assert "untested" in page, "the page says what the modules are worth"


def test_the_option_is_refused_where_no_figures_are_drawn(tmp_path: Path) -> None:
    save(netsculpt.planted([6, 6, 6], 2, 0.9, 0.05, rng=0)[0], tmp_path / "a.npz")
    run = cli("analyze", tmp_path / "a.npz", "--no-verdicts")
    assert run.returncode == 2
    assert "--no-verdicts" in run.stderr
    assert "name it with -o" in run.stderr
