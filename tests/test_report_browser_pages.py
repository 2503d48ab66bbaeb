"""Pages of a track, of several models, and the tables of all, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from browsers import Opened, chromium
from tracks import followed_graphs

import netsculpt
from netsculpt.core.figure_style import NO_FIGURES, FigureStyle
from netsculpt.graph.graph import live_units, unit_names
from netsculpt.report.folder import write_analysis
from netsculpt.report.html import page as pages
from netsculpt.report.models import ModelRow, models_folder, read_summary, write_models
from netsculpt.report.over_time.networks import watched
from netsculpt.report.tracked import write_snapshots
from netsculpt.training.track import Track, follow

pytestmark = pytest.mark.slow
GRAPHS = followed_graphs()
PLAN = netsculpt.AnalysisPlan(n_nulls=20, n_seeds=0)  # as many as links are tested with


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as driven:
        yield driven


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Track]:
    snapshots: list[Any] = []
    track = follow(watched(GRAPHS, snapshots, 10_000), n_nulls=0, rng=0)
    path = tmp_path_factory.mktemp("track") / "out"
    about = {"run": ["a"], "seed": 0, "n_nulls": 0}
    write_snapshots(track, snapshots, path, about=about, inputs=[], figures=FigureStyle(("svg",)))
    return path, track


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three models, one of which failed."""
    folder, rows = tmp_path_factory.mktemp("several") / "out", []
    with models_folder(folder, ["net-1", "net-2"]):
        for seed, name in enumerate(("net-1", "net-2")):
            graph = netsculpt.planted([16 + seed, 20, 16], 4, 0.3, 0.03, rng=0)[0]
            write_analysis(netsculpt.analyze(graph, PLAN, rng=0), folder / name, figures=NO_FIGURES)
            rows.append(ModelRow(name, f"{name}.pt", read_summary(folder / name)))
        rows.append(ModelRow("net-3", "net-3.pt", None, error="no <path>", exit_code=3))
        write_models(folder, rows, PLAN, 0)
    return folder


def test_the_slider_shows_every_step(browser: Any, tracked: tuple[Path, Track]) -> None:
    folder, track = tracked
    opened = Opened(browser, folder)
    page = opened.page
    assert opened.complaints == []
    slider, said = page.locator("#step"), page.locator("#step-said")
    assert slider.get_attribute("aria-valuetext").startswith("step 30 (5 of 5)")
    slider.focus()
    keys = ["ArrowLeft"] * 4 + ["ArrowRight"] * 4  # there and back
    places = [4, 3, 2, 1, 0, 1, 2, 3, 4]
    search = page.locator("#unit-table input[type=search]")
    drawn = {name for _, each in GRAPHS for name in live_names(each)}
    compared = 0
    for key, place in zip([None, *keys], places, strict=True):
        if key is not None:
            slider.press(key)
        step, graph = GRAPHS[place]
        point = track.points[place]
        assert said.inner_text().startswith(f"step {step} ({place + 1} of 5)")
        assert f"density {point.density:.2%}, {point.n_modules} module" in said.inner_text()
        names = unit_names(graph)
        n_live, n_units = live_units(graph).sum(), len(track.units)
        some, all_ = f"{n_live} of {n_units} units are live", f"All {n_units} units are live"
        line = page.locator("#view-said").inner_text()
        assert line.startswith(some if n_live < n_units else all_)
        unit = int(np.flatnonzero(graph.layer_of == 1)[2])
        search.fill(names[unit])
        page.locator("#unit-table tbody button").first.click()
        row = graph.weights[[unit]].tocoo()
        heaviest = sorted(zip(-np.abs(row.data), row.col, row.data, strict=True))[:5]
        card = page.locator("#card ul.edges")
        if heaviest and drawn.issuperset(names[v] for _, v, _ in heaviest):
            compared += 1
            shown = card.last.locator("button").all_text_contents()
            assert shown == [names[v] for _, v, _ in heaviest]
            weights = card.last.locator(".weight").all_text_contents()
            found = [float(x.replace("−", "-")) for x in weights]
            np.testing.assert_allclose(found, [w for *_, w in heaviest], rtol=1e-3)
        label = track.labels[place, list(track.units).index(names[unit])]
        cells = page.locator("#unit-table tbody tr").first.locator("td")
        column = page.locator("#unit-table thead th").all_inner_texts().index("module_layered ?")
        assert cells.nth(column).inner_text() == ("none" if label < 0 else str(label))
    assert compared > 5


def live_names(graph: netsculpt.NetGraph) -> list[str]:
    return [name for name, live in zip(unit_names(graph), live_units(graph), strict=True) if live]


def test_a_step_of_the_table_moves_the_slider(browser: Any, tracked: tuple[Path, Track]) -> None:
    page = Opened(browser, tracked[0]).page
    page.locator("button[data-step='1']").click()
    assert page.locator("#step").input_value() == "1"
    page.select_option("#module", "0")
    before = page.locator("#view-said").inner_text()
    page.locator("#step").press("ArrowRight")
    after = page.locator("#view-said").inner_text()  # the same choice, among other edges
    assert before.startswith("Module 0 of layered")
    assert after.startswith("Module 0 of layered")
    assert before != after


def test_bundles_are_under_the_strongest_edges(
    browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "MOST_EDGES", 300)
    monkeypatch.setattr(pages, "_STRONGEST", 1)
    graph = netsculpt.planted([30, 30, 30], 3, 0.9, 0.05, rng=0)[0]
    write_analysis(netsculpt.analyze(graph, PLAN, rng=0), tmp_path / "out", figures=NO_FIGURES)
    opened = Opened(browser, tmp_path / "out")
    assert opened.complaints == []
    line = opened.page.locator("#view-said").inner_text()
    assert f"{graph.live().n_edges:,} edges are in" in line
    opened.page.wait_for_timeout(300)
    image = 255 * plt.imread(BytesIO(opened.page.locator("#canvas").screenshot()))[4:-4, 4:-4, :3]
    assert (np.abs(image - image[0, 0]).sum(axis=2) > 10).mean() > 0.1


def test_every_table_is_sorted_and_searched(browser: Any, several: Path) -> None:
    page = Opened(browser, several / "net-1").page
    page.evaluate("document.querySelectorAll('details').forEach((x) => { x.open = true; })")
    tables = page.locator("main table:has(caption)")
    names = []
    for at in range(tables.count()):
        table = tables.nth(at)
        title = table.locator("caption").inner_text()
        unlinked = table.locator("th.number:not(:has(a[href^='#def-']))")
        assert unlinked.count() == 0, title
        rows = table.locator("tbody tr")
        if rows.count() < 2:
            continue
        names.append(title)
        texts = rows.locator("td:first-child").all_inner_texts()
        field = page.get_by_role("searchbox", name=f"Search {title}", exact=True)
        field.fill(texts[-1])
        kept = [text for text in rows.all_inner_texts() if texts[-1].lower() in text.lower()]
        assert table.locator("tbody tr:visible").count() == len(kept)
        field.fill("")
        button = table.locator("thead th").last.locator("button.mark")
        for order in ("ascending", "descending"):
            button.click()
            assert table.locator("thead th").last.get_attribute("aria-sort") == order
            cells = rows.locator("td:last-child").all_inner_texts()
            values = [number_of(x) for x in cells if x not in ("", "–")]
            assert values == sorted(values, reverse=order == "descending"), title
    assert {"Layers", "Modules of layered", "Links between modules of layered"} <= set(names)


def number_of(text: str) -> float:
    return float(text.replace(",", "").replace("%", "").replace("−", "-").replace("≤", ""))


def test_several_models_have_a_page(browser: Any, several: Path) -> None:
    opened = Opened(browser, several)
    page = opened.page
    assert opened.complaints == []
    networks = page.locator("table", has=page.locator("caption", has_text="Networks"))
    assert networks.locator("tbody tr").count() == 2
    field = page.get_by_role("searchbox", name="Search Networks")
    field.fill("2")
    field.fill("net-2.pt")
    assert networks.locator("tbody tr:visible").count() == 1
    field.fill("")
    assert "no <path>" in page.locator("#models").inner_text()
    units = page.locator("svg.panel[aria-label='density of every model'] circle")
    assert units.count() == 2
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    networks.get_by_role("link", name="2", exact=True).click()
    page.wait_for_selector("html[data-ready] #canvas", state="attached")
    assert page.url == (several / "net-2" / "report.html").as_uri()
