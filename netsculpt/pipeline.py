"""The main job: from a graph to everything that is known about it.

The only place that knows the order of the stages. Each stage takes values and returns a value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from netsculpt import hierarchy, modules, paths
from netsculpt.core.catalog import catalog, named, names
from netsculpt.core.errors import GraphError, LimitError
from netsculpt.core.parallel import for_threads
from netsculpt.core.progress import Progress
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.graph.graph import NetGraph, unit_names
from netsculpt.nulls.significance import Significance, significance

if TYPE_CHECKING:
    import pandas as pd

    from netsculpt.graph.partition import Partition
    from netsculpt.hierarchy import Hierarchy
    from netsculpt.modules import Comparison
    from netsculpt.paths import Effective, PathCore

__all__ = ["Analysis", "Detected", "PathFacts", "Progress", "analyze"]

TAU = 0.9  # share of paths that the path core covers
MAX_PAIRS = 1_000_000  # entries of the input × output matrix that a report still holds
UNWEIGHTED = frozenset({"depth", "in_degree", "out_degree"})  # the same on pattern and magnitude


@dataclass(frozen=True, eq=False)
class PathFacts:
    """The paths of a network as a whole."""

    log10_path_count: float  # input→output paths, each counting 1
    log10_path_weight: float  # Σ over paths of Π |weight|
    core: PathCore  # of the pattern, τ = 0.9
    pair_weights: NDArray[np.float64] | None  # [I, O] edge-weight products; None beyond MAX_PAIRS


@dataclass(frozen=True, eq=False)
class Detected:
    """What one detector found, and whether it means anything."""

    detector: str
    partition: Partition  # [U], dead units −1
    quality: float  # layer-aware Q of the partition
    significance: Significance | None  # of Q against the null; None when no null was drawn
    stability: float | None  # mean pairwise AMI over seeds, 0 … 1; None when not measured
    layer_ami: float  # AMI(partition, layer): near 0 is healthy, high means layers were found
    hierarchy: Hierarchy


@dataclass(frozen=True, eq=False)
class Analysis:
    """Everything that `analyze` found."""

    graph: NetGraph
    effective: Effective
    paths: PathFacts
    columns: dict[str, NDArray[np.float64]]  # metric → [U]
    detected: tuple[Detected, ...]
    agreement: dict[tuple[str, str], Comparison]  # between detectors
    null: str
    seed: int
    notes: tuple[str, ...]  # what the reader has to know

    def units(self) -> pd.DataFrame:
        """One row a unit: where it is, whether it is live, every metric, its module."""
        import pandas as pd

        graph = self.graph
        layers = [graph.layers[at] for at in graph.layer_of]
        return pd.DataFrame(
            {
                "unit": np.arange(graph.n_units),
                "name": unit_names(graph),
                "layer": [layer.name for layer in layers],
                "role": [layer.role for layer in layers],
                "position": graph.positions,
                "live": self.effective.units,
                **{f"module_{found.detector}": found.partition.labels for found in self.detected},
                **{
                    f"hierarchy_{found.detector}": found.hierarchy.partition.labels
                    for found in self.detected
                },
                **self.columns,
            }
        )

    def modules(self) -> pd.DataFrame:
        """One row a node of each detector's hierarchy.

        ``label`` is that of the column hierarchy_<detector> of `units`, ``members`` are those of
        module_<detector> which the node holds.
        """
        import pandas as pd

        tables = [found.hierarchy.table() for found in self.detected]
        named = [
            table.assign(detector=found.detector)
            for table, found in zip(tables, self.detected, strict=True)
        ]
        table = pd.concat(named, ignore_index=True)
        return table[["detector", *(c for c in table.columns if c != "detector")]]


def analyze(
    graph: NetGraph,
    *,
    rng: RNG = None,
    detectors: Sequence[str] = ("layered",),
    influence: NDArray[np.float64] | None = None,
    null: str = "rewire",
    n_nulls: int = 100,
    n_seeds: int = 20,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Analysis:
    """Measure the paths, modules and hierarchy of a network, with a null model beside them.

    Parameters
    ----------
    graph
        The network. Units on no input→output path get no module.
    rng
        Seed or generator. Each stage has a stream of its own: the same seed gives the same result,
        whatever other stages run.
    detectors
        Names in `netsculpt.modules.detectors`, and with `influence` in
        `netsculpt.modules.data_aware`.
    influence
        How much each output depends on each unit on data [U, O], such as `measured_influence` of
        `netsculpt.training.influence` gives. What is found by it is held against the null as it
        is: null networks have no data to find modules by.
    null
        Name in `netsculpt.nulls`: what "by chance" means.
    n_nulls
        Null networks for each detector; 0 gives no z and no p. The smallest p is 1/(n_nulls + 1).
    n_seeds
        Runs of each detector for its stability; below 2 none is measured.
    jobs
        Null networks and runs worked on at a time, −1 = one a core; the result is the same.
    progress
        Called with (stage, steps done, steps in all), from 0 on.

    Raises
    ------
    GraphError
        If no path leads from an input to an output, or a name is unknown.

    Examples
    --------
    >>> import netsculpt
    >>> graph, _ = netsculpt.planted([16, 16, 16], 2, 0.6, 0.02, rng=0)
    >>> found = analyze(graph, rng=0, n_nulls=19, n_seeds=5).detected[0]
    >>> found.partition.n_modules, found.significance.p
    (2, 0.05)
    """
    if n_nulls < 0 or isinstance(detectors, str):
        raise GraphError(
            f"n_nulls is {n_nulls} and detectors {detectors!r}: a number ≥ 0 and a list are needed"
        )
    chosen = {name: _detector(name, graph, influence) for name in detectors}
    null_model = named("nulls", null)
    report = progress or _silent
    seed = root_seed(rng)
    effective = paths.effective(graph)
    if not effective.units.any():
        raise GraphError(_no_path(graph))
    notes: list[str] = []
    report("path core", 0, 1)
    facts = _path_facts(graph, notes)
    report("path core", 1, 1)
    report("path metrics", 0, 1)
    columns = _columns(graph, notes)
    report("path metrics", 1, 1)
    by_data = [name for name in chosen if name in names("data_aware")]
    if by_data and n_nulls:
        notes.append(
            f"Modules of {', '.join(by_data)} come from data, which null networks have not: z and "
            "p say how much more the edges keep to these modules than by chance."
        )
    detected = tuple(
        _detect(graph, name, detect, null_model, n_nulls, n_seeds, jobs, seed, report)
        for name, detect in chosen.items()
    )
    agreement = {
        (a.detector, b.detector): modules.compare(a.partition, b.partition, layers=graph.layers)
        for a, b in combinations(detected, 2)
    }
    return Analysis(graph, effective, facts, columns, detected, agreement, null, seed, tuple(notes))


def _detector(
    name: str, graph: NetGraph, influence: NDArray[np.float64] | None
) -> Callable[..., Partition]:
    """A function (graph, rng) to a partition; one that knows data gives the same for any graph."""
    data_aware = catalog("data_aware")
    if name not in data_aware:
        return named("detectors", name)
    if influence is None:
        raise GraphError(
            f"{name!r} finds modules by data: give influence [units, outputs], which "
            "netsculpt.training.influence measures (on the command line: --task)"
        )
    partition: Partition = data_aware[name](graph, influence)
    return for_threads(lambda _, *, rng: partition)  # noqa: ARG005


def _path_facts(graph: NetGraph, notes: list[str]) -> PathFacts:
    pattern, magnitude = graph.pattern, graph.magnitude
    pairs = None
    if graph.inputs.size * graph.outputs.size <= MAX_PAIRS:
        try:
            pairs = paths.pair_weights(magnitude)
        except LimitError as error:
            notes.append(f"Edge-weight products left out: {error}")
    else:
        notes.append(
            f"Edge-weight products left out: {graph.inputs.size} × {graph.outputs.size} pairs are "
            "too many for a report; netsculpt.paths.pair_weights gives chosen inputs and outputs."
        )
    return PathFacts(
        paths.log10_path_total(pattern),
        paths.log10_path_total(magnitude),
        paths.path_core(pattern, tau=TAU),
        pairs,
    )


def _columns(graph: NetGraph, notes: list[str]) -> dict[str, NDArray[np.float64]]:
    """Every metric of the catalogue on the pattern, and on |weight| where that differs."""
    columns: dict[str, NDArray[np.float64]] = {}
    pattern, magnitude = graph.pattern, graph.magnitude
    for name, metric in catalog("metrics").items():
        forms = [(name, pattern)]
        if name not in UNWEIGHTED:
            forms.append((f"{name}_weighted", magnitude))
        for column, form in forms:
            try:
                columns[column] = metric(form)
            except LimitError as error:
                notes.append(f"Column {column} left out: {error}")
    return columns


def _detect(
    graph: NetGraph,
    name: str,
    detect: Callable[..., Partition],
    null_model: Callable[..., NetGraph],
    n_nulls: int,
    n_seeds: int,
    jobs: int,
    seed: int,
    report: Progress,
) -> Detected:
    report(f"{name}: modules", 0, 1)
    partition = detect(graph, rng=stream(seed, name))
    report(f"{name}: modules", 1, 1)

    against = None
    if n_nulls > 0:
        report(f"{name}: null networks", 0, n_nulls)
        against = significance(
            partial(_quality_of, detect, seed, name),
            graph,
            null=null_model,
            n=n_nulls,
            rng=stream(seed, name, "nulls"),
            jobs=jobs,
            progress=lambda done, total: report(f"{name}: null networks", done, total),
        )
    stability = None
    if n_seeds > 1 and name not in names("data_aware"):
        report(f"{name}: stability", 0, n_seeds)
        runs = modules.consensus(
            graph,
            detect,
            n_seeds=n_seeds,
            rng=stream(seed, name, "seeds"),
            jobs=jobs,
            progress=lambda done, total: report(f"{name}: stability", done, total),
        )
        stability = runs.stability
    return Detected(
        name,
        partition,
        modules.quality(graph, partition),
        against,
        stability,
        modules.layer_ami(graph, partition),
        hierarchy.infer(graph, partition),
    )


@for_threads
def _quality_of(detect: Callable[..., Partition], seed: int, name: str, drawn: NetGraph) -> float:
    """Q of what a detector finds; its stream is the same for all, so that any may be first."""
    return modules.quality(drawn, detect(drawn, rng=stream(seed, name)))


def _no_path(graph: NetGraph) -> str:
    empty = [
        f"{block.source} → {block.target}"
        for block in graph.blocks
        if not graph.block(block.source, block.target).nnz
    ]
    cause = f"no weight is kept in {', '.join(empty)}" if empty else "the kept edges do not join up"
    return (
        f"no path leads from an input to an output: {cause}; a network that computes something is "
        "needed: check the mask, or that the layers are in order"
    )


def _silent(stage: str, done: int, total: int) -> None:
    """No progress wanted."""
