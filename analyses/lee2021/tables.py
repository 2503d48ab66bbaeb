"""Fewest steps with resamples of the draws, fits over the batch sizes, and sparse against dense."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from lee2021.nets import DENSE
from netsculpt.core.random import stream
from netsculpt.training.parallelism import bootstrapped_best, median_best, scaling
from netsculpt.training.parallelism.scaling import Scaling

__all__ = ["CURVE", "tables_of"]

CURVE = ["goal", "optimizer", "method", "density"]
_N_RESAMPLES = 2000
_RANGE = (2.5, 97.5)  # percent
_FEWER = (8, 16)  # draws
_FITTED = ("c1", "c2", "critical_batch")


@dataclass(frozen=True, eq=False)
class Curve:
    """Steps of all draws at all batch sizes."""

    key: tuple[Any, ...]
    sizes: NDArray[np.int64]  # [n]
    steps: NDArray[np.float64]  # [n, R], ∞ where the goal was not reached
    at_edge: NDArray[np.bool_]  # [n]: the best learning rate is at an edge of its range

    @property
    def fitted(self) -> NDArray[np.bool_]:
        """Batch sizes to fit: the goal was reached, by a learning rate inside its range."""
        chosen: NDArray[np.bool_] = np.isfinite(self.steps.min(1)) & ~self.at_edge
        return chosen

    @cached_property
    def resampled(self) -> NDArray[np.float64]:
        """K* of resampled draws [n_resamples, n]; curves are resampled alike."""
        return bootstrapped_best(self.steps, _N_RESAMPLES, rng=stream(0, "draws"))


def tables_of(frames: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """All tables that the rows allow: a budget may leave out some."""
    tables = {}
    if "draws" in frames:
        curves = _curves(frames["draws"], frames["searches"])
        tables["steps"] = pd.concat([_points(x, frames["searches"]) for x in curves])
        tables["scaling"] = pd.DataFrame([_fit(x) for x in curves])
        tables["ratios"] = pd.DataFrame(_against_dense(curves))
    if "steepness" in frames:
        tables["lipschitz"] = _lipschitz(frames["steepness"])
    return tables


def _curves(draws: pd.DataFrame, searches: pd.DataFrame) -> list[Curve]:
    steps = draws.assign(steps=draws["steps"].astype(float).fillna(np.inf))
    wide = steps.pivot_table("steps", [*CURVE, "batch_size"], "draw", sort=True)
    edges = searches.set_index([*CURVE, "batch_size"])["at_edge"].reindex(wide.index)
    curves = []
    for key, group in groupby(range(len(wide)), key=lambda row: wide.index[row][:-1]):
        rows = list(group)
        sizes = np.array([wide.index[row][-1] for row in rows])
        values = wide.iloc[rows].to_numpy(dtype=float)
        curves.append(Curve(key, sizes, values, edges.iloc[rows].to_numpy(dtype=bool)))
    return curves


def _points(curve: Curve, searches: pd.DataFrame) -> pd.DataFrame:
    """One row per batch size."""
    own = searches.set_index([*CURVE, "batch_size"]).loc[curve.key].loc[curve.sizes]
    low, high = np.percentile(curve.resampled, _RANGE, axis=0, method="nearest")
    columns = {"best": curve.steps.min(1), "best_from": low, "best_to": high}
    columns |= {
        f"best_of_{n}": median_best(curve.steps, n) for n in _FEWER if n < curve.steps.shape[1]
    }
    kept = ["learning_rate", "momentum", "at_edge", "complete", "incomplete", "infeasible"]
    about = dict(zip(CURVE, curve.key, strict=True))
    table = pd.DataFrame({**about, "batch_size": curve.sizes, **columns})
    return table.join(own[[*kept, "searched"]], on="batch_size")


def _fit(curve: Curve) -> dict[str, Any]:
    """The law of a curve, with intervals."""
    chosen = curve.fitted
    fit = scaling(curve.sizes[chosen], curve.steps[chosen].min(1))
    again = scaling(curve.sizes[chosen], curve.resampled[:, chosen])
    row = dict(zip(CURVE, curve.key, strict=True))
    row |= {"sizes": len(curve.sizes), "fitted": int(chosen.sum())}
    row |= {"at_edge": int(curve.at_edge.sum()), "residual": float(fit.residual)}
    for name in _FITTED:
        row |= _with_range(name, getattr(fit, name), getattr(again, name))
    return row


def _against_dense(curves: list[Curve]) -> list[dict[str, Any]]:
    """Ratios of the laws of sparse and dense nets, fitted to the batch sizes of both."""
    dense = {curve.key[:2]: curve for curve in curves if curve.key[2] == DENSE}
    rows = []
    for curve in curves:
        other = dense.get(curve.key[:2])
        if other is None or curve is other:
            continue
        shared = np.intersect1d(curve.sizes[curve.fitted], other.sizes[other.fitted])
        (one, ones), (two, twos) = (_laws(x, shared) for x in (curve, other))
        row = dict(zip(CURVE, curve.key, strict=True)) | {"fitted": len(shared)}
        with np.errstate(divide="ignore", invalid="ignore"):
            for name in _FITTED:
                ratio = getattr(one, name) / getattr(two, name)
                row |= _with_range(name, ratio, getattr(ones, name) / getattr(twos, name))
        rows.append(row)
    return rows


def _laws(curve: Curve, sizes: NDArray[np.int64]) -> tuple[Scaling, Scaling]:
    """The law at some batch sizes, and those of all resamples."""
    chosen = np.isin(curve.sizes, sizes)
    best, again = curve.steps[chosen].min(1), curve.resampled[:, chosen]
    return scaling(curve.sizes[chosen], best), scaling(curve.sizes[chosen], again)


def _with_range(
    name: str, value: NDArray[np.float64], again: NDArray[np.float64]
) -> dict[str, float]:
    known = again[~np.isnan(again)]
    low, high = np.percentile(known, _RANGE, method="nearest") if known.size else [np.nan] * 2
    return {name: float(value), f"{name}_from": float(low), f"{name}_to": float(high)}


def _lipschitz(rows: pd.DataFrame) -> pd.DataFrame:
    """Geometric means over nets, and of the ratio to the dense net of the same draw."""
    logs = rows.assign(log=np.log(rows["lipschitz"]))
    dense = logs[logs["method"] == DENSE].set_index(["rates", "net", "step"])["log"]
    logs = logs.join(dense.rename("dense"), on=["rates", "net", "step"])
    logs["log_ratio"] = logs["log"] - logs["dense"]
    grouped = logs.groupby(["rates", "method", "density", "learning_rate", "step"], sort=False)
    table = pd.DataFrame({"nets": grouped.size(), "error": grouped["error"].mean()})
    for column, name in (("log", "lipschitz"), ("log_ratio", "ratio")):
        mean, n = grouped[column].mean(), grouped[column].count()
        half = grouped[column].sem() * stats.t.ppf(0.975, np.maximum(n - 1, 1))
        values = {name: mean, f"{name}_from": mean - half, f"{name}_to": mean + half}
        table = table.assign(**{key: np.exp(value) for key, value in values.items()})
    return table.reset_index()
