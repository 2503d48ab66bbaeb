"""Weight agnostic networks: the published ones scored and examined, and searches from scratch.

Gaier and Ha, "Weight agnostic neural networks", NeurIPS 2019, arXiv:1906.04358.

    python analyses/gaier2019_wann.py -o OUT --networks FOLDER

FOLDER holds the published networks (swing.out, biped.out, racer.out, sample_best.out,
cartpole_swingup.wann.json); without it only searches are run. The published rewards of swing-up
stand in table "published" next to those measured; structure is compared with networks of the same
degrees, whose edges lead to later units, too. `--full` adds searches of the published size, which
take about an hour of one core each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import pandas as pd
from gaier2019.networks import NETWORKS, OF_SWING_UP, network_file
from gaier2019.scored import Scored
from gaier2019.searched import Search
from gaier2019.structure import Structure

from netsculpt.cli.study import Options, run_study
from netsculpt.files.source import Source
from netsculpt.studies.study import Rows, Study

Cell = Scored | Search | Structure
_LARGEST = 1 << 24  # bytes of a network
SHOWN = ("published", "structure", "searches")
PAPER = {  # mean and standard deviation of the rewards in the paper's table 1, swing-up
    "random": (57, 121),
    "random shared": (515, 58),
    "best shared": (723, 16),
    "tuned": (932, 6),
}


@dataclass(frozen=True)
class Config:
    """What is measured."""

    networks: str | None = None  # folder of the published networks
    n_seeds: int = 5
    population: int = 128
    generations: int = 100
    full: bool = False
    digits_generations: int = 200
    n_starts: int = 100
    n_random: int = 50
    n_nulls: int = 200


QUICK = Config(
    n_seeds=1, population=16, generations=3, digits_generations=2, n_starts=4, n_random=2
)

OPTIONS: Options = {
    "--networks": {"metavar": "FOLDER", "help": "published networks"},
    "--full": {"action": "store_true", "default": None, "help": "also searches as published"},
}


def study(config: Config) -> Study[Cell]:
    """Published networks, searches of a small budget and, if asked for, of the published one."""
    return Study(
        "gaier2019_wann", cells(config), measured, tables, about={"arguments": asdict(config)}
    )


def cells(config: Config) -> list[Cell]:
    """All cells: cheap ones first, so that a budget leaves out long searches."""
    chosen: list[Cell] = []
    scored = partial(Scored, n_starts=config.n_starts, n_random=config.n_random)
    search = partial(Search, n_starts=config.n_starts, n_random=config.n_random)
    if config.networks is not None:
        folder = str(Path(config.networks).resolve())
        content = {
            name: Source.open(network_file(folder, name), _LARGEST).sha256() for name in NETWORKS
        }
        chosen += [scored(folder, name, content[name]) for name in OF_SWING_UP]
        chosen += [Structure(folder, name, content[name], config.n_nulls) for name in NETWORKS]
    for seed in range(config.n_seeds):
        for published in (False, True):
            small = config.population, config.generations, seed
            chosen.append(search("swing-up", *small, published=published))
        digits = config.population, config.digits_generations, seed
        chosen.append(Search("digits", *digits, tournament=32, enabled=0.05, repetitions=1))
    if config.full:
        chosen.append(search("swing-up", 192, 1024, 0))
    return chosen


def measured(cell: Cell) -> Rows:
    """The rows of a cell."""
    return cell.rows()


def tables(rows: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Published rewards next to those measured; searches in short."""
    made = {"searches": _searches(rows["searches"])}
    if "scores" in rows:
        made["published"] = _published(rows["scores"])
        made["structure"] = rows["structure"]
        made["positions"] = rows["positions"]
    return made


def _published(scores: pd.DataFrame) -> pd.DataFrame:
    paper = pd.DataFrame(PAPER, index=["paper_mean", "paper_sd"]).T
    return scores.merge(paper, how="left", left_on="weights", right_index=True)


def _searches(searches: pd.DataFrame) -> pd.DataFrame:
    keys = ["task", "population", "generations", "published"]
    numbers = searches.drop(columns=["seed"]).groupby(keys)
    return numbers.agg(["mean", "std"]).pipe(_flat).reset_index()


def _flat(table: pd.DataFrame) -> pd.DataFrame:
    names, kinds = (table.columns.get_level_values(level) for level in (0, 1))
    table.columns = pd.Index(
        [name if kind == "mean" else f"{name}_sd" for name, kind in zip(names, kinds, strict=True)]
    )
    return table


def show(made: Mapping[str, pd.DataFrame]) -> None:
    """Print the tables."""
    for name in SHOWN:
        if name in made:
            print(f"{name}\n{made[name].round(3).to_string(index=False)}\n")


if __name__ == "__main__":
    run_study(__doc__, study, full=Config(), quick=QUICK, show=show, options=OPTIONS)
