"""What sparsity costs after a transfer: relative error increase against density, by method.

    python figures/transfer.py RESULTS -o figures

RESULTS is what analyses/iofinova2022_transfer.py wrote. Above: our perceptrons, digits 0-4 to
others; mean over targets, bars are 95 % intervals of a paired bootstrap over seeds; grey lines are
the controls. Below, if the published runs were read: ResNet-50 from ImageNet to 12 data sets, mean,
and medians as small marks. 0 is the dense net; lower is better. The scale is linear up to 50.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from legends import one_legend
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from on_command import write
from sparse_methods import LOOKS, NAMES

from netsculpt.plots.style import Width, figure

_PAIR, _NET = "digits", "ResNet-50"
_OWN: Mapping[str, Mapping[str, Any]] = {  # methods that no other figure has
    "lottery": {"color": "#cc79a7", "marker": "D", "linestyle": "--"},
    "STR": {"color": "#0072b2", "marker": "o"},
    "WoodFisher": {"color": "#009e73", "marker": "X", "linestyle": "-."},
}
_CONTROLS = {"untrained": (":", "untrained net"), "inputs": ("--", "pixels")}
_PUBLISHED = {  # names in the published files: the look, and the name in the legend
    "AC/DC": ("ac_dc", "AC/DC"),
    "RigL ERK 5x": ("rigl", "RigL"),
    "LTH-T": ("lottery", "lottery tickets"),
    "STR": ("STR", "STR"),
    "WoodFisher": ("WoodFisher", "WoodFisher"),
}
_LABELS = {**NAMES, "lottery": "lottery tickets"}
_LINEAR = 50  # percent: beyond, the scale is logarithmic
_TICKS = (-50, -25, 0, 25, 50, 100, 200, 400, 800)


def draw(results: Path, width: Width) -> Figure:
    """Two panels of ours, and two of the published runs if they are there."""
    own = pd.read_csv(results / "increases.csv")
    own = own[own["pair"] == _PAIR]
    path = results / "published.csv"
    published = pd.read_csv(path) if path.is_file() else None
    n_rows = 1 if published is None else 2
    page = figure(width, 0.42 * n_rows + 0.12)
    axes = page.subplots(n_rows, 2, squeeze=False)
    for column, mode in enumerate(("linear", "full")):
        _ours(axes[0, column], own[own["mode"] == mode], mode)
        if published is not None:
            of_net = published[published["net"] == _NET]
            _theirs(axes[1, column], of_net[of_net["mode"] == mode], mode)
    for row in axes:
        row[0].set_ylabel("relative error increase (%)")
    one_legend(page, axes.flat, 6)
    return page


def _ours(ax: Axes, table: pd.DataFrame, mode: str) -> None:
    methods = [name for name in {**LOOKS, **_OWN} if name in set(table["method"])]
    for index, method in enumerate(methods):
        part = table[table["method"] == method].sort_values("asked")
        shift = 1 + 0.05 * (index - len(methods) / 2)  # so that error bars do not overlap
        look = {"linewidth": 0.9, "markersize": 3.5, "elinewidth": 0.5, **_look(method)}
        error = [part["mean"] - part["low"], part["high"] - part["mean"]]
        ax.errorbar(shift * part["asked"], part["mean"], error, label=_LABELS[method], **look)
    for method, (style, label) in _CONTROLS.items():
        for value in table.loc[table["method"] == method, "mean"]:
            ax.axhline(value, color="0.6", linestyle=style, linewidth=0.8, label=label)
    sparse = table[table["method"].isin(methods)]
    _finish(ax, sorted(set(sparse["asked"])), f"digits 0–4 to others, {mode}")


def _theirs(ax: Axes, table: pd.DataFrame, mode: str) -> None:
    for name, (look_of, label) in _PUBLISHED.items():
        part = table[table["method"] == name].assign(kept=lambda x: 1 - x["sparsity"] / 100)
        part = part.sort_values("kept")
        look = {"linewidth": 0.9, "markersize": 3.5, **_look(look_of)}
        ax.plot(part["kept"], part["mean"], label=label, **look)
        small = {**look, "markersize": 2, "linestyle": "none", "alpha": 0.5}
        ax.plot(part["kept"], part["median"], **small)
    kept = sorted({round(1 - x / 100, 2) for x in table["sparsity"]})
    _finish(ax, kept, f"published: ResNet-50 to 12 data sets, {mode}")


def _look(method: str) -> Mapping[str, Any]:
    return _OWN[method] if method in _OWN else LOOKS[method]


def _finish(ax: Axes, kept: list[float], title: str) -> None:
    ax.axhline(0, color="0.5", linewidth=0.6)
    ax.set_xscale("log")
    ax.set_xticks(kept, [f"{100 * x:g}" for x in kept])
    ax.set_xticks([], minor=True)
    ax.set_xlabel("weights kept (%)")
    ax.set_title(title)
    ax.set_yscale("symlog", linthresh=_LINEAR, linscale=1.5)
    ax.set_yticks(_TICKS, [f"{x}".replace("-", "−") for x in _TICKS])
    ax.set_yticks([], minor=True)
    ax.set_ylim(min(-_LINEAR, ax.get_ylim()[0]), max(2 * _LINEAR, ax.get_ylim()[1]))


if __name__ == "__main__":
    write(__file__, __doc__, draw)
