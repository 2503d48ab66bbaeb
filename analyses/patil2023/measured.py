"""Measures of published networks, and of those sculpted here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.catalog import catalog
from netsculpt.core.random import stream
from netsculpt.graph.graph import NetGraph, live_units
from netsculpt.graph.partition import NO_MODULE, Partition
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
    "Published",
    "Sculpted",
    "measure_published",
    "measure_sculpted",
    "published_cells",
]

DENSE, EDGES, UNITS = "dense", "edges", "units and edges"  # what is pruned
PUBLISHED, HERE = "published", "here"

_EXEMPLARS = "exemplars-"
_MERGED_IMAGES = 0.6  # merge_threshold of the published detector for images
_SHOWN = 24  # width of the networks whose mean edge-weight products are kept
_LAYERS = 4  # layers of the networks whose structure is measured

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Published:
    """A network that the authors published, and how it is measured."""

    id: str
    network: Network
    content: str  # hash of its files
    detectors: tuple[str, ...]
    seed: int  # of the detectors


@dataclass(frozen=True)
class Sculpted:
    """A cell to sculpt, and how its networks are measured."""

    experiment: str
    arch: str
    cell: Cell
    detectors: tuple[str, ...]
    seed: int  # of the detectors


def published_cells(
    networks: Iterable[Network], detectors: tuple[str, ...], seed: int
) -> list[Published]:
    """One cell per network."""
    cells = []
    for network in networks:
        content = network.weights.read_bytes() + network.masks.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        cells.append(Published(network.id, network, digest, detectors, seed))
    return cells


def measure_published(cell: Published) -> dict[str, Rows]:
    """Modules of a network by each detector, compared with the published ones; its structure.

    "networks" has a row per detector, "pair_tests" one per output function, "units_carrying" one
    per hidden layer, "pair_weights" one with the edge-weight products [inputs, outputs].
    """
    network = cell.network
    about = {
        "id": network.id,
        **_described(network.experiment, network.task, network.arch),
        "seed": network.seed,
        "first_listed": network.first_listed,
    }
    graph = load(network.weights, mask=network.masks)
    influence = partial(influence_of, network, graph)
    partition = _published_partition(network, graph)
    rows = _judged(graph, about, cell.detectors, cell.seed, influence)
    return {
        "networks": [row | _agreement(row["labels"], partition) for row in rows],
        "pair_weights": [{"id": network.id, "pairs": pair_weights(graph.magnitude)}],
        **_structure(graph, about),
    }


def measure_sculpted(sculpted: Sculpted, networks: Sculptures) -> dict[str, Rows]:
    """Modules of each network by each detector; of exemplars their structure, too.

    "networks" (of two digits: "digit_networks") has a row per network and detector; "pair_weights"
    one per network; "pair_tests" one per network, state of pruning and function; "units_carrying"
    one per network, state and hidden layer; "mean_pair_weights" one per task and state.
    """
    cell, detectors, seed = sculpted.cell, sculpted.detectors, sculpted.seed
    if cell.study == "digits":
        return {"digit_networks": _images(cell, networks, detectors, seed)}
    rows: dict[str, Rows] = {}
    means: dict[tuple[str, str], Any] = {}
    described = _described(cell.experiment, cell.published_task, cell.widths)
    for index, made in enumerate(networks.networks):
        graph = networks.graph(index)
        name = f"{cell.experiment}/{cell.task}/{cell.arch}-seed{made['seed']}"
        about = {"id": name, **described, "first_listed": True, **made}
        if cell.prunes_units:
            influence = partial(networks.influence, index, cell)
            judged = _judged(graph, about, detectors, seed, influence)
            pairs = [{"id": name, "pairs": pair_weights(graph.magnitude)}]
            _extend(rows, {"networks": judged, "pair_weights": pairs})
        if cell.experiment.startswith(_EXEMPLARS) and len(cell.widths) == _LAYERS:
            states = {UNITS: graph} if cell.prunes_units else {EDGES: graph}
            if cell.prunes_units:
                states[DENSE] = networks.dense_graph(index)
            for state, pruned in states.items():
                _extend(rows, _structure(pruned, {**about, "state": state}))
                if about["width"] == _SHOWN:
                    weights = pair_weights(pruned.magnitude)
                    share = (
                        weights / weights.max() / len(networks.networks)
                    )  # all have the same weight
                    key = about["name"], state
                    means[key] = means.get(key, 0.0) + share
    _extend(
        rows,
        {
            "mean_pair_weights": [
                {"name": name, "state": state, "pairs": mean}
                for (name, state), mean in means.items()
            ]
        },
    )
    return rows


def _extend(rows: dict[str, Rows], more: Mapping[str, Rows]) -> None:
    for table, own in more.items():
        rows.setdefault(table, []).extend(own)


def _described(experiment: str, task: tuple[int, ...], widths: tuple[int, ...]) -> dict[str, Any]:
    truth = truth_of(task)
    return {
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
    """Modules by each detector, which of the paper's criteria they meet, and their levels."""
    truth, live = truth_of(about["task"]), live_units(graph)
    hidden = slice(graph.layers[0].stop, graph.layers[-1].start)
    sizes = {"kept": graph.n_edges, "live_hidden": int(live[hidden].sum())}
    rows = []
    for detector in detectors:
        partition = modules_by(detector, graph, stream(seed, about["id"], detector), influence)
        rows.append(
            {
                **about,
                **sizes,
                "detector": detector,
                "n_modules": partition.n_modules,
                "n_levels": _n_levels(graph, partition),
                **judge(graph, partition, truth),
                "labels": partition.labels,
            }
        )
    return rows


def _published_partition(network: Network, graph: NetGraph) -> Partition | None:
    """The published partition over all units; outputs count as live."""
    if network.modules is None:
        return None
    live = live_units(graph)
    live[graph.outputs] = True
    labels = np.full(graph.n_units, NO_MODULE)
    labels[live] = network.modules
    return Partition(labels)


def _agreement(labels: NDArray[np.int32], published: Partition | None) -> dict[str, Any]:
    if published is None:
        return {"exact": None, "ari": None, "ami": None}
    match = compare(Partition(labels), published)
    exact = np.array_equal(labels, published.labels)
    return {"exact": exact, "ari": match.ari, "ami": match.ami}


def _structure(graph: NetGraph, about: dict[str, Any]) -> dict[str, Rows]:
    tests = pair_tests(pair_weights(graph.magnitude), truth_of(about["task"]))
    layers = enumerate(units_carrying(graph.magnitude).values(), start=1)
    return {
        "pair_tests": [{**about, **test} for test in tests],
        "units_carrying": [{**about, "hidden_layer": layer, "units": n} for layer, n in layers],
    }


def _images(cell: Cell, networks: Sculptures, detectors: Sequence[str], seed: int) -> Rows:
    """Whether the pixels and units of the two images are separated.

    ``inputs``: live pixels are grouped by image; ``inputs_ari``: how nearly. ``inputs_pure``:
    share of live pixels in modules with pixels of one image only. ``hidden_pure``: share of live
    units of the first hidden layer that read one image only, whatever the modules.
    """
    truth = task_of(cell).truth
    assert truth is not None
    methods, image, rows = catalog("detectors"), truth.input_groups.labels, []
    for index, made in enumerate(networks.networks):
        graph = networks.graph(index)
        live = live_units(graph)
        pixels = np.flatnonzero(live[: image.size])
        about = {"task": cell.task, "arch": cell.arch, **made, "kept": graph.n_edges}
        about |= {"density": graph.density, "live_inputs": pixels.size}
        about |= {"live_hidden": int(live[image.size : graph.layers[-1].start].sum())}
        for detector in (name for name in detectors if name in methods):
            options = {"merge_threshold": _MERGED_IMAGES} if detector == "sculpting" else {}
            partition = methods[detector](
                graph,
                rng=stream(seed, cell.experiment, cell.arch, str(made["seed"]), detector),
                **options,
            )
            labels = partition.labels[pixels]
            pure = [np.unique(image[pixels[labels == own]]).size == 1 for own in labels]
            match = compare(Partition(labels), Partition(image[pixels]))
            rows.append(
                {
                    **about,
                    "detector": detector,
                    "n_modules": partition.n_modules,
                    "n_levels": _n_levels(graph, partition),
                    "output_modules": np.unique(partition.labels[graph.layers[-1].units]).size,
                    "inputs": match.ari == 1,
                    "inputs_ari": match.ari,
                    "inputs_pure": float(np.mean(pure)),
                    "hidden_pure": _hidden_pure(graph, live, image),
                }
            )
    return rows


def _hidden_pure(graph: NetGraph, live: NDArray[np.bool_], image: NDArray[np.int32]) -> float:
    """Share of live units of the first hidden layer with edges from one image only."""
    pixels, first = graph.layers[:2]
    kept = graph.block(pixels.name, first.name).tocoo()
    reads = np.zeros((2, first.stop - first.start), dtype=bool)
    reads[image[kept.row], kept.col] = True
    return float((reads[:, live[first.units]].sum(axis=0) == 1).mean())


def _n_levels(graph: NetGraph, partition: Partition) -> int:
    return int(infer(graph, partition).level.max(initial=-1)) + 1
