"""Means over the seeds, with 95 % t-intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from lee2020.measured import PLAIN

__all__ = ["GROUP", "NOTHING", "tables_of"]

NOTHING = 1e-12  # in place of 0 in logarithms: a net that is cut off
GROUP = ["activation", "init", "method", "samples", "density"]


def tables_of(
    raw: Mapping[str, pd.DataFrame], checkpoints: Sequence[int], goal: float
) -> dict[str, pd.DataFrame]:
    """Tables over the seeds.

    Gains are differences from the plain net of the same seed. Means of losses and accuracies leave
    out the nets that diverged, which are counted.
    """
    key = [*GROUP, "state"]
    layers = raw["isometry"].groupby([*key, "seed"], sort=False)
    own, through = ["layer_mean", "layer_sd"], ["through_mean", "through_sd", "through_max"]
    values = layers[own].mean().join(layers[through].last())
    values["through_log10"] = np.log10(values["through_mean"].clip(NOTHING))
    each = _of_runs(raw, checkpoints, goal)
    measures = ["accuracy", *(f"loss_{epoch}" for epoch in checkpoints)]
    speed = _over_seeds(each, key, measures).join(
        each.groupby(key, sort=False).agg(
            seeds=("seed", "size"),
            reached=("epochs_to_goal", "count"),
            epochs_to_goal=("epochs_to_goal", _median),
            connected=("connected", "mean"),
            diverged=("diverged", "sum"),
        )
    )
    plain = each[each["state"] == PLAIN].set_index([*GROUP, "seed"])[measures]
    others = each[each["state"] != PLAIN].set_index([*GROUP, "seed"])
    gains = (others[measures] - plain.reindex(others.index)).assign(state=others["state"])
    shares = raw["isometry"][raw["isometry"]["state"] == PLAIN]
    kept = shares.pivot_table("layer_density", GROUP, "layer", sort=False)
    return {
        "singular_values": _over_seeds(
            values.reset_index(), key, list(map(str, values))
        ).reset_index(),
        "speed": speed.reset_index(),
        "gains": _over_seeds(gains.reset_index(), key, measures).reset_index(),
        "layer_densities": kept.reset_index(),
    }


def _of_runs(
    raw: Mapping[str, pd.DataFrame], checkpoints: Sequence[int], goal: float
) -> pd.DataFrame:
    """One row per trained net: losses, epochs to the goal, final accuracy."""
    key = [*GROUP, "state", "seed"]
    runs = raw["runs"].set_index(key)
    curves = raw["curves"]
    good = curves[curves["accuracy"] >= goal]
    table = runs.assign(
        accuracy=curves.groupby(key)["accuracy"].last(),
        epochs_to_goal=good.groupby(key)["epoch"].first(),
    )
    for epoch in checkpoints:
        loss = curves[curves["epoch"] == epoch].set_index(key)["validation_loss"]
        table[f"loss_{epoch}"] = loss
    table.loc[table["diverged"], [x for x in table if x not in runs]] = math.nan
    return table.reset_index()


def _median(epochs: pd.Series[float]) -> float:
    """Median in which nets that never reach the goal count as ∞; NaN if it is."""
    median = float(epochs.fillna(math.inf).median())
    return median if math.isfinite(median) else math.nan


def _over_seeds(rows: pd.DataFrame, key: list[str], columns: list[str]) -> pd.DataFrame:
    """Mean of each column, and the bounds of its interval."""
    grouped = rows.groupby(key, sort=False)[columns]
    mean, n = grouped.mean(), grouped.count()
    half = grouped.sem() * stats.t.ppf(0.975, n - 1)
    columns_of: dict[str, pd.Series[float]] = {}
    for name in columns:
        columns_of |= {
            name: mean[name],
            f"{name}_from": mean[name] - half[name],
            f"{name}_to": mean[name] + half[name],
        }
    return pd.DataFrame(columns_of)
