"""Tables over seeds: means, tested differences between methods, and what the network is like."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from at_initialisation.tables import over_seeds, with_interval
from scipy.stats import t

from netsculpt.nulls.holm import holm
from sparse_runs.cells import DENSE, STATIC
from sparse_runs.trained import MEASURES

__all__ = ["against_static", "alike", "differences", "expected", "network", "tables_of"]

_KEYS = ["net", "asked", "method"]
_LEVEL, _CONFIDENCE = 0.05, 0.95
NEAR = 0.02  # of accuracy: a difference below it hardly matters
_KNOWN = {STATIC: 0.796, "set": 0.916, "rigl": 0.949, "ac_dc": 0.964}  # digits, 2 % kept
_SHOWN = (
    "ever_active",
    "turnover",
    "live_hidden",
    "live_edges",
    "log10_paths",
    "fan_in",
    "input_fan_out",
    "modularity",
    "delta",
)


def tables_of(frames: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """All tables of rows of "nets"."""
    rows = _with_all(frames["nets"])
    table = over_seeds(rows, _KEYS, ["accuracy", "loss", "density", *MEASURES])
    pairs = differences(rows)
    return {
        "means": table,
        "differences": pairs,
        "against_static": against_static(rows),
        "accuracies": accuracies(table),
        "alike": alike(pairs),
        "expected": expected(table),
        "network": network(table),
    }


def _with_all(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with a column for every measure: a budget may leave dense nets only."""
    return rows.reindex(columns=[*rows.columns, *(x for x in MEASURES if x not in rows)])


def differences(rows: pd.DataFrame) -> pd.DataFrame:
    """Accuracy of each method minus that of each other, seed by seed.

    Paired t-tests; `p_holm` is adjusted for all pairs of a net at a density. "different" where it
    is at most .05; "equal" where the 95 % interval lies within ±.02; "undecided" otherwise: too few
    seeds for either.
    """
    return _tested(rows, _pairs_of_methods)


def against_static(rows: pd.DataFrame) -> pd.DataFrame:
    """Measures of the network by each method minus those of random masks that stay, as above.

    `p_holm` is adjusted for all methods and measures of a net at a density.
    """
    return _tested(rows, _pairs_with_static).drop(columns="verdict")


def _tested(
    rows: pd.DataFrame, pairs: Callable[[pd.DataFrame], Iterable[dict[str, Any]]]
) -> pd.DataFrame:
    """Differences of a net at a density, tested together."""
    tables = [pd.DataFrame()]
    sparse = rows[rows["method"] != DENSE]
    for _, part in sparse.groupby(["net", "asked"], sort=False):
        own = pd.DataFrame(pairs(part))
        if own.empty:
            continue
        known = own["p"].notna().to_numpy()
        adjusted = np.full(len(own), np.nan)
        adjusted[known] = holm(own["p"].to_numpy()[known])
        own = own.assign(p_holm=adjusted)
        own["verdict"] = [_verdict(row) for _, row in own.iterrows()]
        own["net"], own["asked"] = part["net"].iloc[0], part["asked"].iloc[0]
        tables.append(own)
    return pd.concat(tables, ignore_index=True)


def _pairs_of_methods(part: pd.DataFrame) -> Iterator[dict[str, Any]]:
    wide = part.pivot_table("accuracy", "seed", "method", sort=False)
    for one, other in combinations(wide.columns, 2):
        yield {"method": one, "other": other, **_difference(wide[one], wide[other])}


def _pairs_with_static(part: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for measure in MEASURES:
        wide = part.pivot_table(measure, "seed", "method", sort=False)
        for method in wide.columns.difference([STATIC], sort=False):
            if STATIC in wide:
                found = _difference(wide[method], wide[STATIC])
                yield {"method": method, "measure": measure, **found}


def _difference(one: pd.Series[float], other: pd.Series[float]) -> dict[str, float]:
    """Mean difference, half its 95 % t-interval, and the p of a paired t-test."""
    gains = (one - other).dropna().to_numpy(dtype=float)
    n, mean = len(gains), float(gains.mean()) if len(gains) else float("nan")
    half = p = float("nan")
    if n > 1:
        error = float(gains.std(ddof=1)) / np.sqrt(n)
        half = float(t.ppf((1 + _CONFIDENCE) / 2, n - 1)) * error
        ratio = abs(mean) / error if error else np.inf if mean else 0.0
        p = float(2 * t.sf(ratio, n - 1))
    return {"seeds": n, "difference": mean, "half": half, "p": p}


def _verdict(row: pd.Series[Any]) -> str:
    if row["p_holm"] <= _LEVEL:
        return "different"
    return "equal" if abs(row["difference"]) + row["half"] <= NEAR else "undecided"


def alike(pairs: pd.DataFrame) -> pd.DataFrame:
    """Which pairs of methods differ in accuracy, and which do not, by net and density."""
    found = []
    for (net, asked), part in pairs.groupby(["net", "asked"], sort=False):
        row: dict[str, Any] = {"net": net, "kept": f"{asked:.0%}", "pairs": len(part)}
        for verdict in ("different", "equal", "undecided"):
            own = part[part["verdict"] == verdict]
            row[verdict] = len(own)
            if verdict == "equal":
                names = zip(own["method"], own["other"], strict=True)
                row["equal within .02"] = ", ".join(f"{a} = {b}" for a, b in names) or "–"
        found.append(row)
    return pd.DataFrame(found)


def accuracies(table: pd.DataFrame) -> pd.DataFrame:
    """Methods × densities, mean ± half a 95 % t-interval."""
    own = table.assign(read=with_interval(table, "accuracy"))
    wide = own.pivot_table("read", ["net", "method"], "asked", aggfunc="first", sort=False)
    ordered = wide[sorted(wide.columns, reverse=True)].fillna("")
    return ordered.set_axis([f"{x:.0%}" for x in ordered.columns], axis=1).reset_index()


def expected(table: pd.DataFrame) -> pd.DataFrame:
    """Known accuracies of a perceptron of digits with 2 % of its weights, and those found here."""
    own = table[table["net"].str.startswith("mlp") & (table["asked"] == 0.02)]
    own = own[own["method"].isin(list(_KNOWN))]
    rows = []
    for net, part in own.groupby("net", sort=False):
        by_method = part.set_index("method")
        ranks = by_method["accuracy"].rank().astype(int)
        for rank, (method, known) in enumerate(_KNOWN.items(), start=1):
            if method in by_method.index:
                found = by_method.loc[method, ["accuracy", "accuracy_half"]]
                row = {"net": net, "method": method, "known": known, "found": found["accuracy"]}
                row |= {"half": found["accuracy_half"], "known rank": rank}
                rows.append({**row, "found rank": ranks[method]})
    return pd.DataFrame(rows)


def network(table: pd.DataFrame) -> pd.DataFrame:
    """What the network is like at the end, mean ± half a 95 % t-interval."""
    own = table[table["method"] != DENSE].reset_index(drop=True)
    texts = {measure: with_interval(own, measure, 2) for measure in _SHOWN}
    kept = [f"{x:.0%}" for x in own["asked"]]
    return pd.DataFrame({"net": own["net"], "kept": kept, "method": own["method"], **texts})
