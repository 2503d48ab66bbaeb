"""ModBench: how well each detector finds the modules and what feeds what, suite by suite.

    python figures/modbench_scores.py RESULTS -o figures

RESULTS is the folder of analyses/modbench.py. Rows are entrants, by their mean AMI over the suites;
"per layer" is the mean AMI in single layers. "power": share of planted networks that are called
significant at .05; "none there": the same of module-free ones, and the share in which a layer is
split. The last column is the median time for a network. A star: the detector is given data, or the
true number of modules.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import on_command
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from netsculpt.plots import style

MAP, WORSE = "Blues", "Oranges"  # of what should be high, and low
DEFAULT = "layered"
_NOT_SUITES = ("entrant", "shown", "ms")
_PER_LAYER = "per layer"  # a mean over suites
_POWER = "power"
_NARROWEST = 1.7  # columns: narrower panels have no room for their titles
_FREE, _LARGE, _F1 = "free:", "large,", "F1 "


def draw(results: Path, width: style.Width) -> Figure:
    """Three maps side by side, with numbers: modules, what feeds what, module-free networks."""
    rows = pd.read_csv(results / "overview.csv")
    rows = rows[rows["shown"] != "not installed"]
    names = [str(x) for x in rows]
    names = [x for x in names if x not in _NOT_SUITES and not x.startswith(_LARGE)]
    suites = [x for x in names if not x.startswith((_F1, _FREE)) and x != _POWER]
    if not suites or rows.empty:
        raise SystemExit(
            f"{results / 'overview.csv'} has no suite or no entrant: run the benchmark"
        )
    order = (
        rows[[x for x in suites if x != _PER_LAYER]]
        .mean(axis=1)
        .sort_values(ascending=False, kind="stable")
        .index
    )
    rows = rows.loc[order]
    groups: dict[str, list[str]] = {
        "modules (AMI)": suites,
        "feeds (F1)": [x for x in names if x.startswith(_F1)],
        "power": [x for x in names if x == _POWER],
        "none there": [x for x in names if x.startswith(_FREE)],
        "time": ["ms"],
    }
    groups = {title: columns for title, columns in groups.items() if columns}
    page = style.figure(width, 0.12 + 0.041 * len(rows))
    panels = page.subplots(
        1,
        len(groups),
        width_ratios=[max(len(x), _NARROWEST) for x in groups.values()],
        squeeze=False,
    )[0]
    for ax, (title, columns) in zip(panels, groups.items(), strict=True):
        _numbers(ax, rows[columns].to_numpy(dtype=np.float64), columns)
        ax.set_title(title)
    marked = rows["entrant"].where(~rows["shown"].str.contains(", "), rows["entrant"] + " *")
    panels[0].set_yticks(range(len(rows)), marked)
    default = np.flatnonzero(rows["entrant"] == DEFAULT)
    for place in default:
        panels[0].get_yticklabels()[place].set_fontweight("bold")
    return page


def _numbers(ax: Axes, values: NDArray[np.float64], columns: list[str]) -> None:
    """A map with a number in each cell; times have no colour."""
    timed = columns == ["ms"]
    shown = np.full_like(values, np.nan) if timed else np.clip(values, 0, 1)
    colours = colormaps[WORSE if columns[0].startswith(_FREE) else MAP]
    ax.imshow(shown, cmap=colours, vmin=0, vmax=1.15, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            colour = "white" if not timed and value > 0.62 else "0.1"
            text = _time(value) if timed else _share(value)
            place = {"ha": "center", "va": "center", "fontsize": "x-small"}
            ax.text(column, row, text, color=colour, fontdict=place)
    labels = [_label(name) for name in columns]
    ax.set_xticks(range(len(columns)), labels, rotation=40, ha="right", rotation_mode="anchor")
    ax.set_yticks([])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def _label(name: str) -> str:
    renamed = {"ms": "a network", _POWER: "p ≤ .05"}
    return renamed.get(name) or name.removeprefix(_F1).removeprefix(_FREE).strip()


def _share(value: float) -> str:
    """Two digits, without the 0 before the point."""
    digits = f"{abs(value):.2f}"
    sign = "−" if value < 0 and digits != "0.00" else ""
    return sign + digits.removeprefix("0")


def _time(milliseconds: float) -> str:
    return f"{milliseconds:.1f} ms" if milliseconds < 10 else f"{milliseconds:.0f} ms"


if __name__ == "__main__":
    on_command.write(__file__, __doc__ or "", draw)
