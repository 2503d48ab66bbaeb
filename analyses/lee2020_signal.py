"""Signals in pruned nets: how far layers are from isometries, and how fast the nets learn.

Lee, Ajanthan, Gould and Torr, "A signal propagation perspective for pruning neural networks at
initialization", arXiv:1906.06307.

    python analyses/lee2020_signal.py -o OUT --budget-minutes 10

Nets of seven layers on scikit-learn's digits are pruned as they are drawn, made approximately
isometric or not, and trained alike. Two others tell what isometry does beyond making weights
larger: units scaled by the inputs that they keep, and layers scaled to the norms of the isometric
ones. Every finished cell (a net and a method, at all densities) is a file: the same command goes on
with what a budget left out.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from itertools import product
from pathlib import Path

import pandas as pd
import torch
from lee2020.measured import (
    DENSE,
    GAINS,
    INITIALISATIONS,
    METHODS,
    RAW,
    SAMPLES,
    Cell,
    Settings,
    measured,
)
from lee2020.tables import tables_of

from netsculpt.core.parallel import in_parallel
from netsculpt.report.terminal.progress import progress_bars
from netsculpt.training import Recipe

PACKAGES = ("netsculpt", "numpy", "scipy", "scikit-learn", "torch")
PRINTED = ("singular_values", "speed", "gains")

TRAINING = Recipe(epochs=20, batch_size=100, optimizer="sgd", learning_rate=0.03)
SETTINGS = Settings(TRAINING)


@dataclass(frozen=True)
class Config:
    """What to prune, how to train it, what to tell."""

    activations: tuple[str, ...] = tuple(GAINS)
    methods: tuple[str, ...] = METHODS
    densities: tuple[float, ...] = (0.5, 0.2, 0.1, 0.05, 0.02)
    init_densities: tuple[float, ...] = (0.1, 0.02)  # at which SNIP's initialisations are compared
    n_seeds: int = 5
    settings: Settings = SETTINGS
    checkpoints: tuple[int, ...] = (1, 5, 20)  # epochs after which losses are told
    goal: float = 0.9  # accuracy
    budget_minutes: float | None = None  # no cell is begun later
    jobs: int = 2


QUICK = Config(
    activations=("tanh",),
    methods=("random", "snip", "phew"),
    densities=(0.2, 0.05),
    init_densities=(0.05,),
    n_seeds=2,
    settings=Settings(replace(TRAINING, epochs=6), n_jacobians=1),
    checkpoints=(1, 5),
)


def main(config: Config, out: Path) -> None:
    """Measure and train all cells that the budget allows and are not there yet; write tables."""
    chosen = cells(config)
    minutes = math.inf if config.budget_minutes is None else config.budget_minutes
    finish = partial(_finish, chosen, out / "cells", time.time() + 60 * minutes)
    deque(_run(finish, len(chosen), config.jobs), maxlen=0)
    paths = [out / "cells" / f"{cell.name}.json" for cell in chosen]
    done = [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.is_file()]
    tables = tables_of(done, config.checkpoints, config.goal) if done else {}
    _write(config, out, tables, len(chosen) - len(done))
    for name in PRINTED:
        if name in tables:
            means = tables[name].filter(regex="^(?!.*_(from|to)$)")
            print(f"{name}\n{means.round(3).to_string(index=False)}\n")
    print(f"{len(done)} cells, {len(chosen) - len(done)} left out by the budget → {out}")


def cells(config: Config) -> list[Cell]:
    """All cells; a budget leaves out seeds, not methods."""
    found = []
    for seed, activation in product(range(config.n_seeds), config.activations):
        net = partial(Cell, seed, activation, settings=config.settings)
        found += [net(init, DENSE, SAMPLES[0], (1.0,)) for init in INITIALISATIONS]
        found += [net("orthogonal", x, SAMPLES[0], config.densities) for x in config.methods]
        found += [
            net(init, "snip", samples, config.init_densities)
            for init, samples in product(INITIALISATIONS, SAMPLES)
            if (init, samples) != ("orthogonal", SAMPLES[0])
        ]
    return found


def _finish(chosen: Sequence[Cell], folder: Path, deadline: float, at: int) -> None:
    path = folder / f"{chosen[at].name}.json"
    if path.is_file() or time.time() >= deadline:
        return
    torch.set_num_threads(1)
    text = json.dumps(measured(chosen[at]))
    folder.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def _write(config: Config, out: Path, tables: Mapping[str, pd.DataFrame], left_out: int) -> None:
    """Tables and a manifest."""
    out.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        if name in RAW:
            table.to_parquet(out / f"{name}.parquet", index=False)
        else:
            table.to_csv(out / f"{name}.csv", index=False)
    manifest = {
        "schema": "netsculpt.manifest/1",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "analysis": Path(__file__).stem,
        "arguments": asdict(config),
        "left_out": left_out,
        "versions": {name: version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
    (out / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def _run(run: Callable[[int], None], n: int, jobs: int) -> Iterator[None]:
    """``run(0)`` … in order, with a bar on stderr where a person sees it."""
    with progress_bars() as progress:
        for done, result in enumerate(in_parallel(run, n, jobs), start=1):
            if progress:
                progress("cells", done, n)
            yield result


def _arguments() -> tuple[Config, Path]:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, default=Path("results/lee2020_signal"))
    parser.add_argument("--quick", action="store_true", help="few small cells, within a minute")
    parser.add_argument("--budget-minutes", type=float, help="begin no cell later (default: all)")
    parser.add_argument("--seeds", type=int, dest="n_seeds", help="nets of each kind (default: 5)")
    parser.add_argument("--jobs", type=int, help="processes (default: 2; -1: all cores)")
    given = vars(parser.parse_args())
    out, config = given.pop("out"), QUICK if given.pop("quick") else Config()
    return replace(config, **{name: x for name, x in given.items() if x is not None}), out


if __name__ == "__main__":
    main(*_arguments())
