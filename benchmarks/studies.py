"""What a study costs beside the work of its cells; and joblib alone, and a plain loop.

    python benchmarks/studies.py [--quick] [--jobs 2] [--backend loky]

Each cell sleeps 10 ms, so that other programs on the machine take little from it. Overhead is
wall-clock time × workers / (cells × 10 ms) − 1, starting the processes and reading the results
included. A busy machine wakes sleepers late: then only the ratio to joblib says something, and the
processor time of all processes, which is a lower limit of the overhead. The ways:

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
from rich.console import Console
from rich.table import Table

from netsculpt.studies import Rows, Study
from netsculpt.studies.backends import BACKENDS

SECONDS = 0.01


@dataclass(frozen=True)
class Cell:
    """A number."""

    number: int


def sleeping(cell: Cell) -> Rows:
    """One row, after 10 ms."""
    time.sleep(SECONDS)
    return {"numbers": [{"number": cell.number, "square": cell.number**2}]}


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="1,000 cells instead of 10,000")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--backend", choices=BACKENDS, default="loky")
    options = parser.parse_args()
    cells = [Cell(number) for number in range(1_000 if options.quick else 10_000)]
    study = Study("sleeping", cells, sleeping)
    how = {"jobs": options.jobs, "backend": options.backend}
    ways: dict[str, Callable[[Path], object]] = {
        "Study": lambda folder: study.run(folder / "study", **how),
        "Study, nothing left to do": lambda folder: study.run(folder / "study", **how),
        "Study without a folder": lambda _: study.run(**how),
    }
    if options.backend in ("loky", "threading"):
        for size in (1, "auto"):
            ways[f"joblib alone, batches {size}"] = partial(alone, cells, size, how)
    table = Table("", "wall, s", "driver's processor, s", "overhead, %")
    with tempfile.TemporaryDirectory() as folder:
        for name, way in ways.items():
            begun, processor = time.perf_counter(), own_seconds()
            way(Path(folder))
            wall = time.perf_counter() - begun
            overhead = wall * options.jobs / (len(cells) * SECONDS) - 1
            shown = "" if "nothing" in name else f"{100 * overhead:.1f}"
            table.add_row(name, f"{wall:.2f}", f"{own_seconds() - processor:.2f}", shown)
    Console().print(table)


def own_seconds() -> float:
    """Processor seconds of this process, without its workers."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def alone(cells: list[Cell], size: int | str, how: dict[str, object], folder: Path) -> None:
    """Write a file per cell, through joblib."""
    place = folder / f"joblib-{size}"
    place.mkdir()
    workers = Parallel(
        n_jobs=how["jobs"],
        backend=how["backend"],
        batch_size=size,
        return_as="generator_unordered",
    )
    for _ in workers(delayed(written)(place, cell) for cell in cells):
        pass


def written(folder: Path, cell: Cell) -> None:
    """Measure a cell, and write its rows."""
    (folder / f"{cell.number}.json").write_text(json.dumps(sleeping(cell)))


if __name__ == "__main__":
    main()
