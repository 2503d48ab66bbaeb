"""Tables over seeds: what frozen modules gain, and what targets reuse, with intervals."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t as student

from netsculpt.compare.reuse import Curve, reuse_benefit
from reuse_runs.cells import CONFOUND

__all__ = ["COMPARED", "gains", "mean_interval", "reuse_means", "steps", "tables_of", "verdicts"]

# Pairs of conditions: the first is what is asked about, the second its control.
COMPARED: Final = (
    ("frozen", "scratch"),
    ("frozen", "shuffled"),
    ("frozen", "unrelated"),
    ("frozen", "free"),
    ("free", "scratch"),
)
_THRESHOLDS: Final = (0.5, 0.7, 0.9)  # of interchange accuracy
_MEASURES: Final = (
    *("degree", "chance", "corrected", "mask_reuse", "similarity", "similarity_chance"),
)


def tables_of(frames: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """All tables that the rows allow."""
    tables = {"sources": _sources(frames["sources"])}
    if "transfers" in frames:
        rows = frames["transfers"]
        tables |= {"accuracies": _accuracies(rows), "gains": gains(rows)}
        if (rows["fraction"] == 1).any():
            tables["steps"] = steps(rows)
    if "itself" in frames:
        tables["itself"] = _itself(frames["itself"])
    if "functions" in frames:
        tables["reuse_means"] = reuse_means(frames["reuse"])
        tables["verdicts"] = verdicts(frames["functions"])
    return tables


def mean_interval(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """Mean, and its 95 % interval by Student's t; NaN for a single value."""
    mean, n = float(values.mean()), len(values)
    if n < 2:
        return mean, math.nan, math.nan
    half = float(student.ppf(0.975, n - 1) * values.std(ddof=1) / math.sqrt(n))
    return mean, mean - half, mean + half


def _sources(rows: pd.DataFrame) -> pd.DataFrame:
    """Sources by method; means are of the seeds whose two sources are finished."""
    keys, measures = "method", ["accuracy", "unrelated_accuracy", "density"]
    means = rows[rows["finished"]].groupby(keys, sort=False)[measures].mean()
    counts = rows.groupby(keys, sort=False)["finished"].agg(seeds="size", finished="sum")
    joined: pd.DataFrame = counts.join(means).reset_index()
    return joined


def _accuracies(rows: pd.DataFrame) -> pd.DataFrame:
    keys = ["method", "fraction", "shared", "condition"]
    return rows.pivot_table("accuracy", keys[:-1], keys[-1], sort=False).reset_index()


def gains(rows: pd.DataFrame) -> pd.DataFrame:
    """Accuracy after the last epoch: condition − control, mean over the seeds and its interval."""
    found = []
    for about, wide in _by_setting(rows, "accuracy"):
        for condition, control in COMPARED:
            differences = (wide[condition] - wide[control]).to_numpy(dtype=np.float64)
            mean, low, high = mean_interval(differences)
            row = {**about, "condition": condition, "control": control, "seeds": len(differences)}
            found.append({**row, "gain": mean, "low": low, "high": high})
    return pd.DataFrame(found)


def steps(rows: pd.DataFrame) -> pd.DataFrame:
    """Steps of the control to the goal / steps of the condition; above 1 the condition helps.

    Where all rows of the truth table are learned from.
    """
    found = []
    whole = rows[rows["fraction"] == 1]
    last = whole["steps"].max()
    for about, wide in _by_setting(whole, "steps_to_goal"):
        curves = {str(name): [_curve(x, last) for x in wide[name]] for name in wide}
        for condition, control in COMPARED:
            own, other = curves[condition], {control: curves[control]}
            table = reuse_benefit(own, other, goal=0.5, rng=0).table()
            row = table.drop(columns="control").iloc[0].to_dict()
            found.append({**about, "condition": condition, "control": control} | row)
    return pd.DataFrame(found)


def _curve(first: float, last: float) -> Curve:
    """A run of which only the step is kept at which it reached the goal; NaN if it did not."""
    if math.isnan(first):
        return Curve([last], [0.0])
    return Curve([first], [1.0])


def _by_setting(rows: pd.DataFrame, column: str) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Each method, fraction and k, with the values, seeds × conditions."""
    keys = ["method", "fraction", "shared"]
    for values, part in rows.groupby(keys, sort=False):
        wide = part.pivot_table(column, "seed", "condition", aggfunc="first", dropna=False)
        yield dict(zip(keys, values, strict=True)), wide


def _itself(rows: pd.DataFrame) -> pd.DataFrame:
    """What is found where all is reused: the source as its own target, by method."""
    grouped = rows.groupby("method", sort=False)
    columns = ["computed", "degree", "matched", "similarity", "similarity_chance"]
    shares = [x for x in map(str, rows) if x.startswith("share ")]
    return grouped[[*columns, *shares]].mean().assign(seeds=grouped.size()).reset_index()


def reuse_means(rows: pd.DataFrame) -> pd.DataFrame:
    """Measures of reuse by method and k, with intervals over the seeds that were analysed.

    `beyond_initial` is R* minus that of the target from the source's initial weights.
    """
    found = []
    confounds = rows[rows["shared"] == CONFOUND].set_index(["method", "seed"])["mask_reuse"]
    targets = rows[(rows["shared"] != CONFOUND) & rows["degree"].notna()]
    index = pd.MultiIndex.from_frame(targets[["method", "seed"]])
    initial = confounds.reindex(index).to_numpy(dtype=np.float64)
    targets = targets.assign(beyond_initial=targets["mask_reuse"] - initial)
    for (method, shared), part in targets.groupby(["method", "shared"], sort=False):
        row: dict[str, Any] = {"method": method, "shared": shared, "seeds": len(part)}
        row["accuracy"] = part["accuracy"].mean()
        for name in (*_MEASURES, "beyond_initial"):
            values = part[name].dropna().to_numpy(dtype=np.float64)
            numbers = mean_interval(values) if len(values) else 3 * (math.nan,)
            row |= dict(zip((name, f"{name}_low", f"{name}_high"), numbers, strict=True))
        found.append(row)
    return pd.DataFrame(found)


def verdicts(rows: pd.DataFrame) -> pd.DataFrame:
    """Shares of the functions that source and target share, by verdict and by what carries them.

    ``computed .7`` is the share that a module of the target carries with an interchange accuracy of
    at least .7, whatever it is matched to.
    """
    found = []
    own = rows[rows["is_shared"]]
    for (method, shared), part in own.groupby(["method", "shared"], sort=False):
        row: dict[str, Any] = {"method": method, "shared": shared, "functions": len(part)}
        row |= {name: float((part["verdict"] == name).mean()) for name in _VERDICTS}
        row |= {name: part[name].mean() for name in ("iia_source", "iia_target", "similarity")}
        row |= {f"computed {x:g}": float((part["iia_target"] >= x).mean()) for x in _THRESHOLDS}
        found.append(row)
    return pd.DataFrame(found)


_VERDICTS: Final = ("reused", "relearned elsewhere", "distributed", "absent")
