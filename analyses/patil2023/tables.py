"""The paper's tables from one row per network and detector, and their printing."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from patil2023.paper import USES, WIDTHS, carrying_units_in_paper, rates_in_paper
from patil2023.truth import CRITERIA

__all__ = [
    "agreement",
    "carrying",
    "print_rates",
    "print_side_by_side",
    "print_tables",
    "side_by_side",
    "success_rates",
]

_OF_OVERLAP = {
    "input separability": "inputs",
    "hidden-unit separability": "hidden",
    "output sub-function": "outputs",
}
_POOLED = "all"  # in place of a depth: all depths


def success_rates(rows: pd.DataFrame) -> pd.DataFrame:
    """Share of first-listed networks that meet each criterion, and the paper's rates.

    ``difference`` is how far the rate, rounded as in the paper, lies outside its bounds there.
    """
    kept = rows[rows["first_listed"]]
    overlap = kept[kept["study"] == "overlap"]
    overlap = overlap.assign(row=overlap["name"], column=overlap["uses"])
    parts = [overlap.assign(measure=x, met=overlap[by]) for x, by in _OF_OVERLAP.items()]
    reuse = kept[(kept["study"] == "reuse") & kept["width"].isin(WIDTHS)]
    layers = reuse["hidden_layers"].map(lambda n: f"{n} hidden layer{'s' * (n > 1)}")
    reuse = reuse.assign(row=layers, column=reuse["uses"], met=reuse["reused"])
    parts.append(reuse.assign(measure="reused sub-function"))
    exemplars = pd.concat([kept[kept["study"] == "exemplar"], reuse[reuse["uses"] == USES[-1]]])
    met = exemplars["inputs"] & exemplars["outputs"]
    met = met.mask(exemplars["name"] == "non-modular", exemplars["single"])
    met = met.mask(exemplars["name"] == "reused", exemplars["reused"])
    exemplars = exemplars.assign(row=exemplars["name"], column=exemplars["hidden_layers"], met=met)
    parts.append(exemplars.assign(measure="exemplars"))
    cell = ["measure", "row", "column"]
    grouped = pd.concat(parts).groupby(["detector", *cell], sort=False)["met"]
    rates = grouped.agg(networks="size", rate="mean").reset_index()
    rates = rates.merge(rates_in_paper(), on=cell, how="left")
    shown = rates["rate"].round(2)
    rates["difference"] = (shown - shown.clip(rates["low"], rates["high"])).round(2)
    return rates


def side_by_side(rows: pd.DataFrame) -> pd.DataFrame:
    """Every criterion by study, row, uses and depth, with one column per detector.

    First-listed networks alone, all widths, also in cells for which the paper gives no rate.
    """
    kept = rows[rows["first_listed"]].assign(hidden_layers=lambda x: x["hidden_layers"].astype(str))
    both = pd.concat([kept, kept.assign(hidden_layers=_POOLED)])
    cell = ["study", "name", "uses", "hidden_layers"]
    long = both.melt([*cell, "detector"], list(CRITERIA), "criterion", "met")
    asked = (long["criterion"] != "reused") | (long["study"] == "reuse")
    asked &= (long["criterion"] != "single") | (long["name"] == "non-modular")
    grouped = long[asked].groupby(["criterion", *cell, "detector"])["met"]
    rates = grouped.agg(networks="size", rate="mean").reset_index().astype({"rate": float})
    wide = rates.pivot_table("rate", ["criterion", *cell, "networks"], "detector")
    return wide[[*pd.unique(rows["detector"])]].reset_index().rename_axis(columns=None)


def agreement(rows: pd.DataFrame) -> pd.DataFrame:
    """Agreement of each detector with the published partitions, over all networks."""
    known = rows.dropna(subset="ari")
    grouped = known.groupby("detector", sort=False)
    return grouped.agg(
        networks=("id", "size"),
        exact=("exact", "sum"),
        ari=("ari", "mean"),
        ami=("ami", "mean"),
        lowest_ari=("ari", "min"),
    ).reset_index()


def carrying(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean number of carrying units by experiment, depth, width and hidden layer."""
    by = ["experiment", "hidden_layers", "width", "hidden_layer"]
    table = rows.groupby(by, sort=False)["units"].agg(networks="size", mean="mean", sd="std")
    return table.reset_index()


def print_tables(rates: pd.DataFrame, agreed: pd.DataFrame, carried: pd.DataFrame) -> None:
    """Print the tables."""
    console = Console()
    print_rates(console, rates, _rate)
    console.print("A rate alone is also the paper's; in brackets: the paper's, where it differs.")
    if len(agreed):
        title = "agreement with the published partitions"
        table = Table("detector", "networks", "exact", "ARI", "AMI", title=title)
        for each in agreed.to_dict("records"):
            scores = f"{each['ari']:.3f}", f"{each['ami']:.3f}"
            table.add_row(each["detector"], str(each["networks"]), str(each["exact"]), *scores)
        console.print(table)
    exemplar = (carried["experiment"] == "exemplars-reused") & (carried["hidden_layers"] == 2)
    both = carried[exemplar].merge(carrying_units_in_paper(), on=["width", "hidden_layer"])
    if len(both):
        title = "hidden units that carry 90 % of the edge-weight product to the outputs"
        table = Table("width", "hidden layer", "units", "paper", title=title)
        for each in both.to_dict("records"):
            means = f"{each['mean']:.2f}", f"{each['paper']:.2f}"
            table.add_row(str(each["width"]), str(each["hidden_layer"]), *means)
        console.print(table)


def print_rates(
    console: Console, rates: pd.DataFrame, text_of: Callable[[dict[Hashable, Any]], str]
) -> None:
    """Print one table per detector and measure, with rows and columns as in the paper."""
    for (detector, measure), cells in rates.groupby(["detector", "measure"], sort=False):
        columns = sorted(set(cells["column"]))
        counted = "hidden layers" if measure == "exemplars" else "uses"
        table = Table("", *map(str, columns), title=f"{detector}: {measure}", caption=counted)
        for row, line in cells.groupby("row"):
            texts = {cell["column"]: text_of(cell) for cell in line.to_dict("records")}
            table.add_row(str(row), *(texts.get(column, "") for column in columns))
        console.print(table)


def print_side_by_side(cells: pd.DataFrame) -> None:
    """Print the pooled cells of `side_by_side`."""
    console = Console()
    cell = ["criterion", "study", "name", "uses", "hidden_layers", "networks"]
    detectors = [str(column) for column in cells if column not in cell]
    pooled = cells[cells["hidden_layers"] == _POOLED]
    for criterion, lines in pooled.groupby("criterion", sort=False):
        table = Table("", "uses", "networks", *detectors, title=str(criterion))
        for line in lines.to_dict("records"):
            rates = (f"{line[detector]:.2f}" for detector in detectors)
            table.add_row(line["name"], str(line["uses"]), str(line["networks"]), *rates)
        console.print(table)


def _rate(cell: dict[Hashable, Any]) -> str:
    rate, low, high = cell["rate"], cell["low"], cell["high"]
    if pd.isna(low) or cell["difference"] == 0:
        return f"{rate:.2f}"
    return f"{rate:.2f} ({low:.2f})" if low == high else f"{rate:.2f} ({low:.2f}–{high:.2f})"
