"""Which factors act together, and how much each explains."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pandas as pd

from twente_runs.cells import FACTORS, OUTCOMES

__all__ = ["interactions"]


def interactions(own: pd.DataFrame) -> pd.DataFrame:
    """Share of variance that each factor explains, and each pair beyond its two factors; F tests.

    Of the rank correlation of magnitude with the change of the loss, as means over seeds: one value
    of each treatment, so that nets that differ by their seed only do not count as many. Each factor
    is tested against the model of all others, each pair against that of all factors; `share` is
    partial η², `p_holm` is Holm's for all tests of an outcome.
    """
    rows = own[own["estimate"] == "magnitude"].dropna(subset=["spearman"])
    tables = []
    for data, outcome in OUTCOMES:
        part = rows[(rows["data"] == data) & (rows["outcome"] == outcome)]
        means = part.groupby(list(FACTORS))["spearman"].mean().reset_index()
        names = [name for name in FACTORS if len(set(means[name])) > 1]
        if names:
            tables.append(_tested(means, names).assign(data=data, outcome=outcome, n=len(means)))
    return pd.concat(tables or [pd.DataFrame()], ignore_index=True)


def _tested(means: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """F tests of nested least squares."""
    import statsmodels.formula.api as smf
    from statsmodels.stats.multitest import multipletests

    def fitted(terms: list[str]) -> Any:
        return smf.ols("spearman ~ " + " + ".join(terms or ["1"]), means).fit()

    whole, found = fitted(names), []
    models = {name: (fitted([x for x in names if x != name]), whole) for name in names}
    for pair in combinations(names, 2):
        models[" × ".join(pair)] = (whole, fitted([*names, ":".join(pair)]))
    for factors, (smaller, larger) in models.items():
        if larger.df_resid < 1:
            continue  # too few nets to tell
        f, p, df = larger.compare_f_test(smaller)
        share = 1 - larger.ssr / smaller.ssr
        row = {"factors": factors, "share": share, "f": f, "df": int(df), "p": p}
        found.append({**row, "df_left": int(larger.df_resid)})
    table = pd.DataFrame(found)
    if len(table):
        table["p_holm"] = multipletests(table["p"], method="holm")[1]
    return table
