"""Tables over seeds: means with t-intervals, ranks, and differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import kendalltau, t

from at_initialisation.cells import DENSE
from at_initialisation.measured import MEASURES
from at_initialisation.pruned import CORRECTED, NONE, PLAIN

__all__ = [
    "accuracies",
    "agreement",
    "baselines_beside",
    "cut_off",
    "differences",
    "live_by_layer",
    "means",
    "over_seeds",
    "ranks",
    "tables_of",
    "with_interval",
]

_CONFIDENCE = 0.95
_CELL = ["net", "baseline", "initialisation", "asked", "method"]


def tables_of(frames: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """All tables of rows of "nets" and "layers"."""
    rows = frames["nets"]
    table = means(rows)
    return {
        "means": table,
        "live": live_by_layer(frames["layers"]),
        "ranks": ranks(table),
        "agreement": agreement(table),
        "correction": differences(rows),
        "baselines": baselines_beside(rows),
        "cut_off": cut_off(rows),
        "accuracies": accuracies(table),
    }


def means(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean and half a 95 % t-interval of every measure over the seeds.

    Measures of paths are over the nets that have one; ``…_seeds`` counts those.
    """
    return over_seeds(rows, _CELL, ["accuracy", "loss", "density", *MEASURES])


def live_by_layer(layers: pd.DataFrame) -> pd.DataFrame:
    """Mean units on a path in each layer, with half a 95 % t-interval; plain initialisation."""
    units = layers[(layers["kind"] == "units") & (layers["initialisation"] == PLAIN)]
    keys = ["net", "baseline", "asked", "method", "layer", "role", "units"]
    return over_seeds(units, keys, ["live"])


def differences(rows: pd.DataFrame) -> pd.DataFrame:
    """Accuracy with fan-in-corrected weights minus that with plain ones, seed by seed."""
    keys = ["net", "baseline", "asked", "method"]
    wide = _accuracy_by(rows, [*keys, "seed"], "initialisation")
    return _gained(wide[CORRECTED] - wide[PLAIN], keys)


def ranks(table: pd.DataFrame) -> pd.DataFrame:
    """Ranks of the methods by mean accuracy (1 = best) for each initialisation and net."""
    own = table[(table["baseline"] == NONE) & (table["method"] != DENSE)]
    keys = ["net", "initialisation", "asked"]
    return own[[*keys, "method", "accuracy"]].assign(
        rank=own.groupby(keys)["accuracy"].rank(ascending=False, method="min").astype(int)
    )


def agreement(table: pd.DataFrame) -> pd.DataFrame:
    """Kendall's τ of the methods' mean accuracies between the initialisations; 1 = same order."""
    own = table[(table["baseline"] == NONE) & (table["method"] != DENSE)]
    table_rows = []
    for (net, asked), part in own.groupby(["net", "asked"], sort=False):
        wide = _accuracy_by(part, ["method"], "initialisation")
        tau = np.nan  # a budget may leave a single method
        if len(wide) > 1:
            tau = float(kendalltau(wide[PLAIN], wide[CORRECTED]).statistic)
        table_rows.append({"net": net, "asked": asked, "methods": len(wide), "tau": tau})
    return pd.DataFrame(table_rows)


def baselines_beside(rows: pd.DataFrame) -> pd.DataFrame:
    """Accuracy with each baseline minus that of the method itself, seed by seed."""
    keys = ["net", "initialisation", "asked", "method"]
    wide = _accuracy_by(rows, [*keys, "seed"], "baseline")
    parts = [
        _gained(wide[baseline] - wide[NONE], keys).assign(baseline=baseline)
        for baseline in wide.columns
        if baseline != NONE
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def cut_off(rows: pd.DataFrame) -> pd.DataFrame:
    """Number of masks that leave no path, or no path to some output."""
    own = rows[(rows["baseline"] == NONE) & (rows["method"] != DENSE)]
    one = own.drop_duplicates(["net", "asked", "method", "seed"])  # a mask has two initialisations
    marked = one.assign(no_path=one["log10_paths"].isna(), no_output=one["live_outputs"] < 1)
    grouped = marked.groupby(["net", "asked", "method"], sort=False)
    return grouped.agg(
        masks=("seed", "size"),
        no_path=("no_path", "sum"),
        some_output_cut=("no_output", "sum"),
        live_hidden=("live_hidden", "mean"),
    ).reset_index()


def accuracies(table: pd.DataFrame) -> pd.DataFrame:
    """Methods × densities, as text."""
    own = table[table["baseline"] == NONE].assign(read=lambda x: with_interval(x, "accuracy"))
    keys = ["net", "initialisation", "method"]
    wide = own.pivot_table("read", keys, "asked", aggfunc="first", sort=False, fill_value="")
    ordered = wide[sorted(wide.columns, reverse=True)]
    return ordered.set_axis([f"{x:.0%}" for x in ordered.columns], axis=1).reset_index()


def with_interval(table: pd.DataFrame, column: str, digits: int = 3) -> pd.Series[str]:
    """Mean ± half an interval, as text."""
    pairs = zip(table[column], table[f"{column}_half"], strict=True)
    return pd.Series([_text(mean, half, digits) for mean, half in pairs], index=table.index)


def _accuracy_by(rows: pd.DataFrame, keys: list[str], columns: str) -> pd.DataFrame:
    return rows.pivot_table("accuracy", keys, columns, aggfunc="first", sort=False)


def _gained(gain: pd.Series[float], keys: list[str]) -> pd.DataFrame:
    """Mean gain over seeds."""
    return over_seeds(gain.dropna().rename("gain").reset_index(), keys, ["gain"])


def over_seeds(rows: pd.DataFrame, keys: list[str], columns: Sequence[str]) -> pd.DataFrame:
    """One row per key: mean and half a 95 % t-interval of each column."""
    table = []
    for key, part in rows.groupby(keys, sort=False):
        row = dict(zip(keys, key, strict=True))
        for column in columns:
            row |= _interval(column, part[column])
        table.append(row)
    return pd.DataFrame(table)


def _interval(column: str, values: Sequence[float] | pd.Series[float]) -> dict[str, float]:
    known = pd.Series(values, dtype=float).dropna()
    n, half = len(known), np.nan
    if n > 1:
        half = float(t.ppf((1 + _CONFIDENCE) / 2, n - 1) * known.std() / np.sqrt(n))
    return {column: known.mean() if n else np.nan, f"{column}_half": half, f"{column}_seeds": n}


def _text(mean: float, half: float, digits: int) -> str:
    if np.isnan(mean):
        return "–"
    return f"{mean:.{digits}f}" + ("" if np.isnan(half) else f" ± {half:.{digits}f}")
