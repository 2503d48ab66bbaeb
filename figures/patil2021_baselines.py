"""Accuracy of every pruner with its mask shuffled or inverted, or with other weights.

    python figures/patil2021_baselines.py RESULTS --net mlp -o figures

RESULTS is what analyses/patil2021_phew.py or analyses/tanaka2020_synflow.py wrote. A dot is the
accuracy with a baseline minus that of the method, with a 95 % interval over the seeds, which both
share: left of 0 the baseline is worse, and what it removes matters.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from pruners import CORRECTED, LOOKS, PLAIN, of_net, write

from netsculpt.plots.style import Width, figure

_MARKS = {
    "shuffled": ("#0072b2", "o", "mask shuffled in each layer"),
    "reinitialised": ("#e69f00", "s", "weights redrawn"),
    "inverted": ("0.35", "x", "worst instead of best"),
}


def draw(results: Path, width: Width, net: str) -> Figure:
    """One panel per density and initialisation."""
    table = of_net(pd.read_csv(results / "baselines.csv"), net)
    asked = sorted(set(table["asked"]), reverse=True)
    methods = [method for method in LOOKS if (table["method"] == method).any()]
    panels = [(density, start) for density in asked for start in (PLAIN, CORRECTED)]
    wide = width in ("neurips", "nature-double")
    n_columns = min(len(panels), 4 if wide else 2)
    n_rows = -(-len(panels) // n_columns)
    page = figure(width, n_rows * (0.45 if wide else 0.75))
    axes = page.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False)
    for ax, (density, start) in zip(axes.flat, panels, strict=False):
        part = table[(table["asked"] == density) & (table["initialisation"] == start)]
        for row, (baseline, (colour, marker, label)) in enumerate(_MARKS.items()):
            rows = part[part["baseline"] == baseline].set_index("method").reindex(methods)
            height = [y + 0.22 * (row - 1) for y in range(len(methods))]
            look = {"color": colour, "markersize": 3, "elinewidth": 0.6}
            ax.errorbar(
                rows["gain"], height, xerr=rows["gain_half"], fmt=marker, label=label, **look
            )
        ax.axvline(0, color="0.7", linewidth=0.6, zorder=0)
        ax.set_title(f"{density:.0%}, {start}")
        ax.set_yticks(range(len(methods)), methods)
        ax.set(xlim=(-1.05, 1.05), ylim=(len(methods) - 0.5, -0.5))
    for ax in axes[-1]:
        ax.set_xlabel("accuracy gained")
    page.legend(*axes.flat[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return page


if __name__ == "__main__":
    write(__file__, __doc__, draw)
