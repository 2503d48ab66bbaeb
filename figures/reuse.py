"""What frozen modules gain and what targets reuse, against the number of shared sub-functions.

    python figures/reuse.py RESULTS -o figures

RESULTS is what analyses/patil_reuse.py wrote. Above: what a target gains from the source's frozen
module: accuracy on rows of the truth table that were not learned from, and how many times as many
steps the control needs to the goal if all are. Solid: against a target from scratch; dashed:
against the frozen module of an unrelated source. Below: the degree of sub-task reuse of a target
that was trained from all of the source, where the grey line is what could be reused, and a dotted
one what is found of a source in itself; and the mask reuse R*, where crosses are that of a target
from the source's initial weights. Bars are 95 % intervals over seeds.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pandas as pd
from legends import one_legend
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from on_command import write
from sparse_methods import LOOKS, NAMES

from netsculpt.plots.style import Width, figure

_LOOKS: Mapping[str, Mapping[str, Any]] = {
    "sculpted": {"color": "#0072b2", "marker": "o"},
    "rigl": LOOKS["rigl"],
    "ac_dc": LOOKS["ac_dc"],
    "dense": {"color": "0.5", "marker": "s"},
}
_LABELS = {**NAMES, "sculpted": "sculpted", "dense": "dense"}
_CONTROLS: Final = {"scratch": "-", "unrelated": "--"}
_FEW = 0.5  # of the rows, or the fraction closest to it
_APART = 0.08  # methods, so that error bars do not overlap


def draw(results: Path, width: Width) -> Figure:
    """Two panels of benefit, two of reuse."""
    gains, steps, reuse = (
        pd.read_csv(results / f"{name}.csv") for name in ("gains", "steps", "reuse_means")
    )
    page = figure(width, 0.8)
    axes = page.subplots(2, 2)
    few = gains[gains["fraction"] < 1]
    fraction = min(set(few["fraction"]), key=lambda x: abs(x - _FEW))
    _against_controls(axes[0, 0], few[few["fraction"] == fraction], "gain")
    axes[0, 0].axhline(0, color="0.5", linewidth=0.6)
    axes[0, 0].set_title(f"frozen module, {100 * fraction:g} % of the rows")
    axes[0, 0].set_ylabel("accuracy gained")
    _against_controls(axes[0, 1], steps, "ratio")
    axes[0, 1].axhline(1, color="0.5", linewidth=0.6)
    axes[0, 1].set_yscale("log", base=2)
    axes[0, 1].yaxis.set_major_formatter("{x:g}")
    axes[0, 1].set_title("frozen module, all rows")
    axes[0, 1].set_ylabel("steps of control / steps")
    axes[0, 1].plot([], [], color="0.3", linestyle="--", label="against unrelated")
    n = reuse["shared"].max()
    _lines(axes[1, 0], reuse, "degree", "-")
    axes[1, 0].plot([0, n], [0, 1], color="0.8", linewidth=3, zorder=0, label="could be reused")
    if (results / "itself.csv").is_file():
        _ceilings(axes[1, 0], pd.read_csv(results / "itself.csv"))
    axes[1, 0].set_title("target from all of the source: sub-tasks")
    axes[1, 0].set_ylabel("degree of sub-task reuse")
    masks = reuse[reuse["mask_reuse"].notna() & (reuse["method"] != "dense")]
    _lines(axes[1, 1], masks, "mask_reuse", "-")
    _confound(axes[1, 1], masks)
    axes[1, 1].axhline(0, color="0.5", linewidth=0.6)
    axes[1, 1].set_title("target from all of the source: masks")
    axes[1, 1].set_ylabel("mask reuse R*")
    for ax in axes.flat:
        ax.set_xticks(range(n + 1))
        ax.set_xlabel("shared sub-functions")
    one_legend(page, axes.flat, 4)
    return page


def _against_controls(ax: Axes, table: pd.DataFrame, column: str) -> None:
    own = table[table["condition"] == "frozen"].rename(
        columns={"low": f"{column}_low", "high": f"{column}_high"}
    )
    for control, line in _CONTROLS.items():
        _lines(ax, own[own["control"] == control], column, line)


def _lines(ax: Axes, table: pd.DataFrame, column: str, line: str) -> None:
    methods = [name for name in _LOOKS if name in set(table["method"])]
    for index, method in enumerate(methods):
        part = table[table["method"] == method].sort_values("shared")
        shifted = part["shared"] + _APART * (index - (len(methods) - 1) / 2)
        error = [part[column] - part[f"{column}_low"], part[f"{column}_high"] - part[column]]
        look = {"linewidth": 0.9, "markersize": 3.5, "elinewidth": 0.5, **_LOOKS[method]}
        label = _LABELS[method] if line == "-" else None
        ax.errorbar(shifted, part[column], error, label=label, **{**look, "linestyle": line})


def _ceilings(ax: Axes, table: pd.DataFrame) -> None:
    """The degree of a source that is compared with itself, where it is not 0."""
    for method, degree in zip(table["method"], table["degree"], strict=True):
        if degree > 0:
            ax.axhline(degree, color=_LOOKS[method]["color"], linestyle=":", linewidth=0.9)
    ax.plot([], [], color="0.3", linestyle=":", label="source with itself")


def _confound(ax: Axes, table: pd.DataFrame) -> None:
    """R* of the target from the source's initial weights, at k = 0: its task is that of k = 0."""
    for method, part in table[table["shared"] == 0].groupby("method"):
        value = part["mask_reuse"] - part["beyond_initial"]
        ax.plot(0, value, marker="x", color=_LOOKS[str(method)]["color"], linestyle="none")
    ax.plot([], [], "x", color="0.3", label="from initial weights")


if __name__ == "__main__":
    write(__file__, __doc__, draw)
