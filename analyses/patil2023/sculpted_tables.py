"""Tables of the study: networks sculpted here, compared with published ones."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from scipy.stats import binomtest, fisher_exact

from patil2023.measured import HERE, PUBLISHED, UNITS
from patil2023.paper import carrying_units_in_paper
from patil2023.tables import print_rates, success_rates

__all__ = [
    "carrying_by_state",
    "digits_found",
    "levels_found",
    "print_study",
    "rates_beside",
    "sizes",
    "tests_by_state",
]

_CELL = ["detector", "measure", "row", "column"]


def rates_beside(rows: pd.DataFrame) -> pd.DataFrame:
    """Success rates of our networks, of published ones of the same cells, and of the paper.

    ``from`` and ``to`` bound the rate at 95 % (Clopper–Pearson); ``low`` and ``high`` are the
    paper's bounds, ``difference`` how far our rate lies outside them. ``p_lower``: how likely so
    few successes are if ours and the published networks have the same rate (Fisher's exact test).
    """
    ours = rows[rows["source"] == HERE]
    rates = success_rates(ours)
    bounds = [
        binomtest(round(n * rate), n).proportion_ci()
        for n, rate in zip(rates["networks"], rates["rate"], strict=True)
    ]
    rates["from"], rates["to"] = [x.low for x in bounds], [x.high for x in bounds]
    cells = ["experiment", "arch"]
    published = rows[rows["source"] == PUBLISHED]
    published = published.merge(ours[cells].drop_duplicates(), on=cells)
    if len(published):
        theirs = success_rates(published)[[*_CELL, "networks", "rate"]]
        new = {"networks": "published_networks", "rate": "published_rate"}
        rates = rates.merge(theirs.rename(columns=new), on=_CELL, how="left")
        rates["p_lower"] = [_lower(row) for row in rates.to_dict("records")]
    return rates


def _lower(cell: dict[Hashable, Any]) -> float:
    if pd.isna(cell["published_rate"]):
        return float("nan")
    table = []
    for n, rate in (("networks", "rate"), ("published_networks", "published_rate")):
        met = round(cell[n] * cell[rate])
        table.append([met, cell[n] - met])
    return float(fisher_exact(np.array(table), alternative="less").pvalue)


def sizes(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean kept weights and live hidden units of each experiment and architecture."""
    once = rows[(rows["detector"] == rows["detector"].iloc[0]) & rows["first_listed"]]
    parts = []
    for source, own in once.groupby("source", sort=False):
        grouped = own.groupby(["experiment", "arch"], sort=False)
        part = grouped.agg(
            networks=("id", "size"), kept=("kept", "mean"), live_hidden=("live_hidden", "mean")
        )
        parts.append(part.add_suffix(f"_{source}"))
    table: pd.DataFrame = pd.concat(parts, axis=1).dropna(subset=f"networks_{HERE}").reset_index()
    return table


def levels_found(rows: pd.DataFrame) -> pd.DataFrame:
    """Modules and levels found in hierarchies of five functions.

    The functions have three levels: two of the inputs, one of both, two that use these.
    """
    chosen = rows[rows["study"] == "levels"]
    grouped = chosen.groupby(["detector", "source", "uses"], sort=True)
    return grouped.agg(
        networks=("id", "size"),
        inputs=("inputs", "mean"),
        outputs=("outputs", "mean"),
        modules=("n_modules", "mean"),
        levels=("n_levels", "mean"),
    ).reset_index()


def tests_by_state(tests: pd.DataFrame) -> pd.DataFrame:
    """Edge-weight products inside a function and outside, by state of pruning."""
    marked = tests.assign(significant=tests["p"] < 0.05)
    grouped = marked.groupby(["name", "arch", "state"], sort=False)
    return grouped.agg(
        tests=("p", "size"),
        inside=("inside", "mean"),
        others=("others", "mean"),
        median_t=("t", "median"),
        significant=("significant", "mean"),
    ).reset_index()


def carrying_by_state(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean number of units that carry 90 % of each hidden layer, here and in the paper.

    The paper's are of the 'reused' exemplar, pruned by units and edges.
    """
    by = ["name", "state", "width", "hidden_layer"]
    table = rows.groupby(by, sort=True)["units"].agg(networks="size", units="mean").reset_index()
    paper = carrying_units_in_paper().assign(name="reused", state=UNITS)
    return table.merge(paper, on=by, how="left")


def digits_found(rows: pd.DataFrame) -> pd.DataFrame:
    """Means over the networks of a task."""
    grouped = rows.groupby(["task", "arch", "detector"], sort=False)
    means = grouped[
        [
            *("dense_accuracy", "accuracy", "density", "live_inputs", "live_hidden", "n_modules"),
            *("n_levels", "output_modules", "inputs", "inputs_ari", "inputs_pure", "hidden_pure"),
        ]
    ].mean()
    return means.assign(networks=grouped.size()).reset_index()


def print_study(tables: Mapping[str, pd.DataFrame]) -> None:
    """Print the tables."""
    console = Console()
    if "success_rates" in tables:
        print_rates(console, tables["success_rates"], _rate)
        console.print("rate (networks) | the paper's")
    for name, title in _TITLES.items():
        if len(tables.get(name, ())):
            shown = _SHOWN.get(name, _as_is)(tables[name].round(3))
            table = Table(*shown.columns.astype(str), title=title)
            for values in shown.itertuples(index=False):
                table.add_row(*map(_text, values))
            console.print(table)


def _turned(digits: pd.DataFrame) -> pd.DataFrame:
    """One column per task: there are few tasks with many numbers."""
    return digits.set_index("task").T.reset_index(names="")


def _by_width(carrying: pd.DataFrame) -> pd.DataFrame:
    """One column per width, for the task that the paper reports."""
    own = carrying[carrying["name"] == "reused"]
    by = ["hidden_layer", "state"]
    ours = own.pivot_table(index=by, columns="width", values="units")
    theirs = own.assign(state="paper").pivot_table(index=by, columns="width", values="paper")
    return pd.concat([ours, theirs]).sort_index().reset_index()


def _as_is(table: pd.DataFrame) -> pd.DataFrame:
    return table


_SHOWN = {"digits": _turned, "carrying": _by_width}
_TITLES = {
    "pair_tests": "edge-weight products inside a function and outside",
    "carrying": "reused: hidden units that carry 90 % of the edge-weight product to the outputs",
    "levels": "hierarchical levels",
    "digits": "two digits",
}


def _rate(cell: dict[Hashable, Any]) -> str:
    ours = f"{cell['rate']:.2f} ({cell['networks']})"
    low, high = cell["low"], cell["high"]
    if pd.isna(low):
        return ours
    return f"{ours} | {low:.2f}" if low == high else f"{ours} | {low:.2f}–{high:.2f}"


def _text(value: Any) -> str:
    return "" if pd.isna(value) else f"{value:g}" if isinstance(value, float) else str(value)
