"""Which modules of a target correspond to those of a source: two columns and what joins them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch, Rectangle
from numpy.typing import NDArray

from netsculpt.core.errors import GraphError
from netsculpt.core.numbers import checked_fraction
from netsculpt.plots._drawing.axes import (
    LITERAL,
    axes_or_new,
    lines_that_fit,
    shorten,
    size_in_points,
    text_width,
    tick_size,
)
from netsculpt.plots._drawing.bands import band, spread_places
from netsculpt.plots._drawing.colours import GREY, INK, module_colours

if TYPE_CHECKING:
    from netsculpt.compare.reuse import ModuleMatching

__all__ = ["alluvial"]

_BAR = 6.0  # width of a column, in points
_PAD = 7.0  # between a column and its names, in points
_GAPS = 0.25  # share of the height that lies between modules
_LONGEST_NAME = 16
_LINE = 1.15  # distance of names, in sizes of the text
_BY = {"jaccard": "shared units", "correlation": "correlation", "cka": "CKA"}


@dataclass(frozen=True)
class _Flow:
    source: int
    target: int
    width: tuple[float, float]  # units at the source's end and at the target's
    is_matched: bool


def alluvial(
    matching: ModuleMatching,
    *,
    source_names: Sequence[str] | None = None,
    target_names: Sequence[str] | None = None,
    least_similarity: float = 0.0,
    level: float = 0.05,
    ax: Axes | None = None,
) -> Axes:
    """Draw the modules of two nets as columns, and matched ones in one colour, joined.

    Heights are units. Modules are matched if q ≤ `level` and their similarity is at least that
    asked for; all others are grey. Of nets with the same units, every band is as wide as the units
    that two modules share; of others, a band joins all of a module with all of the one that it
    resembles most in a one-to-one matching. Target modules stand in the order of their matches.

    Parameters
    ----------
    matching
        Modules of source and target, as `netsculpt.compare.reuse` matches them.
    source_names, target_names
        Names of the modules; without them they are numbered. Names that have no room are left out,
        those of small modules first.
    least_similarity, level
        What "matched" means.

    Examples
    --------
    >>> from netsculpt.compare.reuse import match_by_units
    >>> from netsculpt.graph.partition import Partition
    >>> labels = Partition(np.arange(40) // 10)
    >>> ax = alluvial(match_by_units(labels, labels, np.zeros(40), rng=0))
    >>> sum(text.get_text() == "3" for text in ax.texts)
    2
    """
    checked_fraction(level, "level")
    checked_fraction(least_similarity, "least_similarity")
    names = [
        _checked(given, n, side)
        for given, n, side in zip(
            (source_names, target_names),
            matching.similarity.shape,
            ("source", "target"),
            strict=True,
        )
    ]
    matched = {
        pair.source: pair.target
        for pair in matching.significant(level)
        if pair.similarity >= least_similarity
    }
    partners = {target: source for source, target in matched.items()}
    n_source, n_target = matching.similarity.shape
    orders = (
        list(range(n_source)),
        sorted(range(n_target), key=lambda target: (partners.get(target, n_source), target)),
    )
    colours = (
        _colours([s if s in matched else -1 for s in range(n_source)]),
        _colours([partners.get(t, -1) for t in range(n_target)]),
    )
    ax = axes_or_new(ax)
    ax.spines[:].set_visible(False)
    ax.set(yticks=[], ylim=(1, 0))
    ax.tick_params(length=0)
    size = tick_size(ax)
    note = f"grey: no match (q > {level:g}"
    note += f" or similarity < {least_similarity:g})" if least_similarity > 0 else ")"
    is_all = len(matched) == n_source == n_target
    label = float(ax.xaxis.label.get_fontsize())
    ax.set_xticks([0, 1], ["source", "target"])
    notes = ["height: units", f"matched by {_BY[matching.kind]}", *([] if is_all else [note])]
    ax.set_xlabel("\n".join(lines_that_fit(notes, label, size_in_points(ax)[0])))
    width, height = size_in_points(ax)
    margins = [max((text_width(x, size) for x in side), default=0.0) + 1.4 * _PAD for side in names]
    per_point = 1 / max(width - sum(margins) - 2 * _BAR, 1.0)
    ax.set_xlim(-(margins[0] + _BAR) * per_point, 1 + (margins[1] + _BAR) * per_point)
    bar = _BAR * per_point
    ax.set_xticks([-bar / 2, 1 + bar / 2], ["source", "target"])
    tops = [
        _tops(np.array(sizes), order, max(map(sum, matching.sizes)))
        for sizes, order in zip(matching.sizes, orders, strict=True)
    ]
    unit = (1 - _GAPS) / max(1, *map(sum, matching.sizes))
    for side, sizes in enumerate(matching.sizes):
        edge, away = (-bar, -_PAD * per_point) if side == 0 else (1 + bar, _PAD * per_point)
        for module, n in enumerate(sizes):
            corner = min(edge, edge - np.sign(away) * bar), tops[side][module]
            ax.add_patch(Rectangle(corner, bar, n * unit, color=colours[side][module], linewidth=0))
        middles = tops[side] + np.array(sizes) * unit / 2
        for module, y in spread_places(middles, np.array(sizes), _LINE * size / height).items():
            ends = [edge + 0.15 * away, edge + 0.85 * away], [middles[module], y]
            ax.plot(*ends, color=GREY, linewidth=0.4, solid_capstyle="butt")
            ax.text(
                edge + away,
                y,
                names[side][module],
                size=size,
                color=INK,
                ha="right" if side == 0 else "left",
                va="center_baseline",
                **LITERAL,
            )
    _add_flows(ax, _flows(matching, matched), orders, tops, colours[0], unit)
    return ax


def _checked(names: Sequence[str] | None, n: int, side: str) -> list[str]:
    if names is not None and len(names) != n:
        raise GraphError(
            f"{len(names)} {side} names found, there are {n} {side} modules: one each is needed"
        )
    return [shorten(name, _LONGEST_NAME) for name in names or map(str, range(n))]


def _colours(labels: list[int]) -> list[tuple[float, ...] | str]:
    colours = module_colours(np.array(labels, dtype=np.int64)).tolist()
    return [tuple(x) if y >= 0 else GREY for x, y in zip(colours, labels, strict=True)]


def _tops(sizes: NDArray[np.int64], order: list[int], total: int) -> NDArray[np.float64]:
    """Where each module begins, from the top, with equal gaps; the column is centred."""
    unit = (1 - _GAPS) / max(total, 1)
    gap = _GAPS / max(len(sizes) - 1, 1)
    used = sizes.sum() * unit + gap * (len(sizes) - 1)
    heights = np.append(0.0, np.cumsum(sizes[order] * unit + gap)[:-1])
    tops = np.empty(len(sizes))
    tops[order] = (1 - used) / 2 + heights
    return tops


def _flows(matching: ModuleMatching, matched: dict[int, int]) -> list[_Flow]:
    """Bands, grey ones first, so that the others lie on top."""
    sizes = matching.sizes
    flows = [
        _Flow(
            pair.source,
            pair.target,
            (float(sizes[0][pair.source]), float(sizes[1][pair.target])),
            matched.get(pair.source) == pair.target,
        )
        for pair in matching.pairs
    ]
    if matching.kind == "jaccard":
        flows = [
            _Flow(s, t, (n, n), matched.get(s) == t)
            for (s, t), value in np.ndenumerate(np.nan_to_num(matching.similarity))
            if (n := value * (sizes[0][s] + sizes[1][t]) / (1 + value)) > 0
        ]
    return sorted(flows, key=lambda flow: flow.is_matched)


def _add_flows(
    ax: Axes,
    flows: list[_Flow],
    orders: tuple[list[int], list[int]],
    tops: list[NDArray[np.float64]],
    colours: list[tuple[float, ...] | str],
    unit: float,
) -> None:
    """Bands from column to column; those of one module leave it in the order of their ends."""
    place = [{module: i for i, module in enumerate(order)} for order in orders]
    begins: dict[tuple[int, int], list[float]] = {}
    for side in (0, 1):
        used = tops[side].copy()
        for flow in sorted(flows, key=lambda x: (place[0][x.source], place[1][x.target])):
            module = (flow.source, flow.target)[side]
            begins.setdefault((flow.source, flow.target), []).append(float(used[module]))
            used[module] += flow.width[side] * unit
    for flow in flows:
        left, right = begins[flow.source, flow.target]
        ends = left + flow.width[0] * unit, right + flow.width[1] * unit
        ax.add_patch(
            PathPatch(
                band((0.0, left, ends[0]), (1.0, right, ends[1])),
                facecolor=colours[flow.source] if flow.is_matched else GREY,
                alpha=0.5 if flow.is_matched else 0.25,
                linewidth=0,
                gid=f"flow {flow.source} {flow.target}",
            )
        )
