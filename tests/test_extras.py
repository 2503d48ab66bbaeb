"""Without the libraries of the extras: what works, and what is said where it does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import netsculpt
from netsculpt.core.catalog import catalog
from netsculpt.core.declared import needed_by
from netsculpt.core.errors import MissingLibraryError
from netsculpt.core.extras import EXTRAS, is_installed, missing, require
from netsculpt.core.figure_style import NO_FIGURES
from netsculpt.graph.synthetic import planted

WITHOUT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in %r:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name.partition(".")[0])

sys.meta_path.insert(0, Absent())
"""
ABSENT = (*EXTRAS, "sklearn")


def run_without(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run Python where no library of an extra, nor scikit-learn, can be imported."""
    return subprocess.run(
        [sys.executable, "-c", WITHOUT % (ABSENT,) + code],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def command(*arguments: str) -> str:
    return f"from netsculpt.cli import main; sys.argv = {['netsculpt', *arguments]}; main()"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    graph, _ = planted([6, 6, 4], 2, 0.9, 0.1, rng=0)
    netsculpt.save(graph, tmp_path / "graph.npz")
    torch.save({"fc.weight": torch.eye(3)}, tmp_path / "model.pt")
    torch.save({"fc.weight": torch.eye(3).bfloat16()}, tmp_path / "brief.pt")
    return tmp_path


def test_graphs_are_analysed_and_exported(folder: Path) -> None:
    every = ("--detector", "layered,path_signature,sculpting,spectral")
    quick = ("--nulls", "0", "--stability-seeds", "2", "--figures", "png")
    done = run_without(command("analyze", "graph.npz", *every, *quick, "-o", "out"), folder)
    assert done.returncode == 0, done.stderr
    assert (folder / "out" / "summary.json").is_file()
    done = run_without(command("export", "graph.npz", "-o", "graph.gexf"), folder)
    assert done.returncode == 0, done.stderr


def test_plain_checkpoints_are_analysed(folder: Path) -> None:
    done = run_without(command("analyze", "model.pt", "--nulls", "0"), folder)
    assert done.returncode == 0, done.stderr
    assert "3 of 9 weights kept" in done.stdout


def test_the_page_of_a_track_is_made_again(folder: Path) -> None:
    graph, _ = planted([6, 6, 4], 2, 0.9, 0.1, rng=0)
    graphs = [(0, graph), (3, graph)]
    track = netsculpt.training.track.follow(graphs, n_nulls=0, rng=0)
    netsculpt.report.write_track(track, graphs, folder / "track", figures=NO_FIGURES)
    before = (folder / "track/report.html").read_bytes()
    (folder / "track/report.html").unlink()
    done = run_without(command("report", "track"), folder)
    assert done.returncode == 0, done.stderr
    assert (folder / "track/report.html").read_bytes() == before


def test_all_detectors_are_those_that_can_run(folder: Path) -> None:
    code = (
        "from netsculpt.cli.options import chosen_detectors as chosen; print(chosen('all'))\n"
        "print(chosen('leiden'))"
    )
    done = run_without(code, folder)
    every, named = done.stdout.splitlines()
    assert "'leiden'" not in every
    assert "'layered'" in every
    assert named == "['leiden']"
    assert done.stderr.count("left out of all detectors: leiden needs igraph") == 1


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (("analyze", "graph.npz", "--detector", "leiden", "--nulls", "0"), "leiden"),
        (("analyze", "brief.pt"), "torch"),
        (("train", "--net", "mlp:64,10", "--task", "digits", "-o", "net.pt"), "torch"),
        (("demo", "-o", "demo"), "torch"),
    ],
)
def test_commands_say_what_to_install(arguments: tuple[str, ...], extra: str, folder: Path) -> None:
    done = run_without(command(*arguments), folder)
    assert done.returncode == 3, done.stderr
    assert f"which is not installed: pip install 'netsculpt[{extra}]'" in done.stderr
    assert "bug" not in done.stderr


@pytest.mark.parametrize(
    ("code", "extra"),
    [
        ("netsculpt.trace", "torch"),
        ("netsculpt.training.sculpt", "torch"),
        ("netsculpt.to_igraph(netsculpt.load('graph.npz'))", "leiden"),
        ("netsculpt.to_networkx(netsculpt.load('graph.npz'))", "networkx"),
        ("netsculpt.modules.leiden(netsculpt.load('graph.npz'))", "leiden"),
    ],
)
def test_functions_say_what_to_install(code: str, extra: str, folder: Path) -> None:
    done = run_without(f"import netsculpt; {code}", folder)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("netsculpt.core.errors.MissingLibraryError: ")
    assert f"pip install 'netsculpt[{extra}]'" in last


def test_missing_libraries_are_import_errors_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert not is_installed("ray")
    with pytest.raises(
        MissingLibraryError, match=r"a cluster needs ray.*netsculpt\[ray\]"
    ) as raised:
        require("ray", "a cluster")
    assert isinstance(raised.value, ModuleNotFoundError)
    assert raised.value.name == "ray"
    assert str(missing("torch")).startswith("this command needs torch")


def test_detectors_declare_what_they_need() -> None:
    needed = {name: needed_by(method) for name, method in catalog("detectors").items()}
    assert {name for name, libraries in needed.items() if libraries} == {"leiden"}
    assert set(np.concatenate([list(x) for x in needed.values() if x])) <= set(EXTRAS)
