"""Modules of one network over time: a column for each step, and what flows from one to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch, Rectangle
from numpy.typing import NDArray

from netsculpt.core.errors import GraphError
from netsculpt.plots._drawing.axes import axes_or_new, size_in_points, text_width, tick_size
from netsculpt.plots._drawing.bands import band, spread_places
from netsculpt.plots._drawing.colours import GREY, INK, module_colours

if TYPE_CHECKING:
    from netsculpt.training.track import Track

__all__ = ["module_history"]

_BAR = 6.0  # largest width of a column, in points
_SHARE = 0.3  # of the distance of columns that one takes at most
_PAD = 4.0  # between a column and its numbers, in points
_GAPS = 0.2  # share of the height that lies between modules
_LINE = 1.15  # distance of numbers, in sizes of the text

Tops = dict[int, float]


def module_history(track: Track, *, ax: Axes | None = None) -> Axes:
    """Draw the modules at every step as a column, and the units that pass from one to the next.

    Heights are units; units without a module are left out. A module has one number and one colour
    throughout, and numbers stand in order. A band has the colour of the module that it leaves.
    Modules are numbered at the first and at the last step, small ones only if there is room.

    Parameters
    ----------
    track
        What `netsculpt.training.track.follow` returns.

    Examples
    --------
    >>> from netsculpt.graph.synthetic import planted
    >>> from netsculpt.training.track import follow
    >>> graph, _ = planted([12, 12, 12], 2, 0.7, 0.05, rng=0)
    >>> ax = module_history(follow([(0, graph), (10, graph)], n_nulls=0, rng=0))
    >>> [text.get_text() for text in ax.texts]
    ['0', '1', '0', '1']
    """
    labels = track.labels
    if not labels.size or labels.max() < 0:
        raise GraphError("no unit has a module at any step: there is nothing to draw")
    ax = axes_or_new(ax)
    ax.spines[:].set_visible(False)
    ax.set(yticks=[], ylim=(1, 0), xlabel="step")
    ax.tick_params(length=0)
    size = tick_size(ax)
    n_steps = len(labels)
    width, height = size_in_points(ax)
    pad = _PAD + text_width(str(labels.max()), size)
    per_point = max(n_steps - 1, 1) / max(width - 2 * pad - _BAR, 1.0)
    bar = min(_BAR * per_point, _SHARE)
    ax.set_xlim(-bar / 2 - pad * per_point, n_steps - 1 + bar / 2 + pad * per_point)
    _label_steps(ax, track, size, 1 / per_point)
    unit = (1 - _GAPS) / max(int((labels >= 0).sum(axis=1).max()), 1)
    tops = [_tops(row, unit) for row in labels]
    for place, row in enumerate(labels):
        if place + 1 < n_steps:
            _add_bands(ax, place, labels[place : place + 2], tops[place : place + 2], bar, unit)
        for module, top in tops[place].items():
            tall = int((row == module).sum()) * unit
            colour = tuple(module_colours([module])[0])
            ax.add_patch(Rectangle((place - bar / 2, top), bar, tall, color=colour, linewidth=0))
    for place, side in ((0, -1), (n_steps - 1, 1)):
        known = [*tops[place]]
        sizes = np.array([(labels[place] == module).sum() for module in known], dtype=np.int64)
        if not known:
            continue
        middles = np.array([tops[place][module] for module in known]) + sizes * unit / 2
        edge = place + side * (bar / 2 + 0.5 * _PAD * per_point)
        for index, y in spread_places(middles, sizes, _LINE * size / height).items():
            ax.text(
                edge,
                y,
                str(known[index]),
                size=size,
                color=INK,
                ha="right" if side < 0 else "left",
                va="center_baseline",
            )
    return ax


def _label_steps(ax: Axes, track: Track, size: float, room: float) -> None:
    """Steps below the columns, as many as there is room for, the last one always."""
    texts = [f"{step:,}" for step in track.steps]
    every = int(np.ceil(1.4 * max(text_width(text, size) for text in texts) / max(room, 1e-9)))
    shown = list(range(len(texts) - 1, -1, -every))[::-1]
    ax.set_xticks(shown, [texts[place] for place in shown])


def _tops(row: NDArray[np.int32], unit: float) -> Tops:
    """Where each module begins, from the top; the column is centred."""
    known, sizes = np.unique(row[row >= 0], return_counts=True)
    gap = _GAPS / max(known.size - 1, 1)
    gap = min(gap, _GAPS / 4)
    used = sizes.sum() * unit + gap * max(known.size - 1, 0)
    begins = (1 - used) / 2 + np.append(0.0, np.cumsum(sizes * unit + gap)[:-1])
    return dict(zip(known.tolist(), begins.tolist(), strict=True)) if known.size else {}


def _add_bands(
    ax: Axes, place: int, rows: NDArray[np.int32], tops: list[Tops], bar: float, unit: float
) -> None:
    """Bands from a column to the next; those of one module leave it in the order of their ends."""
    used = [dict(each) for each in tops]
    bands: dict[tuple[int, int], list[float]] = {}
    both = (rows[0] >= 0) & (rows[1] >= 0)
    pairs, counts = np.unique(rows[:, both], axis=1, return_counts=True)
    flows = dict(zip(map(tuple, pairs.T.tolist()), counts.tolist(), strict=True))
    for side in (0, 1):
        for pair in sorted(flows, key=lambda x: (x[side], x[1 - side])):
            bands.setdefault(pair, []).append(used[side][pair[side]])
            used[side][pair[side]] += flows[pair] * unit
    for (source, target), (left, right) in bands.items():
        tall = flows[source, target] * unit
        stays = source == target
        ax.add_patch(
            PathPatch(
                band(
                    (place + bar / 2, left, left + tall), (place + 1 - bar / 2, right, right + tall)
                ),
                facecolor=tuple(module_colours([source])[0]) if stays else GREY,
                alpha=0.5 if stays else 0.25,
                linewidth=0,
                gid=f"flow {place} {source} {target}",
            )
        )
