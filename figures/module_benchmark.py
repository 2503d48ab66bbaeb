"""Module detection: time per edge against edges, and accuracy against strength.

    python figures/module_benchmark.py RESULTS -o figures

RESULTS is the CSV that benchmarks/modules.py wrote. Both panels show networks of --family with
weights: the left one those of --inside, the right one those of --edges.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log10
from pathlib import Path
from typing import Any

import on_command
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netsculpt.plots import style

LOOKS: Mapping[str, Mapping[str, Any]] = {  # colours of Okabe & Ito, and a marker for each
    "layered": {"color": "#0072b2", "marker": "o", "linewidth": 1.8, "zorder": 3},
    "leiden": {"color": "#56b4e9", "marker": "o", "linestyle": "--", "zorder": 4},
    "leidenalg": {"color": "#d55e00", "marker": "s"},
    "igraph": {"color": "#e69f00", "marker": "^"},
    "networkit PLM": {"color": "#009e73", "marker": "v"},
    "networkit Leiden": {"color": "#009e73", "marker": "v", "linestyle": ":"},
    "sknetwork Louvain": {"color": "#cc79a7", "marker": "D", "linestyle": ":"},
    "sknetwork Leiden": {"color": "#cc79a7", "marker": "D"},
    "networkx": {"color": "0.45", "marker": "x"},
}
NAMES = {
    "layered": "netsculpt layered",
    "leiden": "leidenalg, multiplex",
    "leidenalg": "leidenalg, modularity",
    "igraph": "igraph Leiden",
    "sknetwork Louvain": "scikit-network Louvain",
    "sknetwork Leiden": "scikit-network Leiden",
    "networkx": "networkx Louvain",
}


def draw(
    results: Path, width: style.Width, family: str | None, inside: float, edges: int
) -> Figure:
    """Two panels with a legend below."""
    rows = pd.read_csv(results)
    rows = rows[rows["status"] == "found"]
    family = family or rows["family"].iloc[0]
    rows = rows[(rows["family"] == family) & (rows["weights"] == "weights")]
    sized, equal_size = rows[rows["inside"] == inside], rows[rows["size"] == edges]
    if sized.empty or equal_size.empty:
        raise SystemExit(
            f"no network of inside {inside} or none of {edges} edges and {family} in the results; "
            f"there are inside {sorted(set(rows['inside']))} and edges {sorted(set(rows['size']))}"
        )
    page = style.figure(width, 0.62)
    left, right = page.subplots(1, 2)
    _lines(left, sized, "n_edges", "us_per_edge")
    left.set(xscale="log", yscale="log", xlabel="edges", ylabel="processor time (µs per edge)")
    left.set_title(f"{100 * inside:g} % drawn inside modules")
    _lines(right, equal_size, "inside", "ari")
    right.set(xlabel="edges drawn inside modules (%)", ylabel="ARI with the planted modules")
    right.set_title(f"10{_raised(edges)} edges")
    strengths = sorted(equal_size["inside"].unique())
    right.set_xticks(strengths, [f"{100 * share:g}" for share in strengths])
    right.set_ylim(-0.03, 1.03)
    handles, labels = left.get_legend_handles_labels()
    page.legend(handles, labels, loc="outside lower center", ncols=3)
    return page


def _lines(ax: Axes, rows: pd.DataFrame, across: str, measure: str) -> None:
    for tool, look in LOOKS.items():
        part = rows[rows["tool"] == tool].sort_values(across)
        if len(part):
            style_of = {"linewidth": 0.9, "markersize": 3, **look}
            ax.plot(part[across], part[measure], label=NAMES.get(tool, tool), **style_of)


def _raised(size: float) -> str:
    """The nearest power of ten, as superscript."""
    return str(round(log10(size))).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


if __name__ == "__main__":
    family = {"help": "networks of the benchmark (default: the first)"}
    inside = {"type": float, "default": 0.6, "help": "strength on the left (default: .6)"}
    edges = {"type": int, "default": 100_000, "help": "size on the right (default: 100000)"}
    on_command.write(__file__, __doc__ or "", draw, family=family, inside=inside, edges=edges)
