"""Modules of one detector on one form of the weights, their test and their stability."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from netsculpt import hierarchy, modules
from netsculpt.core.catalog import named, names
from netsculpt.core.declared import is_deterministic, variations, without_weights
from netsculpt.core.errors import GraphError
from netsculpt.core.parallel import for_threads
from netsculpt.core.progress import Progress
from netsculpt.core.random import stream
from netsculpt.graph.graph import NetGraph, live_units
from netsculpt.graph.partition import Partition, relabelled, spread
from netsculpt.graph.streams import stream_labels
from netsculpt.modules.chosen import GivenDetector, chosen_detector, detector_name
from netsculpt.modules.reading import Detection, Reading
from netsculpt.nulls import by_token, in_form
from netsculpt.nulls.significance import Null, Significance, significance
from netsculpt.pipeline.analysis import Detected
from netsculpt.pipeline.plan import USUAL
from netsculpt.pipeline.spreading import everywhere

if TYPE_CHECKING:
    from netsculpt.hierarchy import Hierarchy
    from netsculpt.modules import Consensus
    from netsculpt.pipeline.plan import AnalysisPlan

__all__ = ["Detecting", "detector_of", "notes_on"]

_SCALED = MappingProxyType(  # (do the modules change with scales, is all of |weights|) → what does
    {
        (True, False): "modules",
        (False, True): "Q, hierarchy and flow",
        (True, True): "modules, Q, hierarchy and flow",
    }
)

Function = Callable[..., Partition]

LEAST_NULLS = 20  # for the hierarchy: `netsculpt.hierarchy.ordered` says why


def detector_of(
    given: GivenDetector, graph: NetGraph, influence: NDArray[np.float64] | None
) -> Callable[..., Partition]:
    """The detector that is chosen by name, or given as a function.

    A data-aware one returns its partition of `graph` for any graph. Raises if the name is unknown,
    a data-aware detector gets no `influence` [U, O], or a function cannot be a detector.
    """
    name = detector_name(given)
    if name not in names("data_aware"):
        return chosen_detector(given)
    if influence is None:
        raise GraphError(
            f"{name!r} finds modules from data: pass influence [units, outputs], as measured by "
            "netsculpt.training.influence (on the command line: --task)"
        )
    partition: Partition = named("data_aware", name)(graph, influence)
    return fixed(partition)


def fixed(partition: Partition) -> Function:
    """A detector that returns this partition for any graph."""
    return without_weights(for_threads(lambda _, *, rng: partition))  # noqa: ARG005


@dataclass(frozen=True)
class Detecting:
    """What the modules stage is done with, for every detector and form of the weights.

    Modules are sought in the network of the live units: dead ones would change the null networks
    and nothing else, and `graph` and ``graph.live()`` have the same modules and the same p.
    """

    graph: NetGraph
    plan: AnalysisPlan
    seed: int
    jobs: int
    progress: Progress

    @cached_property
    def live(self) -> NetGraph:
        """The network of the live units."""
        return self.graph.live()

    @cached_property
    def is_live(self) -> NDArray[np.bool_]:
        """Whether each unit is live [U]."""
        return live_units(self.graph)

    @cached_property
    def streams(self) -> NDArray[np.int32]:
        """The stream of each live unit, −1: none."""
        return stream_labels(self.live)

    @property
    def null(self) -> Null:
        """The null model that the plan names; it keeps the order of tokens, where there are any."""
        return by_token(named("nulls", self.plan.null))

    def detected(self, name: str, detector: Function, form: str) -> Detected:
        """The modules that the detector of that name finds with this form of the weights."""
        key = self.plan.keys[name, form]
        self.progress(key, 0, 1)
        found = self._detected(key, name, detector, form)
        self.progress(key, 1, 1)
        return found

    def _detected(self, key: str, name: str, detector: Function, form: str) -> Detected:
        from_data = name in names("data_aware")
        if from_data:
            found = detector(self.graph, rng=None)
            detector = fixed(relabelled(found, found.labels[self.is_live]))
        work = Detection(name, detector, form, self.live, self.seed)
        self.progress(f"{key}: modules", 0, 1)
        partition, evidence = work.found()
        quality = work.quality(partition)
        self.progress(f"{key}: modules", 1, 1)
        repeats = self.plan.repeats_of(detector, self.live.n_edges)
        test = runs = None
        with_runs = repeats.n_seeds > 1 and not from_data
        if with_runs:  # said now, for who foretells how long it takes
            self.progress(f"{key}: stability", 0, repeats.n_seeds)
        if repeats.n_nulls > 0 and evidence is None:
            test = self._test(work, quality, repeats.n_nulls)
        if with_runs:
            runs = self._runs(work, repeats.n_seeds)
        of_all = self._spread(partition)
        return Detected(
            key,
            name,
            form,
            of_all,
            quality,
            test,
            None if runs is None else runs.stability_of(partition),
            None if runs is None else self._spread(_judged(work, runs.partition)),
            None if runs is None else self._by_unit(runs.confidence_in(partition)),
            modules.layer_ami(self.graph, of_all),
            self._hierarchy(work, partition),
            hierarchy.flow(work.reading.weighed(self.graph), of_all, form=form),
            evidence,
            not from_data and is_deterministic(detector),
            repeats.n_seeds,
        )

    def _test(self, work: Detection, quality: float, n_nulls: int) -> Significance:
        """Q against the null model of what the detector reads."""
        stage = f"{self.plan.keys[work.name, work.form]}: null networks"
        self.progress(stage, 0, n_nulls)
        return significance(
            work.statistic(quality),
            work.read,
            null=in_form(self.null, work.form, own=work.reading.own),
            n=n_nulls,
            rng=stream(self.seed, work.name, "nulls"),
            jobs=self.jobs,
            progress=partial(self.progress, stage),
        )

    def _runs(self, work: Detection, n_seeds: int) -> Consensus:
        """Runs over seeds; of a deterministic detector, without a few edges each."""
        detector = work.detector
        if is_deterministic(detector):
            detector = modules.perturbed(detector)
        stage = f"{self.plan.keys[work.name, work.form]}: stability"
        self.progress(stage, 0, n_seeds)
        return modules.consensus(
            work.read,
            detector,
            n_seeds=n_seeds,
            rng=stream(self.seed, work.name, "seeds"),
            jobs=self.jobs,
            progress=partial(self.progress, stage),
        )

    def _hierarchy(self, work: Detection, partition: Partition) -> Hierarchy:
        """Which modules feed which, more than chance if there are null networks enough."""
        weighed, n_nulls = work.reading.weighed(self.live), self.plan.repeats.n_nulls
        if n_nulls < LEAST_NULLS:
            inferred = hierarchy.infer(weighed, partition, form=work.form)
            return everywhere(inferred, self.is_live)
        stage = f"{self.plan.keys[work.name, work.form]}: hierarchy"
        self.progress(stage, 0, n_nulls)
        tested = hierarchy.ordered(
            weighed,
            partition,
            null=in_form(self.null, work.form),
            form=work.form,
            n=n_nulls,
            rng=stream(self.seed, work.name, "hierarchy"),
            jobs=self.jobs,
            progress=partial(self.progress, stage),
        )
        return everywhere(tested, self.is_live)

    def _spread(self, partition: Partition) -> Partition:
        """A partition of the live units as one of all units."""
        return spread(partition, self.is_live)

    def _by_unit(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Numbers of the live units as numbers of all units, NaN for dead ones."""
        spread = np.full(self.graph.n_units, np.nan)
        spread[self.is_live] = values
        return spread


def notes_on(
    detected: Sequence[Detected],
    detectors: dict[str, Function],
    plan: AnalysisPlan,
    n_edges: int,
    n_streams: int,
) -> Iterator[str]:
    """What a reader has to know about the detectors and their tests.

    `n_edges` are the live edges, on which they ran.
    """
    n_nulls = plan.repeats.n_nulls
    tested = [each for each in detected if each.significance is not None]
    if n_nulls < LEAST_NULLS:
        keys = ", ".join(each.key for each in detected)
        yield (
            f"The hierarchy of {keys} is not compared with chance, and modules that feed "
            f"each other are joined: {LEAST_NULLS} null networks are needed to tell which do."
        )
    slow = [x for x in detected if plan.repeats_of(detectors[x.detector], n_edges) != plan.repeats]
    yield from _on_slow(slow, plan)
    from_data = dict.fromkeys(x.detector for x in tested if x.detector in names("data_aware"))
    if from_data:
        yield (
            f"Modules of {', '.join(from_data)} come from data, which null networks do not have: z "
            "and p say how much more the edges keep to these modules than by chance."
        )
    holding = [
        each.key
        for each in detected
        if Reading.of(detectors[each.detector], each.weights, streams=n_streams > 0).streams
    ]
    if holding:
        yield (
            f"{n_streams} groups of units are joined one to one by wiring (residual channels, "
            f"gates), each one thing through the depth: in {', '.join(holding)} a group is in one "
            "module as a whole, and this wiring does not count in Q."
        )
    scaled = _what_scales(detected, detectors)
    if scaled:
        yield (
            f"{scaled} depend on how units are scaled, which the function of a ReLU network does "
            "not: incoming weights times c, outgoing ones divided by c."
        )
    ordered = [name for name, detector in detectors.items() if "unit order" in variations(detector)]
    if ordered:
        yield f"Modules of {', '.join(ordered)} depend on the order of units where there are ties."
    on_nulls: dict[str, list[str]] = {}
    for each in tested:
        for note in _notes_on_nulls(each):
            on_nulls.setdefault(note, []).append(each.key)
    yield from (f"{', '.join(keys)}: {note}" for note, keys in on_nulls.items())


def _what_scales(detected: Sequence[Detected], detectors: dict[str, Function]) -> str:
    """Which results, of which detectors, change when units are scaled; "" if none do."""
    keys: dict[str, list[str]] = {}
    for each in detected:
        detector = detectors[each.detector]
        modules_do = Reading.of(detector, each.weights).is_scale_bound(detector)
        what = _SCALED.get((modules_do, each.weights == "magnitude"))
        if what is not None:
            keys.setdefault(what, []).append(each.key)
    text = "; ".join(f"{what} of {', '.join(of)}" for what, of in keys.items())
    return text[:1].upper() + text[1:]


def _on_slow(slow: Sequence[Detected], plan: AnalysisPlan) -> Iterator[str]:
    """That slow detectors were run less often, and how to have them run as often as others."""
    fewer, options = [], []
    n_nulls = [x.significance.n for x in slow if x.significance is not None]
    if plan.n_nulls is None and n_nulls:  # who weighs evidence has none
        fewer.append(f"compared with {n_nulls[0]} null networks instead of {USUAL.n_nulls}")
        options.append("--nulls")
    if plan.n_seeds is None and slow:
        fewer.append(f"run {slow[0].n_runs} times instead of {USUAL.n_seeds} for stability")
        options.append("--stability-seeds")
    if not fewer:
        return
    keys = ", ".join(x.key for x in slow)
    sets = "set" if len(options) > 1 else "sets"
    yield (
        f"Slow on a network of this size, and so {' and '.join(fewer)}: {keys}. "
        f"{' and '.join(options)} {sets} a number for all detectors."
    )


def _notes_on_nulls(each: Detected) -> tuple[str, ...]:
    """What a reader has to know about the null networks of a detector."""
    test = each.significance
    assert test is not None
    if each.partition.n_modules < 2 and test.is_degenerate and test.delta == 0:
        return ("One module, as in every null network.",)
    if test.is_bound and not test.is_degenerate:  # "p ≤ …" says it
        return ()
    return test.notes


def _judged(work: Detection, partition: Partition) -> Partition:
    """The partition with Q of the form as its quality."""
    return Partition(partition.labels, partition.method, work.quality(partition))
