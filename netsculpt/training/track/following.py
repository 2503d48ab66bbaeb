"""A network followed over time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import GraphError
from netsculpt.core.forms import FORMS
from netsculpt.core.numbers import checked_whole
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.graph.graph import NetGraph, live_units
from netsculpt.graph.partition import NO_MODULE, Partition, spread
from netsculpt.modules import compare
from netsculpt.modules.chosen import GivenDetector, chosen_detector, detector_name
from netsculpt.modules.reading import Detection
from netsculpt.nulls import by_token, in_form, rewire, significance
from netsculpt.paths import effective, log10_path_total
from netsculpt.training.track.carrying import carried
from netsculpt.training.track.layers import layer_points
from netsculpt.training.track.result import LayerPoint, Track, TrackPoint

__all__ = ["follow"]

Place = tuple[int, int]  # layer, position in it
_ENDS = ("input", "output")


def follow(
    graphs: Iterable[tuple[int, NetGraph]],
    *,
    detector: GivenDetector = "layered",
    form: str = "balanced",
    n_nulls: int = 19,
    rng: RNG = None,
    jobs: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Track:
    """Follow a network through the steps of its training, its pruning, its sculpting.

    Parameters
    ----------
    graphs
        (step, network) in the order of time, such as `graphs_of` yields; one is in memory at a
        time. Units of the same layer and position are the same; some may come or go.
    detector
        One of `netsculpt.modules.detectors`, or a function ``(graph, *, rng)`` that returns a label
        per unit; it gets the same random stream at every step.
    form
        Of the weights that modules are of: "balanced", "pattern" or "magnitude".
    n_nulls
        Networks with the same degrees that Q is compared with at every step; 0: none.
    rng
        Seed or generator of the detector and of the null networks.
    jobs
        Null networks worked on at a time; −1: one per core.
    progress
        Called with the number of steps done after each.

    Raises
    ------
    GraphError
        If there is no step, steps do not rise, or layers have other names than at the first.

    Notes
    -----
    Modules, Q and its test are those of `netsculpt.analyze` with the same seed: of the live units,
    with residual channels in one module as a whole if the detector can do so. Modules of one unit
    are counted there and here, but get no lasting number.

    A step costs n_nulls + 2 runs of the detector. Modules change from run to run as well: read
    `ami_before` next to `ami_rerun`, which two runs on one network have.

    Examples
    --------
    >>> from netsculpt.graph.synthetic import planted
    >>> graph, _ = planted([12, 12, 12], 2, 0.7, 0.05, rng=0)
    >>> track = follow([(0, graph), (10, graph.live())], n_nulls=0, rng=0)
    >>> track.steps, [point.n_modules for point in track.points], track.points[1].ami_before
    ((0, 10), [2, 2], 1.0)
    """
    checked_whole(n_nulls, "n_nulls", least=0)
    if form not in FORMS:
        raise GraphError(f"form is {form!r:.80}: one of {', '.join(FORMS)} is needed")
    find, seed = chosen_detector(detector), root_seed(rng)
    name = detector_name(detector)
    points: list[dict[str, Any]] = []
    by_layer: list[LayerPoint] = []
    partitions: list[Partition] = []
    places: list[list[Place]] = []
    names: list[str] = []
    for done, (step, graph) in enumerate(graphs, start=1):
        _check(step, graph, points, names)
        names = [layer.name for layer in graph.layers]
        row: dict[str, Any] = {"step": step, **_network(graph)}
        found = Partition(np.full(graph.n_units, NO_MODULE))
        row |= {"n_modules": 0, "n_numbered": 0, "quality": 0.0}
        row |= dict.fromkeys(("delta", "z", "p", "ami_rerun"), float("nan"))
        if row["live_edges"] > 0:
            work = Detection(name, find, form, graph.live(), seed)
            partition, _ = work.found()
            found = spread(partition, live_units(graph))
            row |= _modules(work, partition, n_nulls, jobs)
        points.append(row)
        by_layer += layer_points(step, graph)
        partitions.append(found)
        places.append(_places(graph))
        if progress is not None:
            progress(done)
    if not points:
        raise GraphError("there is no network to follow: at least one step is needed")
    known = sorted({place for row in places for place in row})
    everywhere = [_everywhere(*pair, known) for pair in zip(partitions, places, strict=True)]
    whole = [Partition(row) for row in everywhere]
    return Track(
        tuple(
            TrackPoint(
                **point,
                ami_before=compare(now, whole[index - 1]).ami if index else float("nan"),
                ami_last=compare(now, whole[-1]).ami,
            )
            for index, (point, now) in enumerate(zip(points, whole, strict=True))
        ),
        tuple(by_layer),
        tuple(partitions),
        carried([_numbered(row) for row in everywhere]),
        tuple(f"{names[layer]}[{position}]" for layer, position in known),
        name,
        form,
    )


def _check(
    step: int, graph: NetGraph, points: Sequence[dict[str, Any]], names: Sequence[str]
) -> None:
    if points and step <= points[-1]["step"]:
        raise GraphError(
            f"step {step} comes after step {points[-1]['step']}: steps that rise are needed"
        )
    found = [layer.name for layer in graph.layers]
    if names and found != list(names):
        before, now = (", ".join(x)[:200] for x in (names, found))
        raise GraphError(
            f"at step {step} the layers are {now}, before {before}: steps of one network are needed"
        )


def _modules(work: Detection, found: Partition, n_nulls: int, jobs: int) -> dict[str, Any]:
    """What a row says of the modules found."""
    row: dict[str, Any] = {
        "n_modules": found.n_modules,
        "n_numbered": int(np.count_nonzero(found.sizes > 1)),
        "quality": work.quality(found),
    }
    if n_nulls:
        test = significance(
            work.statistic(row["quality"]),
            work.read,
            null=in_form(by_token(rewire), work.form, own=work.reading.own),
            n=n_nulls,
            rng=stream(work.seed, work.name, "nulls"),
            jobs=jobs,
        )
        row |= {"delta": test.delta, "z": test.z, "p": test.p}
    again = work.detector(work.read, rng=stream(work.seed, work.name, "again"))
    return row | {"ami_rerun": compare(found, again).ami}


def _network(graph: NetGraph) -> dict[str, float]:
    on_path = effective(graph)
    hidden = [on_path.units[x.units] for x in graph.layers if x.role not in _ENDS]
    return {
        "density": graph.density,
        "live_hidden": float(np.concatenate(hidden).mean()) if hidden else float("nan"),
        "live_edges": float(on_path.edges.mean()) if graph.n_edges else float("nan"),
        "log10_paths": log10_path_total(graph.pattern),
    }


def _places(graph: NetGraph) -> list[Place]:
    assert graph.positions is not None  # filled in by the constructor
    return list(zip(graph.layer_of.tolist(), graph.positions.tolist(), strict=True))


def _everywhere(
    partition: Partition, places: Sequence[Place], known: Sequence[Place]
) -> NDArray[np.int32]:
    """Labels of all units that there ever are."""
    number = {place: index for index, place in enumerate(known)}
    labels = np.full(len(known), NO_MODULE, dtype=np.int32)
    labels[[number[place] for place in places]] = partition.labels
    return labels


def _numbered(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Labels without those of modules of one unit, of which a dense network may have hundreds."""
    sizes = np.bincount(labels[labels >= 0], minlength=1)
    return np.where((labels >= 0) & (sizes[labels] > 1), labels, NO_MODULE).astype(np.int32)
