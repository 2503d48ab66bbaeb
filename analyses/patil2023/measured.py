"""What the study reads off its networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.catalog import catalog
from netsculpt.core.random import stream
from netsculpt.graph.graph import NetGraph, live_units
from netsculpt.graph.partition import Partition
from netsculpt.hierarchy import infer
from netsculpt.loading import load
from netsculpt.modules import compare
from netsculpt.paths import pair_weights, units_carrying
from patil2023.cells import Cell
from patil2023.data_aware import influence_of
from patil2023.detecting import modules_by
from patil2023.networks import Network
from patil2023.sculpted import Sculptures, task_of
from patil2023.structure import pair_tests
from patil2023.truth import judge, truth_of

__all__ = [
    "DENSE",
    "EDGES",
    "HERE",
    "PUBLISHED",
    "UNITS",
    "Measured",
    "measure_cell",
    "measure_published",
]

DENSE, EDGES, UNITS = "dense", "edges", "units and edges"  # what has been pruned
PUBLISHED, HERE = "published", "here"

_EXEMPLARS = "exemplars-"
_MERGED_IMAGES = 0.6  # merge_threshold of the published detector for images
_SHOWN = 24  # width of the networks whose edge-weight products are kept
_LAYERS = 4  # of units, in the networks whose structure is measured

Rows = list[dict[str, Any]]


@dataclass(frozen=True, eq=False)
class Measured:
    """What is known of one cell, or of one published network."""

    networks: Rows = field(default_factory=list)  # one a network and detector
    digits: Rows = field(default_factory=list)  # the same, of tasks with two images
    tests: Rows = field(default_factory=list)  # one a network, state of pruning and function
    carrying: Rows = field(default_factory=list)  # one a network, state and hidden layer
    pairs: dict[str, NDArray[np.float64]] = field(default_factory=dict)  # by id: [I, O]
    mean_pairs: dict[str, NDArray[np.float64]] = field(default_factory=dict)  # by task and state


def measure_cell(cell: Cell, found: Sculptures, detectors: Sequence[str], seed: int) -> Measured:
    """Modules of each network by each detector; of exemplars their edge-weight products too."""
    if cell.study == "digits":
        return Measured(digits=_images(cell, found, detectors, seed))
    measured = Measured()
    for at, made in enumerate(found.networks):
        graph = found.graph(at)
        name = f"{cell.experiment}/{cell.task}/{cell.arch}-seed{made['seed']}"
        about = _about(cell.experiment, cell.published_task, cell.widths, HERE)
        about |= {"id": name, "first_listed": True, **made}
        if cell.prunes_units:
            influence = partial(found.influence, at, cell)
            measured.networks.extend(_judged(graph, about, detectors, seed, influence))
            measured.pairs[name] = pair_weights(graph.magnitude)
        if cell.experiment.startswith(_EXEMPLARS) and len(cell.widths) == _LAYERS:
            states = {UNITS: graph} if cell.prunes_units else {EDGES: graph}
            if cell.prunes_units:
                states[DENSE] = found.dense_graph(at)
            for state, pruned in states.items():
                stated = {**about, "state": state}
                _add_structure(measured, pruned, stated, len(found.networks))
    return measured


def measure_published(network: Network, detectors: Sequence[str], seed: int) -> Measured:
    """The same of a network that the authors published."""
    about = _about(network.experiment, network.task, network.arch, PUBLISHED)
    about |= {"id": network.id, "first_listed": network.first_listed, "seed": network.seed}
    graph = load(network.weights, mask=network.masks)
    influence = partial(influence_of, network, graph)
    return Measured(networks=_judged(graph, about, detectors, seed, influence))


def _about(
    experiment: str, task: tuple[int, ...], widths: tuple[int, ...], source: str
) -> dict[str, Any]:
    truth = truth_of(task)
    return {
        "source": source,
        "experiment": experiment,
        "task": task,
        "study": truth.study,
        "name": truth.name,
        "uses": task[-1] // len(truth.functions),
        "arch": "-".join(map(str, widths)),
        "hidden_layers": len(widths) - 2,
        "width": widths[1],
    }


def _judged(
    graph: NetGraph,
    about: dict[str, Any],
    detectors: Sequence[str],
    seed: int,
    influence: Callable[[], NDArray[np.float64]],
) -> Rows:
    """The paper's criteria, and how many levels the modules have."""
    truth, live = truth_of(about["task"]), live_units(graph)
    hidden = slice(graph.layers[0].stop, graph.layers[-1].start)
    sizes = {"kept": graph.n_edges, "live_hidden": int(live[hidden].sum())}
    rows = []
    for detector in detectors:
        found = modules_by(detector, graph, stream(seed, about["id"], detector), influence)
        counts = {"n_modules": found.n_modules, "n_levels": _levels(graph, found)}
        verdict = judge(graph, found, truth)
        rows.append({**about, **sizes, "detector": detector, **counts, **verdict})
    return rows


def _add_structure(
    measured: Measured, graph: NetGraph, about: dict[str, Any], n_networks: int
) -> None:
    pairs = pair_weights(graph.magnitude)
    tests = pair_tests(pairs, truth_of(about["task"]))
    measured.tests.extend({**about, **test} for test in tests)
    layers = enumerate(units_carrying(graph.magnitude).values(), start=1)
    measured.carrying.extend({**about, "hidden_layer": at, "units": n} for at, n in layers)
    if about["width"] == _SHOWN:
        key = f"{about['name']}/{about['state']}"
        shares = pairs / pairs.max() / n_networks  # each network counts alike
        measured.mean_pairs[key] = measured.mean_pairs.get(key, 0.0) + shares


def _images(cell: Cell, found: Sculptures, detectors: Sequence[str], seed: int) -> Rows:
    """Whether the pixels and units of the two images are kept apart.

    ``inputs``: live pixels are grouped by image; ``inputs_ari``: how nearly. ``inputs_pure``:
    share of live pixels in modules that hold pixels of one image only. ``hidden_pure``: share of
    live units of the first hidden layer that read one image only, whatever the modules.
    """
    truth = task_of(cell).truth
    assert truth is not None
    methods, image, rows = catalog("detectors"), truth.input_groups.labels, []
    for at, made in enumerate(found.networks):
        graph = found.graph(at)
        live = live_units(graph)
        pixels = np.flatnonzero(live[: image.size])
        about = {"task": cell.task, "arch": cell.arch, **made, "kept": graph.n_edges}
        about |= {"density": graph.density, "live_inputs": pixels.size}
        about |= {"live_hidden": int(live[image.size : graph.layers[-1].start].sum())}
        for detector in (name for name in detectors if name in methods):
            options = {"merge_threshold": _MERGED_IMAGES} if detector == "sculpting" else {}
            partition = methods[detector](
                graph, rng=stream(seed, cell.name, str(made["seed"]), detector), **options
            )
            label = partition.labels[pixels]
            apart = [np.unique(image[pixels[label == own]]).size == 1 for own in label]
            match = compare(Partition(label), Partition(image[pixels]))
            rows.append(
                {
                    **about,
                    "detector": detector,
                    "n_modules": partition.n_modules,
                    "n_levels": _levels(graph, partition),
                    "output_modules": np.unique(partition.labels[graph.layers[-1].units]).size,
                    "inputs": match.ari == 1,
                    "inputs_ari": match.ari,
                    "inputs_pure": float(np.mean(apart)),
                    "hidden_pure": _read_one(graph, live, image),
                }
            )
    return rows


def _read_one(graph: NetGraph, live: NDArray[np.bool_], image: NDArray[np.int32]) -> float:
    """Share of live units of the first hidden layer with edges from one image only."""
    pixels, first = graph.layers[:2]
    kept = graph.block(pixels.name, first.name).tocoo()
    reads = np.zeros((2, first.stop - first.start), dtype=bool)
    reads[image[kept.row], kept.col] = True
    return float((reads[:, live[first.units]].sum(axis=0) == 1).mean())


def _levels(graph: NetGraph, partition: Partition) -> int:
    return int(infer(graph, partition).level.max(initial=-1)) + 1
