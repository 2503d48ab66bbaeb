"""Are there modules at all, and how many? Rates of `module_evidence` on random networks.

    python analyses/description_length.py -o OUT                # some half an hour on two cores
    python analyses/description_length.py FOLDER -o OUT         # with rewired networks of FOLDER

Networks without modules must not be accepted, whatever their degrees: the families of
analyses/calibration.py, some more, and planted or trained ones that were rewired, so that their
degrees are fixed exactly. The limit is set by a rule (odds of 100 to 1, which networks without
modules exceed at most once in 100); the rates show whether it holds, at odds of 20 as well. Every
third network is judged with four seeds: where they disagree, the evidence is near the limit. In
networks with modules, acceptance is
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
from calibrated.families import FAMILIES
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
from netsculpt.modules.verdict import DECISIVE
from netsculpt.nulls import rewire, significance
from netsculpt.studies.study import Rows, Study

LEVEL = 0.05
ODDS = (10, 20)  # for modules, whose rates in networks without modules are at most 1/odds
FEW = [24] * 4
Numbers = tuple[list[int], int, float, float, float, float]  # arguments of `planted`

WITHOUT: dict[str, Numbers] = {
    "alike": (FEW, 1, 0.2, 0.2, 0.0, 0.0),
    "dense": (FEW, 1, 0.5, 0.5, 0.0, 0.0),
    "lognormal degrees": (FEW, 1, 0.2, 0.2, 0.75, 0.0),
    "dense, very uneven": ([40] * 4, 1, 0.6, 0.6, 1.5, 0.0),
    "3 × 100, half of all edges": ([100] * 3, 1, 0.5, 0.5, 0.0, 0.0),
    "300-100-50-10, a fifth": ([300, 100, 50, 10], 1, 0.2, 0.2, 0.0, 0.0),
    "784-100-10, a third": ([784, 100, 10], 1, 0.33, 0.33, 0.0, 0.0),
    "narrow and deep": ([10] * 10, 1, 0.3, 0.3, 0.0, 0.0),
    "skips": (FEW, 1, 0.2, 0.2, 0.3, 0.5),
}
REWIRED: dict[str, Numbers] = {  # planted, then rewired
    "rewired": (FEW, 3, 0.5, 0.05, 0.0, 0.0),
    "rewired, uneven": (FEW, 3, 0.5, 0.05, 1.0, 0.0),
}
DRAWN = ("ERK, taller", "scale-free, larger", "digits, pruned and rewired")
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
    every: int = 3  # network that is judged with several seeds, and if planted tested
    n_seeds: int = 4
    seed: int = 0


QUICK = Config(n_without=1, n_planted=1, n_nulls=3, n_seeds=2)


@dataclass(frozen=True)
class Cell:
    """One network."""

    kind: str  # "without", "rewired", "drawn", "planted" or "published"
    family: str
    network: int
    path: tuple[str, str] | None  # weights and masks of a published one
    n_nulls: int  # 0: no permutation test
    n_seeds: int
    seed: int


def study(config: Config) -> Study[Cell]:
    """Every network of every family, families side by side so that a budget leaves none out."""
    seed, cells = config.seed, []
    without = [("without", family) for family in WITHOUT]
    without += [("calibration", family) for family in FAMILIES]
    without += [("rewired", family) for family in REWIRED]
    without += [("drawn", family) for family in DRAWN]
    for network in range(max(config.n_without, config.n_planted)):
        often = network % config.every == 0
        n_seeds, n_nulls = (config.n_seeds, config.n_nulls) if often else (1, 0)
        if network < config.n_without:
            cells += [
                Cell(kind, family, network, None, 0, n_seeds, seed) for kind, family in without
            ]
        if network < config.n_planted:
            cells += [
                Cell("planted", family, network, None, n_nulls, n_seeds, seed)
                for family in PLANTED
                if network < LARGEST or family != "8 × 400, 8"
            ]
    if config.folder:
        for index, one in enumerate(find_networks(Path(config.folder))[0]):
            path = str(one.weights), str(one.masks)
            cells.append(Cell("published", "published, rewired", index, path, 0, 1, seed))
    return Study("description_length", cells, measure, tables, about={"arguments": asdict(config)})


def measure(cell: Cell) -> Rows:
    """Evidence of one network, and the permutation test if it is asked for."""
    graph, truth = _network(cell)
    results = [module_evidence(graph, rng=cell.seed + i) for i in range(cell.n_seeds)]
    result, evidence = results[0], [each.evidence for each in results]
    several = cell.n_seeds > 1
    row: dict[str, Any] = {
        "kind": cell.kind,
        "family": cell.family,
        "network": cell.network,
        "edges": graph.n_edges,
        "evidence": result.evidence,
        "accepted": result.accepted,
        "spread": float(np.ptp(evidence)) if several else math.nan,  # over seeds
        "accepting": float(np.mean([x.accepted for x in results])) if several else math.nan,
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
    if cell.kind == "calibration":
        return FAMILIES[cell.family](rng), None
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


def _digits(rng: np.random.Generator) -> NetGraph:
    """A classifier of digits, pruned by magnitude to some 330 edges in three steps, rewired."""
    import torch

    from netsculpt.nets import MLP, initial_net, mask_net
    from netsculpt.training import Recipe, fit
    from netsculpt.training.tasks import digits

    net, task = initial_net(MLP((64, 24, 24, 10)), rng=rng), digits()
    net = fit(net, task, Recipe(epochs=6, learning_rate=0.005), rng=rng).net
    weights = {name: x for name, x in net.named_parameters() if x.ndim > 1}
    for kept in (0.4, 0.2, 0.14):
        sizes = torch.cat([x.detach().abs().flatten() for x in weights.values()])
        least = torch.quantile(sizes, 1 - kept)
        masks = {name: x.detach().abs() > least for name, x in weights.items()}
        mask_net(net, masks)
        net = fit(net, task, Recipe(epochs=3, learning_rate=0.003), rng=rng).net
        weights = {name: x for name, x in net.named_parameters() if x.ndim > 1}
    kept_weights = [(x.detach() * masks[name]).numpy() for name, x in weights.items()]
    return rewire(from_matrices(kept_weights), rng=rng)


DRAW = dict(zip(DRAWN, (_tapered, _scale_free, _digits), strict=True))


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
        **{f"odds_{odds}": int((own["evidence"] >= math.log(odds)).sum()) for odds in ODDS},
        "max_evidence": own["evidence"].max(),
        "mean_evidence": own["evidence"].mean(),
        "spread": own["spread"].mean(),
        "seeds_disagree": float(
            own["accepting"].dropna().between(0, 1, inclusive="neither").mean()
        ),
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
    n = free["networks"].sum()
    print(f"without modules: {free['accepted'].sum()} of {n} accepted (limit {DECISIVE:.2f} nats)")
    for odds in ODDS:
        print(f"odds of {odds} or more: {free[f'odds_{odds}'].sum()} of {n}, at most 1 in {odds}")


def _options() -> Options:
    return {"folder": {"nargs": "?", "metavar": "FOLDER", "help": "of published networks"}}


def main(argv: Sequence[str] | None = None) -> None:
    """Run it as asked for on the command line."""
    run_study(__doc__, study, full=Config(), quick=QUICK, show=show, options=_options(), argv=argv)


if __name__ == "__main__":
    main()
