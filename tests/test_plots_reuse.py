"""What figures of reuse show: widths, colours, stars."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.patches import PathPatch, Rectangle

from netsculpt import plots
from netsculpt.compare.reuse import ModuleActivations, match_by_activations, match_by_units
from netsculpt.core.errors import GraphError
from netsculpt.graph.partition import Partition
from netsculpt.plots._drawing.colours import GREY, module_colours


def modules(source: list[int], target: list[int]):
    layers = [0] * len(source)
    return match_by_units(Partition(source), Partition(target), layers, n_draws=199, rng=0)


SOURCE = np.repeat([0, 1, 2], [20, 10, 10]).tolist()
TARGET = np.repeat([0, 1, 2, 1, 2], [20, 10, 2, 4, 4]).tolist()


def bands(ax) -> dict[str, PathPatch]:
    return {x.get_gid(): x for x in ax.patches if isinstance(x, PathPatch)}


def test_bands_are_as_wide_as_what_modules_share() -> None:
    ax = plots.alluvial(modules(SOURCE, TARGET))
    found = bands(ax)
    bars = [x for x in ax.patches if isinstance(x, Rectangle)]
    assert len(bars) == 6
    unit = bars[0].get_height() / 20
    assert [round(x.get_height() / unit) for x in bars] == [20, 10, 10, 20, 14, 6]
    widths = {
        gid: (round((x[7, 1] - x[0, 1]) / unit), round((x[4, 1] - x[3, 1]) / unit))
        for gid, patch in found.items()
        for x in [patch.get_path().vertices]
    }
    assert widths == {
        "flow 0 0": (20, 20),
        "flow 1 1": (10, 10),
        "flow 2 1": (4, 4),
        "flow 2 2": (6, 6),
    }


def test_matched_modules_have_one_colour_and_others_are_grey() -> None:
    ax = plots.alluvial(modules(SOURCE, TARGET), least_similarity=0.65)
    colours = module_colours([0, 1])
    bars = [x.get_facecolor()[:3] for x in ax.patches if isinstance(x, Rectangle)]
    grey = tuple(int(GREY[i : i + 2], 16) / 255 for i in (1, 3, 5))
    for found, wanted in zip(bars, [*colours, grey, *colours, grey], strict=True):
        assert found == pytest.approx(tuple(wanted))
    assert bands(ax)["flow 2 2"].get_facecolor()[:3] == pytest.approx(grey)
    assert "similarity < 0.65" in ax.get_xlabel()


def test_of_other_nets_matched_modules_are_joined_whole() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 20))
    y = np.concatenate([x[:, 10:], rng.normal(size=(50, 5))], axis=1)
    labels = Partition(np.repeat([0, 1], 10)), Partition(np.repeat([0, 1], [10, 5]))
    one = ModuleActivations(x, labels[0], np.zeros(20))
    other = ModuleActivations(y, labels[1], np.zeros(15))
    found = match_by_activations(one, other, n_draws=99, rng=0)
    drawn = bands(plots.alluvial(found, least_similarity=0.9))
    colours = {name: band.get_facecolor()[:3] for name, band in drawn.items()}
    assert set(drawn) == {"flow 0 1", "flow 1 0"}
    assert len(set(colours["flow 0 1"])) == 1, "grey: the best that is left, but no match"
    assert len(set(colours["flow 1 0"])) > 1


def test_many_small_modules_keep_names_apart() -> None:
    labels = np.repeat(np.arange(60), np.arange(60) % 7 + 1)
    found = modules(labels.tolist(), labels.tolist())
    with plots.paper("nature"):
        ax = plots.alluvial(found, ax=plots.figure("nature").add_subplot())
    assert 10 < len(ax.texts) < 120, "those that fit"
    with pytest.raises(GraphError, match="2 source names found, there are 60"):
        plots.alluvial(found, source_names=["a", "b"])


def test_stars_stand_where_q_is_small() -> None:
    effect = np.array([[0.5, 0.1, np.nan], [0.0, 0.4, 0.2]])
    q = np.array([[0.04, 0.05, 0.01], [0.9, 0.001, np.nan]])
    ax = plots.lesion_map(effect, q=q)
    assert ax.collections[-1].get_offsets().tolist() == [[0.5, 0.5], [2.5, 0.5], [1.5, 1.5]]
    assert ax.collections[0].get_array().shape == effect.shape
    assert ax.collections[0].get_array().filled(-1)[0, 2] == -1
    assert len(plots.lesion_map(effect).collections) == 1, "without q, no stars"
    assert plots.lesion_map(-effect).collections[0].norm.vmin == -0.5
    for bad, options in (
        (effect[0], {}),
        (effect, {"q": q[:1]}),
        (effect, {"module_names": ["a"]}),
    ):
        with pytest.raises(GraphError):
            plots.lesion_map(bad, **options)
