"""Do hierarchies tell which function feeds which? Links found against function graphs.

    python analyses/hierarchy_rates.py -o OUT

Networks compiled from circuits, and nets sculpted to compute circuits, whose function graph is
known. Modules are the true ones (units by what they compute), those found from weights alone
(`path_signature`), and those found with data (`functional`), each as they are and divided into
sub-functions (`netsculpt.hierarchy.subfunctions`); the hierarchy is that of
`netsculpt.hierarchy.infer`, which merges modules that feed each other, or of `ordered`, which tests
their links. Lines of the "coarse" circuits are made of sub-functions that the truth does not name:
there the division is finer than the truth. A sculpted net may compute its outputs by a way of its
own, with other functions; only nets that compute them as the circuit does are scored, by what their
units read and serve on the whole truth table, and table "sculpted" says how many they are. Strands
are networks without feeding, and with a planted chain; ordinary nets learned digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from hierarchy.circuits import CIRCUITS, COARSE, SCULPTED
from hierarchy.networks import Network, compiled, sculpted
from hierarchy.ordinary import ORDINARY, ordinary
from hierarchy.scores import matched, precision_recall

from netsculpt.cli.study import run_study
from netsculpt.core.random import stream
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.matrices import from_matrices
from netsculpt.graph.partition import Partition
from netsculpt.hierarchy import Hierarchy, infer, ordered, subfunctions
from netsculpt.modules import layered, path_signature
from netsculpt.modules.data_aware import functional
from netsculpt.nulls import rebalanced, rewire
from netsculpt.studies.study import Rows, Study

TRUE, WEIGHTS, DATA = "true", "path_signature", "functional"
DIVIDED = " + subfunctions"
STRANDS: Mapping[str, Mapping[tuple[int, int], float]] = {
    "no feeding": {},
    "chain of three": {(0, 1): 0.25, (1, 2): 0.25},
}


@dataclass(frozen=True)
class Setup:
    """What all cells have in common."""

    n_tried: int = 100  # seeds sculpted for each task
    n_networks: int = 12  # of them measured: the first that solve it
    n_nulls: int = 50
    n_strands: int = 40  # networks of each kind
    between: float = 0.05  # probability of an edge between strands that do not feed each other
    seed: int = 0


@dataclass(frozen=True)
class Config:
    """What to measure."""

    circuits: tuple[str, ...] = tuple(CIRCUITS)
    coarse: tuple[str, ...] = tuple(COARSE)
    tasks: tuple[str, ...] = tuple(SCULPTED)
    n_tried: int = Setup.n_tried
    n_networks: int = Setup.n_networks
    n_strands: int = Setup.n_strands
    ordinary: tuple[str, ...] = tuple(ORDINARY)
    seed: int = Setup.seed


QUICK = Config(
    ("chain-3", "shared-by-2"),
    ("three-apart",),
    ("reused-2",),
    n_tried=12,
    n_networks=3,
    n_strands=3,
    ordinary=("MLP 64-60-30-10, 20 % kept",),
)


@dataclass(frozen=True)
class Cell:
    """A circuit, compiled or sculpted, a kind of strands, or a trained net."""

    suite: str  # "compiled", "coarse", "sculpted", "strands", "ordinary"
    name: str
    text: str  # of the circuit: if it changes, so does the cell
    setup: Setup


def study(config: Config) -> Study[Cell]:
    """Every circuit, every task, both kinds of strands, ordinary nets."""
    setup = Setup(
        n_tried=config.n_tried,
        n_networks=config.n_networks,
        n_strands=config.n_strands,
        seed=config.seed,
    )
    cells = [
        *(Cell("compiled", name, CIRCUITS[name](), setup) for name in config.circuits),
        *(Cell("coarse", name, COARSE[name](), setup) for name in config.coarse),
        *(Cell("sculpted", name, SCULPTED[name](), setup) for name in config.tasks),
        *(Cell("strands", name, "", setup) for name in STRANDS),
        *(Cell("ordinary", name, "", setup) for name in config.ordinary),
    ]
    about = {"arguments": asdict(config), "setup": asdict(setup)}
    documents = ("rates", "by_task", "strands", "ordinary")
    return Study("hierarchy_rates", cells, measure, tables, documents=documents, about=about)


def measure(cell: Cell) -> Rows:
    """Scores of all networks of a cell."""
    setup = cell.setup
    if cell.suite == "strands":
        return {"planted": _planted(cell)}
    if cell.suite == "ordinary":
        return {"ordinary": [_ordinary(cell)]}
    made: Rows = {}
    networks: tuple[Network, ...]
    if cell.suite in ("compiled", "coarse"):
        networks = (compiled(cell.name, cell.text),)
    else:
        found = sculpted(cell.name, cell.text, n_tried=setup.n_tried, n_networks=setup.n_networks)
        networks = found.networks
        counts = {
            "task": cell.name,
            "tried": setup.n_tried,
            "solved": found.n_solved,
            "as_circuit": found.n_alike,
        }
        made = {"sculpted": [counts]}
    rows = [
        {"suite": cell.suite, "task": cell.name, "network": network.name, **row}
        for network in networks
        for row in _scored(network, setup)
    ]
    return {**made, "networks": rows}


def _scored(network: Network, setup: Setup) -> list[dict[str, Any]]:
    graph, labels = network.graph, network.labels
    partitions = {
        TRUE: network.truth,
        WEIGHTS: path_signature(graph),
        DATA: functional(graph, network.influence),
    }
    divided = {name + DIVIDED: subfunctions(graph, partitions[name]) for name in (WEIGHTS, DATA)}
    rows = []
    for modules, partition in {**partitions, **divided}.items():
        for rule, found in {
            "infer": infer(graph, partition),
            "ordered": ordered(
                graph,
                partition,
                null=rebalanced(rewire),
                n=setup.n_nulls,
                rng=stream(setup.seed, network.name, modules),
            ),
        }.items():
            match = matched(found.partition.labels, labels)
            precision, recall, f1 = precision_recall(_links(found), network.edges, match)
            rows.append(
                {
                    "modules": modules,
                    "rule": rule,
                    "n_modules": partition.n_modules,
                    "n_true": int(np.unique(labels[labels >= 0]).size),
                    "n_links": found.edges.nnz,
                    "n_true_links": len(network.edges),
                    "kind": found.kind,
                    "precision": precision,
                    "recall": recall,
                    "f1": f1,
                }
            )
    return rows


def _links(found: Hierarchy) -> list[tuple[int, int]]:
    ends = found.edges.tocoo()
    return list(zip(ends.row.tolist(), ends.col.tolist(), strict=True))


def _planted(cell: Cell) -> list[dict[str, Any]]:
    """Three modules of 8 units through 5 layers; what `infer` and `ordered` make of them."""
    setup, true = cell.setup, STRANDS[cell.name]
    rows = []
    for index in range(setup.n_strands):
        rng = stream(setup.seed, "strands", cell.name, index)
        graph, partition = _strands(rng, true, setup.between)
        found = ordered(
            graph,
            partition,
            null=rebalanced(rewire),
            n=setup.n_nulls,
            rng=stream(setup.seed, index),
        )
        links = set(_links(found))
        rows.append(
            {
                "kind": cell.name,
                "network": index,
                "boxes_of_infer": len(infer(graph, partition).modules),
                "right": len(links & set(true)),
                "wrong": len(links - set(true)),
                "missed": len(set(true) - links),
                "exact": links == set(true),
            }
        )
    return rows


def _ordinary(cell: Cell) -> dict[str, Any]:
    """What becomes of the modules that `layered` finds in a trained net."""
    graph = ordinary(cell.name, cell.setup.seed)
    rng = stream(cell.setup.seed, "ordinary", cell.name)
    partition = layered(graph.balanced, rng=rng)
    found = ordered(graph, partition, null=rebalanced(rewire), n=cell.setup.n_nulls, rng=rng)
    return {
        "network": cell.name,
        "edges": graph.n_edges,
        "modules": partition.n_modules,
        "boxes_of_infer": len(infer(graph, partition).modules),
        "kind": found.kind,
        "kept": found.edges.nnz,
        "above_chance": sum(link.verdict == "above chance" for link in found.links),
        "left_out": len(found.left_out),
        "feedback": len(found.feedback),
    }


def _strands(
    rng: np.random.Generator, feeds: Mapping[tuple[int, int], float], between: float
) -> tuple[NetGraph, Partition]:
    chance = np.full((3, 3), between)
    np.fill_diagonal(chance, 0.5)
    for pair, share in feeds.items():
        chance[pair] = share
    of = np.repeat(np.arange(3), 8)
    kept = [rng.random((24, 24)) < chance[of][:, of].T for _ in range(4)]
    weights = [mask * rng.lognormal(size=mask.shape) for mask in kept]
    return from_matrices(weights), Partition(np.tile(of, 5))


def tables(rows: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Mean scores by suite and by task; counts for strands."""
    made = {}
    scores = ["precision", "recall", "f1"]
    if "networks" in rows:
        frame = rows["networks"]
        by = ["suite", "modules", "rule"]
        every = frame.groupby(by, sort=False)
        made["rates"] = every[scores].mean().round(3).assign(n=every.size()).reset_index()
        tested = frame[frame["rule"] == "ordered"]
        made["by_task"] = (
            tested.pivot_table("f1", ["suite", "task"], "modules", "mean", sort=False)
            .round(2)
            .assign(n=tested.groupby(["suite", "task"], sort=False)["network"].nunique())
            .reset_index()
        )
    if "planted" in rows:
        groups = rows["planted"].groupby("kind", sort=False)
        columns = ["boxes_of_infer", "right", "wrong", "missed", "exact"]
        made["strands"] = groups[columns].mean().round(3).assign(n=groups.size()).reset_index()
    if "ordinary" in rows:
        made["ordinary"] = rows["ordinary"]
    return made


def show(tables: Mapping[str, pd.DataFrame]) -> None:
    """Print the tables."""
    for name in ("rates", "by_task", "sculpted", "strands", "ordinary"):
        if name in tables:
            print(f"\n{name}\n{tables[name].to_string(index=False)}")


if __name__ == "__main__":
    run_study(__doc__, study, full=Config(), quick=QUICK, show=show)
