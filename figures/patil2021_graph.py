"""Graph measures of pruned nets against density.

    python figures/patil2021_graph.py RESULTS --net mlp -o figures

RESULTS is what analyses/patil2021_phew.py or analyses/tanaka2020_synflow.py wrote. Nets are
measured before training, with He's weights. Δr of the dense net, which is far above the others, is
left out; so are nets without a path, from means over paths.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from pruners import PLAIN, legend, lines, of_net, write

from netsculpt.plots.style import Width, figure

_PANELS = {  # measure: title
    "live_hidden": "hidden units on a path\n(fraction)",
    "effective_weights": "kept weights on a path\n(fraction)",
    "log10_paths": "paths\n(log10)",
    "log10_kernel_trace": "path-kernel trace\n(log10)",
    "ramanujan": "Ramanujan Δr\n(mean over layers)",
    "singular_mean": "singular value\n(mean over layers)",
}


def draw(results: Path, width: Width, net: str) -> Figure:
    """One panel per measure."""
    table = of_net(pd.read_csv(results / "means.csv"), net)
    plain = table[table["baseline"].isna() & (table["initialisation"] == PLAIN)]
    wide = width in ("neurips", "nature-double")
    page = figure(width, 0.78 if wide else 1.9)
    axes = page.subplots(*((2, 3) if wide else (3, 2)), sharex=True)
    for ax, (measure, title) in zip(axes.flat, _PANELS.items(), strict=True):
        sparse = plain[plain["method"] != "dense"] if measure == "ramanujan" else plain
        lines(ax, sparse, measure)
        ax.set_title(title)
        if "fraction" in title:
            ax.set_ylim(0, 1.05)
    for ax in axes[:-1].flat:
        ax.set_xlabel("")
    legend(page, axes.flat[0], 5 if wide else 3)
    return page


if __name__ == "__main__":
    write(__file__, __doc__, draw)
