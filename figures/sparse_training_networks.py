"""What each method of sparse training does to the network.

    python figures/sparse_training_networks.py RESULTS --net mlp -o figures

RESULTS is what analyses/sparse_training.py wrote. Nets with 2 % of their weights, at the end of the
training; bars are 95 % t-intervals over seeds. A full marker differs from random masks that stay by
a paired test (Holm over all methods and measures). The two panels at the bottom follow the masks
during training, by the mean over seeds.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pruners import legend, of_net, write
from sparse_methods import LOOKS, NAMES

from netsculpt.plots.style import Width, figure

_DENSITY = 0.02  # or the closest one
_LEVEL = 0.05
_PANELS = {  # measure: title
    "live_hidden": "hidden units on a path\n(fraction)",
    "live_edges": "edges on a path\n(fraction)",
    "log10_paths": "paths\n(log10)",
    "fan_in": "spread of fan-in\n(1 = random)",
    "input_fan_out": "spread of input fan-out\n(1 = random)",
    "delta": "modularity\n(ΔQ beyond degrees)",
}
_SPREADS = ("fan_in", "input_fan_out")
_FOLLOWED = {
    "ever_active": "kept at some time\n(fraction of all weights)",
    "of_last": "of the last mask\n(fraction kept then)",
}


def draw(results: Path, width: Width, net: str) -> Figure:
    """One panel per measure, and two that follow the masks."""
    table = of_net(pd.read_csv(results / "means.csv"), net)
    sparse = table[table["method"] != "dense"]
    asked = min(set(sparse["asked"]), key=lambda x: abs(x - _DENSITY))
    own = sparse[sparse["asked"] == asked].set_index("method")
    tests = of_net(pd.read_csv(results / "against_static.csv"), net)
    tests = tests[tests["asked"] == asked].set_index(["method", "measure"])["p_holm"]
    updates = of_net(pd.read_parquet(results / "updates.parquet"), net)
    updates = updates[updates["asked"] == asked]
    page = figure(width, 1.0)
    grid = page.add_gridspec(3, 6)
    for index, (measure, title) in enumerate(_PANELS.items()):
        row, column = divmod(index, 3)
        ax = page.add_subplot(grid[row, 2 * column : 2 * column + 2])
        _points(ax, own, tests, measure, named=column == 0)
        ax.set_title(title)
    for index, (measure, title) in enumerate(_FOLLOWED.items()):
        ax = page.add_subplot(grid[2, 3 * index : 3 * index + 3])
        _lines(ax, updates, measure)
        ax.set_title(title)
        ax.set_xlabel("optimizer steps")
    legend(page, page.axes[-1], 6)
    return page


def _points(
    ax: Axes, own: pd.DataFrame, tests: pd.Series[float], measure: str, *, named: bool
) -> None:
    methods = [method for method in LOOKS if method in own.index]
    for place, method in enumerate(methods):
        look = LOOKS[method]
        value, half = (float(own[name][method]) for name in (measure, f"{measure}_half"))
        full = bool(tests.get((method, measure), 1.0) <= _LEVEL) or method == "static"
        ax.errorbar(
            value,
            place,
            xerr=half,
            color=look["color"],
            marker="o",
            markersize=3.5,
            markerfacecolor=look["color"] if full else "white",
            elinewidth=0.7,
        )
    if "static" in own.index:
        ax.axvline(float(own[measure]["static"]), color="0.7", linewidth=0.6, zorder=0)
    names = [NAMES[method] for method in methods]
    ax.set_yticks(range(len(methods)), names if named else [])
    ax.invert_yaxis()
    if own[measure].isna().all():
        ax.text(0.5, 0.5, "undefined:\none input", ha="center", transform=ax.transAxes)
    elif measure in _SPREADS:
        ax.set_xscale("log")


def _lines(ax: Axes, updates: pd.DataFrame, measure: str) -> None:
    for method, look in LOOKS.items():
        part = updates[updates["method"] == method]
        if len(part):
            line = part.groupby("step")[measure].mean()
            steps, values = [*line.index], [*line]
            if len(steps) > 1:
                style = {**look, "linewidth": 0.9, "markersize": 2.5}
                ax.plot(steps, values, label=NAMES[method], **style)
    if measure == "ever_active":
        ax.set_yscale("log")
    else:
        ax.set_ylim(-0.03, 1.03)


if __name__ == "__main__":
    write(__file__, __doc__, draw)
