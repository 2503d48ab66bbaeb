"""Success rates of networks sculpted from scratch, compared with the paper.

    python figures/patil2023_success.py RESULTS -o figures

RESULTS is what analyses/patil2023_sculpting.py wrote.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from on_command import write

from netsculpt.plots.style import Width, figure

_PANELS = {  # measure: title
    "input separability": "Inputs",
    "output sub-function": "Outputs",
    "hidden-unit separability": "Hidden units",
    "reused sub-function": "Reused sub-function",
}
_MAP = "cividis"
_PAPER = "#d55e00"
_DARK = 0.55  # cells with lower rates are dark


def draw(results: Path, width: Width, detector: str) -> Figure:
    """Heat maps over shared inputs and uses, and bars of the exemplars.

    Each cell shows our rate and, below it, the paper's; the error bars are 95 % intervals.
    """
    rates = pd.read_csv(results / "success_rates.csv")
    rates = rates[rates["detector"] == detector]
    shown = [measure for measure in _PANELS if (rates["measure"] == measure).any()]
    wide = width == "neurips"
    n_columns = 2 if wide else 1
    n_rows = -(-len(shown) // n_columns) + 1
    page = figure(width, 0.36 * n_rows if wide else 0.5 * n_rows)
    grid = page.add_gridspec(n_rows, n_columns)
    for index, measure in enumerate(shown):
        ax = page.add_subplot(grid[divmod(index, n_columns)])
        _heat_map(ax, rates[rates["measure"] == measure], _PANELS[measure])
    bars = page.add_subplot(grid[-1, :])
    _bars(bars, rates[rates["measure"] == "exemplars"])
    page.legend(*bars.get_legend_handles_labels(), loc="outside lower center", ncols=2 * n_columns)
    return page


def _heat_map(ax: Axes, cells: pd.DataFrame, title: str) -> None:
    rows, columns = sorted(set(cells["row"])), sorted(set(cells["column"]))
    rate = np.full((len(rows), len(columns)), np.nan)
    for cell in cells.to_dict("records"):
        y, x = rows.index(cell["row"]), columns.index(cell["column"])
        rate[y, x] = cell["rate"]
        colour = "white" if cell["rate"] < _DARK else "black"
        where: dict[str, Any] = {"x": x + 0.5, "ha": "center", "color": colour}
        ax.text(y=y + 0.57, s=f"{cell['rate']:.2f}", va="bottom", **where)
        ax.text(y=y + 0.62, s=_paper(cell), va="top", fontsize="x-small", **where)
    ax.pcolormesh(rate, cmap=_MAP, vmin=0, vmax=1, edgecolor="white", linewidth=0.5)
    ax.set(title=title, xlabel="uses", ylim=(len(rows), 0))
    ax.set_xticks(np.arange(len(columns)) + 0.5, [f"{x:.0f}" for x in columns])
    ax.set_yticks(np.arange(len(rows)) + 0.5, rows)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def _paper(cell: Mapping[Hashable, float]) -> str:
    """The paper's rate, or its bounds."""
    if np.isnan(cell["low"]):
        return ""
    low, high = cell["low"], cell["high"]
    if low == high:
        return f"({low:.2f})"
    return f"(≥{low:.2f})" if high == 1 else f"(≤{high:.2f})" if low == 0 else f"({low}–{high})"


def _bars(ax: Axes, cells: pd.DataFrame) -> None:
    """Exemplars by number of hidden layers."""
    rows, columns = list(dict.fromkeys(cells["row"])), sorted(set(cells["column"]))
    width = 0.8 / len(columns)
    for index, column in enumerate(columns):
        own = cells[cells["column"] == column].set_index("row").reindex(rows)
        x = np.arange(len(rows)) + (index - (len(columns) - 1) / 2) * width
        colour = str(0.8 - 0.25 * index)
        label = f"{column:.0f} hidden layer{'s' if column > 1 else ''}"
        ax.bar(x, own["rate"], 0.9 * width, color=colour, label=label)
        error = [own["rate"] - own["from"], own["to"] - own["rate"]]
        ax.errorbar(x, own["rate"], error, fmt="none", ecolor="black", elinewidth=0.6, capsize=1.5)
        named = None if index else "paper"
        ax.plot(x, own["low"], "D", color=_PAPER, markersize=3, label=named, zorder=3)
    ax.set_xticks(np.arange(len(rows)), [_broken(row) for row in rows])
    ax.set(title="Exemplars", ylabel="success rate", ylim=(0, 1.05))
    ax.tick_params(axis="x", length=0)


def _broken(text: str) -> str:
    return text.replace("-", "-\n") if " " not in text else text.replace(" ", "\n", 2)


if __name__ == "__main__":
    detector = {"default": "sculpting", "help": "one of those in the results"}
    write(__file__, __doc__, draw, detector=detector)
