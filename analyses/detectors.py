"""How well detectors find three and more functions: networks sculpted for Boolean tasks.

    python analyses/detectors.py -o OUT

Five families of tasks judge the detectors; their constants were chosen on other families
(``--families tuned``) and on the networks published with Neural Sculpting. `functional` is shown
with two controls: dense nets, and nets pruned until they no longer solve the task. What data alone
decide, inputs and outputs, it finds in a dense net as well; what a network is needed for is hidden
units. Their truth, though, is nearly what `functional` is given (see
`detector_families.truth.decided`): on hidden units its scores are a consistency check, and only
those of the detectors that see weights alone are a comparison with something independent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import pandas as pd
from detector_families.families import JUDGED, TUNED, text_of
from detector_families.networks import DENSE, SCULPTED, UNSOLVED, networks
from detector_families.truth import decided, judged
from rich.console import Console
from rich.table import Table

from netsculpt.cli.study import Options, run_study
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.partition import Partition
from netsculpt.modules import functional, path_signature, sculpting
from netsculpt.studies.study import Rows, Study
from netsculpt.training.influence import answer_flips
from netsculpt.training.sculpting.replicas import Replicas
from netsculpt.training.tasks import Task, boolean

FAMILIES = {"judged": tuple(JUDGED), "tuned": tuple(TUNED)}
CRITERIA = ["inputs", "outputs", "hidden"]
COLUMNS = (  # detector, networks
    ("sculpting", SCULPTED),
    ("path_signature", SCULPTED),
    ("functional", SCULPTED),
    ("functional", DENSE),
    ("functional", UNSOLVED),
)


@dataclass(frozen=True)
class Config:
    """Which networks are made."""

    families: str = "judged"  # of FAMILIES
    hidden: tuple[tuple[int, ...], ...] = ((24, 24), (24,), (24, 24, 24))  # widths of hidden layers
    n_seeds: int = 10
    n_families: int | None = None  # None: all
    seed: int = 0  # the first


@dataclass(frozen=True)
class Cell:
    """One family on one architecture."""

    family: str
    hidden: tuple[int, ...]
    n_seeds: int
    seed: int


def study(config: Config) -> Study[Cell]:
    """Every family on every architecture."""
    families = FAMILIES[config.families][: config.n_families]
    cells = [
        Cell(family, hidden, config.n_seeds, config.seed)
        for hidden in config.hidden
        for family in families
    ]
    return Study("detectors", cells, measure, tables, about={"arguments": asdict(config)})


def measure(cell: Cell) -> Rows:
    """Modules of each network by each detector, and whether they are the true ones."""
    task = boolean(text_of(cell.family), name=cell.family)
    assert task.truth is not None
    rows = []
    for made in networks(task, cell.hidden, range(cell.seed, cell.seed + cell.n_seeds)):
        graph, decides = made.graph, decided(made.net, task)
        about = {
            "family": cell.family,
            "hidden_layers": len(cell.hidden),
            "networks": made.kind,
            "seed": made.seed,
            "accuracy": made.accuracy,
            "kept": graph.n_edges,
        }
        for detector, kind in COLUMNS:
            if kind == made.kind:
                found = _found(detector, graph, made.net, task)
                rows.append(
                    {**about, "detector": detector, **judged(graph, found, task.truth, decides)}
                )
    return {"networks": rows}


def _found(detector: str, graph: NetGraph, net: Replicas, task: Task) -> Partition:
    """Modules by a detector; none of these draws anything."""
    if detector == "functional":
        return functional(graph, answer_flips(net, task)[0])
    return sculpting(graph) if detector == "sculpting" else path_signature(graph)


def tables(rows: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Share of the networks whose inputs, outputs and hidden units are grouped exactly."""
    groups = rows["networks"].groupby(
        ["family", "hidden_layers", "detector", "networks"], sort=False
    )
    means = {name: (name, "mean") for name in [*CRITERIA, "hidden_ami", "in_several", "kept"]}
    rates = groups.agg(n=("seed", "size"), **means).reset_index()
    return {"rates": rates}


def show(tables: Mapping[str, pd.DataFrame]) -> None:
    """Print inputs / outputs / hidden of each family."""
    names = [f"{detector}\n{kind}" for detector, kind in COLUMNS]
    table = Table("family", "hidden\nlayers", "n", *names, title="inputs / outputs / hidden units")
    rates = tables["rates"]
    for row, own in rates.groupby(["family", "hidden_layers"], sort=False):
        by = {(x["detector"], x["networks"]): x for x in own.to_dict("records")}
        cells = [
            " / ".join(f"{by[key][name]:.2f}" for name in CRITERIA) if key in by else "–"
            for key in COLUMNS
        ]
        counts = own.loc[own["networks"] == SCULPTED, "n"].unique()
        table.add_row(*map(str, row), ", ".join(map(str, counts)), *cells)
    Console(width=160).print(table)
    shown = rates[rates["networks"] == SCULPTED]
    means = shown.groupby(["detector", "hidden_layers"], sort=False)[CRITERIA].mean()
    for (detector, layers), shares in zip(means.index.to_list(), means.to_numpy(), strict=True):
        text = " / ".join(f"{share:.2f}" for share in shares)
        Console().print(f"{detector}, {layers} hidden layers, mean of the families: {text}")


if __name__ == "__main__":
    options: Options = {
        "--families": {
            "choices": tuple(FAMILIES),
            "help": "those that judge, or those that constants were chosen on (default: judged)",
        },
    }
    run_study(
        __doc__ or "",
        study,
        full=Config(),
        quick=Config(families="tuned", hidden=((24, 24),), n_seeds=2, n_families=2),
        show=show,
        options=options,
    )
