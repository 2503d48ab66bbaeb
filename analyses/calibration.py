"""Are the significance tests right? Rejections without modules, power with them.

    python analyses/calibration.py -o OUT

Networks without modules, with like and with lognormal degrees, must be called significant at 0.05
about one time in twenty, whatever their degrees; networks with strong planted modules nearly
always. All have the same expected density where degrees are alike. Each test is a statistic with
its null model: the default detector with the default null, the reference detector with it, and the
n-cut of the work on clusterability (Filan et al., arXiv:2103.03386), whose null destroys degrees.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from joblib import Parallel, delayed
from scipy.stats import binomtest, kstest

from netsculpt.core.random import stream
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.synthetic import planted
from netsculpt.modules import layered, leiden, ncut, quality, spectral
from netsculpt.nulls import rewire, shuffle_layer
from netsculpt.nulls.significance import Null, significance

PACKAGES = ("netsculpt", "numpy", "scipy", "numba", "igraph", "leidenalg", "scikit-learn")
LEVEL = 0.05


@dataclass(frozen=True)
class Config:
    """What to test, and how often."""

    widths: tuple[int, ...] = (24, 24, 24, 24)
    k: int = 3
    density: float = 0.2
    modules: tuple[tuple[str, float], ...] = (  # name, p_in
        ("none", 0.2),
        ("weak", 0.3),
        ("medium", 0.4),
        ("strong", 0.5),
    )
    heterogeneity: float = 0.75  # σ of the lognormal networks
    n_networks: int = 60  # of each kind
    n_nulls: int = 59
    seed: int = 0
    jobs: int = 2


@dataclass(frozen=True)
class Test:
    """A statistic with its null model."""

    name: str
    statistic: Callable[[NetGraph], float]
    null: Null
    tail: Literal["greater", "less"]
    every: int = 1  # network is tested: one in so many


def _modularity(graph: NetGraph) -> float:
    return quality(graph, layered(graph, rng=0))


def _modularity_of_reference(graph: NetGraph) -> float:
    return quality(graph, leiden(graph, rng=0))


def _least_ncut(graph: NetGraph) -> float:
    return ncut(graph, spectral(graph, rng=0, k=Config.k))


TESTS = (
    Test("Q of layered, rewire", _modularity, rewire, "greater"),
    Test("Q of leiden, rewire", _modularity_of_reference, rewire, "greater", every=3),
    Test("n-cut of spectral, shuffle_layer", _least_ncut, shuffle_layer, "less"),
)


def main(config: Config, out: Path) -> None:
    """Test every network with every test; write the p values, the rates and a manifest."""
    cases = [
        (test, modules, p_in, lognormal, at)
        for test in TESTS
        for modules, p_in in config.modules
        for lognormal in (False, True)
        for at in range(0, config.n_networks, test.every)
    ]
    tasks = (delayed(measure)(config, *case) for case in cases)
    values = pd.DataFrame(Parallel(n_jobs=config.jobs)(tasks))
    by = ["test", "modules", "degrees"]
    groups = values.groupby(by, sort=False)
    rates = pd.DataFrame([dict(zip(by, key, strict=True)) | _rates(x["p"]) for key, x in groups])
    out.mkdir(parents=True, exist_ok=True)
    values.to_csv(out / "p_values.csv", index=False)
    rates.to_csv(out / "rates.csv", index=False)
    manifest = {
        "schema": "netsculpt.manifest/1",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "analysis": Path(__file__).stem,
        "arguments": asdict(config),
        "rates": rates.to_dict(orient="records"),
        "versions": {name: version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
    (out / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    print(rates.to_string(index=False, float_format="{:.3f}".format))
    print(f"{len(values)} tests of {config.n_nulls} null networks → {out}")


def measure(
    config: Config, test: Test, modules: str, p_in: float, lognormal: bool, at: int
) -> dict[str, Any]:
    """One network, tested once."""
    graph, _ = planted(
        config.widths,
        config.k,
        p_in,
        (config.k * config.density - p_in) / (config.k - 1),
        degree_heterogeneity=config.heterogeneity if lognormal else 0.0,
        rng=stream(config.seed, "network", modules, lognormal, at),
    )
    found = significance(
        test.statistic,
        graph.pattern,
        null=test.null,
        n=config.n_nulls,
        tail=test.tail,
        rng=stream(config.seed, "nulls", test.name, modules, lognormal, at),
    )
    return {
        "test": test.name,
        "modules": modules,
        "degrees": "lognormal" if lognormal else "alike",
        "network": at,
        **found.summary(),
    }


def _rates(p: pd.Series[float]) -> dict[str, float]:
    """Share called significant, its exact 95 % interval, and whether the p values are uniform.

    By chance they must be.
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


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, default=Path("results/calibration"))
    parser.add_argument("--jobs", type=int, default=Config.jobs, help="processes (-1: all cores)")
    parser.add_argument("--quick", action="store_true", help="few networks, within a minute")
    parser.add_argument("--seed", type=int, default=Config.seed)
    return parser.parse_args()


if __name__ == "__main__":
    given = _arguments()
    config = Config(seed=given.seed, jobs=given.jobs)
    if given.quick:
        ends = config.modules[0], config.modules[-1]
        config = replace(config, modules=ends, n_networks=8, n_nulls=19)
    main(config, given.out)
