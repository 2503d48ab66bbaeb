"""Plots of rounds and epochs, of weights and degrees: what they draw is what they were given."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.axes import Axes
from scipy.sparse import csr_array

from netsculpt import plots
from netsculpt.core.errors import GraphError
from netsculpt.graph.graph import Block, Layer, NetGraph
from netsculpt.graph.matrices import from_matrices
from netsculpt.training.history import History, Point
from netsculpt.training.track.result import LayerPoint

NAN = float("nan")


def point(step: int, density: float, accuracy: float, **more: bool) -> Point:
    marks = {"undone": False, "changed": False, **more}
    return Point(step, "", **marks, density=density, train_loss=step, train_accuracy=accuracy / 2,
                 held_out_loss=2.0 * step, held_out_accuracy=accuracy)  # fmt: skip


POINTS = (
    point(1, 1.0, 0.9),
    point(2, 0.5, 0.8, changed=True),
    point(3, 0.5, 0.3, undone=True),
    point(5, 0.1, 0.7, changed=True),
)


def layers(*rows: tuple[int, float, int]) -> tuple[LayerPoint, ...]:
    """A hidden layer of ten units at some steps, behind an input."""
    return tuple(
        x
        for step, density, live in rows
        for x in (LayerPoint(step, "in", 4, 4, NAN, 0), LayerPoint(step, "a", 10, live, density, 1))
    )


def lines(ax: Axes) -> dict[str, list[list[float]]]:
    return {str(x.get_label()): np.transpose(x.get_data()).tolist() for x in ax.lines}


def test_curves_pass_by_what_was_undone() -> None:
    drawn = lines(plots.training_curves(History("round", POINTS)))
    assert drawn["held out"] == [[1, 0.9], [2, 0.8], [5, 0.7]]
    assert drawn["training"] == [[1, 0.45], [2, 0.4], [5, 0.35]]
    assert drawn["undone, held out"] == [[3, 0.3]]
    assert [x for x, _ in drawn["pruned"]] == [2, 5]
    drawn = lines(plots.training_curves(History("epoch", POINTS[:2]), "loss"))
    assert drawn["held out"] == [[1, 2], [2, 4]]
    assert "undone, held out" not in drawn
    assert "masks changed" in drawn


def test_losses_that_span_much_are_on_a_logarithmic_axis() -> None:
    wide = [Point(n, "", False, False, 1.0, 10.0**-n, 0.5, 1.0, 0.5) for n in range(4)]
    assert plots.training_curves(History("epoch", tuple(wide)), "loss").get_yscale() == "log"
    assert plots.training_curves(History("epoch", tuple(wide[:2])), "loss").get_yscale() == "linear"
    nothing = (Point(1, "", False, False, 1.0, NAN, NAN, NAN, NAN),)
    with pytest.raises(GraphError, match="has no loss"):
        plots.training_curves(History("round", nothing), "loss")
    with pytest.raises(GraphError, match="accuracy or loss is needed"):
        plots.training_curves(History("round", POINTS), "error")  # type: ignore[arg-type]


def test_layers_are_drawn_at_first_at_last_and_between() -> None:
    history = History("round", POINTS, layers(*((n, 1 - n / 20, 10 - n) for n in range(10))))
    dense = plots.density_by_layer(history)
    assert [line.get_ydata().tolist() for line in dense.lines] == [
        [1 - n / 20] for n in (0, 2, 4, 7, 9)
    ]
    live = plots.live_units_by_layer(history)
    assert [line.get_ydata().tolist() for line in live.lines[::4]] == [[1.0, 1.0], [1.0, 0.1]]
    assert live.texts[-1].get_text() == "round 0, 2, 4, 7, 9 (pale to dark)"


def test_an_emptied_layer_is_a_cross_on_a_logarithmic_axis() -> None:
    rows = (*layers((0, 1.0, 9), (1, 0.0, 0)), LayerPoint(1, "b", 10, 0, 0.05, 1))
    first = (*rows[:2], LayerPoint(0, "b", 10, 9, 1.0, 9), *rows[2:])
    ax = plots.density_by_layer(History("epoch", POINTS, first))
    assert ax.get_yscale() == "log"
    (cross,) = [line for line in ax.lines if line.get_marker() == "x"]
    assert cross.get_xdata().tolist() == [0]
    assert cross.get_ydata()[0] == ax.get_ylim()[0]
    assert "× is 0" in ax.texts[-1].get_text()


def test_accuracy_is_that_of_what_was_kept() -> None:
    ax = plots.accuracy_vs_density({"one": History("round", POINTS)})
    curve, end = ax.lines
    assert np.transpose(curve.get_data()).tolist() == [[1, 0.9], [0.5, 0.8], [0.1, 0.7]]
    assert np.transpose(end.get_data()).tolist() == [[0.1, 0.7]]
    left, right = ax.get_xlim()
    assert left > right
    several = plots.accuracy_vs_density({str(n): History("round", POINTS) for n in range(13)})
    assert several.get_legend() is None
    assert several.texts[0].get_text() == "13 nets"
    with pytest.raises(GraphError, match="no accuracy was measured"):
        plots.accuracy_vs_density({})


def network(widths: tuple[int, ...], density: float) -> NetGraph:
    rng = np.random.default_rng(0)
    pairs = pairwise(widths)
    masks = [rng.random((n_out, n_in)) < density for n_in, n_out in pairs]
    return from_matrices([rng.normal(size=mask.shape) for mask in masks], masks)


def test_every_weight_is_counted_once() -> None:
    graph = network((30, 40, 10), 0.5)
    ax = plots.weight_histogram(graph)
    whole, *parts = [bars.get_data().values for bars in ax.patches]
    assert whole.sum() == graph.n_edges
    np.testing.assert_array_equal(np.sum(parts, axis=0), whole)
    assert ax.get_yscale() == ("log" if whole.max() > 100 else "linear")
    deep = plots.weight_histogram(network((4,) * 9, 0.9))
    assert len(deep.patches) == 1


def test_wiring_has_no_weights() -> None:
    units = tuple(Layer(x, "hidden", (1,), n, n + 1) for n, x in enumerate("abc"))
    blocks = (Block("a", "b", "w", "linear", 1), Block("b", "c", None, "wiring", 0))
    matrix = csr_array(([0.5, 1.0], ([0, 1], [1, 2])), shape=(3, 3))
    ax = plots.weight_histogram(NetGraph(matrix, None, units, blocks))
    assert ax.patches[0].get_data().values.sum() == 1
    with pytest.raises(GraphError, match="0 weights"):
        plots.weight_histogram(NetGraph(csr_array((3, 3)), None, units, blocks[1:]))


@pytest.mark.parametrize(("widths", "density"), [((6, 20, 8), 0.3), ((100, 60, 10), 0.7)])
def test_degrees_are_counted_by_unit(widths: tuple[int, ...], density: float) -> None:
    graph = network(widths, density)
    ax = plots.degree_histogram(graph)
    dense = graph.pattern.weights.toarray()
    wanted = dense.sum(0)[widths[0] :], dense.sum(1)[: -widths[-1]]
    for bars, degrees in zip(ax.patches, wanted, strict=True):
        counts, edges, _ = bars.get_data()
        assert counts.sum() == (degrees > edges[0]).sum()
        for count, low, high in zip(counts, edges, edges[1:], strict=False):
            assert count == ((degrees > low) & (degrees < high)).sum()
    assert ax.get_xscale() == ("log" if max(map(np.max, wanted)) > 30 else "linear")
    lone = NetGraph(csr_array((1, 1)), None, (Layer("a", "input", (1,), 0, 1),), ())
    with pytest.raises(GraphError, match="edges are needed"):
        plots.degree_histogram(lone)
