"""The report as an HTML page: what it holds, and what no model can put into it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import cli
from hostile_names import HOSTILE, hostile
from page_data import Elements, data_of, unpacked

import netsculpt
from netsculpt.core.errors import FolderError, FormatError
from netsculpt.core.figure_style import NO_FIGURES
from netsculpt.core.folders import claim_folder
from netsculpt.graph.graph import live_units
from netsculpt.report.folder import write_analysis
from netsculpt.report.html import drawn as drawing
from netsculpt.report.html import figures as gallery
from netsculpt.report.html import network as networks
from netsculpt.report.html.contents import contents_of
from netsculpt.report.html.definitions import metric_definition
from netsculpt.report.html.drawn import drawn
from netsculpt.report.html.packing import packed
from netsculpt.report.html.page import page
from netsculpt.report.html.writing import rewrite_page


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished folder of a network whose names are hostile."""
    graph = hostile(netsculpt.planted([8, 9, 8], 2, 0.7, 0.05, rng=0)[0])
    plan = netsculpt.AnalysisPlan(n_nulls=20, n_seeds=2)
    path = tmp_path_factory.mktemp("page") / "out"
    analysis, source = netsculpt.analyze(graph, plan, rng=0), {"model": HOSTILE[1], "task": None}
    write_analysis(analysis, path, source=source, figures=NO_FIGURES)
    return path


@pytest.mark.parametrize(
    "array",
    [
        np.array([0, 5, 6, 80_000, 3, 9, 70_000], np.int32),
        np.array([-1, 2, 300], np.int64),
        np.array([0.1, np.nan, -3.5]),
        np.array([0.5, -0.0], np.float32),
        np.array([True, False]),
        np.array([2**40, 1]),
        np.zeros(0),
    ],
)
def test_what_is_packed_comes_out_again(array: np.ndarray[Any, Any]) -> None:
    about, arrays = unpacked(packed({"a": ["ä"]}, {"first": np.arange(3), "x": array}))
    assert about == {"a": ["ä"]}
    np.testing.assert_array_equal(arrays["x"], array)


def test_the_page_is_the_same_from_the_analysis_and_from_its_folder(folder: Path) -> None:
    written = (folder / "report.html").read_bytes()
    again = folder.parent / "again.html"
    rewrite_page(folder, again)
    assert again.read_bytes() == written
    assert rewrite_page(folder) == folder / "report.html"
    assert (folder / "report.html").read_bytes() == written


def test_names_do_not_become_markup(folder: Path) -> None:
    text = (folder / "report.html").read_text("utf-8")
    found = Elements(text)
    assert len(found.scripts) == 2
    assert [script for script in found.scripts if "alert" in script] == []
    assert {tag for tag, _ in found.elements} & {"img", "iframe", "object", "link", "base"} == set()
    handlers = [name for _, attributes in found.elements for name in attributes if name[:2] == "on"]
    assert handlers == []
    assert "\u202e" not in text
    assert "&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_only_its_own_script_and_style_may_run(folder: Path) -> None:
    text = (folder / "report.html").read_text("utf-8")
    found = Elements(text)
    equivalents = {x["http-equiv"]: x["content"] for _, x in found.elements if "http-equiv" in x}
    policy = str(equivalents["Content-Security-Policy"])
    style = re.search(r"<style>(.*?)</style>", text, re.S)
    assert style is not None
    for kind, source in (("script", found.scripts[-1]), ("style", style[1])):
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert not [x for _, x in found.elements if "style" in x]  # it would be refused


def test_the_page_asks_for_nothing_from_outside(folder: Path) -> None:
    text = (folder / "report.html").read_text("utf-8")
    outside = [
        x.get("src") or x.get("href")
        for tag, x in Elements(text).elements
        if x.get("src") or not str(x.get("href", "#")).startswith("#")
    ]
    assert outside == []
    assert not re.search(r"https?:|//cdn|@import|url\(", text)


def test_every_link_has_its_target(folder: Path) -> None:
    found = Elements((folder / "report.html").read_text("utf-8")).elements
    targets = {x["id"] for _, x in found if "id" in x}
    links = {str(x["href"])[1:] for tag, x in found if tag == "a"}
    assert links <= targets
    assert len(targets) == sum("id" in x for _, x in found)
    headings = re.findall(
        r'<th scope="col" class="number">(.*?)</th>', (folder / "report.html").read_text("utf-8")
    )
    assert [x for x in headings if not re.search(r'href="#def-[\w-]+"', x)] == []
    assert {f"def-{name}" for name in ("density", "Q", "z", "p", "path")} <= links


def test_the_page_holds_the_graph_exactly(folder: Path) -> None:
    graph = netsculpt.load(folder / "graph.npz")
    live = graph.live()
    about, arrays = data_of(folder / "report.html")
    np.testing.assert_array_equal(arrays["unit"], np.flatnonzero(live_units(graph)))
    np.testing.assert_array_equal(arrays["out_degree"], np.diff(live.weights.indptr))
    np.testing.assert_array_equal(arrays["target"], live.weights.indices)
    np.testing.assert_array_equal(arrays["weight"], live.weights.data)
    assert [name for name, *_ in about["layers"]] == [layer.name for layer in graph.layers]
    units = contents_of(folder).units
    for name in units:
        np.testing.assert_array_equal(arrays[f"column:{name}"], units[name])


def test_of_large_networks_the_heaviest_edges_of_each_pair_of_layers_are_drawn() -> None:
    graph = netsculpt.planted([20, 20, 20, 5], 2, 0.9, 0.3, rng=0)[0]
    alike = np.zeros(graph.n_units, np.int64)
    part = drawn(graph, alike, np.ones(graph.n_units), most_edges=120)
    assert part.totals["edges"] == graph.n_edges
    assert part.totals["drawn_edges"] == part.target.size == part.weight.size
    source = part.unit[np.repeat(np.arange(part.unit.size), part.out_degree)]
    layer, kept = graph.layer_of, {}
    for pair in ((0, 1), (1, 2), (2, 3)):
        inside = (layer[graph.sources] == pair[0]) & (layer[graph.weights.indices] == pair[1])
        weights = np.sort(np.abs(graph.weights.data[inside]))[::-1]
        mine = np.abs(part.weight[(layer[source] == pair[0])])
        kept[pair] = mine.size / weights.size
        np.testing.assert_array_equal(np.sort(mine)[::-1], weights[: mine.size])
    assert max(kept.values()) - min(kept.values()) < 0.05
    assert 120 <= part.target.size <= 123


def test_of_large_networks_the_units_with_the_largest_path_shares_are_drawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    graph = netsculpt.planted([20, 20, 20], 2, 0.9, 0.3, rng=0)[0]
    share = np.random.default_rng(0).random(graph.n_units)
    monkeypatch.setattr(drawing, "MOST_UNITS", 30)
    part = drawn(graph, np.full(graph.n_units, -1), share)
    for layer in graph.layers:
        inside = part.unit[(part.unit >= layer.start) & (part.unit < layer.stop)]
        best = layer.start + np.argsort(-share[layer.units])[: inside.size]
        np.testing.assert_array_equal(inside, np.sort(best))
    assert part.unit.size == 30
    assert part.x.min() >= 0
    assert part.x.max() <= part.width


def test_columns_that_a_browser_cannot_take_are_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = contents_of(folder)
    monkeypatch.setattr(networks, "MOST_CELLS", 2 * contents.graph.n_units)
    text = page(contents)
    found = re.search(r'id="data">([^<]*)</script>', text)
    assert found is not None
    about, arrays = unpacked(found[1])
    shown = [name for name in arrays if name.startswith("column:")]
    assert shown == ["column:module_layered", "column:path_share"]
    assert len(about["left_out"]) == len(contents.units) - 2


def test_pictures_that_would_swell_the_page_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(0).bytes
    files = {"a.svg": noise(300), "a.pdf": noise(900), "b.svg": noise(3000), "c.png": noise(30)}
    monkeypatch.setattr(gallery, "_MOST_BYTES", 1000)
    text = gallery.figure_gallery(files)
    assert re.findall('data-name="(.)"', text) == ["a", "c"]
    assert re.findall('data-kind="(...)"', text) == ["svg", "png"]
    assert "figures: b." in text
    monkeypatch.setattr(gallery, "_MOST_BYTES", 10_000)
    text = gallery.figure_gallery(files)
    assert re.findall('data-kind="(...)"', text) == ["svg", "pdf", "svg", "png"]


def test_small_pictures_are_in_the_page_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that they are seen without scripts, too; large ones say that they are not."""
    files = {"a.svg": b"<svg/>", "a.pdf": b"%PDF", "b.png": b"\x89PNG"}
    shown = Elements(gallery.figure_gallery(files)).elements
    pictures = [str(x["src"]) for tag, x in shown if tag == "img"]
    kinds = ["image/svg+xml", "image/png"]
    assert [x.partition(";")[0] for x in pictures] == [f"data:{kind}" for kind in kinds]
    contents = [base64.b64decode(x.partition(",")[2]) for x in pictures]
    assert contents == [files["a.svg"], files["b.png"]]
    assert [x["data-kind"] for tag, x in shown if tag == "script"] == ["pdf"]
    assert "noscript" not in [tag for tag, _ in shown]
    monkeypatch.setattr(gallery, "_MOST_PLAIN", 10)
    packed = Elements(gallery.figure_gallery(files)).elements
    assert not any("src" in x for _, x in packed)
    assert "noscript" in [tag for tag, _ in packed]
    assert [x["data-kind"] for tag, x in packed if tag == "script"] == ["svg", "pdf", "png"]


def test_metrics_are_defined_in_words(folder: Path) -> None:
    columns = contents_of(folder).units
    told = {name: metric_definition(name) for name in columns if metric_definition(name)}
    assert len(told) > 10
    for text in told.values():
        assert text.endswith(".")
        assert not re.search(r"\[U\]|O\(|``|  ", text)
    assert told["path_share"] != told["path_share_weighted"]


def contrast(one: str, other: str) -> float:
    """WCAG 2.2's contrast ratio of two colours."""

    def luminance(colour: str) -> float:
        values = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in values]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))

    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_text_and_lines_can_be_told_from_the_paper() -> None:
    css = Path(networks.__file__).with_name("assets").joinpath("page.css").read_text("utf-8")
    themes = [dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", x)) for x in re.split(r"\}\n", css)]
    themes = [theme for theme in themes if theme]
    assert len(themes) == 3
    for theme in themes:
        for ground in ("paper", "panel"):
            for text in ("ink", "quiet", "link", "caution"):
                assert contrast(theme[text], theme[ground]) >= 4.5, (text, ground, theme)
        for line in ("positive", "negative", "wire", "quiet"):
            assert contrast(theme[line], theme["paper"]) >= 3, (line, theme)


def test_the_command_adds_the_page_to_older_folders(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    graph = netsculpt.load(folder / "graph.npz")
    plan = netsculpt.AnalysisPlan(n_nulls=0, n_seeds=0)
    analysis = netsculpt.analyze(graph, plan, rng=0)
    write_analysis(analysis, out, figures=NO_FIGURES)
    before = (out / "report.html").read_bytes()
    manifest = json.loads((out / "manifest.json").read_text())
    (out / "report.html").unlink()
    manifest["files"].remove("report.html")
    (out / "manifest.json").write_text(json.dumps(manifest))
    run = cli("report", out)
    assert run.returncode == 0, run.stderr
    assert "report.html" in run.stdout
    assert (out / "report.html").read_bytes() == before
    write_analysis(analysis, out, figures=NO_FIGURES)


def test_other_folders_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(FolderError, match=r"summary.json is a file: name a folder"):
        contents_of(folder / "summary.json")
    with pytest.raises(FolderError, match="has no manifest"):
        contents_of(tmp_path)
    with pytest.raises(FolderError, match=r"no folder at .*nowhere': check the path"):
        contents_of(tmp_path / "nowhere")
    claim_folder(tmp_path / "begun", "analyze", ["summary.json"])
    with pytest.raises(FolderError, match="begun is not finished: the run that wrote it was inter"):
        contents_of(tmp_path / "begun")
    manifest = json.loads((folder / "manifest.json").read_text())
    for name in ("summary.json", "units.csv", "graph.npz"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())

    def refused(error: type[Exception], match: str, **changed: Any) -> None:
        (tmp_path / "manifest.json").write_text(json.dumps(manifest | changed))
        with pytest.raises(error, match=match):
            contents_of(tmp_path)

    refused(FolderError, "written by 'sculpt'", maker="sculpt")
    refused(FormatError, "what was run", arguments=None)
    refused(FormatError, "what was run", files=[1])
    lines = (tmp_path / "units.csv").read_text().splitlines(keepends=True)
    (tmp_path / "units.csv").write_text("".join(lines[:-1]))
    refused(FormatError, "different networks")
    for text, match in (("{", "not a summary"), ('{"schema": "x"}', "schema 'x'"), ("[]", "not a")):
        (tmp_path / "summary.json").write_text(text)
        refused(FormatError, match)


@pytest.mark.parametrize("lacking", ["paths", "modules", "graph"])
def test_a_summary_that_was_edited_is_named(folder: Path, tmp_path: Path, lacking: str) -> None:
    out = shutil.copytree(folder, tmp_path / "out")
    summary = json.loads((out / "summary.json").read_text())
    if lacking == "graph":
        del summary["graph"]["density"]
    else:
        summary[lacking] = None
    (out / "summary.json").write_text(json.dumps(summary))
    before = (out / "report.html").read_bytes()
    with pytest.raises(FormatError, match=r"summary\.json or units\.csv .* run it again"):
        rewrite_page(out)
    assert (out / "report.html").read_bytes() == before


def test_a_page_is_an_html_file(folder: Path, tmp_path: Path) -> None:
    run = cli("report", folder, "-o", tmp_path / "page.pdf")
    assert run.returncode == 2
    assert ".html is needed" in run.stderr
    assert cli("report", tmp_path).returncode == 2
