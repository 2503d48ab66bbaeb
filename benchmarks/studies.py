"""What a study costs beyond the work of its cells; and joblib alone.

    python benchmarks/studies.py [--quick] [--jobs 2] [--backend loky]

Each cell sleeps 10 ms, so that other programs on the machine take little from it, and says how long
it slept: a busy machine wakes sleepers late. Overhead is wall-clock time × workers / seconds that
the cells slept − 1; starting the processes and writing tables is in it. On a busy machine it is too
large; the processor time of driver and workers, over the seconds of the cells, is a limit from
below.

- **Study**: a file per cell, claims, tables, manifest.
- **Study without a folder**.
- **joblib alone**: ``Parallel(return_as="generator_unordered")`` with a file per cell, one item at
  a time and in joblib's own batches. It cannot be resumed, and a worker that dies ends everything.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from joblib import Parallel, delayed
from joblib.externals.loky import get_reusable_executor
from rich.console import Console
from rich.table import Table

from netsculpt.studies import Rows, Study
from netsculpt.studies.backends import BACKENDS

SECONDS = 0.01
WHOSE = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


@dataclass(frozen=True)
class Cell:
    """A number."""

    number: int


def sleeping(cell: Cell) -> Rows:
    """One row, after 10 ms."""
    begun = time.perf_counter()
    time.sleep(SECONDS)
    return {"numbers": [{"number": cell.number, "seconds": time.perf_counter() - begun}]}


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="1,000 cells instead of 10,000")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--backend", choices=BACKENDS, default="loky")
    options = parser.parse_args()
    cells = [Cell(number) for number in range(1_000 if options.quick else 10_000)]
    jobs, backend = options.jobs, options.backend
    study = Study("sleeping", cells, sleeping)

    def studied(folder: Path | None) -> float:
        found = study.run(folder, jobs=jobs, backend=backend)
        return sum(float(row["seconds"]) for row in found.rows["numbers"])

    ways: dict[str, Callable[[Path], float]] = {
        "Study": studied,
        "Study without a folder": lambda _: studied(None),
    }
    if backend in ("loky", "threading"):
        for size in (1, "auto"):
            ways[f"joblib alone, batches {size}"] = partial(alone, cells, size, jobs, backend)
    table = Table("", "slept, s", "wall, s", "driver, s", "workers, s", "overhead, %")
    for name, way in ways.items():
        with tempfile.TemporaryDirectory() as folder:
            begun, used = time.perf_counter(), processor()
            slept = way(Path(folder))
            wall = time.perf_counter() - begun
            more = [after - before for after, before in zip(processor(), used, strict=True)]
        overhead = 100 * (wall * jobs / slept - 1)
        table.add_row(name, *(f"{x:.1f}" for x in (slept, wall, *more, overhead)))
    Console().print(table)


def processor() -> list[float]:
    """Processor seconds of this process, and of those of its workers that have ended."""
    used = map(resource.getrusage, WHOSE)
    return [x.ru_utime + x.ru_stime for x in used]


def alone(cells: list[Cell], size: int | str, jobs: int, backend: str, folder: Path) -> float:
    """Write a file per cell, through joblib."""
    workers = Parallel(
        n_jobs=jobs, backend=backend, batch_size=size, return_as="generator_unordered"
    )
    slept = sum(map(float, workers(delayed(written)(folder, cell) for cell in cells)))
    get_reusable_executor().shutdown(wait=True)
    return slept


def written(folder: Path, cell: Cell) -> float:
    """Measure a cell, and write its rows."""
    rows = sleeping(cell)
    (folder / f"{cell.number}.json").write_text(json.dumps(rows))
    return float(rows["numbers"][0]["seconds"])


if __name__ == "__main__":
    main()
