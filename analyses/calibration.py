"""Are the significance tests right? Rejections without modules, power with them.

    python analyses/calibration.py -o OUT

Networks without modules, with equal or lognormal expected degrees, must be called significant at
0.05 about one time in twenty; networks with strong planted modules nearly always. All have the
same expected density where degrees are equal. Each test is a statistic with its null model: the
default detector with the default null, the reference detector with it, and the n-cut of the work on
clusterability (Filan et al., arXiv:2103.03386), whose null does not preserve degrees.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import pandas as pd
from scipy.stats import binomtest, kstest

from netsculpt.cli.study import run_study
from netsculpt.core.random import stream
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.synthetic import planted
from netsculpt.modules import layered, leiden, ncut, quality, spectral
from netsculpt.nulls import rewire, shuffle_layer
from netsculpt.nulls.significance import Null, significance
from netsculpt.studies.study import Rows, Study

LEVEL = 0.05
N_MODULES = 3


@dataclass(frozen=True)
class Test:
    """A statistic with its null model."""

    statistic: Callable[[NetGraph], float]
    null: Null
    tail: Literal["greater", "less"]
    every: int = 1  # 3: every third network is tested


TESTS: Mapping[str, Test] = {
    "Q of layered, rewire": Test(lambda x: quality(x, layered(x, rng=0)), rewire, "greater"),
    "Q of leiden, rewire": Test(lambda x: quality(x, leiden(x, rng=0)), rewire, "greater", every=3),
    "n-cut of spectral, shuffle_layer": Test(
        lambda x: ncut(x, spectral(x, rng=0, k=N_MODULES)), shuffle_layer, "less"
    ),
}
MODULES: Mapping[str, float] = {"none": 0.2, "weak": 0.3, "medium": 0.4, "strong": 0.5}  # p_in


@dataclass(frozen=True)
class Setup:
    """What all tested networks have in common."""

    widths: tuple[int, ...] = (24, 24, 24, 24)
    density: float = 0.2
    heterogeneity: float = 0.75  # σ of the lognormal degrees
    n_nulls: int = 59
    seed: int = 0


@dataclass(frozen=True)
class Config:
    """What to test, and how often."""

    modules: tuple[str, ...] = tuple(MODULES)
    n_networks: int = 60  # of each kind
    n_nulls: int = Setup.n_nulls
    seed: int = Setup.seed


QUICK = Config(modules=("none", "strong"), n_networks=8, n_nulls=19)


@dataclass(frozen=True)
class Cell:
    """One network, and the test that it is put to."""

    test: str
    modules: str
    p_in: float
    lognormal: bool
    network: int
    setup: Setup


def study(config: Config) -> Study[Cell]:
    """Every network with every test."""
    setup = Setup(n_nulls=config.n_nulls, seed=config.seed)
    cells = [
        Cell(name, modules, MODULES[modules], lognormal, network, setup)
        for network in range(config.n_networks)  # a budget leaves out networks, not tests
        for name, test in TESTS.items()
        if network % test.every == 0
        for modules in config.modules
        for lognormal in (False, True)
    ]
    about = {"arguments": asdict(config), "setup": asdict(setup), "p_in": dict(MODULES)}
    return Study("calibration", cells, measure, tables, about=about)


def measure(cell: Cell) -> Rows:
    """Test one network once."""
    setup, test = cell.setup, TESTS[cell.test]
    kind = cell.modules, cell.lognormal, cell.network
    graph, _ = planted(
        setup.widths,
        N_MODULES,
        cell.p_in,
        (N_MODULES * setup.density - cell.p_in) / (N_MODULES - 1),
        degree_heterogeneity=setup.heterogeneity if cell.lognormal else 0.0,
        rng=stream(setup.seed, "network", *kind),
    )
    result = significance(
        test.statistic,
        graph.pattern,
        null=test.null,
        n=setup.n_nulls,
        tail=test.tail,
        rng=stream(setup.seed, "nulls", cell.test, *kind),
    )
    row = {
        "test": cell.test,
        "modules": cell.modules,
        "degrees": "lognormal" if cell.lognormal else "alike",
        "network": cell.network,
    }
    return {"p_values": [row | result.summary()]}


def tables(rows: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Rates of rejection, by test and kind of network."""
    by = ["test", "modules", "degrees"]
    groups = rows["p_values"].groupby(by, sort=False)
    rates = [dict(zip(by, key, strict=True)) | _rates(own["p"]) for key, own in groups]
    return {"rates": pd.DataFrame(rates)}


def _rates(p: pd.Series[float]) -> dict[str, Any]:
    """Share called significant, its exact 95 % interval, and whether the p-values are uniform.

    Without modules they must be.
    """
    rejected = binomtest(int((p <= LEVEL).sum()), p.size)
    interval = rejected.proportion_ci(0.95, method="exact")
    return {
        "networks": p.size,
        "rejected": rejected.statistic,
        "low": interval.low,
        "high": interval.high,
        "mean_p": float(p.mean()),
        "uniform_p": float(kstest(p, "uniform").pvalue),
    }


def show(tables: Mapping[str, pd.DataFrame]) -> None:
    """Print the rates."""
    print(tables["rates"].to_string(index=False, float_format="{:.3f}".format))


if __name__ == "__main__":
    run_study(__doc__, study, full=Config(), quick=QUICK, show=show)
