"""Accuracy against density for every pruner, from plain and from corrected initial weights.

    python figures/patil2021_accuracy.py RESULTS --net mlp -o figures

RESULTS is what analyses/patil2021_phew.py or analyses/tanaka2020_synflow.py wrote. The third
panel compares kinds of initial weights, at a density that has the baseline of weights
redrawn (which changes nothing for random masks): where lines cross, the ranking changes.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pruners import CORRECTED, DENSE, LOOKS, PLAIN, legend, lines, of_net, write

from netsculpt.plots.style import Width, figure

_THIRD_DENSITY = 0.02  # of the third panel
_STARTS = {  # of the third panel: baseline, initialisation
    "He": ("", PLAIN),
    "corrected": ("", CORRECTED),
    "redrawn,\ncorrected": ("reinitialised", CORRECTED),
}
_CHANCE = 0.1  # of ten classes


def draw(results: Path, width: Width, net: str) -> Figure:
    """Accuracy by initialisation, and the changes between them."""
    means = of_net(pd.read_csv(results / "means.csv").fillna({"baseline": ""}), net)
    table = means[means["baseline"] == ""]
    wide = width in ("neurips", "nature-double")
    page = figure(width, 0.52 if wide else 2.2)
    axes = page.subplots(*((1, 3) if wide else (3, 1)), sharey=True)
    dense = table["method"] == DENSE
    for ax, start in zip(axes, (PLAIN, CORRECTED), strict=False):
        lines(ax, table[dense | (table["initialisation"] == start)], "accuracy")
        ax.set(title=f"{start} weights", ylim=(0, 1.02))
        ax.axhline(_CHANCE, color="0.8", linewidth=0.6, zorder=0, label="chance")
    _changes(axes[2], means)
    for ax in axes[:1] if wide else axes:
        ax.set_ylabel("accuracy")
    legend(page, axes[0], 5 if wide else 3)
    return page


def _changes(ax: Axes, table: pd.DataFrame) -> None:
    """Each method at one density, for each kind of initial weights."""
    redrawn = table[table["baseline"] == _STARTS["redrawn,\ncorrected"][0]]
    starts = _STARTS if len(redrawn) else dict([*_STARTS.items()][:2])
    asked = set(redrawn["asked"]) or set(table["asked"])
    density = min(asked, key=lambda x: abs(x - _THIRD_DENSITY))
    keys = ["method", "baseline", "initialisation"]
    accuracy = table[table["asked"] == density].set_index(keys)["accuracy"]
    for method, look in LOOKS.items():
        values = [accuracy.get((method, *start)) for start in starts.values()]
        ax.plot(values, **{"linewidth": 0.9, "markersize": 3, **look})
    ax.set_xticks(range(len(starts)), starts)
    ax.set(title=f"at {density:.0%}", xlim=(-0.25, len(starts) - 0.75))


if __name__ == "__main__":
    write(__file__, __doc__, draw)
