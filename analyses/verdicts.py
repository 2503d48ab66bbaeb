"""How often is each verdict given? Rates of `netsculpt.modules.verdict` over its two thresholds.

    python analyses/verdicts.py -o OUT

The default detector on balanced weights, as `netsculpt analyze` runs it: p from null networks, the
effect size ΔQ, and the stability over seeds. "Modular" should be said of planted modules that are
found (ARI ≥ .5 with the truth), but neither of networks without modules, nor of planted modules
that are missed (ARI < .4), nor of dense classifiers of digits, which are significant by far and
have no modules to speak of. The first rule, p ≤ .05, decides on most networks without modules. So
that the other two can be judged, the share that would pass them whatever its p is given as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from calibrated.families import FAMILIES, lognormal_strengths

from netsculpt import AnalysisPlan, analyze
from netsculpt.cli.study import run_study
from netsculpt.core.random import stream
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.matrices import from_matrices
from netsculpt.graph.partition import Partition
from netsculpt.graph.synthetic import planted
from netsculpt.modules import compare, verdict
from netsculpt.modules.verdict import SIGNIFICANT, SMALL, STABLE
from netsculpt.studies.study import Rows, Study

FOUND, MISSED = 0.5, 0.4  # ARI with the truth: at least, below
SIZES = {"4 × 24": ([24] * 4, 3, 0.2), "5 × 48": ([48] * 5, 4, 0.13)}  # widths, modules, density
RATIOS = (1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0)  # density inside modules over that outside
PLANTED = {f"{size}, {ratio:g}:1": (size, ratio) for size in SIZES for ratio in RATIOS}
DENSE = "dense classifier of digits"
GROUPS = ("without modules", "missed", "between", "found", "dense")
GIVEN = ("modular", "weak", "unstable", "chance")
SMALLS = (0.0, 0.01, 0.02, SMALL, 0.03, 0.04)
STABLES = (0.0, 0.5, STABLE, 0.8, 0.9)


@dataclass(frozen=True)
class Config:
    """How many networks, and how each is analysed."""

    n_without: int = 20  # of each family
    n_planted: int = 16
    n_dense: int = 8
    n_nulls: int = 19
    n_runs: int = 10  # over seeds
    seed: int = 0


QUICK = Config(n_without=1, n_planted=1, n_dense=1, n_runs=3)


@dataclass(frozen=True)
class Cell:
    """One network."""

    kind: str  # "without modules", "planted" or "dense"
    family: str
    network: int
    n_nulls: int
    n_runs: int
    seed: int


def study(config: Config) -> Study[Cell]:
    """Every network, families side by side so that a budget leaves none out."""
    kinds = (
        ("without modules", tuple(FAMILIES), config.n_without),
        ("planted", tuple(PLANTED), config.n_planted),
        ("dense", (DENSE,), config.n_dense),
    )
    cells = [
        Cell(kind, family, network, config.n_nulls, config.n_runs, config.seed)
        for network in range(max(n for _, _, n in kinds))
        for kind, families, n in kinds
        for family in families
        if network < n
    ]
    return Study("verdicts", cells, measure, tables, about={"arguments": asdict(config)})


def measure(cell: Cell) -> Rows:
    """The three numbers that a verdict is made from, and whether the modules are the planted."""
    graph, truth = _network(cell)
    plan = AnalysisPlan(n_nulls=cell.n_nulls, n_seeds=cell.n_runs)
    (found,) = analyze(graph, plan, rng=cell.seed).detected
    ari = float("nan") if truth is None else compare(found.partition, truth).ari
    return {
        "networks": [
            {
                "group": _group(cell.kind, ari),
                "family": cell.family,
                "network": cell.network,
                "edges": graph.live().n_edges,
                "n_modules": found.partition.n_modules,
                "ari": ari,
                "p": found.p,
                "n": cell.n_nulls,
                "delta": found.delta,
                "stability": found.stability,
                "verdict": found.verdict,
            }
        ]
    }


def _group(kind: str, ari: float) -> str:
    if kind != "planted":
        return kind
    return "found" if ari >= FOUND else "missed" if ari < MISSED else "between"


def _network(cell: Cell) -> tuple[NetGraph, Partition | None]:
    rng = stream(cell.seed, cell.kind, cell.family, cell.network)
    if cell.kind == "without modules":
        return FAMILIES[cell.family](rng), None
    if cell.kind == "dense":
        return _digits(rng), None
    size, ratio = PLANTED[cell.family]
    widths, k, density = SIZES[size]
    outside = k * density / (ratio + k - 1)
    graph, truth = planted(widths, k, ratio * outside, outside, rng=rng)
    return lognormal_strengths(graph, rng, noise=0.5), truth


def _digits(rng: np.random.Generator) -> NetGraph:
    """64-24-24-10, trained, all weights kept."""
    from netsculpt.nets import MLP, initial_net
    from netsculpt.training import Recipe, fit
    from netsculpt.training.tasks import digits

    recipe = Recipe(epochs=6, learning_rate=0.005)
    net = fit(initial_net(MLP((64, 24, 24, 10)), rng=rng), digits(), recipe, rng=rng).net
    return from_matrices([x.detach().numpy() for x in net.parameters() if x.ndim > 1])


def tables(rows: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Rates of every verdict at every pair of thresholds, and what the networks are like."""
    networks = rows["networks"]
    present = [group for group in GROUPS if (networks["group"] == group).any()]
    rates, numbers = [], []
    for group in present:
        own = networks[networks["group"] == group]
        numbers.append({"group": group} | _numbers(own))
        for small, stable in product(SMALLS, STABLES):
            limits = {"small": small, "stable": stable}
            rates.append(limits | {"group": group} | _rates(own, **limits))
    return {"rates": pd.DataFrame(rates), "groups": pd.DataFrame(numbers)}


def _rates(own: pd.DataFrame, small: float, stable: float) -> dict[str, Any]:
    given = pd.Series(
        [
            verdict(p, n, delta, stability, small=small, stable=stable)
            for p, n, delta, stability in zip(
                own["p"], own["n"], own["delta"], own["stability"], strict=True
            )
        ]
    )
    passing = (own["delta"] >= small) & (own["stability"] >= stable)
    shares = {name: float((given == name).mean()) for name in GIVEN}
    return {"networks": len(own)} | shares | {"passing": float(passing.mean())}


def _numbers(own: pd.DataFrame) -> dict[str, Any]:
    spread = {
        f"{name}_{share:.0%}": own[name].quantile(share)
        for name in ("delta", "stability")
        for share in (0.1, 0.5, 0.9)
    }
    return {"networks": len(own), "significant": float((own["p"] <= SIGNIFICANT).mean())} | spread


def show(tables: Mapping[str, pd.DataFrame]) -> None:
    """Print the groups, their rates at the thresholds in use, and "modular" over the grid."""
    rates = tables["rates"]
    number = "{:.3f}".format
    print(tables["groups"].to_string(index=False, float_format=number))
    used = rates[(rates["small"] == SMALL) & (rates["stable"] == STABLE)]
    print(f"\nverdicts at ΔQ ≥ {SMALL}, stability ≥ {STABLE:.2f}")
    print(used.drop(columns=["small", "stable"]).to_string(index=False, float_format=number))
    for column in ("modular", "passing"):
        grid = rates.pivot_table(column, ["small", "stable"], "group", sort=False)
        print(f"\n{column}\n{grid.to_string(float_format=number)}")


def main() -> None:
    """Run it as asked for on the command line."""
    run_study(__doc__, study, full=Config(), quick=QUICK, show=show)


if __name__ == "__main__":
    main()
