"""Tables of ModBench: the one that is read first, and what it is made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binomtest

from modbench1.entrants import DEFAULT, Entrant

__all__ = ["LEVEL", "as_text", "calibration", "families", "losses", "made", "overview", "summary"]

LEVEL = 0.05
FREE = "module-free"
_MEASURES = (
    "ami",
    "ami_layers",
    "inputs",
    "hidden",
    "outputs",
    "precision",
    "recall",
    "f1",
    "f1_merged",
)
_RESAMPLES = 2000


def overview(tables: Mapping[str, pd.DataFrame], known: Mapping[str, Entrant]) -> pd.DataFrame:
    """One row per entrant: AMI of each suite, F1 of the hierarchy, module-free networks, costs.

    ``per layer`` is the AMI in layers of more than one module, averaged over suites: it asks only
    which units of a layer belong together. ``power`` is the share of the tested networks with
    modules that are called significant at .05. Of module-free networks there are the same share,
    and that of networks of which some layer is split.

    Entrants that were not installed have a row that says so.
    """
    rows = tables["networks"]
    suites = [suite for suite in dict.fromkeys(rows["suite"]) if suite != FREE]
    lines = []
    for name, entrant in known.items():
        if entrant.version is None:
            lines.append({"entrant": name, "shown": "not installed"})
            continue
        own = rows[rows["entrant"] == name]
        if own.empty:
            continue
        shown = {"": entrant.sees, "data": "weights, data", "k": f"{entrant.sees}, k"}
        line: dict[str, Any] = {"entrant": name, "shown": shown[entrant.needs]}
        for suite in suites:
            part = own[own["suite"] == suite]
            line[suite] = part["ami"].mean()
        by_suite = own[own["suite"] != FREE].groupby("suite")["ami_layers"].mean()
        line["per layer"] = by_suite.mean()
        if "f1" in own:
            for suite in suites:
                part = own.loc[own["suite"] == suite, "f1"].dropna()
                if len(part):
                    line[f"F1 {suite}"] = part.mean()
        if "p" in own:
            line["power"] = _rejected(own.loc[own["suite"] != FREE, "p"])
        line |= _free(own[own["suite"] == FREE])
        line["ms"] = 1000 * own["seconds"].median()
        lines.append(line)
    table = pd.DataFrame(lines)
    if "costs" in tables:
        costs = tables["costs"].rename(columns={"seconds": "large, s", "megabytes": "large, MB"})
        table = table.merge(costs.drop(columns="edges"), on="entrant", how="left")
    return table


def _free(rows: pd.DataFrame) -> dict[str, float]:
    """Of module-free networks: the share that is split, and that is called significant."""
    if rows.empty:
        return {}
    tested = {"free: p ≤ .05": _rejected(rows["p"])} if "p" in rows else {}
    return {"free: split": float(rows["splits"].mean()), **tested}


def _rejected(p: pd.Series[float]) -> float:
    """Share of the networks that were tested; NaN if none was."""
    tested = p.dropna()
    return float((tested <= LEVEL).mean()) if len(tested) else np.nan


def as_text(table: pd.DataFrame) -> pd.DataFrame:
    """The overview as it is read: two digits, "–" for what was not measured."""
    digits = dict.fromkeys(table.select_dtypes("number"), 2)
    digits |= {"ms": 1, "large, MB": 0}
    text = {
        name: [
            "–" if pd.isna(x) else f"{x:.{digits[name]}f}" if name in digits else str(x)
            for x in table[name]
        ]
        for name in table
    }
    return pd.DataFrame(text)


def families(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean scores of each entrant on each family."""
    by = ["suite", "family", "entrant"]
    grouped = rows.groupby(by, sort=False)
    measures = [name for name in _MEASURES if name in rows]
    table = grouped[[*measures, "exact_inputs", "exact_outputs", "found", "seconds"]].mean()
    table.insert(0, "networks", grouped.size())
    return table.reset_index()


def calibration(rows: pd.DataFrame) -> pd.DataFrame:
    """Share of networks called significant at .05, with its exact 95 % interval, and mean ΔQ."""
    by = ["suite", "family", "entrant"]
    columns = [*by, "networks", "rejected", "low", "high", "mean_p", "delta"]
    if "p" not in rows:
        return pd.DataFrame(columns=columns)
    lines = []
    for key, own in rows.dropna(subset="p").groupby(by, sort=False):
        test = binomtest(int((own["p"] <= LEVEL).sum()), len(own))
        interval = test.proportion_ci(0.95, method="exact")
        share = test.statistic
        values = (
            len(own),
            share,
            interval.low,
            interval.high,
            own["p"].mean(),
            own["delta"].mean(),
        )
        lines.append(dict(zip(columns, (*key, *values), strict=True)))
    return pd.DataFrame(lines, columns=columns)


def losses(rows: pd.DataFrame, known: Mapping[str, Entrant]) -> pd.DataFrame:
    """The default against the best other entrant that sees no data and is told nothing.

    One row per suite and per family: mean AMI of both on the same networks, the difference and its
    95 % interval. ``loses``: the interval lies below 0. The interval allows for the choice of the
    best, see `_interval`.
    """
    blind = [name for name, x in known.items() if not x.needs and name != DEFAULT]
    lines = []
    scored = rows[rows["suite"] != FREE]
    for keys in (["suite"], ["suite", "family"]):
        for key, part in scored.groupby(keys, sort=False):
            table = part.pivot_table(index=["family", "index"], columns="entrant", values="ami")
            others = [name for name in blind if name in table]
            if DEFAULT not in table or not others:
                continue
            table = table[[DEFAULT, *others]].dropna()
            best = str(table[others].mean().idxmax())
            low, high = _interval(table[[DEFAULT]].to_numpy() - table[others].to_numpy())
            lines.append(
                {
                    "suite": key[0],
                    "family": key[1] if len(key) > 1 else "all",
                    "networks": len(table),
                    DEFAULT: table[DEFAULT].mean(),
                    "best other": best,
                    "its AMI": table[best].mean(),
                    "difference": table[DEFAULT].mean() - table[best].mean(),
                    "low": low,
                    "high": high,
                    "loses": high < 0,
                }
            )
    return pd.DataFrame(lines)


def _interval(differences: NDArray[np.float64]) -> tuple[float, float]:
    """95 % interval of the smallest mean of the differences from each rival [networks, rivals].

    The best rival is chosen on the same networks, and so looks better than it is. Therefore the
    bootstrap over networks takes the largest error of any rival's mean in each draw, up and down:
    an interval that holds for all rivals at once (White 2000, doi:10.1111/1468-0262.00152).
    """
    n = len(differences)
    counts = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), _RESAMPLES)
    means = differences.mean(axis=0)
    errors = counts @ differences / n - means
    down = float(np.quantile(errors.max(axis=1), 0.975))
    up = float(np.quantile((-errors).max(axis=1), 0.975))
    return float(means.min()) - down, float(means.min()) + up


def made(rows: pd.DataFrame) -> pd.DataFrame:
    """What the networks of each family are like, on average."""
    by = rows.groupby(["suite", "family"], sort=False)
    table = by[["units", "edges", "live", "scored", "modules", "inside"]].mean()
    table.insert(0, "networks", by.size())
    return table.reset_index()


def summary(
    version: str, digest: str, tables: Mapping[str, pd.DataFrame], known: Mapping[str, Entrant]
) -> dict[str, Any]:
    """What is read by programs, JSON-able."""
    lost = tables["losses"]
    whole: list[str] = []
    if len(lost):
        whole = lost[lost["loses"] & (lost["family"] == "all")]["suite"].to_list()
    return {
        "schema": "netsculpt.modbench/1",
        "version": version,
        "digest": digest,
        "networks": len(tables["made"]),
        "entrants": {
            name: {"library": x.library, "version": x.version, "sees": x.sees, "needs": x.needs}
            for name, x in known.items()
        },
        "default": DEFAULT,
        "default_loses_on": whole,
        "overview": _plain(tables["overview"]),
        "losses": _plain(lost),
    }


def _plain(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows with None for what is missing."""
    return [
        {
            str(key): None if isinstance(value, float) and np.isnan(value) else value
            for key, value in row.items()
        }
        for row in table.astype(object).to_dict("records")
    ]
