"""The networks published with Neural Sculpting, and the paper's tables from them.

Patil, Michael and Dovrolis, "Neural Sculpting", NeurIPS 2023, arXiv:2305.18402.

    python analyses/patil2023_published.py FOLDER -o OUT

FOLDER is a clone of the authors' repository, or a part of their networks with an index.json.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from patil2023.data_aware import influence_of
from patil2023.detecting import KNOWN, modules_by
from patil2023.networks import Network, find_networks
from patil2023.planted import write_planted
from patil2023.structure import pair_tests
from patil2023.tables import (
    agreement,
    carrying,
    print_side_by_side,
    print_tables,
    side_by_side,
    success_rates,
)
from patil2023.truth import judge, truth_of

from netsculpt.core.random import stream
from netsculpt.graph.graph import NetGraph, live_units
from netsculpt.graph.partition import NO_MODULE, Partition
from netsculpt.loading import load
from netsculpt.modules import compare
from netsculpt.paths import pair_weights, units_carrying

PACKAGES = ("netsculpt", "numpy", "scipy", "igraph", "leidenalg", "scikit-learn", "torch")


@dataclass(frozen=True)
class Config:
    """What to analyse, and how."""

    folder: Path | None  # None: planted networks, made on the spot
    detectors: tuple[str, ...] = KNOWN
    seed: int = 0
    jobs: int = 1


@dataclass(frozen=True, eq=False)
class Measured:
    """What is known of one network."""

    rows: list[dict[str, Any]]  # one a detector
    pairs: NDArray[np.float64]  # [inputs, outputs] edge-weight products
    tests: list[dict[str, Any]]  # one an output function
    carrying: list[dict[str, Any]]  # one a hidden layer


def main(config: Config, out: Path) -> None:
    """Analyse every network with every detector and write tables, arrays and a manifest."""
    if config.folder is None:
        with tempfile.TemporaryDirectory() as folder:
            write_planted(Path(folder), seed=config.seed)
            _analyse(config, Path(folder), out)
    else:
        _analyse(config, config.folder, out)


def _analyse(config: Config, folder: Path, out: Path) -> None:
    networks, without_files = find_networks(folder)
    tasks = (delayed(measure)(each, config.detectors, config.seed) for each in networks)
    results = Parallel(n_jobs=config.jobs, return_as="generator")(tasks)
    measured = list(_with_progress(results, len(networks)))
    rows = pd.DataFrame([row for each in measured for row in each.rows])
    tests = pd.DataFrame([row for each in measured for row in each.tests])
    carried = carrying(pd.DataFrame([row for each in measured for row in each.carrying]))
    rates, agreed = success_rates(rows), agreement(rows)

    out.mkdir(parents=True, exist_ok=True)
    rows.to_parquet(out / "networks.parquet", index=False)
    cells = side_by_side(rows)
    tables = {
        "success_rates": rates,
        "side_by_side": cells,
        "agreement": agreed,
        "pair_tests": tests,
        "carrying": carried,
    }
    for name, table in tables.items():
        table.to_csv(out / f"{name}.csv", index=False)
    pairs = {each.id: found.pairs for each, found in zip(networks, measured, strict=True)}
    np.savez_compressed(out / "pair_weights.npz", **pairs)  # type: ignore[arg-type]
    manifest = _manifest(config, networks, without_files)
    (out / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    print_tables(rates, agreed, carried)
    if len(config.detectors) > 1:
        print_side_by_side(cells)
    kind = "planted" if config.folder is None else "published"
    print(f"{len(networks)} {kind} networks ({without_files} more have no files) → {out}")


def measure(network: Network, detectors: tuple[str, ...], seed: int) -> Measured:
    """One network: its modules by each detector, and its edge-weight products."""
    graph = load(network.weights, mask=network.masks)
    truth = truth_of(network.task)
    about = {
        "id": network.id,
        "experiment": network.experiment,
        "study": truth.study,
        "name": truth.name,
        "uses": network.task[-1] // len(truth.functions),
        "arch": "-".join(map(str, network.arch)),
        "hidden_layers": len(network.arch) - 2,
        "width": network.arch[1],
        "seed": network.seed,
        "first_listed": network.first_listed,
    }
    published, influence = _published(network, graph), partial(influence_of, network, graph)
    rows = []
    for name in detectors:
        found = modules_by(name, graph, stream(seed, network.id, name), influence)
        rows.append(
            {
                **about,
                "detector": name,
                "n_modules": found.n_modules,
                **judge(graph, found, truth),
                **_agreement(found, published),
                "labels": found.labels,
            }
        )
    pairs = pair_weights(graph.magnitude)
    layers = enumerate(units_carrying(graph.magnitude).values(), start=1)
    return Measured(
        rows,
        pairs,
        [{**about, **test} for test in pair_tests(pairs, truth)],
        [{**about, "hidden_layer": layer, "units": units} for layer, units in layers],
    )


def _published(network: Network, graph: NetGraph) -> Partition | None:
    """The published partition over all units; outputs count as live."""
    if network.modules is None:
        return None
    live = live_units(graph)
    live[graph.outputs] = True
    labels = np.full(graph.n_units, NO_MODULE)
    labels[live] = network.modules
    return Partition(labels)


def _agreement(found: Partition, published: Partition | None) -> dict[str, Any]:
    if published is None:
        return {"exact": None, "ari": None, "ami": None}
    match = compare(found, published)
    exact = np.array_equal(found.labels, published.labels)
    return {"exact": exact, "ari": match.ari, "ami": match.ami}


def _with_progress(results: Iterable[Measured], total: int) -> Iterator[Measured]:
    """A bar on stderr where a person sees it."""
    if not sys.stderr.isatty():
        yield from results
        return
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    yield from track(results, "networks", total=total, console=console, transient=True)


def _manifest(config: Config, networks: list[Network], without_files: int) -> dict[str, Any]:
    """What it takes to make the folder again; one hash over all files that were read, in order."""
    digest = hashlib.sha256()
    for each in networks:
        digest.update(each.weights.read_bytes())
        digest.update(each.masks.read_bytes())
    return {
        "schema": "netsculpt.manifest/1",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "analysis": Path(__file__).stem,
        "arguments": {**asdict(config), "folder": config.folder and str(config.folder)},
        "networks": len(networks),
        "listed_without_files": without_files,
        "inputs": f"sha256:{digest.hexdigest()}",
        "versions": {name: version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", help="published networks")
    parser.add_argument("-o", "--out", type=Path, default=Path("results/patil2023_published"))
    parser.add_argument(
        "--detectors", default=",".join(Config.detectors), help="comma-separated (default: all)"
    )
    parser.add_argument("--jobs", type=int, default=Config.jobs, help="processes (-1: all cores)")
    parser.add_argument("--quick", action="store_true", help="planted networks; needs no FOLDER")
    parser.add_argument("--seed", type=int, default=Config.seed)
    given = parser.parse_args()
    if given.quick == (given.folder is not None):
        parser.error("give either FOLDER or --quick")
    unknown = set(given.detectors.split(",")) - set(KNOWN)
    if unknown:
        parser.error(f"no detector {sorted(unknown)}; there are {', '.join(KNOWN)}")
    return given


if __name__ == "__main__":
    given = _arguments()
    chosen = tuple(given.detectors.split(","))
    main(Config(given.folder, chosen, given.seed, given.jobs), given.out)
