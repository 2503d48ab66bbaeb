"""Names from a file cannot harm terminals, tables, figures or folders."""

from __future__ import annotations

import csv
import io
import json
import pickle
import re
import unicodedata
import xml.etree.ElementTree as ET
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from commands import cli

from netsculpt.core.errors import FormatError, LimitError
from netsculpt.core.printable import printable
from netsculpt.graph.exporting import export
from netsculpt.graph.exporting._xml import unescaped
from netsculpt.graph.matrices import from_matrices
from netsculpt.loading import load
from netsculpt.loading.formats.graph import load_graph

EVIL = (
    "\x1b]0;owned\x07\x1b[2J",
    "[bold]b[/bold][/]",
    "</script><img src=x onerror=alert(1)>",
    "../../outside",
    "=HYPERLINK(1)",
    "$\\frac{",
    "\x9b31m\x85",
    "a\nb\rc\td\x00e",
    "\u202ereversed:bomb:",
)
FORMULAS = ("=1+1", "+1", "-1", "@sum", "\tx", "\rx")
QUICK = ("--nulls", "3", "--stability-seeds", "2", "--dense")


def pickled(path: Path, names: tuple[str, ...]) -> Path:
    """A chain of layers with these names, in a format that can store any string."""
    rng = np.random.default_rng(0)
    sizes = [(width + 1, width) for width in range(3, 3 + len(names))]
    weights = [rng.normal(size=size) * (rng.random(size) < 0.8) for size in sizes]
    content = {f"{name}.weight": x for name, x in zip(names, weights, strict=True)}
    path.write_bytes(pickle.dumps(content, protocol=4))
    return path


def read_gexf(path: Path) -> nx.Graph:
    """Read with networkx, which supports GEXF 1.2 only."""
    text = path.read_text(encoding="utf-8").replace("gexf.net/1.3", "www.gexf.net/1.2draft")
    return nx.read_gexf(io.StringIO(text), version="1.2draft")


def is_tame(output: str) -> bool:
    """Whether nothing in it could control a terminal."""
    kinds = {unicodedata.category(x) for x in output if x != "\n"}
    return not kinds & {"Cc", "Cf", "Cs", "Co"}


@pytest.fixture(scope="module")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder and the terminal of a real run."""
    folder = tmp_path_factory.mktemp("evil")
    model = pickled(folder / "model.pkl", EVIL)
    run = cli(
        "analyze", model, "-o", "out", "--figures", "svg,png", *QUICK, cwd=folder, columns=200
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    return folder, run.stdout


def test_the_terminal_gets_names_as_text(analysed: tuple[Path, str]) -> None:
    _, text = analysed
    assert is_tame(text)
    assert "[bold]b[/bold][/]" in text
    assert r"\x1b]0;owned\x07\x1b[2J" in text
    assert r"\u202ereversed:bomb:" in text


def test_names_do_not_become_file_names(analysed: tuple[Path, str]) -> None:
    folder, _ = analysed
    assert {path.name for path in folder.iterdir()} == {"model.pkl", "out"}
    names = [str(path.relative_to(folder)) for path in (folder / "out").rglob("*")]
    assert all(re.fullmatch(r"[a-z_0-9./-]+", name) for name in names)
    assert not (folder.parent / "outside").exists()


def test_tables_and_json_give_names_back(analysed: tuple[Path, str]) -> None:
    folder, _ = analysed
    summary = json.loads((folder / "out/summary.json").read_text(encoding="ascii"))
    assert tuple(layer["name"] for layer in summary["graph"]["layers"][1:]) == EVIL
    json.loads((folder / "out/manifest.json").read_text(encoding="ascii"))
    with (folder / "out/units.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(range(3, 4 + len(EVIL)))
    assert {row["layer"] for row in rows} >= {EVIL[1], EVIL[2], "'" + EVIL[4]}


def test_svg_figures_hold_names_as_data(analysed: tuple[Path, str]) -> None:
    folder, _ = analysed
    figures = list((folder / "out/figures").glob("*.svg"))
    assert figures
    for figure in figures:
        tags = {element.tag.rpartition("}")[2] for element in ET.parse(figure).iter()}
        assert not tags & {"script", "img", "foreignObject", "a"}


def test_json_on_the_terminal_is_ascii(tmp_path: Path) -> None:
    model = pickled(tmp_path / "model.pkl", EVIL)
    run = cli("analyze", model, "--json", *QUICK, cwd=tmp_path)
    assert run.returncode == 0
    assert is_tame(run.stdout)
    assert run.stdout.isascii()


def test_formulas_are_quoted_and_numbers_are_not(tmp_path: Path) -> None:
    model = pickled(tmp_path / "model.pkl", FORMULAS)
    run = cli("analyze", model, "-o", "out", "--figures", "none", *QUICK, cwd=tmp_path)
    assert run.returncode == 0
    for table in ("units.csv", "modules.csv"):
        with (tmp_path / "out" / table).open(encoding="utf-8", newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        risky = [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
        assert all(re.fullmatch(r"-[0-9.e+-]+", cell) for cell in risky)
    units = (tmp_path / "out/units.csv").read_text(encoding="utf-8")
    assert all(f'"\'{name}"' in units for name in FORMULAS[:4])


@pytest.mark.parametrize("ending", ["graphml", "gexf", "npz"])
def test_exports_give_names_back(ending: str, tmp_path: Path) -> None:
    model = pickled(tmp_path / "model.pkl", EVIL)
    run = cli("export", model, "-o", f"graph.{ending}", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert is_tame(run.stderr)
    path = tmp_path / f"graph.{ending}"
    if ending == "npz":
        names = {layer.name for layer in load_graph(path).layers}
    else:
        read = (
            nx.read_graphml(path) if ending == "graphml" else nx.read_gexf(path, version="1.2draft")
        )
        names = {unescaped(str(unit["layer"])) for _, unit in read.nodes(data=True)}
    assert names == {"input", *EVIL}


def test_errors_name_layers_as_text(tmp_path: Path) -> None:
    content = {f"{EVIL[0]}.weight": np.eye(3), f"{EVIL[6]}.weight": np.ones((2, 7))}
    (tmp_path / "w.pkl").write_bytes(pickle.dumps(content))
    run = cli("analyze", "w.pkl", cwd=tmp_path)
    assert run.returncode == 5
    assert is_tame(run.stderr)
    assert run.stdout == ""


def test_file_names_are_text_too(tmp_path: Path) -> None:
    name = "\x1b[31mred\udcff.pt"
    (tmp_path / name).write_bytes(bytes(99))
    run = cli("analyze", name, cwd=tmp_path)
    assert run.returncode == 3
    assert is_tame(run.stderr)
    pickled(tmp_path / name, ("fc",))
    run = cli("analyze", name, "-o", "out", "--figures", "none", *QUICK, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert is_tame(run.stdout)


@pytest.mark.parametrize("name", EVIL)
def test_printable_keeps_what_can_be_seen(name: str) -> None:
    assert printable(name).isprintable()
    assert printable("größe α → β") == "größe α → β"
    assert is_tame(printable(name))


def test_a_lone_surrogate_is_refused_as_a_name_and_exported_escaped(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"'a\\ud800', which contains half a character"):
        load(pickled(tmp_path / "w.pkl", ("a\ud800",)))
    graph = from_matrices([np.eye(2)], names=["in", "a\ud800"])
    for path, read in (("graph.graphml", nx.read_graphml), ("graph.gexf", read_gexf)):
        export(graph, tmp_path / path)
        names = {unescaped(str(x["layer"])) for _, x in read(tmp_path / path).nodes(data=True)}
        assert names == {"in", "a\ud800"}


def test_a_name_of_a_megabyte_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LimitError, match="1000 are allowed"):
        load(pickled(tmp_path / "w.pkl", ("x" * 10**6,)))
