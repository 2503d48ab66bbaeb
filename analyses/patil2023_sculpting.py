"""Neural Sculpting's study from scratch: nets trained, sculpted, and decomposed.

Patil, Michael and Dovrolis, "Neural Sculpting", NeurIPS 2023, arXiv:2305.18402.

    python analyses/patil2023_sculpting.py -o OUT --budget-minutes 60

Nets are trained as the published ones were; for each seed the sparsest network is kept to which a
grid of pruning steps leads. The authors chose their seeds; here they are the first from 0 whose
dense net reaches the goal, and the tables say how many were tried. A cell is a task on one
architecture; its networks are kept and are not sculpted again for other detectors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from patil2023.cells import GRIDS, STUDIES, Cell, cells
from patil2023.detecting import KNOWN
from patil2023.measured import (
    HERE,
    PUBLISHED,
    Published,
    Sculpted,
    measure_published,
    measure_sculpted,
    published_cells,
)
from patil2023.networks import find_networks
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

from netsculpt.cli.study import Options, run_study, several_of
from netsculpt.studies.study import Rows, Study
from netsculpt.training.tasks import idx

_TABLES: Mapping[str, Mapping[str, Callable[[pd.DataFrame], pd.DataFrame]]] = {  # rows → tables
    "networks": {"success_rates": rates_beside, "sizes": sizes, "levels": levels_found},
    "pair_tests": {"pair_tests": tests_by_state},
    "units_carrying": {"carrying": carrying_by_state},
    "digit_networks": {"digits": digits_found},
}
_CELL = ["study", "experiment", "task", "arch", "pruned"]


@dataclass(frozen=True)
class Config:
    """What to sculpt, and how to measure it."""

    studies: tuple[str, ...] = tuple(STUDIES)
    grid: str = "published"  # one of GRIDS
    n_seeds: int = 10  # networks of a cell
    digits_grid: str = "smallest"
    digits_seeds: int = 3
    n_pairs: int = 4000  # of digits
    idx: tuple[str, str] | None = None  # files of images and labels instead of the package's digits
    most_cells: int | None = None  # of a study
    detectors: tuple[str, ...] = ("sculpting", "path_signature", "functional")
    published: str | None = None  # folder of published networks to compare with
    seed: int = 0  # of the detectors
    out: Path | None = None  # where sculpted networks are kept


QUICK = Config(grid="smallest", n_seeds=3, digits_seeds=1, n_pairs=1000, most_cells=5)


def study(config: Config) -> Study[Sculpted | Published]:
    """All cells of the studies, and the published networks, if there are any."""
    chosen = sculpting_cells(config)
    looks: list[Sculpted | Published] = [
        Sculpted(cell.experiment, cell.arch, cell, config.detectors, config.seed) for cell in chosen
    ]
    if config.published:
        networks = [x for x in find_networks(Path(config.published))[0] if x.first_listed]
        looks += published_cells(networks, config.detectors, config.seed)
    kept = None if config.out is None else config.out / "cells"
    arguments = {key: value for key, value in asdict(config).items() if key != "out"}
    return Study(
        "patil2023_sculpting",
        looks,
        partial(measure, kept),
        partial(tables, config, chosen),
        about={"arguments": arguments, "grid": asdict(GRIDS[config.grid])},
    )


def sculpting_cells(config: Config) -> list[Cell]:
    """Cells of all studies, with the grid and the seeds of the configuration."""
    chosen = []
    for name in config.studies:
        for cell in cells([name])[: config.most_cells]:
            if name == "digits":
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


def measure(kept: Path | None, look: Sculpted | Published) -> Rows:
    """Rows of a published network, or of a cell; `kept` holds the networks of sculpted cells."""
    if isinstance(look, Published):
        rows = measure_published(look)["networks"]
        return {"networks": [{"source": PUBLISHED, **row} for row in rows]}
    path = None if kept is None else kept / f"{look.cell.name}.npz"
    if path is not None and path.is_file():
        sculptures = read_cell(path)
    else:
        sculptures = sculpt_cell(look.cell)
        if path is not None:
            write_cell(path, sculptures)
    measured = measure_sculpted(look, sculptures)
    counts = {"networks": len(sculptures.networks), "seeds_tried": sculptures.seeds_tried}
    done = {**_key(look.cell), **counts, "seconds": round(sculptures.seconds, 1)}
    networks = [{"source": HERE, **row} for row in measured.pop("networks", [])]
    return {**measured, "sculpted": [done], "networks": networks}


def tables(
    config: Config, chosen: Sequence[Cell], rows: Mapping[str, pd.DataFrame]
) -> dict[str, pd.DataFrame]:
    """Every table that there are rows for, and how each cell was made, or that it was left out."""
    described = pd.DataFrame([_described(config, cell) for cell in chosen])
    if "sculpted" in rows:
        described = described.merge(rows["sculpted"], on=_CELL, how="left")
        described["state"] = described["networks"].isna().map({True: "left out", False: "done"})
    return {
        name: make(rows[table])
        for table, makers in _TABLES.items()
        if len(rows.get(table, ()))
        for name, make in makers.items()
    } | {"cells": described}


def _key(cell: Cell) -> dict[str, Any]:
    pruned = "units and edges" if cell.prunes_units else "edges"
    return dict(
        zip(_CELL, (cell.study, cell.experiment, cell.task, cell.arch, pruned), strict=True)
    )


def _described(config: Config, cell: Cell) -> dict[str, Any]:
    return {
        **_key(cell),
        "learning_rate": cell.settings.learning_rate,
        "batch_size": cell.settings.batch_size,
        "epochs": cell.settings.epochs,
        "settings_from": cell.settings_from,
        "grid": config.digits_grid if cell.study == "digits" else config.grid,
    }


if __name__ == "__main__":
    options: Options = {
        "--studies": {"type": several_of(STUDIES), "help": f"of {', '.join(STUDIES)}"},
        "--grid": {"choices": GRIDS, "help": "of gradients (default: published)"},
        "--detectors": {"type": several_of(KNOWN), "help": f"of {', '.join(KNOWN)}"},
        "--published": {"metavar": "FOLDER", "help": "of published networks to compare with"},
        "--idx": {"nargs": 2, "metavar": ("IMAGES", "LABELS"), "help": "MNIST files to use"},
    }
    run_study(__doc__, study, full=Config(), quick=QUICK, show=print_study, options=options)
