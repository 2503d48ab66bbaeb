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


def main(out: Path) -> None:
    """Draw every case to PNG and PDF."""
    out.mkdir(parents=True, exist_ok=True)
    for name, width, aspect, draw in (*networks(), *others()):
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
