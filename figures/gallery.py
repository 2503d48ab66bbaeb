"""Every plot on synthetic inputs, at print size, to inspect after a change of the plots.

python figures/gallery.py -o FOLDER
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from scipy.sparse import csr_array

from netsculpt import plots
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.partition import Partition
from netsculpt.graph.synthetic import planted
from netsculpt.hierarchy import Hierarchy, Module
from netsculpt.nulls.significance import Significance
from netsculpt.plots.style import Width
from netsculpt.training.history import History, Point
from netsculpt.training.history.result import Kind
from netsculpt.training.track.result import LayerPoint

Case = tuple[str, Width, float, Callable[..., Axes]]  # name, width, aspect, drawing function

NAMES = (
    "pixels",
    "features.denseblock3.denselayer12.conv1",
    "$x_{hidden}^2$",
    "größe_αβ",
    "encoder.layers.3.attention.out_proj",
)


def networks() -> Iterator[Case]:
    """Networks from 10 to 5,000 units."""

    def case(
        name: str, graph: NetGraph, partition: Partition | None, width: Width, aspect: float = 0.5
    ) -> Case:
        return (
            f"network-{name}",
            width,
            aspect,
            partial(plots.network, graph, partition=partition),
        )

    graph, truth = planted([3, 4, 3], 1, 0.6, 0.0, rng=0)
    yield case("10-units", graph, truth, "icml")
    graph, truth = planted([4, 24, 24, 4], 2, 0.3, 0.01, rng=0)
    yield case("tiny", graph, truth, "neurips")
    yield case("tiny", graph, truth, "icml", 0.7)
    graph, truth = planted([64, 100, 96, 30, 10], 5, 0.12, 0.004, rng=0)
    yield case("300-units", graph, truth, "neurips")
    yield case("300-units", graph, truth, "nature", 0.8)
    yield case("300-units-no-partition", graph, None, "neurips")
    labels = np.where(np.arange(graph.n_units) % 3, truth.labels, -1)
    yield case("300-units-some-without", graph, Partition(labels), "neurips")
    graph, truth = planted([400, 500, 300, 290, 10], 6, 0.04, 0.001, rng=0)
    yield case("1500-units", graph, truth, "neurips")
    yield case("1500-units", graph.magnitude, truth, "icml", 0.8)
    graph, truth = planted([784, 2000, 1500, 700, 16], 8, 0.03, 0.001, rng=0)
    yield case("5000-units", graph, truth, "neurips")
    yield case("5000-units", graph, truth, "nature-double", 0.45)
    graph, truth = planted([784, 300, 100, 10], 4, 0.9, 0.25, rng=0)
    yield case("100000-edges", graph, truth, "neurips")
    graph, truth = planted([16, 32, 32, 32, 8], 3, 0.2, 0.01, skips=0.5, rng=0)
    yield case("skips", graph, truth, "neurips")
    graph, truth = planted([60, 80, 80, 40], 20, 0.6, 0.002, rng=0)
    yield case("20-modules", graph, truth, "neurips", 0.6)
    graph, truth = planted([12] * 30, 3, 0.3, 0.01, rng=0)
    yield case("30-layers", graph, truth, "neurips", 0.4)
    graph, truth = planted([16, 12, 1, 12, 8], 1, 0.5, 0.0, rng=0)
    yield case("hostile-names", _renamed(graph), truth, "neurips")
    yield case("hostile-names", _renamed(graph), truth, "icml", 0.7)
    graph, truth = planted([5, 2, 2, 3], 2, 0.0, 0.0, rng=0)
    yield case("no-edges", graph, truth, "neurips", 0.4)


def others() -> Iterator[Case]:
    """The other plots."""
    rng = np.random.default_rng(0)
    small = _hierarchy({(0, 2): 3.0, (1, 2): 1.5, (2, 3): 2.0, (2, 4): 0.5, (0, 4): 1.0}, 5)
    yield "module_hierarchy-5", "neurips", 0.45, partial(plots.module_hierarchy, small)
    yield "module_hierarchy-5", "icml", 0.7, partial(plots.module_hierarchy, small)
    pairs = [(a, b) for a in range(20) for b in range(a + 1, 20) if rng.random() < 0.12]
    large = _hierarchy({pair: float(rng.gamma(1.0)) for pair in pairs}, 20)
    yield "module_hierarchy-20", "neurips", 0.6, partial(plots.module_hierarchy, large)

    square, wide = rng.gamma(1.0, size=(4, 4)), rng.gamma(0.3, size=(784, 10))
    signed = rng.normal(size=(30, 12))
    tasks = ["and", "xor", "head_with_a_long_name", "$y$"]
    yield (
        "pair_weights-4",
        "icml",
        0.7,
        partial(plots.pair_weights, square, output_names=tasks),
    )
    yield "pair_weights-784", "neurips", 0.3, partial(plots.pair_weights, wide)
    yield (
        "pair_weights-signed",
        "neurips",
        0.4,
        partial(plots.pair_weights, signed, input_names=[f"x_{i}" for i in range(30)]),
    )

    tiny, tiny_truth = planted([4, 24, 24, 4], 2, 0.3, 0.01, rng=0)
    big, big_truth = planted([784, 2000, 1500, 700, 16], 8, 0.03, 0.001, rng=0)
    yield (
        "adjacency-56",
        "icml",
        0.9,
        partial(plots.adjacency, tiny, partition=tiny_truth),
    )
    yield (
        "adjacency-5000",
        "neurips",
        0.75,
        partial(plots.adjacency, big, partition=big_truth),
    )
    yield "adjacency-5000-layers", "nature", 0.8, partial(plots.adjacency, big)

    few, many = _shares(tiny, rng), _shares(big, rng)
    yield "path_profile-56", "icml", 0.7, partial(plots.path_profile, tiny, few)
    yield "path_profile-5000", "neurips", 0.45, partial(plots.path_profile, big, many)

    draws = rng.normal(0.3, 0.02, 999)
    for name, value, p in (("far", 0.62, 0.001), ("inside", 0.31, 0.31), ("below", 0.22, 1.0)):
        z = (value - draws.mean()) / draws.std()
        result = Significance(value, draws.mean(), draws.std(), z, p, draws.size, draws)
        draw = partial(plots.null_distribution, result, label="layer-aware modularity Q")
        yield f"null_distribution-{name}", "icml", 0.6, draw


def histories() -> Iterator[Case]:
    """Rounds of a small net and epochs of a deep one; weights and degrees of networks."""
    sizes: tuple[tuple[Width, float], ...] = (("nature", 0.6), ("nature-double", 0.35))
    for name, history in (("small", _history(3, "round")), ("deep", _history(40, "epoch"))):
        for width, aspect in sizes:
            for measure in ("accuracy", "loss"):
                draw = partial(plots.training_curves, history, measure)
                yield f"training_curves-{measure}-{name}", width, aspect, draw
            for plot in (plots.density_by_layer, plots.live_units_by_layer):
                yield f"{plot.__name__}-{name}", width, aspect, partial(plot, history)
    for n_nets in (1, 4, 20):
        several = {f"seed {seed}": _history(3, "round", seed) for seed in range(n_nets)}
        yield (
            f"accuracy_vs_density-{n_nets}",
            "nature",
            0.6,
            partial(plots.accuracy_vs_density, several),
        )
    rng = np.random.default_rng(0)
    tiny, _ = planted([4, 24, 24, 4], 2, 0.3, 0.01, rng=0)
    big, _ = planted([784, 2000, 1500, 700, 16], 8, 0.03, 0.001, rng=0)
    hubs, _ = planted([200, 300, 30, 10], 1, 0.3, 0.0, rng=0)
    for graph in (tiny, big, hubs):
        drawn = graph.with_weights(rng.standard_t(4, graph.n_edges) / 20)
        for histogram in (plots.weight_histogram, plots.degree_histogram):
            name = f"{histogram.__name__}-{graph.n_units}"
            yield name, "nature", 0.6, partial(histogram, drawn)


def main(out: Path) -> None:
    """Draw every case to PNG and PDF."""
    out.mkdir(parents=True, exist_ok=True)
    for name, width, aspect, draw in (*networks(), *others(), *histories()):
        with plots.paper(width):
            figure = plots.figure(width, aspect)
            draw(ax=figure.add_subplot())
        for ending in ("png", "pdf"):
            plots.write_figure(figure, out / f"{name}-{width}.{ending}")


def _renamed(graph: NetGraph) -> NetGraph:
    new = dict(zip((layer.name for layer in graph.layers), NAMES, strict=True))
    return replace(
        graph,
        layers=tuple(replace(layer, name=new[layer.name]) for layer in graph.layers),
        blocks=tuple(
            replace(block, source=new[block.source], target=new[block.target])
            for block in graph.blocks
        ),
    )


def _hierarchy(edges: dict[tuple[int, int], float], n: int) -> Hierarchy:
    dense = np.zeros((n, n))
    level = np.zeros(n, dtype=np.int64)
    for (source, target), weight in sorted(edges.items()):
        dense[source, target] = weight
        level[target] = max(level[target], level[source] + 1)
    rng = np.random.default_rng(0)
    modules = tuple(
        Module(
            label=label,
            n_units=int(rng.integers(2, 60)),
            units_by_layer=(),
            level=int(level[label]),
            trophic_level=float(level[label]),
            reuse=int((dense[label] > 0).sum()),
            feeds=tuple(np.flatnonzero(dense[label]).tolist()),
            fed_by=tuple(np.flatnonzero(dense[:, label]).tolist()),
            inputs_seen=(0, 1, 2, 5),
            outputs_served=(52, 53),
            path_share=0.5,
        )
        for label in range(n)
    )
    groups = tuple((label,) for label in range(n))
    return Hierarchy(Partition(np.arange(n)), modules, csr_array(dense), level, groups, 1.0, 0.0)


def _history(n_layers: int, kind: Kind, seed: int = 0) -> History:
    """Thirty steps in which a net gets better while it thins out."""
    rng = np.random.default_rng(seed)
    drawn = rng.uniform(0.3, 1.0, n_layers)
    points, layers = [], []
    for step in range(1, 31):
        error, undone = np.exp(-step / (8 + seed)), kind == "round" and step % 7 == 0
        measured = (2 * error + 0.01, 1 - 0.9 * error, 2 * error + 0.3, 0.95 - 0.85 * error)
        points.append(Point(step, "", undone, not undone and step % 3 > 0, 0.9**step, *measured))
        layers.append(LayerPoint(step, "input", 64, 64 - step // 3, float("nan"), 0))
        for index, share in enumerate(drawn):
            name = f"stage{index // 12 + 1}.block{index % 12 // 2}.conv{index % 2 + 1}"
            live = round(64 * (1 - share * step / 40))
            layers.append(LayerPoint(step, name, 64, live, share * 0.85**step, 99))
    return History(kind, tuple(points), tuple(layers))


def _shares(graph: NetGraph, rng: np.random.Generator) -> np.ndarray:
    spread = 0.3 if graph.n_units > 1000 else 4.0
    share = rng.gamma(spread, size=graph.n_units)
    for layer in graph.layers:
        share[layer.units] /= share[layer.units].sum()
    return share


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, required=True)
    main(parser.parse_args().out)
