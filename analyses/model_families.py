"""Which families of models become a graph, and whether it is the right one.

    python analyses/model_families.py -o OUT

Small nets in the style of published architectures are pruned at random and traced, with channels
and with single elements as units.

exact    a path leads from an input unit to an output unit if and only if the input moves the
         output, by derivatives at several random inputs; statistics of norms are units there
empty    no path leads from inputs to outputs, and no derivative: only choices do, such as argmin
works    no path is missing, but some lead where nothing moved
wrong    a path is missing, or layers or outputs differ from the net's
refused  for the reason given
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, get_args

import pandas as pd
import torch
from families import KINDS
from families.model import Model, sparse
from families.reach import reach

from netsculpt.cli.study import at_least, run_study
from netsculpt.core.errors import NetsculptError
from netsculpt.studies.study import Rows, Study
from netsculpt.tracing import fidelity, trace
from netsculpt.tracing.options import Granularity

GRANULARITIES: tuple[Granularity, ...] = get_args(Granularity)
KIND_OF: Mapping[str, str] = {family: kind for kind, own in KINDS.items() for family in own}
TOLERANCE = 1e-4  # of fidelity: graphs have float32 weights


@dataclass(frozen=True)
class Config:
    """What to trace, and how often to ask the net."""

    families: tuple[str, ...] = tuple(KIND_OF)
    granularities: tuple[Granularity, ...] = GRANULARITIES
    n_points: int = 3  # random inputs at which derivatives are taken
    max_edges: int = 2_000_000
    seed: int = 0


QUICK = Config(("MLP", "ResNet-18", "Llama", "LSTM tagger", "Mixtral", "DeepFM"), n_points=2)


@dataclass(frozen=True)
class Cell:
    """One net, with one kind of units."""

    family: str
    granularity: Granularity
    n_points: int
    max_edges: int
    seed: int


def study(config: Config) -> Study[Cell]:
    """Every family, with each kind of units."""
    unknown = set(config.families) - set(KIND_OF)
    if unknown:
        raise ValueError(f"no family is called {', '.join(sorted(unknown))}")
    cells = [
        Cell(family, granularity, config.n_points, config.max_edges, config.seed)
        for family in config.families
        for granularity in config.granularities
    ]
    about = {"arguments": asdict(config)}
    return Study("model_families", cells, measure, tables, ("families",), about)


def measure(cell: Cell) -> Rows:
    """Trace one net, compare it layer by layer, and compare its paths with its derivatives."""
    model = model_of(cell.family, cell.seed)
    row = {"kind": KIND_OF[cell.family], "family": cell.family, "granularity": cell.granularity}
    return {"traces": [row | _measured(cell, model)]}


def model_of(family: str, seed: int) -> Model:
    """The pruned net of a family, and its example."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return sparse(KINDS[KIND_OF[family]][family](), seed)


def _measured(cell: Cell, model: Model) -> dict[str, Any]:
    options: dict[str, Any] = {
        "granularity": cell.granularity,
        "max_edges": cell.max_edges,
        "unroll": model.unroll,
    }
    start = time.perf_counter()
    try:
        graph = trace(model.net, model.example, **options)
        seconds = time.perf_counter() - start
        faithful = fidelity(model.net, graph, model.example, rng=cell.seed)
        paths = reach(model, cell.granularity, n_points=cell.n_points, seed=cell.seed)
    except NetsculptError as error:
        return {"verdict": "refused", "message": str(error)}
    except Exception as error:
        return {"verdict": "crashed", "message": f"{type(error).__name__}: {error}"[:500]}
    verdict = "exact"
    if paths.n_missing or faithful.max_error > TOLERANCE:
        verdict = "wrong"
    elif paths.n_extra:
        verdict = "works"
    elif not paths.n_paths:
        verdict = "empty"
    return {
        "verdict": verdict,
        "units": graph.n_units,
        "edges": graph.n_edges,
        "max_error": faithful.max_error,
        "seconds": round(seconds, 3),
        **asdict(paths),
        "message": "",
    }


def tables(rows: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """One line for each family: what its graphs are, or why there is none."""
    groups = rows["traces"].groupby(["kind", "family"], sort=False)
    return {"families": pd.DataFrame([_line(own) for _, own in groups])}


def _line(own: pd.DataFrame) -> dict[str, Any]:
    first = own.iloc[0]
    line: dict[str, Any] = {"kind": first["kind"], "family": first["family"]}
    messages = []
    for _, row in own.iterrows():
        granularity = row["granularity"]
        traced = row["verdict"] not in ("refused", "crashed")
        line[granularity] = row["verdict"]
        for name in ("units", "edges", "n_pairs", "n_paths", "n_missing", "n_extra"):
            line[f"{name}, {granularity}"] = str(int(row[name])) if traced else ""
        line[f"error, {granularity}"] = f"{row['max_error']:.0e}" if traced else ""
        line[f"seconds, {granularity}"] = f"{row['seconds']:.2f}" if traced else ""
        messages.append(row["message"])
    line["message"] = " / ".join(dict.fromkeys(x for x in messages if x))
    return line


def show(tables: Mapping[str, pd.DataFrame]) -> None:
    """Print the verdicts, and how many there are of each."""
    table = tables["families"]
    kinds = [x for x in GRANULARITIES if x in table]
    print(table[["kind", "family", *kinds]].to_string(index=False))
    for granularity in kinds:
        print(granularity, dict(table[granularity].value_counts()))


if __name__ == "__main__":
    run_study(
        __doc__,
        study,
        full=Config(),
        quick=QUICK,
        show=show,
        options={
            "--families": {"nargs": "+", "help": "default: all"},
            "--granularities": {"nargs": "+", "choices": GRANULARITIES, "help": "default: both"},
            "--points": {
                "type": at_least(1),
                "dest": "n_points",
                "help": "random inputs of each net",
            },
        },
    )
