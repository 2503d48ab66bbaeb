"""Numbers of one network over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from netsculpt.core.errors import GraphError
from netsculpt.plots._drawing.axes import axes_or_new
from netsculpt.plots._drawing.lines import draw_lines

if TYPE_CHECKING:
    from netsculpt.training.track import Track

__all__ = ["track_lines"]

_NAMES: Final = {
    "density": "density",
    "live_hidden": "live hidden units",
    "live_edges": "live edges",
    "log10_paths": "log₁₀ paths",
    "n_modules": "modules",
    "n_numbered": "modules of 2+ units",
    "quality": "Q",
    "delta": "ΔQ",
    "z": "z",
    "p": "p",
    "ami_rerun": "same step, other seed",
    "ami_before": "step before",
    "ami_last": "last step",
}
_COUNTS: Final = frozenset({"n_modules", "n_numbered"})
_MOST = 4


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
    if wrong or not columns or len(columns) > _MOST:
        raise GraphError(
            f"columns are {list(columns)}: one to {_MOST} of {', '.join(sorted(known))} are needed"
        )
    ax = axes_or_new(ax)
    lines = {
        _NAMES[name]: np.array([getattr(point, name) for point in track.points], dtype=float)
        for name in columns
    }
    draw_lines(ax, np.array(track.steps), lines)
    if set(columns) <= _COUNTS:
        ax.yaxis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))
    ax.set_ylabel(label or (_NAMES[columns[0]] if len(columns) == 1 else ""))
    return ax
