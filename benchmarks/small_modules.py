"""Small and deep networks: seconds of `layered` and `analyze` against goals and other searches.

`layered` and `leiden` (leidenalg's multiplex) maximise the same Q; each is given the mean over the
same seeds. Times are processor seconds of one run on one core, warm, each on a graph of its own.
With --against, the same is measured with another checkout of netsculpt, in a process of its own:
"worse" counts networks whose best Q of all seeds is lower here by more than 10⁻⁹.

    python benchmarks/small_modules.py                             # a minute
    python benchmarks/small_modules.py --against ../netsculpt-0.4  # two checkouts
    python benchmarks/small_modules.py --against ../netsculpt-0.4 --published FOLDER

FOLDER is what analyses/patil2023_published.py takes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from netsculpt import AnalysisPlan, analyze, planted
from netsculpt.graph.graph import NetGraph
from netsculpt.modules import layered, leiden

HERE = Path(__file__).resolve()
FAMILIES: dict[str, tuple[Any, ...]] = {  # planted's widths, k, p_in, p_out, σ, skips
    "24-24-24-24": ([24] * 4, 4, 0.55, 0.09, 0.0, 0.0),
    "8-36-36-8": ([8, 36, 36, 8], 2, 0.3, 0.1, 0.0, 0.0),
    "20-20-20-20, no modules": ([20] * 4, 4, 0.3, 0.3, 0.0, 0.0),
    "8 × 16, weak": ([16] * 8, 4, 0.3, 0.15, 0.0, 0.0),
    "5 × 32, lognormal degrees": ([32] * 5, 4, 0.3, 0.04, 1.0, 0.0),
    "5 × 32": ([32] * 5, 4, 0.3, 0.08, 0.0, 0.0),
    "8 × 32, skips": ([32] * 8, 4, 0.3, 0.04, 0.0, 0.3),
}
DEEP = ([4] * 1000, 2, 1.0, 0.3)
GOALS = {"layered, 350 edges": 3e-3, "analyze, 100 nulls": 1.0, "layered, 1,000 layers × 4": 1.0}


def families(draws: int) -> dict[str, list[NetGraph]]:
    """Networks of each family, with normal weights and with all weights 1."""
    return {
        f"{name}, {form}": [
            graph.pattern if form == "pattern" else graph
            for graph in (_planted(numbers, seed) for seed in range(draws))
        ]
        for name, numbers in FAMILIES.items()
        for form in ("weights", "pattern")
    }


def published(folder: Path) -> dict[str, list[NetGraph]]:
    """Every network of a folder whose files exist, with its weights and with all weights 1."""
    sys.path.insert(0, str(HERE.parents[1] / "analyses"))
    from patil2023.networks import find_networks  # type: ignore[import-not-found, unused-ignore]

    from netsculpt.loading import load

    graphs = [load(x.weights, mask=x.masks) for x in find_networks(folder)[0]]
    return {"published, weights": graphs, "published, pattern": [x.pattern for x in graphs]}


def measured(
    networks: dict[str, list[NetGraph]], detect: Callable[..., Any], n_seeds: int
) -> dict[str, dict[str, Any]]:
    """Q of every run [networks, seeds] and seconds of one, by family."""
    rows = {}
    for name, graphs in networks.items():
        detect(_fresh(graphs[0]), rng=0)  # compiled, if it was not
        forms = [[_fresh(graph) for _ in range(n_seeds)] for graph in graphs]
        start = time.process_time()
        q = [[detect(x, rng=seed).quality for seed, x in enumerate(copies)] for copies in forms]
        seconds = (time.process_time() - start) / (len(graphs) * n_seeds)
        edges = float(np.median([graph.n_edges for graph in graphs]))
        rows[name] = {"edges": edges, "q": q, "seconds": seconds}
    return rows


def whole() -> dict[str, float]:
    """Seconds of the tasks that have a goal."""
    small = _planted(FAMILIES["8-36-36-8"], 0)
    analyze(small, AnalysisPlan(n_nulls=2, n_seeds=2), rng=0)
    deep = _planted(DEEP, 0)
    layered(_fresh(deep), rng=0)
    runs: dict[str, tuple[int, Callable[[int], Any]]] = {
        "layered, 350 edges": (50, lambda seed: layered(_fresh(small), rng=seed)),
        "analyze, 100 nulls": (3, lambda seed: analyze(_fresh(small), rng=seed)),
        "layered, 1,000 layers × 4": (2, lambda seed: layered(_fresh(deep), rng=seed)),
    }
    seconds = {}
    for name, (n, run) in runs.items():
        start = time.process_time()
        for seed in range(n):
            run(seed)
        seconds[name] = (time.process_time() - start) / n
    return seconds


def first_run() -> float:
    """Seconds of the first run of `layered` with nothing compiled before."""
    graph = _planted(FAMILIES["8-36-36-8"], 0)
    start = time.process_time()
    layered(graph, rng=0)
    return time.process_time() - start


def main() -> None:
    """Print the tables."""
    options = _arguments()
    if options.part:
        print(json.dumps(_part(options)))
        return
    checkouts = {"here": HERE.parents[1]}
    if options.against:
        checkouts["against"] = options.against.resolve()
    results = {name: _run(path, "all", options) for name, path in checkouts.items()}
    _print_goals(results)
    if options.against:
        _print_families("against", results["here"]["layered"], results["against"]["layered"])
    else:
        networks = families(options.draws)
        theirs = measured(networks, leiden, options.seeds)
        _print_families("leiden", results["here"]["layered"], theirs)


def _part(options: argparse.Namespace) -> Any:
    if options.part == "first":
        return first_run()
    networks = families(options.draws)
    if options.published:
        networks |= published(options.published)
    return {"layered": measured(networks, layered, options.seeds), "whole": whole()}


def _run(checkout: Path, part: str, options: argparse.Namespace) -> Any:
    """What this script measures with a checkout of netsculpt, in a process on one core."""
    with tempfile.TemporaryDirectory() as cache:
        one = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
        environment = os.environ | dict.fromkeys(one, "1")
        environment |= {"PYTHONPATH": str(checkout), "NUMBA_CACHE_DIR": cache}
        command = [sys.executable, str(HERE), "--seeds", f"{options.seeds}"]
        command += ["--draws", f"{options.draws}"]
        if options.published:
            command += ["--published", str(options.published.resolve())]

        def result(part: str) -> Any:
            done = subprocess.run(
                [*command, "--part", part], env=environment, check=True, stdout=subprocess.PIPE
            )
            return json.loads(done.stdout)

        first = result("first")
        return result(part) | {"first": first}


def _planted(numbers: tuple[Any, ...], seed: int) -> NetGraph:
    graph, _ = planted(*numbers, rng=seed)
    weights = np.random.default_rng(seed).standard_normal(graph.n_edges)
    return graph.with_weights(weights.astype(np.float32))


def _fresh(graph: NetGraph) -> NetGraph:
    """The same graph, of which nothing is known yet: its live units are found once."""
    return graph.with_weights(graph.weights.data)


def _print_goals(results: dict[str, Any]) -> None:
    print(f"{'seconds':28s}{'goal':>9s}{''.join(f'{name:>10s}' for name in results)}  here / goal")
    for name, goal in GOALS.items():
        row = [results[side]["whole"][name] for side in results]
        print(f"{name:28s}{goal:9.3f}{''.join(f'{x:10.4f}' for x in row)}{row[0] / goal:13.2f}")
    row = [results[side]["first"] for side in results]
    print(f"{'first run, with compiling':28s}{'':9s}{''.join(f'{x:10.2f}' for x in row)}\n")


def _print_families(other: str, mine: dict[str, Any], theirs: dict[str, Any]) -> None:
    print(
        f"{'family':36s}{'edges':>6s}{'nets':>6s}{'ms':>8s}{other + ' ms':>12s}{'ratio':>7s}",
        end="",
    )
    print(f"{'mean Q':>9s}{'Δ mean Q':>11s}{'Δ best Q':>11s}{'worse':>7s}{'better':>7s}")
    for name, row in mine.items():
        here, there = np.array(row["q"]), np.array(theirs[name]["q"])
        best = here.max(axis=1) - there.max(axis=1)
        ms, other_ms = 1e3 * row["seconds"], 1e3 * theirs[name]["seconds"]
        print(
            f"{name:36s}{row['edges']:6.0f}{len(here):6d}{ms:8.2f}{other_ms:12.2f}"
            f"{other_ms / ms:7.1f}{here.mean():9.5f}{here.mean() - there.mean():+11.6f}"
            f"{best.mean():+11.6f}{(best < -1e-9).sum():7d}{(best > 1e-9).sum():7d}"
        )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--against", type=Path, help="another checkout of netsculpt")
    parser.add_argument("--published", type=Path, metavar="FOLDER", help="published networks too")
    parser.add_argument("--seeds", type=int, default=5, help="runs on each network (default: 5)")
    parser.add_argument("--draws", type=int, default=10, help="of each family (default: 10)")
    parser.add_argument("--part", choices=("all", "first"), help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
