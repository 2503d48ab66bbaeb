"""From two nets and their tasks to what the target reuses of the source."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, combinations, islice
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from netsculpt.compare.reuse import (
    KeptWeights,
    MaskReuse,
    ModuleActivations,
    ModuleMatching,
    SubtaskEvidence,
    SubtaskReuse,
    WeightRetention,
    mask_reuse,
    match_by_activations,
    match_by_units,
    subtask_reuse,
    weight_retention,
)
from netsculpt.core.errors import FormatError, GraphError
from netsculpt.core.numbers import checked_whole
from netsculpt.core.plain import plain
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.graph.circuits import (
    Circuit,
    CommonFunction,
    ThresholdCircuit,
    common_functions,
    joint_rows,
)
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.partition import NO_MODULE, Partition, labels_of
from netsculpt.modules.chosen import GivenDetector, chosen_detector, detector_name
from netsculpt.training.influence.interchange import Interchanges, interchanges
from netsculpt.training.influence.interchange.interchange import interchanged
from netsculpt.training.influence.intervening import Intervenable, intervenable, module_units
from netsculpt.training.influence.lesions import (
    FunctionLesions,
    Lesions,
    function_lesions,
    lesions,
)
from netsculpt.training.sculpting.replicas import Replicas
from netsculpt.training.tasks import boolean

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["NetOnTask", "NetReport", "ReuseAnalysis", "SharedStart", "reuse_analysis"]

Floats = NDArray[np.float64]

_LEAST_IIA: Final = 0.9  # from which on a module computes a function, as in `subtask_reuse`
_N_PAIRS: Final = 20_000  # of inputs, for circuits of more than 10


@dataclass(frozen=True, eq=False)
class NetOnTask:
    """A net, and the circuit that it was trained on or compiled from."""

    net: Replicas | ThresholdCircuit  # a stack of one, or what `compile_circuit` makes
    circuit: Circuit  # its inputs and outputs are the net's, in the same order
    modules: Partition | None = None  # of all units of the net; None: they are detected


@dataclass(frozen=True, eq=False)
class SharedStart:
    """What can be said of single weights and units because the target started from the source."""

    masks: MaskReuse
    units: ModuleMatching  # of modules by the units they have in common
    retention: WeightRetention | None  # None without a control

    def summary(self) -> dict[str, Any]:
        """Plain values, JSON-able."""
        return {
            "mask_reuse": self.masks.summary(),
            "matching_by_units": self.units.summary(),
            "weight_retention": None if self.retention is None else self.retention.summary(),
        }


@dataclass(frozen=True, eq=False)
class NetReport:
    """One of the two nets: its modules of hidden units, what they carry and what needs them."""

    accuracy: float  # share of the answers to all inputs that are right
    graph: NetGraph  # of the units on a path
    modules: Partition  # of the graph's units; −1 for inputs and outputs
    interchange: Interchanges  # [M, lines of the circuit that compute functions asked about]
    lesions: Lesions  # [A, M, outputs]
    function_lesions: FunctionLesions  # [M, lines]

    def best_function(self, module: int) -> int | None:
        """The line that a module carries best, as its place in `interchange`; None if none."""
        scores = np.nan_to_num(self.interchange.accuracy[module])
        return int(scores.argmax()) if scores.any() else None

    @property
    def module_names(self) -> tuple[str, ...]:
        """Number of each module, with the functions that it carries: accuracy of at least .9."""
        lines = np.array(self.interchange.functions, dtype=object)
        carried = np.nan_to_num(self.interchange.accuracy) >= _LEAST_IIA
        return tuple(
            f"{module} {', '.join(lines[row])}".strip() for module, row in enumerate(carried)
        )

    def summary(self) -> dict[str, Any]:
        """Plain values, JSON-able."""
        summary: dict[str, Any] = {
            "accuracy": plain(self.accuracy),
            "n_units": self.graph.n_units,
            "n_edges": self.graph.n_edges,
            "n_modules": self.modules.n_modules,
            "module_sizes": self.interchange.sizes.tolist(),
            "interchange": self.interchange.summary(),
            "lesions": self.lesions.summary(),
            "function_lesions": self.function_lesions.summary(),
        }
        return summary


@dataclass(frozen=True, eq=False)
class ReuseAnalysis:
    """What a target net reuses of a source net."""

    functions: tuple[CommonFunction, ...]  # [F] asked about
    source: NetReport
    target: NetReport
    matching: ModuleMatching  # by activations on all inputs
    unrelated: tuple[ModuleMatching, ...]  # of unrelated nets with the target
    subtasks: SubtaskReuse
    n_unions: int  # unions of target modules of which the interchange accuracy was computed
    start: SharedStart | None  # None unless the target is said to have started from the source
    about: dict[str, Any]

    def table(self) -> pd.DataFrame:
        """One row per function; `lines` are the target's."""
        table = self.subtasks.table()
        table.insert(1, "lines", [", ".join(x.target) for x in self.functions])
        return table

    def summary(self) -> dict[str, Any]:
        """Plain values, JSON-able."""
        summary: dict[str, Any] = {
            **self.about,
            "functions": [
                {"name": x.name, "source": list(x.source), "target": list(x.target)}
                for x in self.functions
            ],
            "reuse": self.subtasks.summary(),
            "n_unions": self.n_unions,
            "matching": self.matching.summary(),
            "matching_by_chance": [x.summary() for x in self.unrelated],
            "source": self.source.summary(),
            "target": self.target.summary(),
            "started_from_source": None if self.start is None else self.start.summary(),
        }
        return summary


def reuse_analysis(
    source: NetOnTask,
    target: NetOnTask,
    *,
    unrelated: Sequence[NetOnTask] = (),
    functions: Sequence[str] | None = None,
    detector: GivenDetector = "layered",
    started_from_source: bool = False,
    control: Replicas | None = None,
    n_random: int = 100,
    n_draws: int = 999,
    most_unions: int = 100,
    rng: RNG = None,
) -> ReuseAnalysis:
    """Measure which functions of a source net's task a target net computes, and with what modules.

    In both nets modules are detected in the balanced graph of the units on a path, and matched by
    what their hidden units do on all inputs. Interchange says which module carries which function,
    lesions which outputs need it. The verdicts are those of
    `netsculpt.compare.reuse.subtask_reuse`.

    Parameters
    ----------
    source, target
        The nets and their circuits. Inputs of the same name are the same input.
    unrelated
        Nets trained on circuits that have nothing in common with the target's: their matchings with
        the target tell which degree chance gives. Without them it is not known.
    functions
        Names of lines of either circuit; what the target's circuit lacks is absent. None: the
        sub-functions that both circuits contain, by their values on all inputs.
    detector
        One of `netsculpt.modules.detectors`, or a function ``(graph, *, rng)`` that returns labels.
    started_from_source
        Whether the target was trained from the source, so that unit i and weight i are the same in
        both. Nothing in the nets can tell; masks are compared only if it is said.
    control
        A net trained from the source as long as the target was, on shuffled labels: without it
        weights that stayed mean nothing, and are not compared.
    n_random
        Random sets of units per module, for lesions and interchange.
    n_draws
        Random modules, for the matching, and random masks.
    most_unions
        How many unions of target modules are tried, for functions that no single one carries.
    rng
        Seed or generator. Same seed, same bytes.

    Raises
    ------
    FormatError
        If there is no function to ask about; a net is of the wrong kind, does not fit its circuit
        or has no modules; an unrelated circuit computes what the target's does; a control is given
        for a target that did not start from the source; or a compiled circuit is said to have.
    GraphError
        If a function is unknown.
    LimitError
        If the circuits have more than 14 inputs together.

    Notes
    -----
    A function that several lines compute is asked about line by line; the largest interchange
    accuracy of a module counts, and p is that of the same line. Unions of target modules are tried
    only for functions that no single module carries, the smallest first.

    Examples
    --------
    >>> from netsculpt.graph.circuits import parse_circuit
    >>> from netsculpt.nets import MLP
    >>> from netsculpt.training.sculpting.replicas import initial_replicas
    >>> circuit = parse_circuit("f = a ^ b; g = c & d; y1 = f; y2 = g; y3 = ~f; y4 = ~g")
    >>> untrained = NetOnTask(initial_replicas(MLP((4, 6, 4)), [0]), circuit)
    >>> analysis = reuse_analysis(untrained, untrained, n_random=9, n_draws=9, rng=0)
    >>> [x.name for x in analysis.functions], analysis.subtasks.degree
    (['f', 'g'], 0.0)
    """
    if control is not None and not started_from_source:
        raise FormatError(
            "a control is given for weights that stay, but not that the target started from the "
            "source: say so (started_from_source, --started-from-source), or leave the control out"
        )
    checked_whole(n_random, "n_random", least=1)
    seed = root_seed(rng)
    both = (source, "source"), (target, "target")
    others = [(net, f"unrelated net {i}") for i, net in enumerate(unrelated)]
    for each in (*both, *others):
        _check(*each)
    trained = _trained(source.net, target.net, control) if started_from_source else []
    common = common_functions(source.circuit, target.circuit, functions)
    if not common:
        raise FormatError(
            "the two tasks have no sub-function in common: name functions of the source's task "
            f"(functions, --functions), such as {next(iter(source.circuit.functions))}; those that "
            "the target's task lacks count as absent"
        )
    for each in others:
        _check_unrelated(*each, target.circuit, common)
    nets = [_Net.of(net, name, detector, seed) for net, name in both]
    matching = _matched(nets[0], nets[1], n_draws, stream(seed, "activations"))
    by_chance = tuple(
        _matched(_Net.of(net, name, detector, seed), nets[1], n_draws, stream(seed, name))
        for net, name in others
    )
    lines = [tuple(chain.from_iterable(getattr(x, name) for x in common)) for _, name in both]
    reports = [
        net.report(own, n_random, stream(seed, name))
        for net, own, (_, name) in zip(nets, lines, both, strict=True)
    ]
    iia_source, _ = _by_function(reports[0], [x.source for x in common])
    iia, p = _by_function(reports[1], [x.target for x in common])
    most = checked_whole(most_unions, "most_unions", least=0)
    unions, n_unions = _unions(nets[1], [x.target for x in common], iia, most, seed)
    evidence = SubtaskEvidence(tuple(x.name for x in common), iia_source, iia, p, unions)
    start = None
    if trained:
        start = _shared_start(trained, nets, n_draws, seed)
    return ReuseAnalysis(
        common,
        reports[0],
        reports[1],
        matching,
        by_chance,
        subtask_reuse(evidence, matching, unrelated=by_chance, least_iia=_LEAST_IIA),
        n_unions,
        start,
        {
            "detector": detector_name(detector),
            "seed": seed,
            "n_random": n_random,
            "n_draws": n_draws,
        },
    )


@dataclass(frozen=True, eq=False)
class _Net:
    """A net whose units can be replaced, its circuit and its modules of hidden units."""

    able: Intervenable  # with the graph of the units on a path
    layer_of: NDArray[np.int32]  # [K] layer of each unit, also of those on no path
    circuit: Circuit
    modules: Partition

    @classmethod
    def of(cls, given: NetOnTask, name: str, detector: GivenDetector, seed: int) -> _Net:
        whole = intervenable(given.net)
        graph = whole.graph.live()
        able = intervenable(given.net, graph=graph)
        if given.modules is None:
            find, method = chosen_detector(detector), detector_name(detector)
            labels = find(graph.balanced, rng=stream(seed, "modules", name)).labels
        else:
            method = given.modules.method
            labels = labels_of(whole.graph, given.modules)[able.unit_of >= 0]
        modules = Partition(np.where(able.hidden, labels, NO_MODULE), method)
        if not modules.n_modules:
            raise FormatError(
                f"{method} finds no module of hidden units in the {name} ({graph}): a net whose "
                "hidden units reach its outputs is needed, or another detector"
            )
        return cls(able, whole.graph.layer_of, given.circuit, modules)

    def on(self, inputs: NDArray[np.bool_]) -> ModuleActivations:
        """Activations of all units of the net, also of those on no path, which have no module."""
        values = self.able.activations(torch.from_numpy(inputs.astype(np.float32)))
        # Units on no path are no part of the null either: they stand in a layer of their own.
        layers = np.where(self.able.unit_of >= 0, self.layer_of, -1)
        return ModuleActivations(values.cpu().numpy(), self.all_units, layers)

    @property
    def all_units(self) -> Partition:
        """Modules of all units of the net [K]; −1 for those on no path."""
        return Partition(np.append(self.modules.labels, NO_MODULE)[self.able.unit_of])

    def report(self, lines: tuple[str, ...], n_random: int, rng: RNG) -> NetReport:
        seed = root_seed(rng)
        net = self.able, self.modules
        asked: dict[str, Any] = {"functions": lines, "n_random": n_random, "rng": seed}
        lost = lesions(*net, boolean(self.circuit), n_random=n_random, rng=seed)
        return NetReport(
            1 - math.fsum((1 - lost.accuracy) * lost.share),  # all right is exactly 1
            self.able.graph,
            self.modules,
            interchanges(*net, self.circuit, n_pairs=_N_PAIRS, **asked),
            lost,
            function_lesions(*net, self.circuit, **asked),
        )


def _check(given: NetOnTask, name: str) -> None:
    """Raise an error unless the net has as many inputs and outputs as its circuit."""
    if not isinstance(given.net, Replicas | ThresholdCircuit):
        raise FormatError(
            f"the {name} is a {type(given.net).__name__}: a compiled circuit is needed, or a stack "
            "with one multi-layer perceptron, as netsculpt.training.influence.replica_of_model "
            "makes of a model.pt"
        )
    able = intervenable(given.net)
    own = able.graph.layers[0].n_units, able.n_outputs
    wanted = len(given.circuit.inputs), len(given.circuit.outputs)
    if own != wanted:
        raise FormatError(
            f"the {name} has {own[0]} inputs and {own[1]} outputs, its task {wanted[0]} and "
            f"{wanted[1]}: they must be equal; name the task that it was trained on"
        )


def _trained(*nets: Replicas | ThresholdCircuit | None) -> list[Replicas]:
    """Source, target and control, if there is one; raises unless all are trained nets."""
    trained = []
    for net, name in zip(nets, ("source", "target", "control"), strict=True):
        if isinstance(net, Replicas):
            trained.append(net)
        elif net is not None:
            raise FormatError(
                f"the {name} is a {type(net).__name__}: weights of a target that started from the "
                "source are compared in stacks with one trained net each; give these, or leave "
                "started_from_source out"
            )
    return trained


def _check_unrelated(
    given: NetOnTask, name: str, target: Circuit, asked: Sequence[CommonFunction]
) -> None:
    """Raise an error if a net computes any sub-function of the target's, or one asked about."""
    shared = [x.target[0] for x in common_functions(given.circuit, target)]
    names = [x.target[0] for x in asked if x.target]
    shared += [x.name for x in common_functions(target, given.circuit, names) if x.target]
    if shared:
        raise FormatError(
            f"the task of {name} computes {', '.join(dict.fromkeys(shared))} of the target's too: "
            "a net is needed whose task has no function in common with the target's"
        )


def _matched(source: _Net, target: _Net, n_draws: int, rng: RNG) -> ModuleMatching:
    """Modules of two nets by their activations on all inputs of both."""
    rows = joint_rows(source.circuit, target.circuit)
    ways = [net.on(inputs) for net, inputs in zip((source, target), rows, strict=True)]
    return match_by_activations(*ways, n_draws=n_draws, rng=rng)


def _by_function(report: NetReport, lines: Sequence[tuple[str, ...]]) -> tuple[Floats, Floats]:
    """Interchange accuracy and p of lesions [M, F], of the line that each module carries best."""
    place = {name: i for i, name in enumerate(report.interchange.functions)}
    accuracy, p = report.interchange.accuracy, report.function_lesions.p
    best = np.full((2, len(accuracy), len(lines)), np.nan)
    for column, own in enumerate(lines):
        if own:
            columns = [place[name] for name in own]
            chosen = np.nan_to_num(accuracy[:, columns], nan=-1.0).argmax(axis=1)
            picked = np.arange(len(accuracy)), np.array(columns)[chosen]
            best[:, :, column] = accuracy[picked], p[picked]
    return best[0], best[1]


def _unions(
    net: _Net, lines: Sequence[tuple[str, ...]], iia: Floats, most: int, seed: int
) -> tuple[Floats, int]:
    """Largest interchange accuracy [F] of two or more modules together, and how many were tried.

    NaN for functions that a single module carries: for those it does not matter.
    """
    found = np.full(len(lines), np.nan)
    single: NDArray[np.bool_] = np.any(np.nan_to_num(iia) >= _LEAST_IIA, axis=0)
    asked = [i for i, own in enumerate(lines) if own and not single[i]]
    modules = module_units(net.able, net.modules, inputs=False)
    sizes = range(2, len(modules) + 1)
    sets = chain.from_iterable(combinations(range(len(modules)), n) for n in sizes)
    tried = [modules[list(x)].any(axis=0) for x in islice(sets, most)]
    if not asked or not tried:
        return found, 0
    names = list(chain.from_iterable(lines[i] for i in asked))
    rows = interchanged(net.able, np.array(tried), net.circuit, names, _N_PAIRS, seed)
    scores = {name: [row[i].accuracy for row in rows] for i, name in enumerate(names)}
    for i in asked:
        values = np.array([scores[name] for name in lines[i]])
        found[i] = values[~np.isnan(values)].max(initial=0.0)
    return found, len(tried)


def _shared_start(
    trained: Sequence[Replicas], nets: Sequence[_Net], n_draws: int, seed: int
) -> SharedStart:
    widths = [list(x.spec.widths) for x in trained]
    if any(x != widths[0] for x in widths):
        raise GraphError(
            f"layers have {' and '.join(map(str, widths))} units: a target that started from the "
            "source, and a control, have the same; leave out what did not start from it"
        )
    kept = [_kept(x) for x in trained]
    masks = mask_reuse(kept[0].masks, kept[1].masks, n_draws=n_draws, rng=stream(seed, "masks"))
    modules = [net.all_units for net in nets]
    in_neither = (modules[0].labels < 0) & (modules[1].labels < 0)
    units = match_by_units(
        modules[0],
        modules[1],
        np.where(in_neither, -1, nets[0].layer_of),
        n_draws=n_draws,
        rng=stream(seed, "units"),
    )
    stayed = weight_retention(*kept) if len(kept) == 3 else None
    return SharedStart(masks, units, stayed)


def _kept(net: Replicas) -> KeptWeights:
    """The one net of a stack, by layer."""
    return KeptWeights(
        {name: net.parameters[name][0].detach().cpu().numpy() for name in net.weights},
        {name: net.masks[name][0].cpu().numpy() for name in net.weights},
    )
