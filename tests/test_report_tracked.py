"""The page of a network over time: what it holds of every step."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import cli
from page_data import data_of
from tracks import followed_graphs

import netsculpt
from netsculpt.core.errors import FormatError, GraphError
from netsculpt.core.figure_style import NO_FIGURES
from netsculpt.graph.graph import live_units, unit_names
from netsculpt.report.html.tracked.contents import track_contents
from netsculpt.report.html.writing import rewrite_page
from netsculpt.report.over_time.networks import networks_of, snapshot, watched
from netsculpt.report.over_time.storing import read_networks
from netsculpt.report.tracked import most_edges, write_snapshots
from netsculpt.training.track import follow

GRAPHS = followed_graphs()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    snapshots: list[Any] = []
    track = follow(watched(GRAPHS, snapshots, 10_000), n_nulls=0, rng=0)
    path = tmp_path_factory.mktemp("track") / "out"
    about = {"run": ["a"], "seed": 0, "n_nulls": 0}
    write_snapshots(track, snapshots, path, about=about, inputs=[], figures=NO_FIGURES)
    return path


def edges_by_name(graph: netsculpt.NetGraph) -> dict[tuple[str, str], float]:
    names = unit_names(graph)
    ends = zip(graph.sources.tolist(), graph.weights.indices.tolist(), strict=True)
    pairs = [(names[u], names[v]) for u, v in ends]
    return dict(zip(pairs, graph.weights.data.tolist(), strict=True))


def decoded(folder: Path) -> list[dict[tuple[str, str], float]]:
    """Edges of every step, from the page as the docstring of `timeline` says it is packed."""
    about, arrays = data_of(folder / "report.html")
    layers = [(name, start, stop) for name, _, start, stop in about["layers"]]
    names = {
        unit: f"{name}[{arrays['position'][unit]}]"
        for name, start, stop in layers
        for unit in range(start, stop)
    }
    source = np.repeat(arrays["unit"], arrays["out_degree"])
    target = arrays["unit"][arrays["target"]]
    kept, held = np.zeros(target.size, bool), np.zeros(target.size, np.uint32)
    steps, first = [], 0
    rows = arrays["changes"].reshape(len(about["steps"]), -1)
    for row, step in zip(rows, about["steps"], strict=True):
        kept ^= np.unpackbits(row, count=target.size).astype(bool)
        bits = arrays["bits"][first : first + step["drawn_edges"]].astype(np.uint32)
        held[kept] ^= bits
        first += bits.size
        steps.append(
            {
                (names[u], names[v]): float(w)
                for u, v, w in zip(
                    source[kept], target[kept], held[kept].view(np.float32), strict=True
                )
            }
        )
    assert first == arrays["bits"].size
    return steps


def test_the_page_holds_the_edges_of_every_step_exactly(folder: Path) -> None:
    ever: set[str] = set()
    for _, graph in GRAPHS:
        names, live = unit_names(graph), live_units(graph)
        ever |= {name for name, alive in zip(names, live, strict=True) if alive}
    for (_, graph), found in zip(GRAPHS, decoded(folder), strict=True):
        wanted = edges_by_name(graph)
        assert found.items() <= wanted.items()
        assert {pair for pair in wanted if set(pair) <= ever} <= set(found)


def test_columns_are_those_of_each_network(folder: Path) -> None:
    about, arrays = data_of(folder / "report.html")
    n_units = about["totals"]["units"]
    union = netsculpt.load(folder / "graph.npz")
    at = {name: index for index, name in enumerate(unit_names(union))}
    for place, (_, graph) in enumerate(GRAPHS):
        units = [at[name] for name in unit_names(graph)]
        column = {
            name: arrays[f"step:{name}"].reshape(-1, n_units)[place] for name in about["over_time"]
        }
        np.testing.assert_array_equal(column["live"][units], live_units(graph))
        degrees = np.bincount(graph.weights.indices, minlength=graph.n_units)
        np.testing.assert_array_equal(column["in_degree"][units], degrees)
        assert column["live"].sum() == live_units(graph).sum()
        totals = about["steps"][place]["totals"]
        assert totals["live_edges"] == graph.n_edges
        assert totals["at_step"] == live_units(graph).sum()


def test_the_page_is_the_same_from_the_track_and_from_its_folder(folder: Path) -> None:
    written = (folder / "report.html").read_bytes()
    again = rewrite_page(folder, folder.parent / "again.html")
    assert again.read_bytes() == written
    listed = json.loads((folder / "manifest.json").read_text())["files"]
    assert {"report.html", "graph.npz", "steps.npz"} <= set(listed)


def test_of_large_networks_each_step_keeps_its_heaviest_edges() -> None:
    _, graph = GRAPHS[0]
    less = snapshot(0, graph, 40)
    weights = np.sort(np.abs(less.graph.weights.data))
    assert 40 <= weights.size <= 40 + len(graph.blocks)
    assert less.n_edges == graph.n_edges
    for block in graph.blocks:
        all_of = np.sort(np.abs(graph.block(block.source, block.target).data))[::-1]
        kept = np.sort(np.abs(less.graph.block(block.source, block.target).data))[::-1]
        np.testing.assert_array_equal(kept, all_of[: kept.size])
    assert most_edges(2) == 1_000_000
    assert most_edges(50) == 60_000


def test_networks_come_back_from_their_files(folder: Path) -> None:
    networks = networks_of([snapshot(step, graph, 10_000) for step, graph in GRAPHS])
    again = read_networks(folder)
    assert again.steps == tuple(step for step, _ in GRAPHS)
    np.testing.assert_array_equal(again.kept, networks.kept)
    np.testing.assert_array_equal(again.weights, networks.weights)
    for name, values in networks.columns.items():
        np.testing.assert_array_equal(again.columns[name], values)


@pytest.mark.parametrize(
    ("name", "change", "match"),
    [
        ("steps.npz", {"kept": np.zeros((2, 3), np.uint8)}, "of different networks"),
        ("steps.npz", {"weights": np.zeros(3)}, "of different networks"),
        ("steps.npz", {"steps": None}, "no array"),
        ("steps.npz", {"steps": np.arange(7, 7 + len(GRAPHS))}, "others in"),
        ("summary.json", b"[]", "not the summary of a track"),
    ],
)
def test_damaged_files_are_named(
    folder: Path, tmp_path: Path, name: str, change: Any, match: str
) -> None:
    out = shutil.copytree(folder, tmp_path / "out")
    if isinstance(change, bytes):
        (out / name).write_bytes(change)
    else:
        with np.load(folder / name) as file:
            arrays = {**file, **change}
        np.savez(out / name, **{key: x for key, x in arrays.items() if x is not None})
    with pytest.raises(FormatError, match=match):
        track_contents(out, {"files": []})


def test_python_writes_the_folder_of_a_track(tmp_path: Path, folder: Path) -> None:
    track = netsculpt.training.track.follow(GRAPHS, n_nulls=0, rng=0)
    netsculpt.report.write_track(track, iter(GRAPHS), tmp_path / "out", figures=NO_FIGURES)
    for name in ("track.csv", "layers.csv", "modules.csv", "graph.npz", "steps.npz"):
        assert (tmp_path / "out" / name).read_bytes() == (folder / name).read_bytes(), name
    assert decoded(tmp_path / "out") == decoded(folder)


@pytest.mark.parametrize(
    ("graphs", "match"), [(GRAPHS[:-1], r"steps \[0, 5, 9, 20\], the track of"), (None, "has 46")]
)
def test_networks_other_than_those_followed_are_refused(
    tmp_path: Path, graphs: list[tuple[int, netsculpt.NetGraph]] | None, match: str
) -> None:
    track = follow(GRAPHS, n_nulls=0, rng=0)
    if graphs is None:
        other = netsculpt.planted([12, 14, 12, 9], 3, 0.7, 0.1, rng=1)[0]
        graphs = [(step, other) for step, _ in GRAPHS]
    with pytest.raises(GraphError, match=match):
        netsculpt.report.write_track(track, graphs, tmp_path / "out", figures=NO_FIGURES)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_command_writes_the_page(tmp_path: Path) -> None:
    from netsculpt.graph.npz import save

    for step, graph in GRAPHS:
        save(graph, tmp_path / f"step-{step:03}.npz")
    out = tmp_path / "out"
    run = cli("track", *sorted(tmp_path.glob("*.npz")), "--nulls", 0, "-o", out, "--figures", "svg")
    assert run.returncode == 0, run.stderr
    assert "report.html" in run.stdout
    before = (out / "report.html").read_bytes()
    assert cli("report", out).returncode == 0
    assert (out / "report.html").read_bytes() == before
