"""ModBench 1: detectors of modules and of what feeds what, on networks whose truth is known.

    python analyses/modbench.py -o OUT [--sculpted FOLDER] [--graph-tool PYTHON]

Suites: planted layered networks, module-free ones, circuits compiled to ReLU nets and disguised,
nets trained on known wiring, sculpted nets, traced convolutions and transformer layers,
transformers compiled from programs. FOLDER holds the networks published with Neural Sculpting, a
further suite. Entrants are all detectors of
netsculpt's catalogues (also those of installed packages) and those of other libraries that are
installed; PYTHON is a Python that has graph-tool, which pip does not install.

table.md is read first (overview.csv has its numbers); losses.csv says where the default is beaten,
calibration.csv how often networks are called modular, scores.csv has every network and entrant.
The networks are frozen: their digest is part of the version. A cell is known by the names and
versions of its entrants: after a change of a detector, use another folder.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import pandas as pd
from modbench1 import tables as made_from
from modbench1.entrants import Entrant, entrants
from modbench1.measuring import COSTS, Cell, measure
from modbench1.network import VERSION
from modbench1.published import families
from modbench1.suites import PUBLISHED, SUITES, Suite, core_digest, published_suite

from netsculpt.cli.study import Options, at_least, run_study, several_of
from netsculpt.core.writing import write_json
from netsculpt.studies.study import Study


@dataclass(frozen=True)
class Config:
    """What is measured."""

    suites: tuple[str, ...] = tuple(SUITES)
    entrants: tuple[str, ...] | None = None  # default: all that are installed
    families: int | None = None  # of each suite, the first ones
    most: int | None = None  # networks of a family
    n_nulls: int = 19  # the least p is .05
    costs: tuple[str, ...] | None = None  # entrants whose cost is measured; default: all
    cost_width: int = 300  # units in each of the five layers of the network for that
    sculpted: str | None = None  # folder of published networks
    graph_tool: str | None = None  # Python that has graph-tool
    out: Path | None = None  # where summary.json is written


QUICK = Config(families=3, most=1, n_nulls=2, costs=("layered",), cost_width=24)


def study(config: Config) -> Study[Cell]:
    """Every network of every suite by every entrant, and what the entrants cost."""
    known = entrants(config.graph_tool)
    unknown = set(config.entrants or ()) - set(known)
    if unknown:
        raise ValueError(f"{', '.join(sorted(unknown))}: entrants are {', '.join(known)}")
    asked = [x for x in known.values() if config.entrants is None or x.name in config.entrants]
    present = tuple((x.name, x.version) for x in asked if x.version is not None)
    folder = None if config.sculpted is None else Path(config.sculpted)
    suites = {name: SUITES[name] for name in config.suites}
    if folder is not None:
        suites[PUBLISHED] = published_suite(folder)
    cells = [
        cell
        for name, suite in suites.items()
        for family in list(suite.families)[: config.families]
        for cell in _cells(config, name, suite, family, present)
    ]
    cells += [
        Cell(COSTS, name, 0, config.cost_width, 0, ((name, version),))
        for name, version in present
        if known[name].needs != "data" and (config.costs is None or name in config.costs)
    ]
    arguments = {key: value for key, value in asdict(config).items() if key != "out"}
    digest = core_digest()
    return Study(
        VERSION,
        cells,
        partial(measure, folder, config.graph_tool),
        partial(tables, config.out, digest, {x.name: x for x in asked}),
        documents=("table",),
        about={"arguments": arguments, "digest": digest, "entrants": dict(present)},
    )


def _cells(
    config: Config, name: str, suite: Suite, family: str, present: tuple[tuple[str, str], ...]
) -> list[Cell]:
    n_networks = min(suite.families[family], config.most or suite.families[family])
    content = ""
    if name == PUBLISHED:
        listed = families(Path(str(config.sculpted)))[family]
        content = hashlib.sha256(json.dumps([x.id for x in listed]).encode()).hexdigest()[:16]
    n_nulls = config.n_nulls if family in suite.tested else 0
    return [
        Cell(name, family, first, min(first + suite.at_once, n_networks), n_nulls, present, content)
        for first in range(0, n_networks, suite.at_once)
    ]


def tables(
    out: Path | None, digest: str, known: Mapping[str, Entrant], rows: Mapping[str, pd.DataFrame]
) -> dict[str, pd.DataFrame]:
    """All tables; writes summary.json to `out`."""
    if "networks" not in rows:
        return {}
    networks = rows["networks"]
    result = {
        "scores": networks.drop(columns="labels"),
        "families": made_from.families(networks),
        "calibration": made_from.calibration(networks),
        "losses": made_from.losses(networks, known),
        "suites": made_from.made(rows["made"]),
        "overview": made_from.overview(rows, known),
    }
    result["table"] = made_from.as_text(result["overview"])
    if out is not None:
        both = {**rows, **result}
        write_json(out / "summary.json", made_from.summary(VERSION, digest, both, known))
    return result


def show(tables: Mapping[str, pd.DataFrame]) -> None:
    """Print the overview, and where the default is beaten."""
    with pd.option_context("display.width", 200, "display.max_columns", None):
        for name in ("table", "losses"):
            if name in tables:
                print(tables[name].to_string(index=False, float_format="{:.2f}".format), end="\n\n")


if __name__ == "__main__":
    options: Options = {
        "--suites": {"type": several_of(SUITES), "help": f"of {', '.join(SUITES)}"},
        "--entrants": {
            "type": several_of(entrants()),
            "help": "names with commas (default: all that are installed)",
        },
        "--most": {"type": at_least(1), "help": "networks of a family (default: all)"},
        "--nulls": {"type": at_least(1), "dest": "n_nulls", "help": "null networks of a test"},
        "--sculpted": {"metavar": "FOLDER", "help": "of published networks"},
        "--graph-tool": {"metavar": "PYTHON", "help": "a Python that has graph-tool"},
    }
    run_study(__doc__ or "", study, full=Config(), quick=QUICK, show=show, options=options)
