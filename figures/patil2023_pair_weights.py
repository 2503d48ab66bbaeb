"""Which inputs feed which outputs: edge-weight products in the published sculpted networks.

    python figures/patil2023_pair_weights.py RESULTS -o figures

RESULTS is what analyses/patil2023_published.py wrote.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from on_command import write

from netsculpt.plots.pair_weights import pair_weights
from netsculpt.plots.style import Width, figure

_PANELS = {  # experiment: title
    "exemplars-input_separable": "Input separable",
    "exemplars-input_separable_reused": "Separable and reused",
    "exemplars-non_modular": "Non-modular",
    "input_overlap_exp-overlap_2_use_1": "Two shared inputs",
    "input_overlap_exp-overlap_3_use_1": "Three shared inputs",
    "exemplars-reused": "Reused",
}


def draw(results: Path, width: Width) -> Figure:
    """Mean edge-weight product of each pair over the networks of a task, relative to the largest.

    All networks have the same weight: products are first divided by the network's largest.
    """
    columns = ["id", "experiment", "first_listed"]
    networks = pd.read_parquet(results / "networks.parquet", columns=columns).drop_duplicates("id")
    networks = networks[networks["first_listed"]]
    pairs = pd.read_parquet(results / "pair_weights.parquet").set_index("id")["pairs"].map(np.stack)
    means = {
        experiment: np.mean([pairs[x] / pairs[x].max() for x in of_task["id"]], axis=0)
        for experiment, of_task in networks.groupby("experiment")
        if experiment in _PANELS
    }
    shown = [experiment for experiment in _PANELS if experiment in means]
    n_rows = -(-len(shown) // 3)
    page = figure(width, aspect=0.36 * n_rows)
    axes = page.subplots(n_rows, 3, squeeze=False).ravel()
    for ax, experiment in zip(axes, shown, strict=False):
        mean = means[experiment]
        names = [[str(n + 1) for n in range(size)] for size in mean.shape]
        pair_weights(mean / mean.max(), input_names=names[0], output_names=names[1], ax=ax)
        count = (networks["experiment"] == experiment).sum()
        ax.set_title(f"{_PANELS[experiment]}, n = {count}")
    for ax in axes[len(shown) :]:
        ax.remove()
    return page


if __name__ == "__main__":
    write(__file__, __doc__, draw)
