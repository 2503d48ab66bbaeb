"""Singular values of pruned nets' Jacobians against density, as pruned and made isometric.

    python figures/lee2020_isometry.py RESULTS -o figures

RESULTS is what analyses/lee2020_signal.py wrote.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from on_command import write

from netsculpt.plots.style import Width, figure

_COLUMNS = {  # column of the table: title
    "layer_mean": "one layer: mean",
    "layer_sd": "one layer: standard deviation",
    "through_log10": "whole net: log₁₀ of mean",
}
_ACTIVATIONS = {"tanh": "tanh", "relu": "ReLU"}
_STYLES: dict[str, Literal["-", "--"]] = {"plain": "--", "isometry": "-"}
_LABELS = {"plain": "as pruned", "isometry": "approximate isometry"}
_COLOURS = {
    "random": "#7f7f7f",
    "magnitude": "#e69f00",
    "snip": "#56b4e9",
    "grasp": "#009e73",
    "synflow": "#d55e00",
    "phew": "#0072b2",
}


def draw(results: Path, width: Width) -> Figure:
    """Singular values by activation (rows): mean and spread of layers, mean of the whole net."""
    table = pd.read_csv(results / "singular_values.csv")
    table = table[(table["init"] == "orthogonal") & (table["samples"] == "labelled")]
    shown = [x for x in _ACTIVATIONS if (table["activation"] == x).any()]
    page = figure(width, 0.34 * len(shown) + 0.13)
    axes = page.subplots(len(shown), len(_COLUMNS), sharex=True, squeeze=False)
    for row, activation in zip(axes, shown, strict=True):
        own = table[table["activation"] == activation]
        for ax, column in zip(row, _COLUMNS, strict=True):
            _lines(ax, own, column)
        row[0].set_ylabel(f"{_ACTIVATIONS[activation]}\nsingular values")
    for ax, title in zip(axes[0], _COLUMNS.values(), strict=True):
        ax.set_title(title)
    for ax in axes[-1]:
        ax.set_xlabel("density")
    methods = [x for x in _COLOURS if (table["method"] == x).any()]
    handles = [Line2D([], [], color=_COLOURS[x], label=x) for x in methods]
    handles += [
        Line2D([], [], color="black", linestyle=_STYLES[x], label=_LABELS[x]) for x in _STYLES
    ]
    handles.append(Line2D([], [], color="black", linestyle=":", label="dense"))
    page.legend(handles=handles, loc="outside lower center", ncols=5)
    return page


def _lines(ax: Axes, table: pd.DataFrame, column: str) -> None:
    for (method, state), line in table.groupby(["method", "state"], sort=False):
        if method not in _COLOURS or state not in _STYLES:
            continue
        ends = line.sort_values("density")
        style, colour = _STYLES[state], _COLOURS[method]
        ax.plot(ends["density"], ends[column], style, color=colour)
        low, high = (ends[f"{column}_{end}"] for end in ("from", "to"))
        ax.fill_between(ends["density"], low, high, color=colour, alpha=0.15, linewidth=0)
    dense = table[(table["method"] == "dense") & (table["state"] == "plain")][column]
    ax.axhline(float(dense.iloc[0]), color="black", linestyle=":", linewidth=0.8)
    densities = sorted(set(table["density"]) - {1.0})
    ax.set_xscale("log")
    ax.set_xticks(densities, [f"{x:g}" for x in densities])
    ax.minorticks_off()


if __name__ == "__main__":
    write(__file__, __doc__, draw)
