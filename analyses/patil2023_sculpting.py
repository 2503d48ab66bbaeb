"""Neural Sculpting's study from scratch: nets trained, sculpted, and taken apart.

Patil, Michael and Dovrolis, "Neural Sculpting", NeurIPS 2023, arXiv:2305.18402.

    python analyses/patil2023_sculpting.py -o OUT --budget-minutes 60

Nets are trained as the published ones were; of each seed the sparsest is kept that a grid of
pruning steps leads to. The authors chose their seeds; here they are the first from 0 whose dense
net reaches the goal, and the tables say how many were looked at. Every finished cell (a task on
one architecture) is a file: what a budget left out, or a crash, the same command goes on with.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from patil2023.cells import GRIDS, STUDIES, Cell, cells
from patil2023.detecting import KNOWN
from patil2023.measured import (
    HERE,
    PUBLISHED,
    Measured,
    measure_cell,
    measure_published,
)
from patil2023.networks import Network, find_networks
from patil2023.sculpted import read_cell, sculpt_cell, write_cell
from patil2023.sculpted_tables import (
    carrying_by_state,
    digits_found,
    levels_found,
    print_study,
    rates_beside,
    sizes,
    tests_by_state,
)

from netsculpt.core.parallel import in_parallel
from netsculpt.report.terminal.progress import progress_bars
from netsculpt.training.tasks import idx

PACKAGES = ("netsculpt", "numpy", "scipy", "scikit-learn", "torch")
LEFT_OUT = "left out"
_ARRAYS = {"pairs": "pair_weights", "mean_pairs": "mean_pair_weights"}
Value = TypeVar("Value")

_ROWS = ("networks", "published")  # one row a network and detector, not for reading
_TABLES: Mapping[str, Mapping[str, Callable[[pd.DataFrame], pd.DataFrame]]] = {  # rows → tables
    "networks": {
        "networks": lambda rows: rows[rows["source"] == HERE],
        "published": lambda rows: rows[rows["source"] == PUBLISHED],
        "success_rates": rates_beside,
        "sizes": sizes,
        "levels": levels_found,
    },
    "tests": {"pair_tests": tests_by_state},
    "carrying": {"carrying": carrying_by_state},
    "digits": {"digits": digits_found},
}


@dataclass(frozen=True)
class Config:
    """What to sculpt, and how to look at it."""

    studies: tuple[str, ...] = tuple(STUDIES)
    grid: str = "published"  # one of GRIDS
    n_seeds: int = 10  # networks of a cell
    digits_grid: str = "smallest"
    digits_seeds: int = 3
    n_pairs: int = 4000  # of digits
    idx: tuple[str, str] | None = None  # files of images and labels instead of sklearn's digits
    most_cells: int | None = None  # of a study
    budget_minutes: float | None = None  # no cell is begun later
    detectors: tuple[str, ...] = ("sculpting", "path_signature", "functional")
    published: str | None = None  # folder of published networks to put beside
    seed: int = 0  # of the detectors
    jobs: int = 2


QUICK = Config(grid="smallest", n_seeds=3, digits_seeds=1, n_pairs=1000, most_cells=5)


def main(config: Config, out: Path) -> None:
    """Sculpt what the budget allows and is not there yet; measure all; write the tables."""
    chosen = _cells(config)
    minutes = np.inf if config.budget_minutes is None else config.budget_minutes
    sculpt = partial(_sculpt, chosen, out / "cells", time.time() + 60 * minutes)
    deque(_run("cells", sculpt, len(chosen), config.jobs), maxlen=0)
    done = [cell for cell in chosen if _file(out, cell).is_file()]
    measured = list(_run("measured", partial(_measure, config, out, done), len(done), config.jobs))
    if config.published:
        networks = [x for x in find_networks(Path(config.published))[0] if x.first_listed]
        look = partial(_look, config, networks)
        measured += _run("published", look, len(networks), config.jobs)
    tables = {**_tables(measured), "cells": _about_cells(config, out, chosen)}
    _write(config, out, tables, measured)
    print_study(tables)
    print(f"{len(done)} cells, {len(chosen) - len(done)} left out by the budget → {out}")


def _cells(config: Config) -> list[Cell]:
    chosen = []
    for study in config.studies:
        for cell in cells([study])[: config.most_cells]:
            if study == "digits":
                chosen.append(_of_digits(config, cell))
            else:
                chosen.append(replace(cell, grid=GRIDS[config.grid], n_seeds=config.n_seeds))
    return chosen


def _of_digits(config: Config, cell: Cell) -> Cell:
    widths = cell.widths
    if config.idx:
        widths = (2 * idx(*config.idx).n_inputs, *widths[1:])
    grid, n_seeds = GRIDS[config.digits_grid], config.digits_seeds
    return replace(
        cell, widths=widths, grid=grid, n_seeds=n_seeds, n_pairs=config.n_pairs, idx=config.idx
    )


def _file(out: Path, cell: Cell) -> Path:
    return out / "cells" / f"{cell.name}.npz"


def _sculpt(chosen: Sequence[Cell], folder: Path, deadline: float, at: int) -> None:
    path = folder / f"{chosen[at].name}.npz"
    if not path.is_file() and time.time() < deadline:
        write_cell(path, sculpt_cell(chosen[at]))


def _measure(config: Config, out: Path, done: Sequence[Cell], at: int) -> Measured:
    return measure_cell(done[at], read_cell(_file(out, done[at])), config.detectors, config.seed)


def _look(config: Config, networks: Sequence[Network], at: int) -> Measured:
    return measure_published(networks[at], config.detectors, config.seed)


def _tables(measured: Sequence[Measured]) -> dict[str, pd.DataFrame]:
    """Every table that there are rows for."""
    tables: dict[str, pd.DataFrame] = {}
    for part, makers in _TABLES.items():
        rows = pd.DataFrame([row for each in measured for row in getattr(each, part)])
        if len(rows):
            tables |= {name: make(rows) for name, make in makers.items()}
    return tables


def _about_cells(config: Config, out: Path, chosen: Iterable[Cell]) -> pd.DataFrame:
    """How each cell was made, or that it was left out."""
    rows = []
    for cell in chosen:
        path = _file(out, cell)
        row: dict[str, Any] = {
            "study": cell.study,
            "experiment": cell.experiment,
            "task": cell.task,
            "arch": cell.arch,
            "pruned": "units and edges" if cell.prunes_units else "edges",
            "learning_rate": cell.settings.learning_rate,
            "batch_size": cell.settings.batch_size,
            "epochs": cell.settings.epochs,
            "settings_from": cell.settings_from,
            "grid": config.digits_grid if cell.study == "digits" else config.grid,
            "state": LEFT_OUT,
        }
        if path.is_file():
            found = read_cell(path)
            row["state"] = "done"
            row |= {"networks": len(found.networks), "seeds_tried": found.seeds_tried}
            row["seconds"] = round(found.seconds, 1)
        rows.append(row)
    return pd.DataFrame(rows)


def _write(
    config: Config, out: Path, tables: dict[str, pd.DataFrame], measured: Sequence[Measured]
) -> None:
    """Tables, edge-weight products and a manifest."""
    out.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        if name not in _ROWS:
            table.to_csv(out / f"{name}.csv", index=False)
        elif len(table):
            table.to_parquet(out / f"{name}.parquet", index=False)
    for name in ("pairs", "mean_pairs"):
        arrays = {key: value for each in measured for key, value in getattr(each, name).items()}
        np.savez_compressed(out / f"{_ARRAYS[name]}.npz", **arrays)
    manifest = {
        "schema": "netsculpt.manifest/1",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "analysis": Path(__file__).stem,
        "arguments": asdict(config),
        "grid": asdict(GRIDS[config.grid]),
        "cells": len(tables["cells"]),
        "left_out": int((tables["cells"]["state"] == LEFT_OUT).sum()),
        "versions": {name: version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
    (out / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def _run(stage: str, run: Callable[[int], Value], n: int, jobs: int) -> Iterator[Value]:
    """``run(0)`` … in order, with a bar on stderr where a person sees it."""
    with progress_bars() as progress:
        for done, result in enumerate(in_parallel(run, n, jobs), start=1):
            if progress:
                progress(stage, done, n)
            yield result


def _arguments() -> tuple[Config, Path]:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, default=Path("results/patil2023_sculpting"))
    parser.add_argument("--quick", action="store_true", help="few small cells, within a minute")
    parser.add_argument("--budget-minutes", type=float, help="begin no cell later (default: all)")
    parser.add_argument("--studies", type=_listed, help=f"of {', '.join(STUDIES)} (default: all)")
    parser.add_argument("--grid", choices=GRIDS, help="of gradients (default: published)")
    parser.add_argument(
        "--seeds", type=int, dest="n_seeds", help="networks of a cell (default: 10)"
    )
    parser.add_argument("--detectors", type=_listed, help=f"of {', '.join(KNOWN)}")
    parser.add_argument("--published", metavar="FOLDER", help="published networks to put beside")
    parser.add_argument("--idx", nargs=2, metavar=("IMAGES", "LABELS"), help="MNIST files to use")
    parser.add_argument("--jobs", type=int, help="processes (default: 2; -1: all cores)")
    given = vars(parser.parse_args())
    out, config = given.pop("out"), QUICK if given.pop("quick") else Config()
    if given["idx"]:
        given["idx"] = tuple(given["idx"])
    for what, known in (("studies", [*STUDIES]), ("detectors", KNOWN)):
        unknown = set(given[what] or ()) - set(known)
        if unknown:
            parser.error(f"no {what} {sorted(unknown)}; there are {', '.join(known)}")
    return replace(config, **{name: x for name, x in given.items() if x is not None}), out


def _listed(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


if __name__ == "__main__":
    main(*_arguments())
