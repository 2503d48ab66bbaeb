"""Sizes of circuits against the loss that is allowed, in sparse and in dense transformers.

    python figures/sparse_circuits.py RESULTS -o figures --width nature

RESULTS is what analyses/gao2025_sparse_circuits.py wrote. A panel for each task: edges between the
channels of a circuit, geometric means over seeds, against the loss in nats; small signs are single
nets. Open signs: cut in a random order of the channels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from legends import one_legend
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from on_command import write

from netsculpt.plots.style import Width, figure

_NETS = {"sparse": "#0072B2", "dense": "#D55E00"}
_ORDERS: dict[str, dict[str, Any]] = {
    "learned": {"marker": "o", "linestyle": "-"},
    "path_share": {"marker": "s", "linestyle": "--"},
    "random": {"marker": "o", "linestyle": ":", "markerfacecolor": "white"},
}
_LABELS = {"learned": "learned gates", "path_share": "share of paths", "random": "random order"}
_APART = 1.03  # orders, so that signs do not overlap


def draw(results: Path, width: Width) -> Figure:
    """A panel for each task."""
    rows = pd.read_parquet(results / "circuits.parquet")
    rows = rows[rows["reached"]].assign(edges=lambda x: x["edges"].clip(lower=1))
    tasks = list(dict.fromkeys(rows["task"]))
    page = figure(width, 0.72 if width in ("nature", "icml") else 0.5)
    axes = page.subplots(1, len(tasks), sharey=True, squeeze=False)[0]
    for ax, name in zip(axes, tasks, strict=True):
        _panel(ax, rows[rows["task"] == name])
        ax.set_title(name)
        ax.set_xlabel("allowed loss")
    axes[0].set_ylabel("edges of the circuit")
    one_legend(page, axes, 2)
    return page


def _panel(ax: Axes, rows: pd.DataFrame) -> None:
    sparsest = rows["density"].min()
    losses = sorted(set(rows["asked"]))
    for name, colour in _NETS.items():
        own = rows[(rows["density"] == sparsest) == (name == "sparse")]
        for shift, (order, look) in enumerate(_ORDERS.items(), start=-1):
            part = own[own["order"] == order]
            x = part["asked"] * _APART**shift
            ax.plot(x, part["edges"], color=colour, marker=".", linestyle="none", markersize=1.5)
            logs = np.log(part["edges"]).groupby(part["asked"]).mean()
            line: dict[str, Any] = {
                "color": colour,
                "linewidth": 0.8,
                "markersize": 3,
                "markeredgewidth": 0.6,
            }
            label = f"{name}, {_LABELS[order]}"
            ax.plot(logs.index * _APART**shift, np.exp(logs), label=label, **(line | look))
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xticks(losses, [f"{x:g}" for x in losses])
    ax.set_xticks([], minor=True)


if __name__ == "__main__":
    write(__file__, __doc__, draw)
