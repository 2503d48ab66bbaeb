"""Tables over seeds: accuracies, relative error increases with intervals, rankings."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import kendalltau

from netsculpt.compare.error_increase import ErrorIncrease, relative_error_increase
from transfer_runs.cells import DENSE, FEW, METHODS
from transfer_runs.published import published_increases

__all__ = ["accuracies", "increases", "rankings", "tables_of", "target_increases"]

_KEYS = ["pair", "mode", "method", "asked"]


def tables_of(frames: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """All tables that the rows allow: of our nets, of published runs, or of both."""
    tables = dict[str, pd.DataFrame]()
    if "transfers" in frames:
        rows = _few_apart(frames["transfers"])
        means = increases(rows)
        tables |= {
            "sources": _sources(frames["sources"]),
            "accuracies": accuracies(rows),
            "increases": means,
            "target_increases": target_increases(rows),
            "rankings": rankings(means),
        }
    if "published_runs" in frames:
        tables |= published_increases(frames["published_runs"])
    return tables


def _few_apart(rows: pd.DataFrame) -> pd.DataFrame:
    """Targets of few samples as a pair of their own: they would decide the mean of all."""
    few = rows["target"].str.endswith(FEW)
    return rows.assign(pair=rows["pair"].where(~few, rows["pair"] + FEW))


def increases(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean and median over targets of the increase over the dense nets of the same seeds.

    In percent, with 95 % intervals of a paired bootstrap over seeds. `verdict`: "worse" or
    "better" than dense where the interval of the mean leaves 0 out, else "undecided".
    """
    found = []
    for about, each in _compared(rows):
        low, high = each.mean_interval
        verdict = "worse" if low > 0 else "better" if high < 0 else "undecided"
        row = {**about, "seeds": each.n[0], "mean": each.mean, "low": low, "high": high}
        row |= {"median": each.median, "median_low": each.median_interval[0]}
        found.append({**row, "median_high": each.median_interval[1], "verdict": verdict})
    table = pd.DataFrame(found)
    shares = ["mean", "low", "high", "median", "median_low", "median_high"]
    return table.assign(**{name: 100 * table[name] for name in shares if name in table})


def target_increases(rows: pd.DataFrame) -> pd.DataFrame:
    """The increase on each target, in percent, with its interval."""
    found = [pd.DataFrame()]
    found += [each.table().assign(**about) for about, each in _compared(rows)]
    table = pd.concat(found, ignore_index=True)
    return table.assign(
        **{name: 100 * table[name] for name in ("increase", "low", "high") if name in table}
    )


def _compared(rows: pd.DataFrame) -> list[tuple[dict[str, Any], ErrorIncrease]]:
    """Every method at every density against the dense nets, on the seeds that both have."""
    found = []
    for (pair, mode), part in rows.groupby(["pair", "mode"], sort=False):
        dense = _wide(part[part["method"] == DENSE])
        others = part[part["method"] != DENSE]
        for (method, asked), own in others.groupby(["method", "asked"], sort=False):
            wide = _wide(own)
            seeds = wide.index.intersection(dense.index)
            if not len(seeds):
                continue
            sides = [_by_target(table.loc[seeds], dense.columns) for table in (wide, dense)]
            about = dict(zip(_KEYS, (pair, mode, method, asked), strict=True))
            found.append((about, relative_error_increase(*sides, rng=0)))
    return found


def _by_target(table: pd.DataFrame, targets: pd.Index[Any]) -> dict[str, NDArray[np.float64]]:
    return {str(name): table[name].to_numpy(dtype=np.float64) for name in targets}


def _wide(rows: pd.DataFrame) -> pd.DataFrame:
    """Accuracies, seeds × targets."""
    return rows.pivot_table("accuracy", "seed", "target", sort=False).dropna()


def accuracies(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean accuracy in percent ± standard deviation over seeds, by target."""
    grouped = rows.groupby([*_KEYS, "target"], sort=False)["accuracy"]
    table = grouped.agg(["mean", "std"]).reset_index()
    texts = [
        f"{100 * x:.1f} ± {100 * s:.1f}" for x, s in zip(table["mean"], table["std"], strict=True)
    ]
    wide = table.assign(read=texts).pivot_table(
        "read", _KEYS, "target", aggfunc="first", sort=False
    )
    return wide.fillna("").reset_index()


def rankings(table: pd.DataFrame) -> pd.DataFrame:
    """Methods from best to worst by the mean increase, and Kendall's τ between the two modes."""
    found = []
    own = table[table["method"].isin(METHODS)] if len(table) else table
    for (pair, asked), part in own.groupby(["pair", "asked"], sort=False) if len(own) else ():
        wide = part.pivot_table("mean", "method", "mode").dropna()
        row: dict[str, Any] = {"pair": pair, "asked": asked}
        for mode in wide:
            row[str(mode)] = " < ".join(wide[mode].sort_values().index)
        for one, other in combinations(wide, 2):
            many = len(wide) > 1
            row["tau"] = kendalltau(wide[one], wide[other]).statistic if many else np.nan
        found.append(row)
    return pd.DataFrame(found)


def _sources(rows: pd.DataFrame) -> pd.DataFrame:
    keys = ["pair", "method", "asked"]
    measures = ["density", "source_accuracy", "live_features", "dimension"]
    means = rows.groupby(keys, sort=False)[measures].mean()
    return means.reset_index()
