"""The order of the stages of an analysis.

Only this file knows it. Each stage takes values and returns a value.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from netsculpt import modules, paths
from netsculpt.core.catalog import catalog, named
from netsculpt.core.errors import GraphError, LimitError, PluginError
from netsculpt.core.progress import Progress, silent
from netsculpt.core.random import RNG, root_seed
from netsculpt.graph.attribution import FEATURE_TYPE
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.reading_notes import notes_on_reading
from netsculpt.graph.shared_weights import note_on_weights
from netsculpt.modules.chosen import GivenDetector, detector_name
from netsculpt.modules.reading import forms_for
from netsculpt.paths import PathCore
from netsculpt.paths.attribution import AttributionScores, attribution_scores
from netsculpt.pipeline.analysis import (
    MODULE_COLUMNS,
    UNIT_COLUMNS,
    WEIGHTED,
    Analysis,
    PathFacts,
)
from netsculpt.pipeline.detecting import Detecting, detector_of, notes_on
from netsculpt.pipeline.plan import AnalysisPlan

__all__ = ["analyze"]

TAU = 0.9  # share of paths that the path core covers
MAX_CORE_WORK = 10**10  # edges × units of the narrowest layer: some 30 seconds
MAX_PAIRS = 1_000_000  # entries of the largest input × output matrix that a report holds
UNWEIGHTED = frozenset({"depth", "in_degree", "out_degree"})  # the same on pattern and magnitude


def analyze(
    graph: NetGraph,
    plan: AnalysisPlan | None = None,
    *,
    detector: GivenDetector | None = None,
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
        Detectors, forms of the weights, null model, numbers of runs (default: ``AnalysisPlan()``).
    detector
        One detector, instead of those of the plan: a name, or a function ``(graph, *, rng)`` that
        returns one label per unit [U] (−1: none) or a `Partition`, called on the live units and on
        every null network. Tables name it after the function.
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
        Called with (stage, steps done, steps in all), from 0 on; at 0 once more when a stage begins
        that was foretold. The work on each of
        `Analysis.detected` is a stage of one step with its key as name, and has stages within.

    Raises
    ------
    GraphError
        If no path leads from an input to an output, a detector needs `influence`, or a function
        cannot be called as a detector or returns anything but one whole number per unit.
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

    A detector of your own, and how it does against chance:

    >>> def halves(graph, *, rng):
    ...     return [unit % 16 // 8 for unit in range(graph.n_units)]
    >>> plan = AnalysisPlan(n_nulls=19, n_seeds=0)
    >>> table = analyze(graph, plan, detector=halves, rng=0).verdicts()
    >>> table[["key", "n_modules", "p"]].values.tolist()
    [['halves', 2, 0.05]]
    """
    plan = plan or AnalysisPlan()
    if detector is not None:
        plan = replace(plan, detectors=(detector,))
    detectors = {detector_name(x): detector_of(x, graph, influence) for x in plan.detectors}
    named("nulls", plan.null)
    report = progress or silent
    seed = root_seed(rng)
    effective = paths.effective(graph)
    if not effective.units.any():
        raise GraphError(_no_path(graph))
    notes = [note] if (note := note_on_weights(graph)) is not None else []
    notes += notes_on_reading(graph)
    report("path core", 0, 1)
    facts = _path_facts(graph, notes)
    report("path core", 1, 1)
    report("path metrics", 0, 1)
    columns = _columns(graph, notes)
    report("path metrics", 1, 1)
    stage = Detecting(graph, plan, seed, jobs, report)
    detected = tuple(
        stage.detected(name, detector, form)
        for name, detector in detectors.items()
        for form in forms_for(detector, plan.weights)
    )
    n_streams = int(stage.streams.max(initial=-1)) + 1
    notes += notes_on(detected, detectors, plan, stage.live.n_edges, n_streams)
    agreement = {
        (a.key, b.key): modules.compare(a.partition, b.partition, layers=graph.layers)
        for a, b in combinations(detected, 2)
    }
    scores = _attribution(graph, notes)
    return Analysis(
        graph,
        plan,
        seed,
        effective,
        facts,
        columns,
        detected,
        agreement,
        tuple(notes),
        attribution=scores,
    )


def _attribution(graph: NetGraph, notes: list[str]) -> AttributionScores | None:
    """How much of the answer an attribution graph explains; None for other graphs."""
    if FEATURE_TYPE not in graph.attributes:
        return None
    notes.append(
        "Scores of an attribution graph are of the graph in its file; files hold pruned graphs, "
        "whose scores are not those of the whole. Null networks keep which token leads to which."
    )
    try:
        return attribution_scores(graph)
    except GraphError as error:
        notes.append(f"Replacement and completeness left out: {error}")
        return None


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
        _core(pattern, notes),
        pairs,
    )


def _core(pattern: NetGraph, notes: list[str]) -> PathCore | None:
    """The path core, unless it would take longer than all the rest, or is one unit anyway."""
    for end, units in (("input", pattern.inputs), ("output", pattern.outputs)):
        if units.size == 1:
            notes.append(
                f"There is one {end} unit, through which all paths run: a path core and an "
                "hourglass score would say nothing of the network."
            )
            return None
    narrowest = min(layer.n_units for layer in pattern.layers if layer.n_units)
    if pattern.n_edges * narrowest > MAX_CORE_WORK:
        notes.append(
            f"The path core is left out: with {pattern.n_edges:,} edges and no layer below "
            f"{narrowest:,} units it takes minutes. netsculpt.paths.path_core(graph.pattern) "
            "computes it."
        )
        return None
    return paths.path_core(pattern, tau=TAU)


def _columns(graph: NetGraph, notes: list[str]) -> dict[str, NDArray[np.float64]]:
    """Every metric of the catalogue on the pattern, and on |weight| where that differs."""
    columns: dict[str, NDArray[np.float64]] = {}
    pattern, magnitude = graph.pattern, graph.magnitude
    for name, metric in catalog("metrics").items():
        forms = [(name, pattern)]
        if name not in UNWEIGHTED:
            forms.append((f"{name}{WEIGHTED}", magnitude))
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


def _no_path(graph: NetGraph) -> str:
    if FEATURE_TYPE in graph.attributes:
        return (
            "no links lead from a token or an error to a logit: an attribution graph that explains "
            "its answer is needed; prune it less, or look for links that were edited or dropped"
        )
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
