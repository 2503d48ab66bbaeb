"""Accuracy after SNIP, by initialisation, with and without labels or data.

    python figures/lee2020_initialisation.py RESULTS -o figures

RESULTS is what analyses/lee2020_signal.py wrote.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from on_command import write

from netsculpt.plots.style import Width, figure

_ACTIVATIONS = {"tanh": "tanh", "relu": "ReLU"}
_INITS = {"orthogonal": "orthogonal", "he": "He", "glorot": "Glorot"}
_SAMPLES = {"labelled": "o", "unlabelled": "s", "noise": "^"}
_STATES = {
    "plain": ("as pruned", "#7f7f7f"),
    "fan-in corrected": ("fan-in corrected", "#e69f00"),
    "isometry": ("approximate isometry", "#d55e00"),
}
_APART = 0.09  # distance between points of one initialisation


def draw(results: Path, width: Width) -> Figure:
    """Accuracy after training, by activation (rows) and density (columns); 95 % t-intervals."""
    table = pd.read_csv(results / "speed.csv")
    table = table[table["method"] == "snip"]
    activations = [x for x in _ACTIVATIONS if (table["activation"] == x).any()]
    densities = sorted(set(table.loc[table["init"] == "he", "density"]), reverse=True)
    page = figure(width, 0.32 * len(activations) + 0.13)
    axes = page.subplots(len(activations), len(densities), sharex=True, sharey=True, squeeze=False)
    for row, activation in zip(axes, activations, strict=True):
        for ax, density in zip(row, densities, strict=True):
            _points(ax, table[(table["activation"] == activation) & (table["density"] == density)])
            ax.set_title(f"{_ACTIVATIONS[activation]}, density {density:g}")
        row[0].set_ylabel("accuracy")
    handles = [
        Line2D([], [], color="black", marker=marker, linestyle="", markersize=3.5, label=samples)
        for samples, marker in _SAMPLES.items()
    ]
    handles += [Line2D([], [], color=colour, label=label) for label, colour in _STATES.values()]
    page.legend(handles=handles, loc="outside lower center", ncols=3)
    return page


def _points(ax: Axes, table: pd.DataFrame) -> None:
    for row, (samples, marker) in enumerate(_SAMPLES.items()):
        for column, (state, (_, colour)) in enumerate(_STATES.items()):
            own = table[(table["samples"] == samples) & (table["state"] == state)]
            own = own.set_index("init").reindex(list(_INITS))
            shift = _APART * (len(_STATES) * (row - 1) + column - 1)
            mean = own["accuracy"].to_numpy()
            ends = np.stack([mean - own["accuracy_from"], own["accuracy_to"] - mean])
            x = np.arange(len(_INITS)) + shift
            ax.errorbar(x, mean, ends, fmt=marker, color=colour, markersize=3, elinewidth=0.6)
    ax.set_xticks(np.arange(len(_INITS)), list(_INITS.values()))
    ax.set_ylim(0, 1.02)


if __name__ == "__main__":
    write(__file__, __doc__, draw)
