"""The main job: from a graph to everything that netsculpt can say about it.

Only this file knows the order of the stages. Each stage takes values and returns a value.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from netsculpt import hierarchy, modules, paths
from netsculpt.core.catalog import catalog, named, names
from netsculpt.core.errors import GraphError, LimitError, PluginError
from netsculpt.core.parallel import for_threads
from netsculpt.core.progress import Progress, silent
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.graph.graph import NetGraph, unit_names
from netsculpt.nulls.significance import Significance, significance

if TYPE_CHECKING:
    import pandas as pd

    from netsculpt.graph.partition import Partition
    from netsculpt.hierarchy import Hierarchy
    from netsculpt.modules import Comparison
    from netsculpt.paths import Effective, PathCore
    from netsculpt.tracing import Fidelity

__all__ = ["Analysis", "AnalysisPlan", "Detected", "PathFacts", "analyze", "detector_of"]

TAU = 0.9  # share of paths that the path core covers
MAX_PAIRS = 1_000_000  # entries of the largest input × output matrix that a report holds
UNIT_COLUMNS = ("unit", "name", "layer", "role", "position", "live")
MODULE_COLUMNS = ("module_", "hierarchy_")  # beginnings; the detector follows
UNWEIGHTED = frozenset({"depth", "in_degree", "out_degree"})  # the same on pattern and magnitude


@dataclass(frozen=True)
class AnalysisPlan:
    """What `analyze` is asked for."""

    detectors: tuple[str, ...] = ("layered",)  # in the catalogues "detectors", "data_aware"
    null: str = "rewire"  # in the catalogue "nulls": what "by chance" means
    n_nulls: int = 100  # null networks per detector; 0: no z and no p; least p is 1/(n_nulls + 1)
    n_seeds: int = 20  # runs per detector to measure its stability; below 2: not measured

    def __post_init__(self) -> None:
        if self.n_nulls < 0 or isinstance(self.detectors, str):
            raise GraphError(
                f"n_nulls is {self.n_nulls} and detectors is {self.detectors!r}: a number ≥ 0 and "
                "a tuple of names are needed"
            )
        object.__setattr__(self, "detectors", tuple(self.detectors))


@dataclass(frozen=True, eq=False)
class PathFacts:
    """The paths of a network as a whole."""

    log10_path_count: float  # input→output paths, each counting 1
    log10_path_weight: float  # Σ over paths of Π |weight|
    core: PathCore  # of the pattern, τ = 0.9
    pair_weights: NDArray[np.float64] | None  # [I, O] edge-weight products; None beyond MAX_PAIRS


@dataclass(frozen=True, eq=False)
class Detected:
    """The modules that one detector found, and whether they mean anything."""

    detector: str
    partition: Partition  # [U], dead units −1
    quality: float  # layer-aware Q of the partition
    significance: Significance | None  # of Q against the null; None without null networks
    stability: float | None  # mean pairwise AMI over seeds, 0 … 1; None when not measured
    layer_ami: float  # AMI(partition, layer): near 0 is healthy, high means layers were found
    hierarchy: Hierarchy


@dataclass(frozen=True, eq=False)
class Analysis:
    """The result of `analyze`."""

    graph: NetGraph
    plan: AnalysisPlan
    seed: int
    effective: Effective
    paths: PathFacts
    columns: dict[str, NDArray[np.float64]]  # metric → [U]
    detected: tuple[Detected, ...]
    agreement: dict[tuple[str, str], Comparison]  # between detectors
    notes: tuple[str, ...]  # what the reader has to know
    fidelity: Fidelity | None = None  # of a traced graph to its net, for the reports

    def units(self) -> pd.DataFrame:
        """One row per unit: its place, whether it is live, every metric, its modules."""
        import pandas as pd

        graph = self.graph
        layers = [graph.layers[layer] for layer in graph.layer_of]
        return pd.DataFrame(
            {
                "unit": np.arange(graph.n_units),
                "name": unit_names(graph),
                "layer": [layer.name for layer in layers],
                "role": [layer.role for layer in layers],
                "position": graph.positions,
                "live": self.effective.units,
                **{f"module_{each.detector}": each.partition.labels for each in self.detected},
                **{
                    f"hierarchy_{each.detector}": each.hierarchy.partition.labels
                    for each in self.detected
                },
                **self.columns,
            }
        )

    def modules(self) -> pd.DataFrame:
        """One row per node of each detector's hierarchy.

        ``label`` is the value in column hierarchy_<detector> of `units`; ``members`` are the
        values in column module_<detector> that the node holds.
        """
        import pandas as pd

        tables = []
        for each in self.detected:
            table = each.hierarchy.table()
            table.insert(0, "detector", each.detector)
            tables.append(table)
        return pd.concat(tables, ignore_index=True)


def analyze(
    graph: NetGraph,
    plan: AnalysisPlan | None = None,
    *,
    rng: RNG = None,
    influence: NDArray[np.float64] | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Analysis:
    """Measure the paths, modules and hierarchy of a network, and compare them with a null model.

    Parameters
    ----------
    graph
        The network. Units on no input→output path get no module.
    plan
        Detectors, null model, and numbers of runs (default: ``AnalysisPlan()``).
    rng
        Seed or generator. Each stage has its own stream: the same seed gives the same result,
        whatever other stages run.
    influence
        How much each output depends on each unit on data [U, O], as returned by
        `netsculpt.training.influence.measured_influence`. Detectors in
        `netsculpt.modules.data_aware` need it. Null networks have no data to find modules with,
        so the null model tests the partition that was found on the network.
    jobs
        Null networks and runs worked on at a time, −1 = one per core; the result is the same.
    progress
        Called with (stage, steps done, steps in all), from 0 on.

    Raises
    ------
    GraphError
        If no path leads from an input to an output, or a detector needs `influence`.
    FormatError
        If a name is unknown.

    Examples
    --------
    >>> import netsculpt
    >>> graph, _ = netsculpt.planted([16, 16, 16], 2, 0.6, 0.02, rng=0)
    >>> plan = AnalysisPlan(detectors=("layered",), n_nulls=19, n_seeds=5)
    >>> modules = analyze(graph, plan, rng=0).detected[0]
    >>> modules.partition.n_modules, modules.significance.p
    (2, 0.05)
    """
    plan = plan or AnalysisPlan()
    detectors = {name: detector_of(name, graph, influence) for name in plan.detectors}
    named("nulls", plan.null)
    report = progress or silent
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
    by_data = [name for name in detectors if name in names("data_aware")]
    if by_data and plan.n_nulls:
        notes.append(
            f"Modules of {', '.join(by_data)} come from data, which null networks do not have: z "
            "and p say how much more the edges keep to these modules than by chance."
        )
    detected = tuple(
        _detected(graph, plan, name, detector, seed, jobs, report)
        for name, detector in detectors.items()
    )
    agreement = {
        (a.detector, b.detector): modules.compare(a.partition, b.partition, layers=graph.layers)
        for a, b in combinations(detected, 2)
    }
    return Analysis(graph, plan, seed, effective, facts, columns, detected, agreement, tuple(notes))


def detector_of(
    name: str, graph: NetGraph, influence: NDArray[np.float64] | None
) -> Callable[..., Partition]:
    """The detector of that name; a data-aware one returns its partition of `graph` for any graph.

    Raises if the name is unknown, or a data-aware detector gets no `influence` [U, O].
    """
    if name not in names("data_aware"):
        return named("detectors", name)
    if influence is None:
        raise GraphError(
            f"{name!r} finds modules from data: pass influence [units, outputs], as measured by "
            "netsculpt.training.influence (on the command line: --task)"
        )
    partition: Partition = named("data_aware", name)(graph, influence)
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
            "too many for a report; netsculpt.paths.pair_weights computes those you choose."
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
                columns[column] = _checked_column(column, metric(form), graph, columns)
            except (LimitError, PluginError) as error:
                notes.append(f"Column {column} left out: {error}")
    return columns


def _checked_column(
    column: str, values: object, graph: NetGraph, before: Collection[str]
) -> NDArray[np.float64]:
    """The values of a metric [U]; metrics of other packages may return anything."""
    if column in before or column in UNIT_COLUMNS or column.startswith(MODULE_COLUMNS):
        raise PluginError("there is a column of that name: rename the metric")
    if not isinstance(values, np.ndarray) or values.shape != (graph.n_units,):
        shape = list(values.shape) if isinstance(values, np.ndarray) else type(values).__name__
        raise PluginError(
            f"the metric returned {shape}: one number per unit [{graph.n_units}] is needed"
        )
    return values.astype(np.float64, copy=False)


def _detected(
    graph: NetGraph,
    plan: AnalysisPlan,
    name: str,
    detector: Callable[..., Partition],
    seed: int,
    jobs: int,
    report: Progress,
) -> Detected:
    def step(what: str) -> Callable[[int, int], None]:
        return partial(report, f"{name}: {what}")

    step("modules")(0, 1)
    partition = detector(graph, rng=stream(seed, name))
    quality = modules.quality(graph, partition)
    step("modules")(1, 1)
    chance = stability = None
    if plan.n_nulls > 0:
        step("null networks")(0, plan.n_nulls)
        chance = significance(
            partial(_quality_of, detector, seed, name, (graph, quality)),
            graph,
            null=named("nulls", plan.null),
            n=plan.n_nulls,
            rng=stream(seed, name, "nulls"),
            jobs=jobs,
            progress=step("null networks"),
        )
    if plan.n_seeds > 1 and name not in names("data_aware"):
        step("stability")(0, plan.n_seeds)
        stability = modules.consensus(
            graph,
            detector,
            n_seeds=plan.n_seeds,
            rng=stream(seed, name, "seeds"),
            jobs=jobs,
            progress=step("stability"),
        ).stability
    layer_ami = modules.layer_ami(graph, partition)
    tree = hierarchy.infer(graph, partition)
    return Detected(name, partition, quality, chance, stability, layer_ami, tree)


@for_threads
def _quality_of(
    detector: Callable[..., Partition],
    seed: int,
    name: str,
    observed: tuple[NetGraph, float],
    graph: NetGraph,
) -> float:
    """Q of the detector's modules, with the same stream for every graph; known for the observed."""
    if graph is observed[0]:
        return observed[1]
    return modules.quality(graph, detector(graph, rng=stream(seed, name)))


def _no_path(graph: NetGraph) -> str:
    empty = [
        f"{block.source} → {block.target}"
        for block in graph.blocks
        if not graph.block(block.source, block.target).nnz
    ]
    cause = f"no weight is kept in {', '.join(empty)}" if empty else "the kept edges do not join up"
    return (
        f"no path leads from an input to an output: {cause}; a network that computes something is "
        "needed: check the mask and the order of the layers"
    )
