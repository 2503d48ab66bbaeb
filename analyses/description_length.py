"""Are there modules at all, and how many? Rates of `module_evidence` on random networks.

    python analyses/description_length.py -o OUT                # some fifteen minutes on two cores
    python analyses/description_length.py FOLDER -o OUT         # with rewired networks of FOLDER

Networks without modules must not be accepted, whatever their degrees; among them are planted ones
that were rewired, so that their degrees are fixed exactly. In networks with modules, acceptance is
compared with the permutation test of `layered` (its Q against rewired networks, on every third
network), and the number of modules with the planted one. FOLDER, of published networks, is what
analyses/patil2023_published.py takes: each is rewired, which leaves its degrees and no modules.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from patil2023.networks import find_networks
from scipy.stats import binomtest

from netsculpt.cli.study import Options, run_study
from netsculpt.core.random import stream
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.matrices import from_matrices
from netsculpt.graph.partition import Partition
from netsculpt.graph.synthetic import planted
from netsculpt.loading import load
from netsculpt.modules import compare, gain, layered, module_evidence, quality
from netsculpt.nulls import rewire, significance
from netsculpt.studies.study import Rows, Study

LEVEL = 0.05
FEW = [24] * 4
Numbers = tuple[list[int], int, float, float, float, float]  # arguments of `planted`

WITHOUT: dict[str, Numbers] = {
    "alike": (FEW, 1, 0.2, 0.2, 0.0, 0.0),
    "dense": (FEW, 1, 0.5, 0.5, 0.0, 0.0),
    "lognormal degrees": (FEW, 1, 0.2, 0.2, 0.75, 0.0),
    "dense, very uneven": ([40] * 4, 1, 0.6, 0.6, 1.5, 0.0),
    "narrow and deep": ([10] * 10, 1, 0.3, 0.3, 0.0, 0.0),
    "skips": (FEW, 1, 0.2, 0.2, 0.3, 0.5),
}
REWIRED: dict[str, Numbers] = {  # planted, then rewired
    "rewired": (FEW, 3, 0.5, 0.05, 0.0, 0.0),
    "rewired, uneven": (FEW, 3, 0.5, 0.05, 1.0, 0.0),
}
DRAWN = ("tapered, ERK", "scale-free")
PLANTED: dict[str, Numbers] = {
    "4 × 24, 3, strong": (FEW, 3, 0.5, 0.05, 0.0, 0.0),
    "4 × 24, 3, medium": (FEW, 3, 0.4, 0.1, 0.0, 0.0),
    "4 × 24, 3, weak": (FEW, 3, 0.3, 0.15, 0.0, 0.0),
    "4 × 24, 3, strong, lognormal": (FEW, 3, 0.5, 0.05, 0.75, 0.0),
    "4 × 24, 3, medium, lognormal": (FEW, 3, 0.4, 0.1, 0.75, 0.0),
    "5 × 60, 4": ([60] * 5, 4, 0.3, 0.03, 0.0, 0.0),
    "5 × 60, 4, lognormal": ([60] * 5, 4, 0.3, 0.03, 0.8, 0.0),
    "5 × 60, 4, skips": ([60] * 5, 4, 0.3, 0.03, 0.0, 0.3),
    "6 × 100, 5, sparse": ([100] * 6, 5, 0.12, 0.012, 0.0, 0.0),
    "10 × 10, 2": ([10] * 10, 2, 0.5, 0.1, 0.0, 0.0),
    "8 × 400, 8": ([400] * 8, 8, 0.25, 0.03, 0.0, 0.0),
}
LARGEST = 5  # networks of the last family, at most


@dataclass(frozen=True)
class Config:
    """How many networks."""

    folder: str | None = None  # of published networks
    n_without: int = 100  # of each family
    n_planted: int = 30
    n_nulls: int = 19
    every: int = 3  # planted network that is put to the permutation test
    seed: int = 0


QUICK = Config(n_without=2, n_planted=1)


@dataclass(frozen=True)
class Cell:
    """One network."""

    kind: str  # "without", "rewired", "drawn", "planted" or "published"
    family: str
    network: int
    path: tuple[str, str] | None  # weights and masks of a published one
    n_nulls: int  # 0: no permutation test
    seed: int


def study(config: Config) -> Study[Cell]:
    """Every network of every family, families side by side so that a budget leaves none out."""
    seed, cells = config.seed, []
    for network in range(max(config.n_without, config.n_planted)):
        if network < config.n_without:
            cells += [
                Cell(kind, family, network, None, 0, seed)
                for kind, families in (("without", WITHOUT), ("rewired", REWIRED), ("drawn", DRAWN))
                for family in families
            ]
        if network < config.n_planted:
            nulls = config.n_nulls if network % config.every == 0 else 0
            cells += [
                Cell("planted", family, network, None, nulls, seed)
                for family in PLANTED
                if network < LARGEST or family != "8 × 400, 8"
            ]
    if config.folder:
        for index, one in enumerate(find_networks(Path(config.folder))[0]):
            path = str(one.weights), str(one.masks)
            cells.append(Cell("published", "published, rewired", index, path, 0, seed))
    return Study("description_length", cells, measure, tables, about={"arguments": asdict(config)})


def measure(cell: Cell) -> Rows:
    """Evidence of one network, and the permutation test if it is asked for."""
    graph, truth = _network(cell)
    result = module_evidence(graph, rng=cell.seed)
    row: dict[str, Any] = {
        "kind": cell.kind,
        "family": cell.family,
        "network": cell.network,
        "edges": graph.n_edges,
        "evidence": result.evidence,
        "accepted": result.accepted,
        "n_modules": result.partition.n_modules,
        "planted": truth.n_modules if truth else 1,
        "ari": compare(result.partition, truth).ari if truth else math.nan,
        "gain": gain(graph, result.partition),
        "p": math.nan,
    }
    if cell.n_nulls:
        test = significance(
            lambda x: quality(x, layered(x, rng=0)),
            graph.pattern,
            null=rewire,
            n=cell.n_nulls,
            rng=stream(cell.seed, "nulls", cell.family, cell.network),
        )
        row["p"] = test.p
    return {"networks": [row]}


def _network(cell: Cell) -> tuple[NetGraph, Partition | None]:
    rng = stream(cell.seed, "network", cell.family, cell.network)
    if cell.path is not None:
        graph = load(Path(cell.path[0]), mask=Path(cell.path[1])).live()
        return rewire(graph, rng=rng), None
    if cell.kind == "planted":
        return planted(*PLANTED[cell.family], rng=rng)
    if cell.kind == "rewired":
        return rewire(planted(*REWIRED[cell.family], rng=rng)[0], rng=rng), None
    if cell.kind == "without":
        return planted(*WITHOUT[cell.family], rng=rng)[0], None
    return DRAW[cell.family](rng), None


def _tapered(rng: np.random.Generator) -> NetGraph:
    """64-48-32-16-8 with the densities of ERK: rising with depth."""
    widths = [64, 48, 32, 16, 8]
    chances = [2.5 * (a + b) / (a * b) for a, b in pairwise(widths)]
    return from_matrices(
        [
            (rng.random((b, a)) < p).astype(float)
            for (a, b), p in zip(pairwise(widths), chances, strict=True)
        ]
    )


def _scale_free(rng: np.random.Generator) -> NetGraph:
    """4 × 60 with Pareto(2) propensities, an edge where their product is large enough."""

    def block() -> np.ndarray:
        odds = 0.04 * np.outer(1 + rng.pareto(2, 60), 1 + rng.pareto(2, 60))
        return (rng.random((60, 60)) < odds / (1 + odds)).astype(float)

    return from_matrices([block() for _ in range(3)])


DRAW = {"tapered, ERK": _tapered, "scale-free": _scale_free}


def tables(rows: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Rates by family."""
    groups = rows["networks"].groupby(["kind", "family"], sort=False)
    return {
        "rates": pd.DataFrame(
            [{"kind": kind, "family": family} | _rates(own) for (kind, family), own in groups]
        )
    }


def _rates(own: pd.DataFrame) -> dict[str, Any]:
    accepted = int(own["accepted"].sum())
    clear = own[own["ari"] > 0.9]
    tested = own[own["p"].notna()]
    return {
        "networks": len(own),
        "accepted": accepted,
        "high": binomtest(accepted, len(own)).proportion_ci(0.95, method="exact").high,
        "max_evidence": own["evidence"].max(),
        "mean_evidence": own["evidence"].mean(),
        "ari": own["ari"].mean(),
        "clear": len(clear),  # ARI > .9
        "right_number": float((clear["n_modules"] == clear["planted"]).mean()),
        "tested": len(tested),
        "power_layered": float((tested["p"] <= LEVEL).mean()),
        "power_same": float(tested["accepted"].mean()),  # of the evidence, on the tested ones
        "gain_positive": float((own["gain"] > 0).mean()),
    }


def show(tables: Mapping[str, pd.DataFrame]) -> None:
    """Print the rates, and how many networks without modules were accepted in all."""
    rates = tables["rates"]
    print(rates.to_string(index=False, float_format="{:.2f}".format))
    free = rates[rates["kind"] != "planted"]
    print(f"without modules: {free['accepted'].sum()} of {free['networks'].sum()} accepted")


def _options() -> Options:
    return {"folder": {"nargs": "?", "metavar": "FOLDER", "help": "of published networks"}}


def main(argv: Sequence[str] | None = None) -> None:
    """Run it as asked for on the command line."""
    run_study(__doc__, study, full=Config(), quick=QUICK, show=show, options=_options(), argv=argv)


if __name__ == "__main__":
    main()
