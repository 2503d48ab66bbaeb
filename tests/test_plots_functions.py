"""Marks of the functions of units in the drawing of a network."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import matplotlib.collections as collections
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.legend import Legend

from netsculpt import NetGraph, Partition, from_matrices, plots
from netsculpt.graph.activations import WANN_ACTIVATIONS
from netsculpt.graph.by_depth import by_depth
from netsculpt.plots import style


def drawn(graph: NetGraph, width: Any = "neurips", **how: Any) -> Axes:
    with style.paper(width):
        ax = style.figure(width, 0.6).add_subplot()
        plots.network(graph, ax=ax, **how)
        ax.figure.canvas.draw()
    return ax


def fan(names: list[str]) -> NetGraph:
    """One unit for each function between a bias and an output."""
    n = len(names)
    return by_depth(
        [0] * n + list(range(1, n + 1)),
        list(range(1, n + 1)) + [n + 1] * n,
        n_inputs=1,
        n_outputs=1,
        activation=["identity", *names, "identity"],
    )


def marks_in(ax: Axes) -> list[collections.PathCollection]:
    return [x for x in ax.collections if x.get_gid() == "functions"]  # type: ignore[misc]


def legend_of(ax: Axes) -> Legend | None:
    found = [x for x in ax.get_children() if x.get_gid() == "function names"]
    return found[0] if found else None  # type: ignore[return-value]


ALL = [*WANN_ACTIVATIONS, "gelu", "leaky_relu", "silu", "identity|relu"]


@pytest.mark.parametrize("width", ["neurips", "nature"])
@pytest.mark.parametrize("names", [ALL, ["relu"], ["", "tanh"]])
def test_each_unit_but_the_inputs_has_the_mark_of_its_function(
    width: Any, names: list[str]
) -> None:
    ax = drawn(fan(names), width)
    known = {"identity", *names} - {""}
    legend = legend_of(ax)
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == sorted(known)
    paths = [path for x in marks_in(ax) for path in x.get_paths()]
    assert len(paths) == 1 + sum(name != "" for name in names)
    dots = next(x for x in ax.collections if x.get_gid() == "units")
    centres, diameters = dots.get_offsets(), dots._widths * 2  # type: ignore[attr-defined]
    for path in paths:  # inside one dot
        box = path.get_extents()
        at = np.array([(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2])
        distance = np.hypot(*(np.asarray(centres) - at).T)
        assert (distance < 0.5 * diameters).sum() == 1
    assert len({x.get_paths()[0].vertices.tobytes() for x in marks_in(ax)}) == len(marks_in(ax))


def test_nothing_overlaps_or_is_cut() -> None:
    partition = Partition([-1] + [0, 1, 2] * 5 + [-1])
    ax = drawn(fan(ALL), "nature", partition=partition, verdict="chance")
    legend, figure = legend_of(ax), ax.get_figure(root=True)
    assert legend is not None
    assert figure is not None
    box = legend.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1
    assert box.y1 <= figure.bbox.y1 + 1
    said = next(x for x in ax.texts if "chance" in x.get_text()).get_window_extent()
    assert box.y0 >= said.y1 - 2
    assert said.y0 >= ax.get_window_extent().y1


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"activation": np.arange(6)},
        {"activation": [""] * 6},
        {"activation": ["relu"] * 3 + [""] * 3},  # of inputs alone
        {"token": ["relu"] * 6},
    ],
)
def test_graphs_without_marks(columns: Any) -> None:
    graph = from_matrices([np.ones((2, 3)), np.ones((1, 2))])
    ax = drawn(replace(graph, attributes=columns))
    assert not marks_in(ax)
    assert legend_of(ax) is None


def test_large_graphs_have_none() -> None:
    for widths in ((30, 100, 90), (4, 60, 4)):  # too many, too small
        blocks = [np.ones((b, a)) for a, b in pairwise(widths)]
        graph = from_matrices(blocks)
        columns = {"activation": ["relu"] * graph.n_units}
        assert not marks_in(drawn(replace(graph, attributes=columns), "nature"))


def test_units_too_small_have_no_mark() -> None:
    """Those of the first of four hidden layers, in which two apply other functions than all."""
    widths = [50, 17, 17, 17]
    names = ["sin", "cos"] + ["tanh"] * 48 + ["relu"] * 51
    starts = np.cumsum([1, *widths]).tolist()
    pairs = [(0, unit) for unit in range(1, starts[1])]
    for before, start in pairwise(starts[:-1]):
        pairs += [(before + at, start + at) for at in range(17)]
    pairs.append((starts[-1] - 1, starts[-1]))
    sources, targets = np.array(pairs).T
    activation = ["identity", *names, "identity"]
    graph = by_depth(sources, targets, n_inputs=1, n_outputs=1, activation=activation)
    assert [layer.n_units for layer in graph.layers] == [1, *widths, 1]
    ax = drawn(graph)
    legend = legend_of(ax)
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["identity", "relu"]
    assert sum(len(x.get_paths()) for x in marks_in(ax)) == 51 + 1


def test_parallel_layers_keep_their_marks() -> None:
    """Bias and input share a column, so that units are drawn in another order."""
    graph = by_depth(
        [0, 1, 2, 3, 0],
        [3, 3, 4, 5, 4],
        n_inputs=3,
        n_outputs=2,
        activation=["identity"] * 3 + ["tanh", "identity", "relu"],
    )
    legend = legend_of(drawn(graph))
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["identity", "relu", "tanh"]
