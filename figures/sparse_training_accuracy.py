"""Accuracy of sparse training against density, and which methods differ at 2 %.

    python figures/sparse_training_accuracy.py RESULTS --net mlp -o figures

RESULTS is what analyses/sparse_training.py wrote. Bars are 95 % t-intervals over seeds. On the
right, the mean difference of each pair of methods, row minus column, in points of accuracy; black
frames mark those that a paired test tells apart (Holm over all pairs).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from pruners import legend, of_net, write
from sparse_methods import LOOKS, NAMES

from netsculpt.plots.style import Width, figure

_DENSITY = 0.02  # of the second panel, or the closest one
_MOST = 0.3  # accuracy difference of the darkest colour


def draw(results: Path, width: Width, net: str) -> Figure:
    """Accuracy, and differences."""
    table = of_net(pd.read_csv(results / "means.csv"), net)
    pairs = of_net(pd.read_csv(results / "differences.csv"), net)
    page = figure(width, 0.55)
    left, right = page.subplots(1, 2, width_ratios=(1.25, 1))
    _lines(left, table)
    asked = min(set(pairs["asked"]), key=lambda x: abs(x - _DENSITY))
    _pairs(right, pairs[pairs["asked"] == asked])
    right.set_title(f"differences at {asked:.0%}, in points")
    legend(page, left, 6)
    return page


def _lines(ax: Axes, table: pd.DataFrame) -> None:
    dense = table[table["method"] == "dense"]
    if len(dense):
        ax.axhline(dense["accuracy"].iloc[0], color="0.5", linewidth=0.6, label="dense")
    for index, (method, look) in enumerate(LOOKS.items()):
        part = table[table["method"] == method].sort_values("asked")
        shift = 1 + 0.02 * (index - len(LOOKS) / 2)  # so that error bars do not overlap
        if len(part):
            style = {"linewidth": 0.9, "markersize": 3.5, "elinewidth": 0.5, **look}
            error = part["accuracy_half"]
            ax.errorbar(
                shift * part["asked"], part["accuracy"], error, label=NAMES[method], **style
            )
    asked = sorted(set(table.loc[table["method"] != "dense", "asked"]))
    ax.set_xscale("log")
    ax.set_xticks(asked, [f"{100 * x:g}" for x in asked])
    ax.set_xticks([], minor=True)
    ax.set(xlabel="weights kept (%)", ylabel="accuracy", ylim=(0, 1.02))


def _pairs(ax: Axes, pairs: pd.DataFrame) -> None:
    present = {*pairs["method"], *pairs["other"]}
    methods = [method for method in LOOKS if method in present]
    place = {method: n for n, method in enumerate(methods)}
    grid = np.full((len(methods), len(methods)), np.nan)
    for row in pairs.to_dict("records"):
        a, b, by = row["method"], row["other"], row["difference"]
        if place[a] < place[b]:
            a, b, by = b, a, -by
        grid[place[a], place[b]] = by
        strong = abs(by) > 0.6 * _MOST
        colour = "white" if strong else "black"
        ax.text(
            place[b], place[a], f"{round(100 * by)}", color=colour, ha="center", va="center", size=5
        )
        if row["verdict"] == "different":
            corner = place[b] - 0.47, place[a] - 0.47
            ax.add_patch(Rectangle(corner, 0.94, 0.94, fill=False, linewidth=0.7))
    ax.imshow(grid, cmap="RdBu", vmin=-_MOST, vmax=_MOST)
    names = [NAMES[method] for method in methods]
    ax.set_xticks(range(len(names) - 1), names[:-1], rotation=90)
    ax.set_yticks(range(1, len(names)), names[1:])
    ax.set(xlim=(-0.5, len(names) - 1.5), ylim=(len(names) - 0.5, 0.5))
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)


if __name__ == "__main__":
    write(__file__, __doc__, draw)
