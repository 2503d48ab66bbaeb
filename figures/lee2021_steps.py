"""Steps to a result against the batch size, of dense and sparse nets, with the fitted laws.

    python figures/lee2021_steps.py RESULTS -o figures

RESULTS is what analyses/lee2021_parallelism.py wrote. Points are the fewest steps over all draws;
bars end at the 97.5 % quantile of resampled draws, which have no smaller minimum. Lines are
c₁/B + c₂. Open points, at whose best learning rate the range ends, are not fitted.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter
from on_command import write

from netsculpt.plots.style import Width, figure

_METHODS = {  # name, colour, marker
    "dense": ("dense", "black", "o"),
    "snip": ("SNIP", "#56b4e9", "v"),
    "random": ("random", "0.55", "x"),
    "random, corrected": ("corrected", "#e69f00", "^"),
    "phew": ("PHEW", "#0072b2", "s"),
}
_STYLES = {0.1: "--", 0.05: ":"}  # the others are whole
_OPTIMIZERS = {"sgd": "SGD", "momentum": "momentum", "nesterov": "Nesterov"}
_MOST_TICKS = 8  # that have a number
_PER_ROW = 2


def draw(results: Path, width: Width) -> Figure:
    """One panel for each goal and optimizer."""
    points, laws = (pd.read_csv(results / f"{name}.csv") for name in ("steps", "scaling"))
    panels = points[["goal", "optimizer"]].drop_duplicates().to_dict("records")
    order = list(_OPTIMIZERS)
    panels.sort(key=lambda panel: (panel["goal"], order.index(panel["optimizer"])))
    n_columns = min(_PER_ROW, len(panels))
    n_rows = -(-len(panels) // n_columns)
    page = figure(width, 0.36 * n_rows + 0.14)
    axes = page.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False)
    handles: dict[tuple[int, float], Any] = {}
    for ax, panel in zip(axes.flat, panels, strict=False):
        own, own_laws = (
            table[(table["goal"] == panel["goal"]) & (table["optimizer"] == panel["optimizer"])]
            for table in (points, laws)
        )
        handles |= _curves(ax, own, own_laws)
        ax.set_title(f"{_OPTIMIZERS[panel['optimizer']]}, to {panel['goal']:.0%} error")
    for ax in axes.flat[len(panels) :]:
        ax.set_visible(False)
    for ax in axes[-1]:
        ax.set_xlabel("batch size")
    for ax in axes[:, 0]:
        ax.set_ylabel("steps to the result")
    page.legend(
        handles=[handles[place] for place in sorted(handles)], loc="outside lower center", ncols=5
    )
    return page


def _curves(ax: Axes, points: pd.DataFrame, laws: pd.DataFrame) -> dict[tuple[int, float], Any]:
    """Draw all nets; returns their handles by their places in the legend."""
    handles = {}
    keys = points.loc[np.isfinite(points["best"]), ["method", "density"]].drop_duplicates()
    shown = sorted(keys.itertuples(index=False), key=lambda x: (list(_METHODS).index(x[0]), -x[1]))
    for index, (method, density) in enumerate(shown):
        name, colour, marker = _METHODS[method]
        curve = points[(points["method"] == method) & (points["density"] == density)]
        curve = curve[np.isfinite(curve["best"])]
        label = name if density == 1 else f"{name} {density:.0%}"
        shift = 2 ** (0.6 * (index / len(shown) - 0.5))  # so that bars do not overlap
        high = curve["best_to"].where(np.isfinite(curve["best_to"]), curve["best"])
        ax.vlines(shift * curve["batch_size"], curve["best"], high, colour, linewidth=0.6)
        style: dict[str, Any] = {
            "color": colour,
            "marker": marker,
            "linestyle": "none",
            "markersize": 3.2,
        }
        for edge, face in ((False, colour), (True, "white")):
            part = curve[curve["at_edge"] == edge]
            ax.plot(shift * part["batch_size"], part["best"], markerfacecolor=face, **style)
        law = laws[(laws["method"] == method) & (laws["density"] == density)].iloc[0]
        line: dict[str, Any] = {
            "color": colour,
            "linestyle": _STYLES.get(density, "-"),
            "linewidth": 0.9,
        }
        if np.isfinite(law["c1"]):
            sizes = np.geomspace(points["batch_size"].min(), points["batch_size"].max(), 100)
            ax.plot(sizes, law["c1"] / sizes + law["c2"], **line)
        (handle,) = ax.plot([], [], label=label, **(line | {"marker": marker, "markersize": 3.2}))
        handles[list(_METHODS).index(method), -density] = handle
    ax.set(xscale="log", yscale="log")
    ticks = sorted(set(points["batch_size"]))
    apart = 1 + len(ticks) // _MOST_TICKS
    ax.set_xticks(ticks, ["" if place % apart else f"{x}" for place, x in enumerate(ticks)])
    ax.set_xticks([], minor=True)
    ax.yaxis.set_major_locator(LogLocator(10, (1, 3)))
    ax.yaxis.set_major_formatter(ScalarFormatter())
    ax.yaxis.set_minor_formatter(NullFormatter())
    return handles


if __name__ == "__main__":
    write(__file__, __doc__, draw)
