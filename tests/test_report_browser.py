"""The report in a real browser, without a network."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
import pytest
from browsers import Opened, chromium
from hostile_names import HOSTILE, hostile

import netsculpt
from netsculpt.core.figure_style import FigureStyle
from netsculpt.core.printable import printable
from netsculpt.graph.graph import NetGraph, live_units, unit_names
from netsculpt.report.folder import write_analysis
from netsculpt.report.html.contents import contents_of
from netsculpt.report.html.drawn import Drawn, drawn

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as driven:
        yield driven


def finished(path: Path, graph: NetGraph) -> Path:
    plan = netsculpt.AnalysisPlan(n_nulls=20, n_seeds=2)
    analysis = netsculpt.analyze(graph, plan, rng=0)
    write_analysis(
        analysis, path, figures=FigureStyle(("svg", "pdf")), source={"model": HOSTILE[0]}
    )
    return path


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three layers, hostile names, dead units."""
    graph = hostile(netsculpt.planted([16, 20, 16], 4, 0.3, 0.03, rng=0)[0])
    assert not live_units(graph).all()
    return finished(tmp_path_factory.mktemp("small") / "out", graph)


@pytest.fixture(scope="module")
def dense(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More edges than are drawn as lines."""
    graph = netsculpt.planted([80, 90, 80, 10], 3, 0.6, 0.2, rng=0)[0]
    assert graph.n_edges > 5000
    return finished(tmp_path_factory.mktemp("dense") / "out", graph)


@pytest.fixture
def opened(browser: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    contexts = []

    def opening(folder: Path, **options: Any) -> Opened:
        page = Opened(browser, folder, **options)
        contexts.append(page.context)
        return page

    yield opening
    for context in contexts:
        context.close()


def picture(folder: Path) -> tuple[NetGraph, Drawn]:
    contents = contents_of(folder)
    labels = contents.units["module_layered"].astype(np.int64)
    share = contents.units["path_share_weighted"]
    return contents.graph, drawn(contents.graph, labels, share)


def places(page: Any, part: Drawn) -> np.ndarray:
    """Where the units are on the screen [u, 2], as the view fits the drawing into the canvas."""
    page.locator("#canvas").scroll_into_view_if_needed()
    box = page.locator("#canvas").bounding_box()
    scale = min((box["width"] - 24) / part.width, (box["height"] - 44) / part.height)
    left = box["x"] + (box["width"] - part.width * scale) / 2
    top = box["y"] + (box["height"] - 20 - part.height * scale) / 2
    return np.column_stack([left + part.x * scale, top + part.y * scale])


def shown_number(value: float) -> str:
    """A weight as the card shows it: four digits."""
    short = float(f"{value:.4g}")
    return (f"{short:g}").replace("-", "−").replace("e−0", "e−")


def test_the_page_opens_without_a_network_and_without_complaints(opened: Any, small: Path) -> None:
    page = opened(small)
    assert page.complaints == []
    assert {url.split(":")[0] for url in page.requests} <= {"file", "blob"}
    assert page.page.title().startswith(printable(HOSTILE[0]).split("/")[-1][:5])


def test_the_card_of_units_pointed_at_is_that_of_the_graph(opened: Any, small: Path) -> None:
    graph, part = picture(small)
    page = opened(small).page
    at = places(page, part)
    edges, places_of = graph.live().weights, np.cumsum(live_units(graph)) - 1
    names = [printable(name) for name in unit_names(graph)]
    for u in np.random.default_rng(0).permutation(part.unit.size)[:100]:
        page.mouse.move(*at[u].tolist())
        unit = int(part.unit[u])
        assert page.locator("#card h3").text_content() == escaped(names[unit])
        row = edges[[places_of[unit]]].tocoo()
        targets = sorted(zip(-np.abs(row.data), part.unit[row.col], row.data, strict=True))[:5]
        wanted = [(escaped(names[v]), shown_number(w)) for _, v, w in targets]
        lists = page.locator("#card ul.edges")
        if wanted:
            last = lists.last
            assert last.locator("button").all_text_contents() == [name for name, _ in wanted]
            assert last.locator(".weight").all_text_contents() == [value for _, value in wanted]


def escaped(name: str) -> str:
    """A printable name as the scripts write it: JavaScript's escapes for what Python's escapes."""
    return name.replace("\\u202e", "\\u{202e}")


def test_a_click_shows_the_paths_through_a_unit(opened: Any, dense: Path) -> None:
    graph, part = picture(dense)
    page = opened(dense).page
    at = places(page, part)
    live = live_units(graph)
    pairs = zip(graph.sources.tolist(), graph.weights.indices.tolist(), strict=True)
    net = nx.DiGraph([(u, v) for u, v in pairs if live[u] and live[v]])
    hidden = np.flatnonzero(graph.layer_of[part.unit] == 1)
    for u in hidden[:3]:
        unit = int(part.unit[u])
        page.mouse.click(*at[u].tolist())
        up, down = len(nx.ancestors(net, unit)), len(nx.descendants(net, unit))
        said = page.locator("#view-said").inner_text()
        assert f"{up:,} units upstream, {down:,} downstream" in said
        assert f"of {1 + up + down:,} units" in page.locator("#units .count").inner_text()
    page.keyboard.press("Escape")
    assert "upstream" not in page.locator("#view-said").inner_text()


def test_tables_are_searched_and_sorted(opened: Any, dense: Path) -> None:
    graph, _ = picture(dense)
    page = opened(dense).page
    table = page.locator("#unit-table")
    table.locator("input[type=search]").fill("hidden1[1")
    names = [name for name in unit_names(graph) if "hidden1[1" in name]
    assert f"of {len(names):,} units" in table.locator(".count").inner_text()
    table.locator("input[type=search]").fill("")
    table.get_by_role("button", name="in_degree", exact=True).click()
    degrees = np.bincount(graph.weights.indices, minlength=graph.n_units)
    column = table.locator("thead th").all_inner_texts().index("in_degree ?")
    first = table.locator("tbody tr").first.locator("td")
    assert first.nth(column).inner_text() == str(degrees.max())
    first.nth(0).locator("button").click()
    assert page.locator("#card h3").inner_text() == first.nth(0).inner_text()


def test_modules_and_layers_are_chosen(opened: Any, small: Path) -> None:
    graph, part = picture(small)
    contents = contents_of(small)
    labels = contents.units["module_layered"][part.unit]
    page = opened(small).page
    page.select_option("#module", "1")
    assert f": {np.sum(labels == 1)} units" in page.locator("#view-said").inner_text()
    page.select_option("#layer", "1")
    inside = np.sum(graph.layer_of[part.unit] == 1)
    assert f": {inside} units" in page.locator("#view-said").inner_text()
    page.locator("#clear").click()
    page.locator("svg.hierarchy g[data-members]").first.focus()
    page.keyboard.press("Enter")
    assert "Module" in page.locator("#view-said").inner_text()


def test_keys_walk_from_unit_to_unit(opened: Any, small: Path) -> None:
    graph, _ = picture(small)
    page = opened(small).page
    page.locator("#canvas").focus()
    seen = []
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft"):
        page.keyboard.press(key)
        seen.append(page.locator("#card h3").text_content())
    names = [escaped(printable(name)) for name in unit_names(graph)]
    layers = [int(graph.layer_of[names.index(name)]) for name in seen]
    assert layers == [0, 1, 1, 0]
    assert len(set(seen)) == 4 - (seen[0] == seen[3])
    page.keyboard.press("Enter")
    assert "Paths through" in page.locator("#view-said").inner_text()


def test_figures_are_shown_and_saved(opened: Any, small: Path, tmp_path: Path) -> None:
    page = opened(small).page
    figures = page.locator("figure[data-name]")
    names = sorted(path.stem for path in (small / "figures").glob("*.svg"))
    assert [figures.nth(i).get_attribute("data-name") for i in range(figures.count())] == names
    wide = page.evaluate("[...document.querySelectorAll('figure img')].map((x) => x.naturalWidth)")
    assert min(wide) > 100
    first = figures.first
    for kind in ("SVG", "PDF"):
        with page.expect_download() as saved:
            first.get_by_role("link", name=f"save as {kind}").click()
        content = Path(saved.value.path()).read_bytes()
        assert content == (small / "figures" / f"{names[0]}.{kind.lower()}").read_bytes()
    for button in (first.get_by_role("button", name="save as PNG"), page.locator("#save")):
        with page.expect_download() as saved:
            button.click()
        assert Path(saved.value.path()).read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize("which", ["small", "dense"])
def test_the_picture_shows_the_network_in_either_theme(
    opened: Any, which: str, request: pytest.FixtureRequest
) -> None:
    page = opened(request.getfixturevalue(which)).page
    shares = []
    for _ in range(2):
        page.wait_for_timeout(600)
        shot = page.locator("#canvas").screenshot()
        image = 255 * plt.imread(BytesIO(shot))[4:-4, 4:-4, :3]
        paper = image[0, 0]
        shares.append((paper.tolist(), (np.abs(image - paper).sum(axis=2) > 60).mean()))
        page.locator("#theme").click()
    assert shares[0][0] != shares[1][0]
    assert all(0.01 < share < 0.95 for _, share in shares)


def test_nothing_sticks_out_of_a_narrow_page(opened: Any, dense: Path) -> None:
    page = opened(dense).page
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("#canvas").bounding_box()["width"] > 300


def test_buttons_and_fields_have_names(opened: Any, small: Path) -> None:
    page = opened(small).page
    nameless = page.evaluate(
        "[...document.querySelectorAll('button, select, input, img, svg, [tabindex=\"0\"]')]"
        ".filter((x) => !(x.getAttribute('aria-label') || x.textContent.trim() || x.alt"
        " || x.closest('label'))).map((x) => x.outerHTML)"
    )
    assert nameless == []
