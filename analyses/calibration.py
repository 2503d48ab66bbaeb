"""Are the significance tests right? Rejections without modules, power with them.

    python analyses/calibration.py -o OUT

Networks of eleven families without modules must be called significant at 0.05 one time in twenty;
networks with planted modules and lognormal strengths nearly always. Tests: the default detector's Q
on balanced weights against the rebalanced null, and on the pattern against `rewire`. For contrast,
on every tenth network, two that are not valid: Q on |weights| against `rewire`, which keeps no
strengths, and the n-cut of the work on clusterability (Filan et al., arXiv:2103.03386) against
`shuffle_layer`, which keeps no degrees.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Literal

import pandas as pd
from calibrated.families import FAMILIES, lognormal_strengths
from scipy.stats import binom, binomtest

from netsculpt.cli.study import at_least, run_study
from netsculpt.core.random import stream
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.synthetic import planted
from netsculpt.modules import layered, ncut, quality, spectral
from netsculpt.nulls import by_token, rebalanced, rewire, shuffle_layer
from netsculpt.nulls.significance import Null, significance
from netsculpt.studies.study import Rows, Study

LEVEL = 0.05
COVERAGE = 0.99  # of the binomial interval around LEVEL
WIDTHS, N_MODULES, DENSITY = (24, 24, 24, 24), 3, 0.2  # of planted networks
PLANTED: Mapping[str, float] = {  # probability of an edge inside a module
    "planted .3": 0.3,
    "planted .4": 0.4,
    "planted .5": 0.5,
}


@dataclass(frozen=True)
class Test:
    """A statistic of a form of a network, with its null model."""

    form: Callable[[NetGraph], NetGraph]
    statistic: Callable[[NetGraph], float]
    null: Null
    tail: Literal["greater", "less"] = "greater"
    every: int = 1  # 10: every tenth network is tested
    undefined: tuple[str, ...] = ()  # families on whose null networks the statistic has no value


def most_modular(graph: NetGraph) -> float:
    """Q of the modules that the default detector finds."""
    return quality(graph, layered(graph, rng=0))


def least_ncut(graph: NetGraph) -> float:
    """The n-cut of the modules that spectral clustering finds."""
    return ncut(graph, spectral(graph, rng=0, k=N_MODULES))


TESTS: Mapping[str, Test] = {
    "balanced": Test(lambda x: x.balanced, most_modular, rebalanced(by_token(rewire))),
    "pattern": Test(lambda x: x.pattern, most_modular, by_token(rewire)),
    "|weights|": Test(lambda x: x.magnitude, most_modular, rewire, every=10),
    "n-cut": Test(  # of sparse blocks it leaves networks without a path
        lambda x: x.pattern, least_ncut, shuffle_layer, "less", 10, ("sparse blocks",)
    ),
}


@dataclass(frozen=True)
class Config:
    """What to test, and how often."""

    families: tuple[str, ...] = (*FAMILIES, *PLANTED)
    n_networks: int = 200  # of each family without modules
    n_planted: int = 60  # of each family with planted ones
    n_nulls: int = 19
    seed: int = 0


QUICK = Config(("homogeneous", "lognormal strengths", "planted .5"), n_networks=5, n_planted=5)


@dataclass(frozen=True)
class Cell:
    """One network, with all tests that it is put to."""

    family: str
    network: int
    n_nulls: int
    seed: int


def study(config: Config) -> Study[Cell]:
    """Every network."""
    unknown = set(config.families) - {*FAMILIES, *PLANTED}
    if unknown:
        raise ValueError(f"no family is called {', '.join(sorted(unknown))}")
    cells = [
        Cell(family, network, config.n_nulls, config.seed)
        for network in range(config.n_networks)  # a budget leaves out networks, not families
        for family in config.families
        if family in FAMILIES or network < config.n_planted
    ]
    about = {"arguments": asdict(config), "planted": dict(PLANTED)}
    return Study("calibration", cells, measure, tables, ("rates",), about)


def measure(cell: Cell) -> Rows:
    """Test one network once with each test."""
    graph = _network(cell.family, partial(stream, cell.seed, cell.family, cell.network))
    rows = []
    for name, test in TESTS.items():
        if cell.network % test.every or cell.family in test.undefined:
            continue
        result = significance(
            test.statistic,
            test.form(graph),
            null=test.null,
            n=cell.n_nulls,
            tail=test.tail,
            rng=stream(cell.seed, cell.family, cell.network, "nulls"),
        )
        about = {"family": cell.family, "test": name, "network": cell.network}
        numbers = {key: value for key, value in result.summary().items() if key != "notes"}
        rows.append(about | {"edges": graph.live().n_edges} | numbers)
    return {"p_values": rows}


def _network(family: str, open_stream: Callable[[str], Any]) -> NetGraph:
    if family in FAMILIES:
        return FAMILIES[family](open_stream("network"))
    p_in = PLANTED[family]
    p_out = (N_MODULES * DENSITY - p_in) / (N_MODULES - 1)
    graph, _ = planted(WIDTHS, N_MODULES, p_in, p_out, rng=open_stream("network"))
    return lognormal_strengths(graph, open_stream("weights"), noise=0.5)


def tables(rows: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Rates of rejection, by family and test."""
    by = ["family", "test"]
    groups = rows["p_values"].groupby(by, sort=False)
    rates = [dict(zip(by, map(str, key), strict=True)) | _rates(own) for key, own in groups]
    table = pd.DataFrame(rates)
    return {
        "rates": table.sort_values("test", kind="stable", key=lambda x: x.map(list(TESTS).index))
    }


def _rates(own: pd.DataFrame) -> dict[str, Any]:
    """Share called significant, and whether a valid test does so as often.

    A valid test's number of rejections lies in the binomial interval around 5 % in 99 of 100 cases;
    for planted modules the share is the power. The mean of valid p is (1 + 1/(nulls + 1)) / 2.
    """
    p = own["p"]
    n_rejected, n = int((p <= LEVEL).sum()), p.size
    low, high = (int(x) for x in binom.interval(COVERAGE, n, LEVEL))
    verdict = "as it should"
    if n_rejected > high:
        verdict = "too many"
    elif n_rejected < low:
        verdict = "too few"
    elif low == 0:  # never to reject would be no surprise: see the mean p
        verdict = "open: few networks"
    if own["family"].iloc[0] in PLANTED:
        verdict = "power"
    interval = binomtest(n_rejected, n).proportion_ci(0.95, method="exact")
    return {
        "networks": n,
        "edges": round(float(own["edges"].mean())),
        "rejected": round(n_rejected / n, 4),
        "low": round(float(interval.low), 4),
        "high": round(float(interval.high), 4),
        "allowed": f"{low / n:.3f} – {high / n:.3f}",
        "mean_p": round(float(p.mean()), 4),
        "mean_delta": round(float(own["delta"].mean()), 4),
        "verdict": verdict,
    }


def show(tables: Mapping[str, pd.DataFrame]) -> None:
    """Print the rates."""
    print(tables["rates"].to_string(index=False))


if __name__ == "__main__":
    run_study(
        __doc__,
        study,
        full=Config(),
        quick=QUICK,
        show=show,
        options={
            "--families": {"nargs": "+", "help": "default: all"},
            "--networks": {
                "type": at_least(0),
                "dest": "n_networks",
                "help": "of each module-free family",
            },
            "--planted": {
                "type": at_least(0),
                "dest": "n_planted",
                "help": "of each planted family",
            },
            "--nulls": {"type": at_least(1), "dest": "n_nulls", "help": "null networks of a test"},
        },
    )
