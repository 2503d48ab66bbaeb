"""The networks published with Neural Sculpting, and the paper's tables from them.

Patil, Michael and Dovrolis, "Neural Sculpting", NeurIPS 2023, arXiv:2305.18402.

    python analyses/patil2023_published.py FOLDER -o OUT

FOLDER is a clone of the authors' repository, or a part of their networks with an index.json.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import pandas as pd
from patil2023.detecting import KNOWN
from patil2023.measured import Published, measure_published, published_cells
from patil2023.networks import find_networks
from patil2023.planted import write_planted
from patil2023.tables import (
    agreement,
    carrying,
    print_side_by_side,
    print_tables,
    side_by_side,
    success_rates,
)

from netsculpt.cli.study import Options, run_study, several_of
from netsculpt.studies.study import Study


@dataclass(frozen=True)
class Config:
    """What to analyse, and how."""

    folder: str | None = None  # of published networks
    planted: bool = False  # instead, networks with planted modules
    detectors: tuple[str, ...] = KNOWN
    seed: int = 0


def study(temporary: Path, config: Config) -> Study[Published]:
    """Every network with every detector; planted ones are written to `temporary`."""
    if config.planted == (config.folder is not None):
        raise ValueError("give either FOLDER or --quick")
    if config.planted:
        write_planted(temporary, seed=config.seed)
    networks, without_files = find_networks(Path(config.folder) if config.folder else temporary)
    cells = published_cells(networks, config.detectors, config.seed)
    about = {
        "arguments": asdict(config),
        "inputs": {cell.id: f"sha256:{cell.content}" for cell in cells},
        "listed_without_files": without_files,
    }
    return Study("patil2023_published", cells, measure_published, tables, about=about)


def tables(rows: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The paper's tables, and what the detectors agree on."""
    networks = rows["networks"]
    return {
        "success_rates": success_rates(networks),
        "side_by_side": side_by_side(networks),
        "agreement": agreement(networks),
        "carrying": carrying(rows["units_carrying"]),
    }


def show(tables: Mapping[str, pd.DataFrame]) -> None:
    """Print the tables as in the paper."""
    print_tables(tables["success_rates"], tables["agreement"], tables["carrying"])
    if len(set(tables["networks"]["detector"])) > 1:
        print_side_by_side(tables["side_by_side"])


if __name__ == "__main__":
    options: Options = {
        "folder": {"nargs": "?", "metavar": "FOLDER", "help": "of published networks"},
        "--detectors": {
            "type": several_of(KNOWN),
            "help": f"of {', '.join(KNOWN)}, with commas (default: all)",
        },
    }
    with tempfile.TemporaryDirectory() as temporary:
        run_study(
            __doc__,
            partial(study, Path(temporary)),
            full=Config(),
            quick=Config(planted=True),
            show=show,
            options=options,
        )
