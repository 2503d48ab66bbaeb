"""Effect of pruning on structure: edge-weight products, and units that carry most of them.

    python figures/patil2023_structure.py RESULTS -o figures

RESULTS is what analyses/patil2023_sculpting.py wrote.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from on_command import write

from netsculpt.plots.pair_weights import pair_weights
from netsculpt.plots.style import Width, figure

_STATES = {"dense": "Dense", "edges": "Edges pruned", "units and edges": "Units and edges"}
_TASKS = ("input separable", "input separable and reused")
_CARRYING = "reused"
_LOWER = 1.5  # height of the lowest row, relative to the others
_COLOURS = ("#0072b2", "#e69f00", "#009e73")


def draw(results: Path, width: Width) -> Figure:
    """Mean edge-weight products, relative to each network's largest; units that carry them.

    The lines are the units of each hidden layer that make 90 % of the edge-weight product to the
    outputs, in networks for the 'reused' task with two hidden layers; circles are the paper's.
    """
    rows = pd.read_parquet(results / "mean_pair_weights.parquet")
    means = dict(
        zip(zip(rows["name"], rows["state"], strict=True), rows["pairs"].map(np.stack), strict=True)
    )
    tasks = [task for task in _TASKS if (rows["name"] == task).any()]
    page = figure(width, (0.31 if width == "neurips" else 0.4) * (len(tasks) + _LOWER))
    heights = [*(1 for _ in tasks), _LOWER]
    grid = page.add_gridspec(len(tasks) + 1, len(_STATES), height_ratios=heights)
    for row, task in enumerate(tasks):
        for column, (state, title) in enumerate(_STATES.items()):
            mean = means.get((task, state))
            if mean is None:
                continue
            ax = page.add_subplot(grid[row, column])
            names = [[str(n + 1) for n in range(size)] for size in mean.shape]
            pair_weights(mean / mean.max(), input_names=names[0], output_names=names[1], ax=ax)
            if row == 0:
                ax.set_title(title)
            if column == 0:
                ax.set_ylabel(f"{task.replace(' and ', chr(10) + 'and ')}\noutput")
    carrying = pd.read_csv(results / "carrying.csv")
    carrying = carrying[carrying["name"] == _CARRYING]
    layers = sorted(set(carrying["hidden_layer"]))
    below = grid[-1, :].subgridspec(1, len(layers))
    shared: Axes | None = None
    for index, layer in enumerate(layers):
        ax = page.add_subplot(below[index], sharey=shared)
        shared = shared or ax
        _lines(ax, carrying[carrying["hidden_layer"] == layer])
        ax.set(title=f"Hidden layer {layer}", xlabel="width")
    if shared:
        shared.set(ylabel="units carrying 90 %", ylim=(0, None))
        handles = shared.get_legend_handles_labels()
        page.legend(*handles, loc="outside lower center", ncols=4 if width == "neurips" else 2)
    return page


def _lines(ax: Axes, rows: pd.DataFrame) -> None:
    for (state, title), colour in zip(_STATES.items(), _COLOURS, strict=True):
        own = rows[rows["state"] == state].sort_values("width")
        ax.plot(own["width"], own["units"], "-", marker=".", color=colour, label=title)
        if own["paper"].notna().any():
            ax.plot(own["width"], own["paper"], "ko", markersize=4, fillstyle="none", label="paper")


if __name__ == "__main__":
    write(__file__, __doc__, draw)
