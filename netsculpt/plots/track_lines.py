"""Numbers of one network over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib.axes import Axes

from netsculpt.core.errors import GraphError
from netsculpt.plots._drawing.axes import axes_or_new, shorten, tick_size
from netsculpt.plots._drawing.colours import module_colours

if TYPE_CHECKING:
    from netsculpt.training.track import Track

__all__ = ["track_layers", "track_lines"]

_NAMES: Final = {
    "density": "density",
    "live_hidden": "live hidden units",
    "live_edges": "live edges",
    "log10_paths": "log₁₀ paths",
    "n_modules": "modules",
    "quality": "Q",
    "delta": "ΔQ",
    "z": "z",
    "p": "p",
    "ami_rerun": "same step, other seed",
    "ami_before": "step before",
    "ami_last": "last step",
    "n_live": "live units",
    "density_in": "density",
}
_STYLES: Final = ("-", "--", ":", "-.")
_MOST_LAYERS = 12


def track_lines(
    track: Track, columns: Sequence[str], *, label: str = "", ax: Axes | None = None
) -> Axes:
    """Draw columns of `Track.table` against the step, in one pair of axes.

    Parameters
    ----------
    track
        What `netsculpt.training.track.follow` returns.
    columns
        Names of columns, four at most.
    label
        Of the y axis; default: the name of a single column.

    Examples
    --------
    >>> from netsculpt.graph.synthetic import planted
    >>> from netsculpt.training.track import follow
    >>> graph, _ = planted([12, 12, 12], 2, 0.7, 0.05, rng=0)
    >>> track = follow([(0, graph), (10, graph)], n_nulls=0, rng=0)
    >>> track_lines(track, ["quality"]).get_ylabel()
    'Q'
    """
    known = set(vars(track.points[0])) - {"step"}
    wrong = [name for name in columns if name not in known]
    if wrong or not columns or len(columns) > len(_STYLES):
        raise GraphError(
            f"columns are {list(columns)}: one to {len(_STYLES)} of {', '.join(sorted(known))} are "
            "needed"
        )
    ax = axes_or_new(ax)
    lines = {
        _NAMES[name]: np.array([getattr(point, name) for point in track.points], dtype=float)
        for name in columns
    }
    _draw(ax, np.array(track.steps), lines)
    ax.set_ylabel(label or (_NAMES[columns[0]] if len(columns) == 1 else ""))
    return ax


def track_layers(track: Track, column: str = "density_in", *, ax: Axes | None = None) -> Axes:
    """Draw a number of every layer against the step: its density or its share of live units.

    Parameters
    ----------
    track
        What `netsculpt.training.track.follow` returns.
    column
        "density_in" or "n_live", of which the share of the layer's units is drawn. Layers without
        such a number, as inputs have no density, and those after the first twelve are left out.

    Examples
    --------
    >>> from netsculpt.graph.synthetic import planted
    >>> from netsculpt.training.track import follow
    >>> graph, _ = planted([12, 12, 12], 2, 0.7, 0.05, rng=0)
    >>> track = follow([(0, graph), (10, graph)], n_nulls=0, rng=0)
    >>> len(track_layers(track, "n_live").lines)
    3
    """
    if column not in ("density_in", "n_live"):
        raise GraphError(f"column is {column!r:.80}: density_in or n_live is needed")
    ax = axes_or_new(ax)
    lines: dict[str, np.ndarray] = {}
    for layer in dict.fromkeys(point.layer for point in track.by_layer):
        rows = [point for point in track.by_layer if point.layer == layer]
        if column == "n_live":
            values = [row.n_live / row.n_units if row.n_units else np.nan for row in rows]
        else:
            values = [row.density_in for row in rows]
        if not np.isnan(values).all() and len(lines) < _MOST_LAYERS:
            lines[shorten(layer, 20)] = np.array(values)
    _draw(ax, np.array(track.steps), lines)
    ax.set_ylabel("density" if column == "density_in" else "live units")
    return ax


def _draw(ax: Axes, steps: np.ndarray, lines: dict[str, np.ndarray]) -> None:
    """Lines with gaps where a number is not finite; with a legend if there are several."""
    colours = module_colours(range(len(lines)))
    for index, (name, values) in enumerate(lines.items()):
        shown = np.where(np.isfinite(values), values, np.nan)
        ax.plot(
            steps,
            shown,
            color=tuple(colours[index]),
            linestyle=_STYLES[index % len(_STYLES)],
            marker="o" if steps.size <= 30 else None,
            markersize=2,
            label=name,
        )
    ax.set_xlabel("step")
    if len(lines) > 1:
        size = tick_size(ax)
        ax.legend(fontsize=size, loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.0)
