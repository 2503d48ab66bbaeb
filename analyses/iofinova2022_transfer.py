"""Transfer of sparse nets: what sparsity costs on another task, with a new head or fully trained.

    python analyses/iofinova2022_transfer.py -o OUT --budget-minutes 25 --published FOLDER

After Iofinova, Peste, Kurtz and Alistarh, "How well do sparse ImageNet models transfer?", CVPR
2022, arXiv:2111.13445. With FOLDER, the raw results of the authors' repository, its runs are
tabulated again, next to the known figures. On our own scale, perceptrons of 64-256-128 units learn
some of scikit-learn's digits, dense or sparse by one of seven methods, and are transferred to
others: a logistic regression on frozen features, and training of all that is kept. Controls are the
pixels themselves, and a net that learned nothing. A seed decides which samples are held out, the
initial weights, the masks and the training order; methods share it. Every choice, of an epoch, a
learning rate or a penalty, is made on samples that are neither learned from nor in the test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd
from transfer_runs.cells import METHODS, PAIRS, Cell, cells
from transfer_runs.measured import measured
from transfer_runs.published import PublishedFile, published_files, published_rows
from transfer_runs.tables import tables_of

from netsculpt.cli.study import Options, run_study
from netsculpt.studies.study import Rows, Study

_SHOWN = ("published", "published_files", "sources", "accuracies", "increases", "rankings")


@dataclass(frozen=True)
class Part:
    """What is run on one pair of source and targets."""

    pair: str
    densities: tuple[float, ...]
    n_seeds: int


@dataclass(frozen=True)
class Config:
    """What to train and transfer, and which published runs to read."""

    parts: tuple[Part, ...]
    methods: tuple[str, ...] = METHODS
    n_seeds: int | None = None  # None: those of each part; 0: only published runs are tabulated
    published: str | None = None  # folder of the authors' raw results


FULL = Config(
    (
        Part("digits", (0.1, 0.02), 10),  # first what tells most: a budget leaves out the rest
        Part("digits", (0.05, 0.2), 10),
        Part("parity", (0.1, 0.02), 5),
    )
)
QUICK = Config((Part("digits", (0.05,), 2),), ("rigl",))
_OPTIONS: Options = {
    "--published": {"metavar": "FOLDER", "help": "raw_results of the authors' repository"}
}


def study(config: Config) -> Study[Cell | PublishedFile]:
    """Published files first, then the cells of each pair, seed by seed."""
    chosen: list[Cell | PublishedFile] = []
    if config.published is not None:
        chosen += published_files(Path(config.published))
    for part in config.parts:
        n_seeds = part.n_seeds if config.n_seeds is None else config.n_seeds
        chosen += cells(
            part.pair, methods=config.methods, densities=part.densities, seeds=range(n_seeds)
        )
    chosen = list(dict.fromkeys(chosen))  # parts of a pair share the dense nets and the controls
    if not chosen:
        raise ValueError("nothing is to be done: give seeds, or --published FOLDER")
    about = {
        "arguments": asdict(config),
        "pairs": {part.pair: asdict(PAIRS[part.pair]) for part in config.parts},
    }
    documents = ("published", "increases", "accuracies", "rankings")
    return Study("iofinova2022_transfer", chosen, _measured, tables_of, documents, about)


def _measured(cell: Cell | PublishedFile) -> Rows:
    return published_rows(cell) if isinstance(cell, PublishedFile) else measured(cell)


def show(tables: Mapping[str, pd.DataFrame]) -> None:
    """Print what is read first, and where published figures differ from the known ones."""
    for name in _SHOWN:
        if name in tables:
            print(tables[name].round(2).to_string(index=False), end="\n\n")
    if "published" in tables:
        own = tables["published"]
        differ = own[~(own["difference"].abs() <= 0.01)]
        print(
            f"{len(own) - len(differ)} of {len(own)} published means are the known ones"
            + (f"; these differ:\n{differ.to_string(index=False)}" if len(differ) else ""),
            end="\n\n",
        )


if __name__ == "__main__":
    run_study(__doc__, study, full=FULL, quick=QUICK, show=show, options=_OPTIONS)
