"""Looks of the methods, the same in all figures on pruning at initialisation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil
from pathlib import Path
from typing import Any

import on_command
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netsculpt.plots.style import Width

__all__ = ["CORRECTED", "DENSE", "LOOKS", "PLAIN", "legend", "lines", "of_net", "write"]

DENSE = "dense"
PLAIN, CORRECTED = "He", "fan-in-corrected"  # initialisations
LOOKS: Mapping[str, Mapping[str, Any]] = {  # colours of Okabe & Ito, and a marker for each
    "random uniform": {"color": "0.6", "marker": "x", "linestyle": ":"},
    "random erk": {"color": "0.35", "marker": "+", "linestyle": ":"},
    "magnitude": {"color": "#f0c800", "marker": "D"},
    "snip": {"color": "#56b4e9", "marker": "v"},
    "grasp": {"color": "#009e73", "marker": "^"},
    "synflow, one round": {"color": "#cc79a7", "marker": "s", "linestyle": "--"},
    "synflow": {"color": "#d55e00", "marker": "s"},
    "synflow_l2": {"color": "#e69f00", "marker": "p"},
    "phew": {"color": "#0072b2", "marker": "o", "linewidth": 1.6},
}


def of_net(table: pd.DataFrame, net: str) -> pd.DataFrame:
    """Rows of a net."""
    chosen = table[table["net"] == net]
    if chosen.empty:
        raise SystemExit(f"no net {net!r} in the results; there are {', '.join(set(table['net']))}")
    return chosen


def lines(ax: Axes, table: pd.DataFrame, measure: str) -> None:
    """Draw a measure against density, by method, with 95 % intervals; the dense net as a level."""
    dense = table[table["method"] == DENSE]
    if len(dense):
        ax.axhline(dense[measure].iloc[0], color="black", linewidth=0.6, label=DENSE)
    sparse = table[table["method"] != DENSE]
    asked = sorted(set(sparse["asked"]))
    for index, (method, look) in enumerate(LOOKS.items()):
        part = sparse[sparse["method"] == method].sort_values("asked")
        shift = 1 + 0.025 * (index - len(LOOKS) / 2)  # so that error bars do not overlap
        style = {"linewidth": 0.9, "markersize": 3, "elinewidth": 0.5, **look}
        if len(part):
            error = part[f"{measure}_half"]
            ax.errorbar(shift * part["asked"], part[measure], error, label=method, **style)
    ax.set_xscale("log")
    ax.set_xticks(asked, [f"{100 * x:g}" for x in asked])
    ax.set_xticks([], minor=True)
    ax.set_xlabel("weights kept (%)")


def legend(page: Figure, ax: Axes, columns: int) -> None:
    """Draw a legend of `ax` below all, in rows of equal length with at most so many columns."""
    handles, labels = ax.get_legend_handles_labels()
    n_rows = ceil(len(labels) / columns)
    page.legend(handles, labels, loc="outside lower center", ncols=ceil(len(labels) / n_rows))


def write(script: str, about: str, draw: Callable[[Path, Width, str], Figure]) -> None:
    """Draw the figure of one net, as asked for on the command line."""
    net = {"default": "mlp", "help": "one of the results (default: mlp)"}
    on_command.write(script, about, draw, named_by="net", net=net)
