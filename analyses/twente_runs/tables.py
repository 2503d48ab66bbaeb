"""Effects of factors, rankings of estimates, and the pilot's numbers."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from at_initialisation.tables import over_seeds
from scipy.stats import friedmanchisquare, rankdata, studentized_range

from twente_runs.cells import FACTORS, OUTCOMES
from twente_runs.interactions import interactions

__all__ = ["effects", "pilot", "rankings", "tables_of"]

_LEVEL = 0.05
KNOWN = MappingProxyType(  # 64-32-10, tanh: means of two seeds in the pilot
    {
        ("z", "train", "signed"): 0.895,
        ("z", "held_out", "signed"): -0.025,
        ("z", "held_out", "absolute"): 0.69,
        ("raw", "train", "signed"): 0.545,
        ("raw", "held_out", "signed"): 0.02,
        ("raw", "held_out", "absolute"): 0.315,
        ("minmax", "train", "signed"): 0.60,
        ("minmax", "held_out", "signed"): -0.02,
        ("minmax", "held_out", "absolute"): 0.465,
    }
)


def tables_of(frames: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """All tables of the rows of cells."""
    pooled = frames["correlations"].query("parameter == 'all'")
    own = pooled[pooled["part"] == "study"]
    tables = {"pilot": pilot(pooled), "means": _means(own), "unchanged": _unchanged(frames)}
    if len(own):
        tables |= {
            "effects": effects(own, frames["nets"]),
            "interactions": interactions(own),
            "rankings": rankings(own),
            "by_layer": _by_layer(frames["correlations"]),
        }
    return tables


def pilot(pooled: pd.DataFrame) -> pd.DataFrame:
    """Rank correlations of magnitude in the pilot's net, next to those known."""
    own = pooled[(pooled["part"] != "study") & (pooled["estimate"] == "magnitude")]
    rows = []
    for (inputs, data, outcome), known in KNOWN.items():
        part = own[(own["inputs"] == inputs) & (own["data"] == data) & (own["outcome"] == outcome)][
            "spearman"
        ]
        if len(part):
            row = {"inputs": inputs, "data": data, "outcome": outcome, "known": known}
            row |= {"found": part.mean(), "least": part.min(), "most": part.max()}
            rows.append({**row, "seeds": len(part)})
    return pd.DataFrame(rows)


def _means(own: pd.DataFrame) -> pd.DataFrame:
    """Mean rank correlation of every estimate."""
    keys = ["estimate", "data", "outcome"]
    return _over_treatments(own.dropna(subset=["spearman"]), keys, ["spearman", "kendall"])


def _unchanged(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Shares of the weights without which the loss falls, and stays the same."""
    own = frames["effects"].query("parameter == 'all'")
    return _over_treatments(own, ["part", "sparsity", "data"], ["falls", "unchanged"])


def _by_layer(rows: pd.DataFrame) -> pd.DataFrame:
    """Magnitude within single layers, next to all layers pooled: they may differ."""
    own = rows[(rows["part"] == "study") & (rows["estimate"] == "magnitude")]
    keys = ["arch", "parameter", "data", "outcome"]
    return _over_treatments(own.dropna(subset=["spearman"]), keys, ["spearman"])


def _over_treatments(rows: pd.DataFrame, keys: list[str], values: list[str]) -> pd.DataFrame:
    """Means and half 95 % intervals over treatments, each the mean over its seeds."""
    by = list(dict.fromkeys([*keys, *FACTORS]))
    table = over_seeds(rows.groupby(by, sort=False)[values].mean().reset_index(), keys, values)
    return table.rename(columns={f"{x}_seeds": f"{x}_treatments" for x in values})


def effects(own: pd.DataFrame, nets: pd.DataFrame) -> pd.DataFrame:
    """Effect of each level of each factor, against the first, with a 95 % interval.

    Mixed-effects models of the rank correlation of magnitude with the change of the loss, one for
    each outcome, of the area between the curves, and of accuracy: factors are fixed, the treatment
    is random, for two nets that differ by their seed only are more alike than others, and do not
    tell as much. Least squares where there is only one seed, or treatments do not vary beyond their
    factors. `p_holm` is Holm's for all levels of a measure.
    """
    rows = own[own["estimate"] == "magnitude"].dropna(subset=["spearman"])
    measures = {
        f"rho {data} {outcome}": rows[(rows["data"] == data) & (rows["outcome"] == outcome)].rename(
            columns={"spearman": "value"}
        )
        for data, outcome in OUTCOMES
    }
    study = nets[nets["part"] == "study"]
    for name in ("area_held_out", "area_recovered", "accuracy_held_out"):
        if name in study and study[name].notna().any():
            measures[name] = study.dropna(subset=[name]).rename(columns={name: "value"})
    tables = [_effects(name, table) for name, table in measures.items()]
    return pd.concat([x for x in tables if len(x)] or [pd.DataFrame()], ignore_index=True)


def _effects(measure: str, rows: pd.DataFrame) -> pd.DataFrame:
    """One model: the coefficients of its levels."""
    import statsmodels.formula.api as smf
    from statsmodels.stats.multitest import multipletests

    varied = {
        name: [level for level in levels if (rows[name] == level).any()]
        for name, levels in FACTORS.items()
    }
    varied = {name: levels for name, levels in varied.items() if len(levels) > 1}
    n_needed = 2 + sum(len(levels) - 1 for levels in varied.values())
    if not varied or len(rows) < n_needed:
        return pd.DataFrame()
    terms = [f"C({name}, Treatment('{levels[0]}'))" for name, levels in varied.items()]
    formula, kind = "value ~ " + " + ".join(terms), "least squares"
    fitted: Any = smf.ols(formula, rows).fit()
    spread = float(np.std(fitted.resid))
    if len(set(rows["seed"])) > 1:
        treatments = rows[list(FACTORS)].agg(", ".join, axis=1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a variance at its bound: seen below
            mixed: Any = smf.mixedlm(formula, rows, groups=treatments).fit()
        if mixed.converged and float(mixed.cov_re.iloc[0, 0]) > 0:
            fitted, kind = mixed, "mixed"
    intervals, found = fitted.conf_int(), []
    for (name, levels), term in zip(varied.items(), terms, strict=True):
        for level in levels[1:]:
            key = f"{term}[T.{level}]"
            low, high = intervals.loc[key]
            row: dict[str, Any] = {
                "measure": measure,
                "factor": name,
                "level": level,
                "against": levels[0],
            }
            row |= {"effect": float(fitted.params[key]), "low": float(low), "high": float(high)}
            row |= {"in_deviations": row["effect"] / spread if spread else np.nan}
            found.append({**row, "p": float(fitted.pvalues[key]), "model": kind, "n": len(rows)})
    table = pd.DataFrame(found)
    return table.assign(p_holm=multipletests(table["p"], method="holm")[1])


def rankings(own: pd.DataFrame) -> pd.DataFrame:
    """Mean rank of each estimate over treatments (1 = best), and what difference of ranks counts.

    A treatment is ranked by the means over its seeds.

    Friedman's test that all are equal; two estimates differ at 5 % if their mean ranks do by more
    than `critical`, Nemenyi's difference. Demšar 2006, JMLR 7.
    """
    tables = []
    for data, outcome in OUTCOMES:
        part = own[(own["data"] == data) & (own["outcome"] == outcome)]
        wide = part.pivot_table("spearman", list(FACTORS), "estimate").dropna()
        n, k = wide.shape
        if n < 2 or k < 3:
            continue
        order = rankdata(-wide.to_numpy(), axis=1)
        critical = studentized_range.ppf(1 - _LEVEL, k, np.inf) / np.sqrt(2)
        tables.append(
            pd.DataFrame(
                {
                    "data": data,
                    "outcome": outcome,
                    "estimate": wide.columns,
                    "mean_rank": order.mean(axis=0),
                    "mean_spearman": wide.mean().to_numpy(),
                    "critical": critical * np.sqrt(k * (k + 1) / (6 * n)),
                    "friedman_p": friedmanchisquare(*wide.to_numpy().T).pvalue,
                    "treatments": n,
                }
            ).sort_values("mean_rank")
        )
    return pd.concat(tables or [pd.DataFrame()], ignore_index=True)
