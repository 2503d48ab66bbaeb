"""Run cells, each into a file of its own; gather them; write tables and a manifest."""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from at_initialisation.cells import METHODS, NETS, Cell, cells
from at_initialisation.measured import MEASURES
from at_initialisation.pruned import BASELINES, pruned_and_trained
from netsculpt.core.parallel import in_parallel
from netsculpt.report.terminal.progress import progress_bars

__all__ = ["Config", "Part", "arguments", "run", "write"]

PACKAGES = ("netsculpt", "numpy", "scipy", "scikit-learn", "torch")


@dataclass(frozen=True)
class Part:
    """What is run of one net."""

    net: str
    densities: tuple[float, ...]
    baseline_densities: tuple[float, ...] = ()
    n_seeds: int = 5
    epochs: int | None = None  # None: as many as the net has


@dataclass(frozen=True)
class Config:
    """What to prune and train."""

    parts: tuple[Part, ...]
    methods: tuple[str, ...]
    baselines: tuple[str, ...] = BASELINES
    budget_minutes: float | None = None  # no cell is begun later
    jobs: int = 2


@dataclass(frozen=True, eq=False)
class Gathered:
    """Rows of all cells that are done."""

    rows: pd.DataFrame  # one a net, method, density, seed, baseline and initialisation
    layers: pd.DataFrame  # one of each of their layers
    n_cells: int
    n_left_out: int


def run(config: Config, out: Path) -> Gathered:
    """Do what the budget allows and is not there yet, and read all that is there."""
    chosen = _cells(config)
    minutes = np.inf if config.budget_minutes is None else config.budget_minutes
    do = partial(_do, chosen, out / "cells", time.time() + 60 * minutes)
    with progress_bars() as progress:
        for at, _ in enumerate(in_parallel(do, len(chosen), config.jobs), start=1):
            if progress:
                progress("cells", at, len(chosen))
    paths = [path for cell in chosen if (path := _file(out / "cells", cell)).is_file()]
    if not paths:
        raise SystemExit(f"no cell of {len(chosen)} is done in {out}: give a larger budget")
    found = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    rows = pd.DataFrame([row for each in found for row in each["rows"]])
    layers = pd.DataFrame([row for each in found for row in each["layers"]])
    for measure in MEASURES:  # one that is nowhere a number is a column of None
        rows[measure] = rows[measure].astype(float)
    return Gathered(rows, layers, len(chosen), len(chosen) - len(paths))


def write(
    name: str, config: Config, out: Path, gathered: Gathered, tables: Mapping[str, pd.DataFrame]
) -> None:
    """Rows as parquet, tables as CSV, and what they are made of."""
    gathered.rows.to_parquet(out / "nets.parquet", index=False)
    gathered.layers.to_parquet(out / "layers.parquet", index=False)
    for title, table in tables.items():
        table.to_csv(out / f"{title}.csv", index=False)
    manifest = {
        "schema": "netsculpt.manifest/1",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "analysis": name,
        "arguments": asdict(config),
        "nets": {part.net: _said(part.net) for part in config.parts},
        "methods": {method: asdict(METHODS[method]) for method in config.methods},
        "measures": dict(MEASURES),
        "cells": gathered.n_cells,
        "left_out": gathered.n_left_out,
        "versions": {package: version(package) for package in PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
    (out / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def arguments(
    about: str, folder: str, full: Config, quick: Config, argv: Sequence[str] | None = None
) -> tuple[Config, Path]:
    """What a person asks for on the command line."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, default=Path("results") / folder)
    parser.add_argument("--quick", action="store_true", help="a few nets, within a minute")
    parser.add_argument("--budget-minutes", type=float, help="begin no cell later (default: all)")
    parser.add_argument("--seeds", type=int, help="of every net")
    parser.add_argument("--jobs", type=int, help="processes (default: 2; -1: all cores)")
    given = vars(parser.parse_args(argv))
    config = quick if given["quick"] else full
    if given["seeds"] is not None:
        parts = tuple(replace(part, n_seeds=given["seeds"]) for part in config.parts)
        config = replace(config, parts=parts)
    asked = {name: given[name] for name in ("budget_minutes", "jobs") if given[name] is not None}
    return replace(config, **asked), given["out"]


def _cells(config: Config) -> list[Cell]:
    """The cells of all nets, seed by seed."""
    found = [
        cell
        for part in config.parts
        for cell in cells(
            part.net,
            methods=config.methods,
            densities=part.densities,
            baselines=config.baselines,
            baseline_densities=part.baseline_densities,
            seeds=range(part.n_seeds),
            epochs=part.epochs,
        )
    ]
    return sorted(found, key=lambda cell: cell.seed)


def _do(chosen: Sequence[Cell], folder: Path, deadline: float, at: int) -> None:
    path = _file(folder, chosen[at])
    if path.is_file() or time.time() > deadline:
        return
    rows, layers = pruned_and_trained(chosen[at])
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}")
    unfinished.write_text(json.dumps({"rows": rows, "layers": layers}), encoding="utf-8")
    unfinished.replace(path)


def _file(folder: Path, cell: Cell) -> Path:
    return folder / f"{cell.name}.json"


def _said(net: str) -> dict[str, Any]:
    made = NETS[net]
    return {"spec": made.spec.spec, "task": made.task, "recipe": asdict(made.recipe)}
