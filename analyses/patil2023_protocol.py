"""How much of the gap to the published success rate is the protocol of the authors' code.

The reused exemplar is sculpted from the same seeds by the strict protocol and by that of the code
published with Neural Sculpting, and the sparsest network of each seed is judged.

    python analyses/patil2023_protocol.py -o OUT --seeds 16

Of the equally sparse networks of a seed, the paper's scripts take another than `sculpt` does: both
choices are judged, and so is every such network.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from patil2023.cells import GRIDS, cells
from patil2023.cells import Cell as Published
from patil2023.detecting import KNOWN, modules_by
from patil2023.truth import judge, truth_of
from rich.console import Console
from rich.table import Table
from scipy.stats import binomtest, fisher_exact

from netsculpt.cli.study import Options, at_least, run_study, several_of
from netsculpt.core.random import stream
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.matrices import from_matrices
from netsculpt.modules import sculpting
from netsculpt.nets.families import MLP
from netsculpt.studies.study import Rows, Study
from netsculpt.training.influence import answer_flips
from netsculpt.training.sculpting.replicas import initial_replicas
from netsculpt.training.sculpting.retraining import train
from netsculpt.training.sculpting.sculpt import PUBLISHED, STRICT, Sculpted, SculptingMethod, sculpt
from netsculpt.training.tasks import Task, task

EXPERIMENT = "exemplars-reused"
PROTOCOLS = {
    "strict": STRICT,
    "published": PUBLISHED,
    "prunes_unsolved": SculptingMethod(prunes_unsolved=True),
    "keeps_retrained": SculptingMethod(keeps_retrained=True),
    "small_steps": SculptingMethod(small_steps=True),
    "latest_epoch": SculptingMethod(latest_epoch=True),
}
FIRST = "unit gradient", "edge gradient"  # which decides first among equally sparse networks
IN_PAPER = {2: (12, 12), 3: (11, 12)}  # hidden layers: networks that show the function, of all
LEVEL = 0.95
POOLED = "all"  # widths together
ALL, SOLVED = "all", "dense net solves"


@dataclass(frozen=True)
class Config:
    """Which networks are sculpted, and who judges them."""

    hidden_layers: tuple[int, ...] = (2, 3)
    widths: tuple[int, ...] = (24, 36, 48)
    protocols: tuple[str, ...] = ("strict", "published")
    n_seeds: int = 16  # the first from 0, whether their dense nets solve the task or not
    grid: str = "published"  # of gradients, one of GRIDS
    detectors: tuple[str, ...] = ("sculpting", "path_signature", "functional")


QUICK = Config(hidden_layers=(2,), widths=(24,), n_seeds=3, grid="smallest")


@dataclass(frozen=True)
class Cell:
    """One architecture, sculpted by one protocol."""

    arch: str
    protocol: str
    n_seeds: int
    grid: str
    detectors: tuple[str, ...]


def study(config: Config) -> Study[Cell]:
    """Every architecture with every protocol."""
    cells = [
        Cell(
            "-".join(map(str, (4, *[width] * n_hidden, 16))),
            *(protocol, config.n_seeds, config.grid, config.detectors),
        )
        for n_hidden in config.hidden_layers
        for width in config.widths
        for protocol in config.protocols
    ]
    about = {"arguments": asdict(config), "grid": asdict(GRIDS[config.grid])}
    return Study("patil2023_protocol", cells, measure, tables, about=about)


def measure(cell: Cell) -> Rows:
    """Rows of each seed, and of its chosen network by each detector and either choice."""
    torch.set_num_threads(1)
    made = next(
        x for x in cells(["exemplars"]) if x.experiment == EXPERIMENT and x.arch == cell.arch
    )
    truth, learnt, seeds = truth_of(made.published_task), task(made.task), range(cell.n_seeds)
    sculpted, solved = _sculpted(made, cell, learnt)
    about = {
        "arch": cell.arch,
        "hidden_layers": len(made.widths) - 2,
        "width": made.widths[1],
        "protocol": cell.protocol,
    }
    of_seed = {seed: {**about, "seed": seed, "dense_solved": solved[seed]} for seed in seeds}
    seed_rows = []
    for seed in seeds:
        equal = [_graph(sculpted, replica) for replica in _sparsest(sculpted, seed)]
        showing = sum(judge(graph, sculpting(graph), truth)["reused"] for graph in equal)
        seed_rows.append({**of_seed[seed], "sparsest": len(equal), "showing": showing})
    network_rows = []
    for first in FIRST:
        for replica in replace(sculpted, edge_gradient_first=first == FIRST[1]).sparsest():
            seed, graph = sculpted.seeds[replica], _graph(sculpted, replica)
            network = {
                **of_seed[seed],
                "first": first,
                "unit_gradient": sculpted.unit_gradients[replica],
                "edge_gradient": sculpted.edge_gradients[replica],
                "kept": graph.n_edges,
            }
            influence = partial(_influence, sculpted, replica, learnt)
            for detector in cell.detectors:
                rng = stream(0, cell.arch, str(seed), detector)
                partition = modules_by(detector, graph, rng, influence)
                met = judge(graph, partition, truth)
                found = {name: met[name] for name in ("reused", "outputs")}
                modules = {"detector": detector, "modules": partition.n_modules}
                network_rows.append({**network, **modules, **found})
    return {"networks": network_rows, "seeds": seed_rows}


def _sculpted(made: Published, cell: Cell, learnt: Task) -> tuple[Sculpted, list[bool]]:
    """All runs of a cell, and of each seed whether its dense net solves the task."""
    spec, seeds, grid = MLP(made.widths), range(cell.n_seeds), GRIDS[cell.grid]
    sculpted = sculpt(
        *(spec, learnt, made.settings),
        seeds=seeds,
        unit_gradients=grid.unit_gradients,
        edge_gradients=grid.edge_gradients,
        method=PROTOCOLS[cell.protocol],
    )
    streams = [stream(seed, "sculpt", "dense") for seed in seeds]
    dense = train(initial_replicas(spec, seeds), learnt, made.settings, streams)
    return sculpted, (dense.accuracy == 1).tolist()


def _sparsest(sculpted: Sculpted, seed: int) -> list[int]:
    """All replicas of a seed that reach the goal with the fewest weights."""
    kept = sculpted.replicas.n_kept().tolist()
    own = [row for row, x in enumerate(sculpted.seeds) if x == seed and sculpted.solved[row]]
    return [row for row in own if kept[row] == min(kept[x] for x in own)]


def _graph(sculpted: Sculpted, replica: int) -> NetGraph:
    state, masks = sculpted.replicas.state(replica)
    weights = [state[name].numpy() for name in masks]
    return from_matrices(weights, [mask.numpy() for mask in masks.values()])


def _influence(sculpted: Sculpted, replica: int, learnt: Task) -> Any:
    return answer_flips(sculpted.replicas.take(torch.tensor([replica])), learnt)[0]


def tables(rows: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Success rates, what the choice among equals can change, and seeds that changed."""
    networks, seeds = rows["networks"], rows["seeds"]
    return {
        "rates": pd.DataFrame(_rates(networks)),
        "among_equals": pd.DataFrame(_among_equals(seeds)),
        "same_seeds": pd.DataFrame(_same_seeds(networks)),
    }


def _rates(networks: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Rates with exact (Clopper–Pearson) bounds; ``p_lower``: Fisher's test against the paper.

    ``seeds``: all, or only those whose dense net solves the task, which either protocol prunes.
    """
    by = ["hidden_layers", "protocol", "first", "detector", "width"]
    rows = pd.concat([networks.astype({"width": str}), networks.assign(width=POOLED)])
    for seeds, part in ((ALL, rows), (SOLVED, rows[rows["dense_solved"]])):
        for key, own in part.groupby(by, sort=False):
            n, met = len(own), int(own["reused"].sum())
            bounds = binomtest(met, n).proportion_ci(LEVEL)
            in_paper, of = IN_PAPER[int(own["hidden_layers"].iloc[0])]
            table = np.array([[met, n - met], [in_paper, of - in_paper]])
            yield {
                "seeds": seeds,
                **dict(zip(by, key, strict=True)),
                "met": met,
                "networks": n,
                "rate": met / n,
                "from": bounds.low,
                "to": bounds.high,
                "kept": own["kept"].mean(),
                "p_lower": float(fisher_exact(table, alternative="less").pvalue),
            }


def _among_equals(seeds: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Networks as sparse as the sparsest: of how many seeds some, or all, show the function."""
    kept = seeds[seeds["sparsest"] > 0]
    for key, own in kept.groupby(["hidden_layers", "protocol"], sort=False):
        yield {
            **dict(zip(["hidden_layers", "protocol"], key, strict=True)),
            "seeds": len(own),
            "equally_sparse": own["sparsest"].mean(),
            "some_show": int((own["showing"] > 0).sum()),
            "all_show": int((own["showing"] == own["sparsest"]).sum()),
            "expected_at_random": (own["showing"] / own["sparsest"]).mean(),
        }


def _same_seeds(networks: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Seeds with a network by the strict protocol and by another: which networks show the function.

    ``p``: how likely the seeds that changed are split so unevenly if either way is as likely.
    """
    key = ["hidden_layers", "first", "detector", "arch", "seed"]
    wide = networks.pivot_table("reused", key, "protocol", aggfunc="first")
    for protocol in (x for x in PROTOCOLS if x != "strict" and {x, "strict"} <= set(wide)):
        both = wide[["strict", protocol]].dropna().astype(bool)
        for cell, own in both.groupby(level=[0, 1, 2], sort=False):
            strict, other = own["strict"], own[protocol]
            gained, lost = int((~strict & other).sum()), int((strict & ~other).sum())
            yield {
                **dict(zip(key[:3], cell, strict=True)),
                "protocol": protocol,
                "seeds": len(own),
                "met_by_strict": int(strict.sum()),
                "met": int(other.sum()),
                "gained": gained,
                "lost": lost,
                "p": binomtest(gained, gained + lost).pvalue if gained + lost else 1.0,
            }


def show(tables: Mapping[str, pd.DataFrame]) -> None:
    """Print the rates of all widths together, and the other tables."""
    console, rates = Console(), tables["rates"]
    pooled = rates[rates["width"] == POOLED].drop(columns="width")
    detectors = list(dict.fromkeys(pooled["detector"]))
    key = ["hidden_layers", "seeds", "protocol", "first"]
    table = Table(
        *(name.replace("_", " ") for name in key), *detectors, title="reused function found"
    )
    for values, own in pooled.groupby(key, sort=False):
        by_detector = own.set_index("detector")
        table.add_row(*map(str, values), *(_rate(by_detector.loc[name]) for name in detectors))
    console.print(table)
    for name in ("among_equals", "same_seeds"):
        table = Table(
            *(str(x).replace("_", " ") for x in tables[name]), title=name.replace("_", " ")
        )
        for values in tables[name].itertuples(index=False):
            table.add_row(*(f"{x:.3g}" if isinstance(x, float) else str(x) for x in values))
        console.print(table)


def _rate(row: pd.Series[Any]) -> str:
    return f"{row['met']} of {row['networks']} ({row['from']:.2f}–{row['to']:.2f})"


if __name__ == "__main__":
    options: Options = {
        "--hidden-layers": {"type": int, "nargs": "+", "choices": (2, 3), "help": "default: 2 3"},
        "--widths": {"type": at_least(1), "nargs": "+", "help": "of 24, 36, 48 (default: all)"},
        "--protocols": {"type": several_of(PROTOCOLS), "help": f"of {', '.join(PROTOCOLS)}"},
        "--grid": {"choices": GRIDS, "help": "of gradients (default: published)"},
        "--detectors": {"type": several_of(KNOWN), "help": f"of {', '.join(KNOWN)}"},
    }
    run_study(__doc__, study, full=Config(), quick=QUICK, show=show, options=options)
