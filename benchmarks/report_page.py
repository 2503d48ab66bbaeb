"""The page of large networks in a browser, compared with what a reader puts up with.

    pip install -e ".[browser]" && apt-get install chromium
    python benchmarks/report_page.py --edges 1e6

Prints processor seconds, then each measure, its limit, and limit / measure. The browser draws
without a GPU.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path
from time import process_time
from typing import Any, Final

import numpy as np
from playwright.sync_api import sync_playwright
from scipy.sparse import random_array

from netsculpt.graph.graph import NetGraph
from netsculpt.graph.matrices import from_matrices
from netsculpt.pipeline import AnalysisPlan, analyze
from netsculpt.report.folder import write_folder
from netsculpt.report.html.writing import rewrite_page

N_BLOCKS, DENSITY = 3, 0.08
FLAGS: Final = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking")
LIMITS: Final = {"file, MB": 15.0, "first picture, ms": 3000.0, "longest frame, ms": 250.0}
WATCH: Final = """() => {
    window.gaps = [];
    let last = performance.now();
    const frame = (now) => {
        window.gaps.push(now - last);
        last = now;
        requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
}"""


def network(n_edges: int) -> NetGraph:
    """Four equal layers."""
    width = round((n_edges / N_BLOCKS / DENSITY) ** 0.5)
    rng = np.random.default_rng(0)
    return from_matrices(
        [random_array((width, width), density=DENSITY, rng=rng).toarray() for _ in range(N_BLOCKS)]
    )


def looked_at(page: Any, path: Path) -> dict[str, float]:
    """Open a page, zoom and drag; the time of the first picture and the longest frame."""
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]", state="attached")
    page.wait_for_timeout(3000)
    first = page.evaluate("performance.getEntriesByName('first-picture')[0].startTime")
    canvas = page.locator("#canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.evaluate(WATCH)
    for step in range(30):
        page.mouse.wheel(0, -60 if step < 20 else 80)
        page.wait_for_timeout(30)
    page.mouse.down()
    for step in range(30):
        page.mouse.move(x + 3 * step, y + 2 * step)
        page.wait_for_timeout(20)
    page.mouse.up()
    return {"first picture, ms": first, "longest frame, ms": page.evaluate("Math.max(...gaps)")}


def main() -> None:
    """Make the page of one size, and look at it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edges", type=float, default=1e6)
    graph = network(round(parser.parse_args().edges))
    print(graph)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as driver:
        folder = Path(name)
        write_folder(analyze(graph, AnalysisPlan(n_nulls=0, n_seeds=0), rng=0), folder)
        start = process_time()
        path = rewrite_page(folder)
        print(f"made from its folder in {process_time() - start:.1f} s of processor time")
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True).new_page()
        measured = {"file, MB": path.stat().st_size / 1e6, **looked_at(page, path)}
        browser.close()
    print(f"\n{'':20}{'measured':>10}{'limit':>10}{'ratio':>8}")
    for what, value in measured.items():
        print(f"{what:20}{value:10.1f}{LIMITS[what]:10.1f}{LIMITS[what] / value:8.1f}")


if __name__ == "__main__":
    main()
