"""The hierarchy of modules: levels from left to right, arrows by the weight between modules."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import FancyBboxPatch, PathPatch, Polygon
from matplotlib.path import Path
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

from netsculpt.core.counting import counted
from netsculpt.hierarchy import Hierarchy, Module
from netsculpt.modules.verdict import Verdict
from netsculpt.plots._drawing.axes import (
    LITERAL,
    axes_or_new,
    bare,
    lines_that_fit,
    size_in_points,
    tick_size,
)
from netsculpt.plots._drawing.colours import INK, NEGATIVE, POSITIVE, module_colours, shade
from netsculpt.plots._drawing.module_text import box_texts
from netsculpt.plots._drawing.worth import DASHED, MUTED, is_muted, say_verdict
from netsculpt.plots.layouts.sweeps import aligned, line_order

__all__ = ["module_hierarchy"]

_MARGIN = 2.0  # points
_WIDEST_BOX = 86.0
_SEEN = 0.05  # difference of weights, as a share of the largest, that widths show
_LEAST_TEXT = 5.0  # points
_BEND = 4.0  # height kept free where an arrow passes between boxes


def module_hierarchy(
    hierarchy: Hierarchy, *, verdict: Verdict | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the modules as boxes at their level, and arrows between modules that feed each other.

    Levels are columns, level 0 on the left. A box's height grows with the square root of its
    number of units; an arrow is wider the larger the summed weight between two modules. An arrow is
    dashed if its link carries no more than chance, or was not compared with it; dotted arrows that
    lead back are feedback (`netsculpt.hierarchy.ordered`). Lines below say so, how many links were
    left out as chance, and whether some box has no room for all it should show. A box shows, as far
    as there is room, the module's number, its units, its reuse (how many others it feeds), and the
    input and output units on its paths: by name if the hierarchy has names, by number in the graph
    otherwise, or only how many if the list is long. Data coordinates are points on paper, y
    downwards: set the size of the axes first.

    Parameters
    ----------
    hierarchy
        Modules, their levels and the edges between them [M, M].
    verdict
        What the modules are worth, as `netsculpt.modules.verdict` judges them. It is written above;
        unless they are "modular", boxes are pale and dashed.

    Examples
    --------
    >>> from netsculpt.graph.partition import Partition
    >>> module = Module(0, 4, (2, 2), 0, 0.0, 1, (), (), (0, 1), (4,), 1.0)
    >>> edges, level = csr_array((1, 1)), np.zeros(1, dtype=np.int64)
    >>> hierarchy = Hierarchy(Partition([0] * 4), (module,), edges, level, ((0,),), 1.0, 0.0)
    >>> [text.get_text() for text in module_hierarchy(hierarchy).texts]
    ['module 0', '4 units', 'feeds 1 module', 'sees 0–1', 'serves 4']
    """
    ax = axes_or_new(ax)
    bare(ax)
    size = tick_size(ax)
    n_levels = int(hierarchy.level.max(initial=-1)) + 1
    ax.set_xlim(-0.5, max(n_levels, 1) - 0.5)
    ax.set_xticks(range(n_levels), [f"level {level}" for level in range(n_levels)])
    ax.tick_params(axis="x", length=0, labelbottom=True)
    say_verdict(ax, verdict)
    notes = _notes(hierarchy)
    _say_below(ax, notes)
    width, height = size_in_points(ax)
    places, texts, complete = _laid_out(width, height, hierarchy, size)
    if not complete:  # said below, which takes room from the boxes
        _say_below(ax, [*notes, "not every box has room for what it sees and serves"])
        width, height = size_in_points(ax)
        places, texts, _ = _laid_out(width, height, hierarchy, size)
    ax.set(xlim=(0, width), ylim=(height - _MARGIN, -_MARGIN))
    ax.set_xticks(places.column, [f"level {level}" for level in range(n_levels)])
    _arrows(ax, places)
    for node, module in enumerate(hierarchy.modules):
        _box(ax, places, node, module, texts[node], size, muted=is_muted(verdict))
    return ax


def _say_below(ax: Axes, notes: list[str]) -> None:
    size, room = float(ax.xaxis.label.get_fontsize()), size_in_points(ax)[0]
    ax.set_xlabel("\n".join(lines_that_fit(notes, size, room)))


def _laid_out(
    width: float, height: float, hierarchy: Hierarchy, size: float
) -> tuple[_Places, list[list[str]], bool]:
    """Places, the lines of text in each box, and whether no line is missing for want of room."""
    places = _places(hierarchy, width, height - 2 * _MARGIN, size)
    texts, complete = [], True
    inputs = {unit for module in hierarchy.modules for unit in module.inputs_seen}
    for node, given in enumerate(hierarchy.modules):
        seen = given.inputs_seen if len(inputs) > 1 else ()  # a single one says nothing
        module = replace(given, inputs_seen=seen)
        lines = box_texts(module, hierarchy.unit_names, places.width - 4.0, size, 0.85 * size)
        fitting = [line for line in lines if line]
        high = float(places.height[node])
        room = 1 + int(max(high - 2.0 - 1.2 * size, 0.0) // (1.2 * 0.85 * size))
        complete &= len(fitting) == len(lines) <= room and high >= size
        if _LEAST_TEXT <= high < size:  # many boxes: their numbers alone
            fitting = [f"{module.label}"]
        texts.append(fitting[: room if high >= size else int(high >= _LEAST_TEXT)])
    return places, texts, complete


@dataclass(frozen=True, eq=False)
class _Places:
    """Points, y downwards. N nodes: the M modules, then the bends of arrows that skip a level."""

    column: NDArray[np.float64]  # [levels] middle
    level: NDArray[np.int64]  # [N]
    y: NDArray[np.float64]  # [N] middle
    width: float  # of a box
    height: NDArray[np.float64]  # [N]
    routes: list[list[int]]  # the nodes along each arrow, from lower to higher levels
    strength: NDArray[np.float64]  # of each arrow, relative to the strongest
    style: list[str]  # of the line of each arrow; dotted ones point down, against their route


def _notes(hierarchy: Hierarchy) -> list[str]:
    """What to know of links that are not drawn, or not drawn as solid arrows."""
    evidence = hierarchy.edge_evidence
    n_chance, n_untested = evidence.count("no more than chance"), evidence.count("untested")
    notes = []
    if n_chance:
        more = f", and {n_untested:,} untested" if n_untested else ""
        notes.append(f"dashed: {counted(n_chance, 'link')} no more than chance{more}")
    elif n_untested:
        notes.append(f"dashed: {counted(n_untested, 'link')} untested")
    if hierarchy.feedback:
        notes.append("dotted: feedback")
    weights = np.array([*hierarchy.edges.data, *(link.weight for link in hierarchy.feedback)])
    if weights.size and np.ptp(weights) > _SEEN * weights.max():
        notes.append("wider: more weight")
    n_left_out = len(hierarchy.left_out)
    if n_left_out:
        notes.append(f"not drawn: {counted(n_left_out, 'link')}, no more than chance")
    return notes


def _places(hierarchy: Hierarchy, width: float, height: float, size: float) -> _Places:
    n_levels = int(hierarchy.level.max(initial=-1)) + 1
    ends = hierarchy.edges.tocoo()
    back = hierarchy.feedback
    lower = [*ends.row.tolist(), *(link.target for link in back)]
    upper = [*ends.col.tolist(), *(link.source for link in back)]
    strength = _relative(np.array([*ends.data.tolist(), *(link.weight for link in back)]))
    level, routes = _routes(hierarchy, lower, upper, ends.nnz)
    hops = [hop for route in routes for hop in pairwise(route)]
    source, target = np.array(hops, dtype=np.int64).reshape(-1, 2).T
    pull = np.repeat(0.2 + strength, [len(route) - 1 for route in routes])
    ties = csr_array(coo_array((pull, (source, target)), (level.size, level.size)))
    rank = np.argsort(line_order(csr_array(ties + ties.T)))
    columns = [
        nodes[np.argsort(rank[nodes])]
        for nodes in (np.flatnonzero(level == column) for column in range(n_levels))
    ]
    n_nodes = np.bincount(level, minlength=1)
    n_boxes = np.bincount(hierarchy.level, minlength=n_nodes.size)
    each = height / max(n_nodes.max(), 1)
    gap = 1.0 if each < 1.5 * _LEAST_TEXT else min(0.25 * each, 12.0)
    room = height - gap * (n_nodes - 1) - _BEND * (n_nodes - n_boxes)
    tallest = float(np.clip(room / np.maximum(n_boxes, 1), 1.0, 8.5 * size).min())
    n_units = np.array([module.n_units for module in hierarchy.modules], dtype=np.float64)
    lowest = min(max(0.7 * tallest, 1.5 * size), tallest)
    extent = np.full(level.size, _BEND)
    extent[: n_units.size] = lowest + (tallest - lowest) * np.sqrt(
        n_units / n_units.max(initial=1.0)
    )
    step = width / max(n_levels, 1)
    return _Places(
        column=step * np.arange(0.5, n_levels),
        level=level,
        y=aligned(ties, columns, extent, gap, height),
        width=min(_WIDEST_BOX, 0.6 * step),
        height=extent,
        routes=routes,
        strength=strength,
        style=[
            *("-" if said == "more than chance" else "--" for said in hierarchy.edge_evidence),
            *[":"] * len(back),
        ],
    )


def _routes(
    hierarchy: Hierarchy, lower: list[int], upper: list[int], n_forward: int
) -> tuple[NDArray[np.int64], list[list[int]]]:
    """Levels of modules and bends, and the route of each arrow.

    Arrows from one module share bends; each that leads back to it has its own.
    """
    levels = list(hierarchy.level)
    bend: dict[tuple[int, int, int], int] = {}
    routes = []
    for arrow, (source, target) in enumerate(zip(lower, upper, strict=True)):
        route, shared = [source], -1 if arrow < n_forward else arrow
        for level in range(levels[source] + 1, levels[target]):
            if (source, level, shared) not in bend:
                bend[source, level, shared] = len(levels)
                levels.append(level)
            route.append(bend[source, level, shared])
        routes.append([*route, target])
    return np.array(levels, dtype=np.int64), routes


def _relative(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights relative to the largest."""
    largest = weights.max(initial=0.0)
    return weights / largest if largest > 0 else weights


def _arrows(ax: Axes, places: _Places) -> None:
    strength = places.strength
    ends = [node for route in places.routes for node in (route[0], route[-1])]
    lowest = places.height[ends].min(initial=np.inf)
    thickest = float(np.clip(0.12 * lowest, 0.8, 3.0))  # heads of neighbours must not overlap
    leaves, left = _ports(places, [(route[0], route[1]) for route in places.routes])
    arrives, right = _ports(places, [(route[-1], route[-2]) for route in places.routes])
    half = places.width / 2
    for edge in np.argsort(strength, kind="stable"):
        route, thickness = places.routes[edge], 0.5 + (thickest - 0.5) * strength[edge]
        x = places.column[places.level[route]]
        back = places.style[edge] == ":"
        room = float((left if back else right)[edge])
        head = min(3.0 + 1.2 * thickness, room / 0.9)  # 0.9 high for each that it is long
        points = [(x[0] + half, leaves[edge])]
        for node, middle in zip(route[1:-1], x[1:-1], strict=True):
            points += [(middle - half, places.y[node]), (middle + half, places.y[node])]
        points.append((x[-1] - half, arrives[edge]))
        tip, towards = (points[0], 1.0) if back else (points[-1], -1.0)
        points[0 if back else -1] = (tip[0] + 0.9 * towards * head, tip[1])
        way = []
        for start, stop in zip(points[::2], points[1::2], strict=True):
            turn = (start[0] + stop[0]) / 2
            way += [start, (turn, start[1]), (turn, stop[1]), stop]
        codes = [Path.LINETO, *[Path.CURVE4] * 3] * (len(points) // 2)
        codes[0] = Path.MOVETO
        colour = (*to_rgb(NEGATIVE if back else POSITIVE), 0.3 + 0.5 * strength[edge])
        ax.add_patch(
            PathPatch(
                Path(way, codes),
                fill=False,
                linestyle=_dashes(places.style[edge], thickness),
                linewidth=thickness,
                edgecolor=colour,
                capstyle="butt",
                joinstyle="miter",
                zorder=1,
                gid="feedback" if back else "edge",
            )
        )
        base = tip[0] + towards * head
        corners = [tip, (base, tip[1] - 0.45 * head), (base, tip[1] + 0.45 * head)]
        ax.add_patch(Polygon(corners, color=colour, linewidth=0.0, zorder=1))


def _dashes(style: str, thickness: float) -> str | tuple[float, tuple[float, float]]:
    """Dashes and dots of one size on paper; matplotlib's own grow with the width of the line."""
    on_off = {"--": (4.0, 2.0), ":": (1.2, 1.5)}.get(style)
    return "solid" if on_off is None else (0.0, (on_off[0] / thickness, on_off[1] / thickness))


def _ports(
    places: _Places, ends: list[tuple[int, int]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Height at which each edge touches its box, and its distance from the next there.

    Edges are spread out, in the order of their other ends.
    """
    y, room = np.zeros((2, len(ends)))
    by_node: dict[int, list[int]] = {}
    for edge, (node, _) in enumerate(ends):
        by_node.setdefault(node, []).append(edge)
    for node, edges in by_node.items():
        ordered = sorted(edges, key=lambda edge: float(places.y[ends[edge][1]]))
        spread = (np.arange(len(edges)) + 0.5) / len(edges) - 0.5
        y[ordered] = places.y[node] + 0.7 * places.height[node] * spread
        room[ordered] = 0.7 * places.height[node] / len(edges)
    return y, room


def _box(
    ax: Axes,
    places: _Places,
    node: int,
    module: Module,
    texts: list[str],
    size: float,
    *,
    muted: bool,
) -> None:
    colour = module_colours([*module.members, module.label][:1])  # as in the network's figure
    edge = shade(colour, 1.0, MUTED) if muted else shade(colour, 0.0, 0.15)
    x, y = places.column[places.level[node]], places.y[node]
    height = places.height[node]
    ax.add_patch(
        FancyBboxPatch(
            (x - places.width / 2, y - height / 2),
            places.width,
            height,
            boxstyle=f"round,pad=0,rounding_size={min(4.0, height / 3)}",
            facecolor=shade(colour, 1.0, 0.93 if muted else 0.75)[0],
            edgecolor=edge[0],
            linewidth=0.8,
            linestyle=DASHED if muted else "solid",
            zorder=2,
            gid=f"module {module.label}",
        )
    )
    small = 0.85 * size
    size = size if height >= size else _LEAST_TEXT
    top = y - (1.2 * size + 1.2 * small * (len(texts) - 1)) / 2
    for line, text in enumerate(texts):
        ax.text(
            x,
            top + (0.6 * size if line == 0 else 1.2 * size + 1.2 * small * (line - 0.5)),
            text,
            size=size if line == 0 else small,
            weight="bold" if line == 0 else "normal",
            color=INK,
            ha="center",
            va="center_baseline",
            zorder=3,
            **LITERAL,
        )
