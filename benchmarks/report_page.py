"""The page of large networks in a browser, compared with what a reader puts up with.

    pip install -e ".[browser]" && apt-get install chromium
    python benchmarks/report_page.py --edges 1e6

Prints processor seconds and memory, then each measure, its limit, and limit / measure. The browser
draws without a GPU; milliseconds are those of a clock, so nothing else should be running.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np
from playwright.sync_api import sync_playwright

from netsculpt.graph.graph import NetGraph
from netsculpt.graph.matrices import from_matrices
from netsculpt.graph.npz import save

N_BLOCKS, DENSITY = 3, 0.08
FLAGS: Final = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking")
LIMITS: Final = {
    "file, MB": 15.0,
    "first picture, ms": 3000.0,
    "longest frame, ms": 250.0,
    "busy until ready, ms": 3000.0,
    "busy per frame, ms": 250.0,
}
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


def network(n_edges: int, n_modules: int) -> NetGraph:
    """Four equal layers of equal modules, inside which the density is ten times that between."""
    width = round((n_edges / N_BLOCKS / DENSITY) ** 0.5)
    rng = np.random.default_rng(0)
    module = np.arange(width) * n_modules // width
    between = DENSITY / (1 + 9 / n_modules)
    matrices = []
    for _ in range(N_BLOCKS):
        matrix = rng.standard_normal((width, width), dtype=np.float32)
        for at in range(n_modules):
            rows = module == at
            density = np.where(rows, 10 * between, between)
            matrix[rows] *= rng.random((rows.sum(), width), dtype=np.float32) < density
        matrices.append(matrix)
    return from_matrices(matrices)


def run(*arguments: str | Path) -> tuple[float, float]:
    """Run a command of netsculpt; its processor seconds, and the most memory so far, GB."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "netsculpt", *map(str, arguments)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, after.ru_maxrss / 1e6


def looked_at(page: Any, path: Path) -> dict[str, float]:
    """Open a page, zoom and drag; the time of the first picture and the longest frame.

    Also the main thread's processor time for the page to be ready, and for a frame on average.
    """
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]", state="attached")
    page.wait_for_timeout(3000)
    ready = busy(session)
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
    frames = page.evaluate("gaps.length")
    return {
        "first picture, ms": first,
        "longest frame, ms": page.evaluate("Math.max(...gaps)"),
        "busy until ready, ms": ready,
        "busy per frame, ms": (busy(session) - ready) / frames,
    }


def busy(session: Any) -> float:
    """Processor time of the page's main thread so far, ms."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return next(1000 * float(x["value"]) for x in metrics if x["name"] == "TaskDuration")


def main() -> None:
    """Make the page of one size, and look at it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edges", type=float, default=1e6)
    parser.add_argument("--modules", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as driver:
        folder = Path(name)
        graph = network(round(options.edges), options.modules)
        print(graph, flush=True)
        save(graph, folder / "net.npz")
        del graph
        quick = ("--nulls", "0", "--stability-seeds", "0", "--figures", "none")
        seconds, memory = run("analyze", folder / "net.npz", "-o", folder / "out", *quick)
        print(f"analysed in {seconds:.1f} s of processor time, {memory:.2f} GB", flush=True)
        seconds, memory = run("report", folder / "out")
        print(f"page made again in {seconds:.1f} s, at most {memory:.2f} GB so far", flush=True)
        path = folder / "out" / "report.html"
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True).new_page()
        measured = {"file, MB": path.stat().st_size / 1e6, **looked_at(page, path)}
        browser.close()
    print(f"\n{'':20}{'measured':>10}{'limit':>10}{'ratio':>8}")
    for what, value in measured.items():
        print(f"{what:20}{value:10.1f}{LIMITS[what]:10.1f}{LIMITS[what] / value:8.1f}")


if __name__ == "__main__":
    main()
