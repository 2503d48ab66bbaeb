"""``netsculpt wann``: the folder, resuming, mistakes."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import commands
import pytest

import netsculpt

SEARCH = ("wann", "xor.txt", "--population", 12, "--generations", 3, "-o", "found")


@pytest.fixture(autouse=True)
def functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("xor.txt").write_text("f = a ^ b\n")


def test_the_champion_is_a_network_that_analyze_reads() -> None:
    run = commands.cli(*SEARCH)
    assert run.returncode == 0, run.stderr
    assert "Champion of generation" in run.stdout
    folder = Path("found")
    summary = json.loads((folder / "summary.json").read_text())
    graph = netsculpt.load(folder / "champion.out")
    assert graph.n_edges == summary["champion"]["edges"]
    assert graph.n_units == summary["champion"]["units"] == 2 + 1 + 1 + graph.n_units - 4
    assert netsculpt.load(folder / "graph.npz").attributes["activation"][-1] == "tanh"
    assert len((folder / "history.csv").read_text().splitlines()) == 1 + 3
    names = {
        f"figures/{name}.{x}"
        for name in ("front", "history", "champion", "gallery")
        for x in ("pdf", "png")
    }
    manifest = json.loads((folder / "manifest.json").read_text())
    asked = {"task": "xor.txt", "population": 12, "generations": 3, "width": "neurips"}
    assert asked.items() <= manifest["arguments"].items()
    assert manifest["inputs"] == [f"sha256:{sha256(Path('xor.txt').read_bytes()).hexdigest()}"]
    listed = manifest["files"]
    assert names < set(listed)
    assert all((folder / name).stat().st_size for name in listed)


def test_more_generations_continue_to_the_same_bytes() -> None:
    more = (*SEARCH[:4], "--generations", 6, "--figures", "none", "--json")
    for output in ("found", "whole"):
        if output == "found":
            assert commands.cli(*SEARCH, "--figures", "none").returncode == 0
            assert commands.cli(*more, "-o", output).returncode == 2  # would start again
            run = commands.cli(*more, "-o", output, "--resume")
        else:
            run = commands.cli(*more, "-o", output, "-j", 2)
        assert run.returncode == 0, run.stderr
        assert json.loads(run.stdout)["generations"] == 6
    for name in ("champion.out", "history.csv", "champions.csv", "summary.json", "search.pt"):
        assert Path("found", name).read_bytes() == Path("whole", name).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("wann", "nothing"), 2, "no task and no file"),
        (("wann", "nothing"), 2, "a search also knows 'swing-up'"),
        (("wann", "xor.txt", "--weights", "1,nan"), 2, "a list of numbers"),
        (("wann", "xor.txt", "--weights", ""), 2, "is empty"),
        (("wann", "xor.txt", "--population", "0"), 2, "--population"),
        (("wann", "xor.txt", "--mutations", ".5,.5"), 2, "four numbers"),
        (("wann", "xor.txt", "--mutations", ".5,.5,nan,1"), 2, "four numbers"),
        (("wann", "xor.txt", "--elite", "nan"), 2, "elite"),
        (("wann", "xor.txt", "--by-size", "2"), 2, "--by-size"),
        (("wann",), 2, "TASK"),
    ],
)
def test_mistakes_are_told(arguments: tuple[str, ...], code: int, text: str) -> None:
    run = commands.cli(*arguments, columns=160)
    assert run.returncode == code, run.stderr
    assert text in " ".join(run.stderr.replace("│", " ").split())
    assert [path.name for path in Path().iterdir()] == ["xor.txt"]


def test_a_folder_of_somebody_else_is_refused_before_the_search() -> None:
    Path("found").mkdir()
    Path("found", "mine.txt").write_text("mine")
    run = commands.cli(*SEARCH)
    assert (run.returncode, "did not write" in run.stderr) == (2, True)
    assert [path.name for path in Path("found").iterdir()] == ["mine.txt"]


def test_what_is_wrong_in_a_file_is_told_of_the_file_alone() -> None:
    Path("wrong.txt").write_text("hello\n")
    run = commands.cli("wann", "wrong.txt", columns=160)
    assert (run.returncode, "swing-up" in run.stderr) == (3, False)
    assert "line 1" in run.stderr
