"""Layer-aware modularity Q of `layered`, compared with `leiden` (leidenalg's multiplex).

Each side takes the best of the same number of seeds, on the same networks, with their weights and
with all weights 1 ("pattern"). Without FOLDER the networks are planted, by `netsculpt.planted` and,
up to --max-edges, as benchmarks/modules.py draws them. A negative difference means that `layered`
is worse; "worse" counts the networks where it is so by more than .001. Times are processor
seconds of all seeds on one core.

    python benchmarks/module_quality.py --jobs 2                # planted, some ten minutes
    python benchmarks/module_quality.py --max-edges 10000       # without the largest: four minutes
    python benchmarks/module_quality.py FOLDER -o quality.csv   # published networks of FOLDER

FOLDER is what analyses/patil2023_published.py takes. The CSV has one row per network.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from modules import FAMILIES, layers_of
from rich.console import Console
from rich.progress import track
from rich.table import Table

from netsculpt.graph.graph import NetGraph
from netsculpt.graph.partition import Partition
from netsculpt.graph.synthetic import planted
from netsculpt.loading import load
from netsculpt.modules import leiden
from netsculpt.modules.detectors.layered import layered

Detector = Callable[..., Partition]
Numbers = tuple[list[int], int, float, float, float, float]

ANALYSES = Path(__file__).parents[1] / "analyses"
TAPERED = [256, 64, 64, 32, 16]
PLANTED: dict[str, Numbers] = {  # planted's widths, k, p_in, p_out, degree heterogeneity, skips
    "5 × 32, strong": ([32] * 5, 4, 0.35, 0.03, 0.0, 0.0),
    "5 × 32, medium": ([32] * 5, 4, 0.3, 0.08, 0.0, 0.0),
    "5 × 32, weak": ([32] * 5, 4, 0.25, 0.12, 0.0, 0.0),
    "tapered 256 … 16": (TAPERED, 4, 0.2, 0.04, 0.0, 0.0),
    "tapered, skips": (TAPERED, 4, 0.2, 0.04, 0.0, 0.5),
    "5 × 48, lognormal degrees": ([48] * 5, 4, 0.3, 0.04, 1.0, 0.0),
    "8 × 32": ([32] * 8, 4, 0.3, 0.04, 0.0, 0.0),
    "8 × 32, skips": ([32] * 8, 4, 0.3, 0.04, 0.0, 0.3),
    "20 × 32": ([32] * 20, 4, 0.3, 0.06, 0.0, 0.0),
    "20 × 32, lognormal, skips": ([32] * 20, 4, 0.3, 0.06, 0.7, 0.2),
    "5 × 32, no modules": ([32] * 5, 4, 0.12, 0.12, 0.0, 0.0),
}
LARGE = (3_000, 10_000, 100_000)  # edges
INSIDE = (0.8, 0.6, 0.45, 0.3)
BEHIND = 1e-3


@dataclass(frozen=True)
class Compared:
    """Best Q of both on one network, and the seconds of the search."""

    family: str
    weights: str  # "weights" or "pattern"
    network: str
    edges: int
    q_layered: float
    q_leiden: float
    s_layered: float
    s_leiden: float


@dataclass(frozen=True)
class Case:
    """A network that is made or read in the process that measures it."""

    family: str
    network: str
    make: Callable[[], NetGraph]


def planted_cases(draws: int, max_edges: int) -> Iterator[Case]:
    """Small networks of each kind, and large ones with weak to strong modules."""
    for family, numbers in PLANTED.items():
        for seed in range(draws):
            yield Case(family, f"draw {seed}", partial(_planted, numbers, seed))
    for size in (size for size in LARGE if size <= max_edges):
        for kind in FAMILIES:
            for inside in INSIDE:
                make = partial(_large, kind, size, inside)
                yield Case(f"{kind}, {size:,} edges", f"inside {inside}", make)


def published_cases(folder: Path) -> Iterator[Case]:
    """Every network of a folder whose files exist."""
    sys.path.insert(0, str(ANALYSES))
    from patil2023.networks import find_networks  # type: ignore[import-not-found, unused-ignore]

    for network in find_networks(folder)[0]:
        make = partial(load, network.weights, mask=network.masks)
        yield Case(network.experiment, network.id, make)


def compared(case: Case, n_seeds: int) -> list[Compared]:
    """One network, with its weights and without."""
    _ready()
    graph = case.make()
    rows = []
    for weights, form in (("weights", graph), ("pattern", graph.pattern)):
        (mine, my_time), (theirs, their_time) = (
            _best(detect, form, n_seeds) for detect in (layered, leiden)
        )
        rows.append(
            Compared(
                case.family, weights, case.network, graph.n_edges, mine, theirs, my_time, their_time
            )
        )
    return rows


def main() -> None:
    """Print one row per family."""
    options = _arguments()
    if options.folder is None:
        cases = list(planted_cases(options.draws, options.max_edges))
    else:
        cases = list(published_cases(options.folder))
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = "1"
    _ready()  # compiled once, for all processes
    results = Parallel(n_jobs=options.jobs, return_as="generator_unordered")(
        delayed(compared)(case, options.seeds) for case in cases
    )
    progress = Console(stderr=True)
    shown = track(results, "networks", len(cases), console=progress, transient=True)
    table = pd.DataFrame([asdict(row) for rows in shown for row in rows])
    if options.out:
        table.sort_values(["family", "network", "weights"]).to_csv(options.out, index=False)
    _print(table, list(dict.fromkeys(case.family for case in cases)))


def _ready() -> None:
    """Import and compile everything, so that it is not measured."""
    graph, _ = planted([4, 4], 1, 1.0, 1.0, rng=0)
    for detect in (layered, leiden):
        detect(graph, rng=0)


def _best(detect: Detector, graph: NetGraph, n_seeds: int) -> tuple[float, float]:
    """Best Q of several seeds, and their total processor seconds."""
    start = time.process_time()
    best = max(detect(graph, rng=seed).quality or 0.0 for seed in range(n_seeds))
    return best, time.process_time() - start


def _planted(numbers: Numbers, seed: int) -> NetGraph:
    graph, _ = planted(*numbers, rng=seed)
    weights = np.random.default_rng(seed).standard_normal(graph.n_edges)
    return graph.with_weights(weights.astype(np.float32))


def _large(kind: str, n_edges: int, inside: float) -> NetGraph:
    return FAMILIES[kind](n_edges, layers_of(n_edges), seed=0, inside=inside)[0]


def _print(rows: pd.DataFrame, families: list[str]) -> None:
    rows = rows.assign(more=rows["q_layered"] - rows["q_leiden"])
    numbers = ("networks", "min ΔQ", "median ΔQ", "worse", "s layered", "s leiden", "ratio")
    table = Table("family", "", *numbers)
    for column in table.columns[2:]:
        column.justify = "right"
    for weights in ("weights", "pattern"):
        form = rows[rows["weights"] == weights]
        for family in families:
            table.add_row(family, weights, *_summary(form[form["family"] == family]))
        table.add_section()
        table.add_row("all", weights, *_summary(form))
        table.add_section()
    console = Console(width=max(110, 80 + max(map(len, families))))
    console.print(table)
    for row in rows[rows["more"] < -BEHIND].sort_values("more").itertuples():
        console.print(f"worse: {row.family}, {row.network}, {row.weights}: {row.more:+.4f}")


def _summary(rows: pd.DataFrame) -> list[str]:
    mine, theirs = rows["s_layered"].sum(), rows["s_leiden"].sum()
    return [
        f"{len(rows)}",
        f"{rows['more'].min():+.4f}",
        f"{rows['more'].median():+.4f}",
        f"{(rows['more'] < -BEHIND).sum()}",
        f"{mine:.2f}",
        f"{theirs:.2f}",
        f"{theirs / mine:.1f}",
    ]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", help="published networks, not planted ones")
    parser.add_argument("--seeds", type=int, default=5, help="runs of each side (default: 5)")
    parser.add_argument("--draws", type=int, default=5, help="of each small family (default: 5)")
    parser.add_argument("--max-edges", type=int, default=100_000, help="of a planted network")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default: 1)")
    parser.add_argument("-o", "--out", type=Path, help="CSV file, one row per network")
    return parser.parse_args()


if __name__ == "__main__":
    main()
