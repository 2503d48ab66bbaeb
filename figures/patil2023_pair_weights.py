"""Who feeds whom: edge-weight products in the networks published with Neural Sculpting.

    python figures/patil2023_pair_weights.py RESULTS -o figures

RESULTS is what analyses/patil2023_published.py wrote.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from netsculpt.plots.pair_weights import pair_weights
from netsculpt.plots.style import figure, paper, write_figure

_PANELS = {  # experiment: title
    "exemplars-input_separable": "Input separable",
    "exemplars-input_separable_reused": "Separable and reused",
    "exemplars-non_modular": "Non-modular",
    "input_overlap_exp-overlap_2_use_1": "Two shared inputs",
    "input_overlap_exp-overlap_3_use_1": "Three shared inputs",
    "exemplars-reused": "Reused",
}


def draw(results: Path) -> Figure:
    """Mean edge-weight product of each pair over the networks of a task, as share of the largest.

    Each network counts alike: its products are divided by its own largest first.
    """
    columns = ["id", "experiment", "first_listed"]
    networks = pd.read_parquet(results / "networks.parquet", columns=columns).drop_duplicates("id")
    networks = networks[networks["first_listed"]]
    with np.load(results / "pair_weights.npz") as pairs:
        means = {
            experiment: np.mean([pairs[x] / pairs[x].max() for x in of_task["id"]], axis=0)
            for experiment, of_task in networks.groupby("experiment")
            if experiment in _PANELS
        }
    shown = [experiment for experiment in _PANELS if experiment in means]
    n_rows = -(-len(shown) // 3)
    page = figure(aspect=0.36 * n_rows)
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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("-o", "--out", type=Path, default=Path("figures"))
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with paper():
        page = draw(given.results)
        for kind in ("pdf", "png"):
            write_figure(page, given.out / f"patil2023_pair_weights.{kind}")
