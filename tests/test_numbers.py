"""Numbers where they enter: every public function names the one that it cannot use."""

from __future__ import annotations

import importlib
import inspect
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import netsculpt
from netsculpt.compare.reuse import match_by_units
from netsculpt.core.errors import NetsculptError, NumberError
from netsculpt.core.numbers import checked_fraction, checked_number, checked_whole
from netsculpt.nets import CNN, LSTM, MLP, VGG, ResNet, initial_net
from netsculpt.studies.sculpting import SweepConfig
from netsculpt.training import ModularTransfer, Recipe
from netsculpt.training.sculpting.replicas import initial_replicas
from netsculpt.training.search.tasks import SwingUp
from netsculpt.training.search.topology import Topology
from netsculpt.training.tasks import parse_task, relabelled
from netsculpt.training.transfer import NetOnTask

NAN, INF = math.nan, math.inf
ROOMS = ["", ".paths", ".modules", ".nulls", ".hierarchy", ".training", ".training.tasks", ".plots"]

GRAPH, TRUTH = netsculpt.planted([8, 8, 8], 2, 0.9, 0.1, rng=0)
NET = initial_net(MLP((4, 6, 2)), rng=0)
FOUR_OUTPUTS = initial_net(MLP((4, 6, 4)), rng=0)
TASK = parse_task("input-separable", rng=0)
DIGITS = parse_task("digits", rng=0)
NOT_NUMBERS = [NAN, INF, -INF, True, "3", [1]]
NOT_WHOLE = [*NOT_NUMBERS, 1.5, 2.0]
NOT_POSITIVE = [*NOT_NUMBERS, -1, -0.5]

# function, its argument, other arguments, values that are refused
REFUSED: list[tuple[str, str, dict[str, Any], list[Any]]] = [
    (".planted", "k", {"widths": [4, 4], "p_in": 0.5, "p_out": 0.1}, [*NOT_WHOLE, 0, -1]),
    (".planted", "p_in", {"widths": [4, 4], "k": 2, "p_out": 0.1}, [*NOT_POSITIVE, 1.5]),
    (".planted", "p_out", {"widths": [4, 4], "k": 2, "p_in": 0.5}, [*NOT_POSITIVE, 1.5]),
    (".planted", "widths", {"k": 2, "p_in": 0.5, "p_out": 0.1}, [[x, 4] for x in NOT_WHOLE]),
    (
        ".planted",
        "degree_heterogeneity",
        {"widths": [4, 4], "k": 2, "p_in": 0.5, "p_out": 0.1},
        NOT_POSITIVE,
    ),
    (".planted", "skips", {"widths": [4, 4, 4], "k": 2, "p_in": 0.5, "p_out": 0.1}, NOT_POSITIVE),
    (".paths.path_core", "tau", {"graph": GRAPH}, [*NOT_POSITIVE, 1.5]),
    (".modules.layered", "resolution", {"graph": GRAPH, "rng": 0}, NOT_POSITIVE),
    (".modules.leiden", "resolution", {"graph": GRAPH, "rng": 0}, NOT_POSITIVE),
    (".modules.quality", "resolution", {"graph": GRAPH, "partition": TRUTH}, NOT_POSITIVE),
    (".modules.path_signature", "idle", {"graph": GRAPH}, [*NOT_POSITIVE, 1.5]),
    (".modules.sculpting", "step_size", {"graph": GRAPH}, [*NOT_WHOLE, 0, -1]),
    (".modules.sculpting", "mm_threshold", {"graph": GRAPH}, [*NOT_POSITIVE, 1.5]),
    (".modules.sculpting", "merge_threshold", {"graph": GRAPH}, [*NOT_POSITIVE, 1.5]),
    (".modules.spectral", "k", {"graph": GRAPH, "rng": 0}, [*NOT_WHOLE, 0, -1]),
    (
        ".modules.consensus",
        "n_seeds",
        {"detector": netsculpt.modules.layered, "graph": GRAPH, "rng": 0},
        [*NOT_WHOLE, 0, -1],
    ),
    (
        ".modules.resolution_profile",
        "n_seeds",
        {"graph": GRAPH, "resolutions": [1.0], "rng": 0},
        [*NOT_WHOLE, 0, -1],
    ),
    (
        ".modules.resolution_profile",
        "resolutions",
        {"graph": GRAPH, "n_seeds": 2, "rng": 0},
        [[x] for x in NOT_POSITIVE],
    ),
    (".AnalysisPlan", "n_nulls", {}, [*NOT_WHOLE, -1]),
    (".AnalysisPlan", "n_seeds", {}, [*NOT_WHOLE, -1]),
    (".training.batches_of", "n_samples", {"task": TASK}, [*NOT_WHOLE, 0, -1]),
    (".training.batches_of", "batch_size", {"task": TASK, "n_samples": 4}, [*NOT_WHOLE, 0, -1]),
    (".training.prune", "density", {"net": NET, "method": "magnitude"}, [*NOT_POSITIVE, 1.5]),
    (
        ".training.prune",
        "rounds",
        {"net": NET, "method": "magnitude", "density": 0.5},
        [*NOT_WHOLE, 0, -1, 10**9, 10**400],
    ),
    (".training.phew", "density", {"net": NET, "example": torch.zeros(1, 4)}, NOT_POSITIVE),
    (
        ".training.phew",
        "power",
        {"net": NET, "example": torch.zeros(1, 4), "density": 0.5},
        NOT_NUMBERS,
    ),
    (".training.approximate_isometry", "gain", {"net": NET}, [*NOT_POSITIVE, 0]),
    (".training.approximate_isometry", "steps", {"net": NET}, [*NOT_WHOLE, -1]),
    (".training.approximate_isometry", "tolerance", {"net": NET}, NOT_POSITIVE),
    *(
        (f".training.{name}", argument, given, values)
        for name in ("sculpt", "sculpt_net")
        for argument, given, values in (
            ("goal_accuracy", {"seeds": [0]}, [*NOT_POSITIVE, 0, 1.5]),
            ("seeds", {}, [[x] for x in (*NOT_WHOLE, -1)]),
            ("unit_gradients", {"seeds": [0]}, [[x] for x in (*NOT_POSITIVE, 0, 101)]),
            ("edge_gradients", {"seeds": [0]}, [[x] for x in (*NOT_POSITIVE, 0, 101)]),
        )
    ),
    (".training.tasks.hold_out", "share", {"task": TASK, "rng": 0}, [*NOT_POSITIVE, 0, 1]),
    (".training.tasks.relabelled", "share", {"task": TASK, "rng": 0}, [*NOT_POSITIVE, 1.5]),
    (".training.relabelled", "share", {"task": TASK, "rng": 0}, [*NOT_POSITIVE, 1.5]),
    (
        ".training.memorised_by_phase",
        "answer",
        {"nets": [FOUR_OUTPUTS], "relabelled": relabelled(TASK, 1.0, rng=0)},
        [*NOT_WHOLE, -1, 4],
    ),
    (
        ".training.pair_analysis",
        "answer",
        {"sparse": FOUR_OUTPUTS, "dense": FOUR_OUTPUTS, "task": TASK},
        [*NOT_WHOLE, -1, 4],
    ),
    (
        ".training.pair_analysis",
        "n_activations",
        {"sparse": FOUR_OUTPUTS, "dense": FOUR_OUTPUTS, "task": TASK},
        [*NOT_WHOLE, 3, -1],
    ),
    (".training.tasks.Bits", "n_bits", {}, [*NOT_WHOLE, 0, -1]),
    (".training.tasks.shape_pairs", "n_samples", {"rng": 0}, [*NOT_WHOLE, 0, -1]),
    (".training.tasks.shape_pairs", "side", {"n_samples": 3}, [*NOT_WHOLE, 0, -1]),
    (".training.tasks.shape_pairs", "noise", {"n_samples": 3}, NOT_POSITIVE),
    (".training.tasks.digit_sum", "n_pairs", {"source": DIGITS}, [*NOT_WHOLE, 0, -1]),
    (".training.tasks.separate_digits", "n_pairs", {"source": DIGITS}, [*NOT_WHOLE, 0, -1]),
]
REFUSED += [
    (f".training.tasks.{name}", "n_samples", {"rng": 0}, [*NOT_WHOLE, 0, -1])
    for name in ("quotes", "brackets", "variable_types", "copying", "induction")
]
REFUSED += [(".training.Recipe", name, {}, [*NOT_WHOLE, -1]) for name in ("epochs", "batch_size")]
HUGE = [1e308, 10**400]
LINE = {"net": nn.Linear(3, 2), "example": torch.zeros(1, 3)}
INFLUENCE = {"graph": GRAPH, "influence": np.ones((GRAPH.n_units, GRAPH.outputs.size))}
NULL = {"graph": GRAPH, "null": netsculpt.nulls.rewire, "rng": 0}
JUDGED = {"p": 0.01, "n_nulls": 99, "delta": 0.2, "stability": 0.9}
NOT_MEASURED = [True, "3", [1], 10**400]  # NaN and ∞ are what some measures give
REFUSED += [(".trace", x, LINE, [*NOT_WHOLE, 0, -1, 1e308]) for x in ("unroll", "max_edges")]
REFUSED += [
    (f".modules.{name}", argument, INFLUENCE, [*NOT_POSITIVE, *HUGE, 1])
    for name in ("functional", "functional_memberships")
    for argument in ("alike", "idle")
]
REFUSED += [
    (f"{room}.significance", "n", {"statistic": lambda _: 1.0, **NULL}, [*NOT_WHOLE, 0, -1, 1e308])
    for room in ("", ".nulls")
]
REFUSED += [
    (".modules.verdict", name, {k: x for k, x in JUDGED.items() if k != name}, values)
    for name, values in (
        ("p", NOT_MEASURED),
        ("n_nulls", [*NOT_WHOLE, -1]),
        ("delta", NOT_MEASURED),
        ("stability", NOT_MEASURED),
        ("small", NOT_NUMBERS),
        ("stable", NOT_NUMBERS),
    )
]
REFUSED += [
    (".modules.verdict_of_evidence", "evidence", {}, NOT_MEASURED),
    (".modules.verdict_of_evidence", "stability", {"evidence": 9.0}, NOT_MEASURED),
    (".modules.chance_of_evidence", "evidence", {}, NOT_MEASURED),
    (".modules.perturbed", "left_out", {"detector": netsculpt.modules.layered},
     [*NOT_POSITIVE, *HUGE, 0, 1]),
    (".paths.units_carrying", "share", {"graph": GRAPH}, [*NOT_POSITIVE, *HUGE, 0, 1.5]),
    (".hierarchy.ordered", "n", {"partition": TRUTH, **NULL}, [*NOT_WHOLE, 19, -1]),
    (".hierarchy.ordered", "level", {"partition": TRUTH, **NULL}, [*NOT_POSITIVE, *HUGE, 0, 1]),
    (".training.tasks.idx", "n_classes", {"images": "a", "labels": "b"}, [*NOT_WHOLE, 0, -1]),
    (".plots.figure", "aspect", {}, [*NOT_POSITIVE, *HUGE, 0]),
]  # fmt: skip
REFUSED += [(".training.Recipe", "warmup", {}, [*NOT_WHOLE, -1])]
REFUSED += [
    (".training.Recipe", name, {}, [*NOT_POSITIVE, 10**400])
    for name in ("learning_rate", "factor", "weight_decay", "momentum", "noise", "goal_accuracy")
]
REFUSED += [(".training.Recipe", "betas", {}, [(x, 0.9) for x in NOT_POSITIVE] + [(0.9,), 0.9])]


LABELS = np.full(14, -1)
LABELS[4:10] = 0, 0, 0, 1, 1, 1
MODULES = netsculpt.Partition(LABELS)
CIRCUIT = netsculpt.parse_circuit("left = a ^ b\nright = c ^ d\ny1 = left\ny2 = ~left\ny3 = right")
ON_TASK: dict[str, Any] = {"net": FOUR_OUTPUTS, "partition": MODULES, "task": TASK, "rng": 0}
THREE_OUTPUTS = initial_net(MLP((4, 6, 3)), rng=0)
MODULES_OF_THREE = netsculpt.Partition(LABELS[:13])
ON_CIRCUIT: dict[str, Any] = {"net": THREE_OUTPUTS, "partition": MODULES_OF_THREE, "rng": 0}
ON_CIRCUIT["circuit"] = CIRCUIT
UNIONS = ("n_draws", "n_random", "most_unions")
SIDE = NetOnTask(initial_replicas(MLP((4, 6, 3)), [0]), CIRCUIT, modules=MODULES_OF_THREE)
REFUSED += [
    (f".training.{name}", argument, others, [*NOT_WHOLE, -1])
    for name, others, arguments in (
        ("lesions", ON_TASK, ("n_draws", "n_random")),
        ("pair_lesions", ON_TASK | {"kind": "resample"}, ("n_draws",)),
        ("shapley_lesions", ON_TASK | {"kind": "resample"}, ("n_draws",)),
        ("function_lesions", ON_CIRCUIT, ("n_draws", "n_random")),
        ("interchanges", ON_CIRCUIT, ("n_pairs", "n_random")),
        ("decodings", ON_CIRCUIT, ("n_controls", "n_random")),
        ("weight_profile", {"net": FOUR_OUTPUTS, "task": TASK, "rng": 0}, ("n_draws",)),
        ("reuse_analysis", {"source": SIDE, "target": SIDE, "rng": 0}, UNIONS),
    )
    for argument in arguments
]
ONE = {"net": THREE_OUTPUTS, "units": [4], "circuit": CIRCUIT, "function": "left", "rng": 0}
CARRIED: dict[str, Any] = {"source": SIDE.net, "unrelated": SIDE.net, "target": TASK, "rng": 0}
COUNTS = np.ones(5, dtype=np.int64)
TRANSFERRED = ModularTransfer(
    COUNTS[:1], np.ones((5, 1)), 1, False, {}, COUNTS, np.ones(5), SIDE.net, 0
)
FOUR = netsculpt.Partition([0, 0, 1, 1])
GROUPS = {"comparison": netsculpt.compare.groups([{"Q": 0.1}, {"Q": 0.2}], [{"Q": 0.3}] * 2)}
ANALYSIS = netsculpt.analyze(GRAPH, netsculpt.AnalysisPlan(n_nulls=0, n_seeds=0), rng=0)
ANALYSES = {"first": ANALYSIS, "second": ANALYSIS}
MATCHED = {"matching": match_by_units(FOUR, FOUR, [0, 0, 0, 0], n_draws=9, rng=0)}
ONE_EDGE = Topology(
    6, 1, np.array([0] * 7 + [1], np.int32), np.array([1], np.int32), np.zeros(7, np.int8)
)
LINEAR, IMAGE = {"net": FOUR_OUTPUTS, "target": TASK, "rng": 0}, {"effect": [[0.1]]}
REFUSED += [
    (".training.interchange", "n_pairs", ONE, [*NOT_WHOLE, -1]),
    (".training.modular_transfer", "fraction", CARRIED, [*NOT_POSITIVE, 0, 1.5]),
    (".training.modular_transfer", "hidden", CARRIED, [[x] for x in (*NOT_WHOLE, 0)]),
    (".training.modular_benefit", "goal", {"found": [TRANSFERRED], "rng": 0}, NOT_NUMBERS),
    (
        ".training.modular_benefit",
        "n_draws",
        {"found": [TRANSFERRED], "goal": 0.9, "rng": 0},
        [*NOT_WHOLE, 0],
    ),
    *(
        (".training.subtask_masks", name, {"net": FOUR_OUTPUTS, "task": TASK}, values)
        for name, values in (
            ("penalty", NOT_POSITIVE),
            ("n_runs", [*NOT_WHOLE, 0]),
            ("n_random", [*NOT_WHOLE, -1]),
            ("subtasks", [{"a": [x], "b": [1]} for x in [*NOT_WHOLE, -1, 4]]),
        )
    ),
    (".training.decodings", "rank", ON_CIRCUIT, NOT_POSITIVE),
    (".training.linear_transfer", "validation", LINEAR, [*NOT_POSITIVE, 1.5]),
    (".training.full_transfer", "validation", LINEAR, [*NOT_POSITIVE, 1.5]),
    (".training.linear_transfer", "strengths", LINEAR, [[x] for x in NOT_POSITIVE]),
    (".training.full_transfer", "learning_rates", LINEAR, [[x] for x in NOT_POSITIVE]),
    *(
        (place, "groups", {"task": DIGITS}, [[[x], [2]] for x in NOT_WHOLE])
        for place in (".training.tasks.regrouped", ".training.regrouped")
    ),
    (".training.tasks.deskewed", "side", {"task": DIGITS}, [*NOT_WHOLE, 0]),
    (".plots.lesion_map", "level", IMAGE, [*NOT_POSITIVE, 1.5]),
    (".plots.effect_sizes", "level", GROUPS, [*NOT_POSITIVE, 1.5]),
    (".plots.effect_sizes", "most", GROUPS, [*NOT_WHOLE, 0]),
    (".compare_networks", "n_nulls", ANALYSES, [*NOT_WHOLE, -1]),
    (".plots.alluvial", "level", MATCHED, [*NOT_POSITIVE, 1.5]),
    (".plots.alluvial", "least_similarity", MATCHED, [*NOT_POSITIVE, 1.5]),
    (
        ".training.topology_profile",
        "n_draws",
        {"topology": ONE_EDGE, "task": SwingUp(n_steps=5), "rng": 0},
        [*NOT_WHOLE, 0],
    ),
]


def made(place: str, name: str) -> Callable[..., Any]:
    function: Callable[..., Any] = getattr(importlib.import_module(f"netsculpt{place}"), name)
    if name in {"sculpt", "sculpt_net"}:
        return lambda **options: function(MLP((4, 6, 4)), TASK, Recipe(epochs=1), **options)
    return function


@pytest.mark.parametrize(("place", "argument", "others", "values"), REFUSED)
def test_what_is_not_the_number_is_refused(
    place: str, argument: str, others: dict[str, Any], values: list[Any]
) -> None:
    room, _, name = place.rpartition(".")
    function = made(room, name)
    for value in values:
        with pytest.raises(NetsculptError, match=r"needed|give|most|must") as error:
            function(**others, **{argument: value})
        words = re.sub("[^a-z]", " ", str(error.value).lower())
        stem = argument.rsplit("_", maxsplit=1)[-1].rstrip("s")
        assert stem in words, f"{argument}={value!r}: {error.value}"


def numeric_arguments() -> Iterator[tuple[str, str]]:
    """Arguments of public functions that are annotated as numbers."""
    for room in ROOMS:
        place = importlib.import_module(f"netsculpt{room}")
        for name in getattr(place, "__all__", ()):
            function = getattr(place, name)
            if not inspect.isfunction(function):
                continue
            for argument, parameter in inspect.signature(function).parameters.items():
                kind = str(parameter.annotation)
                if re.search(r"\b(int|float)\b", kind) and "Callable" not in kind:
                    yield f"{room}.{name}", argument


ELSEWHERE = {"jobs", "threads", "max_bytes"}  # checked by joblib and by the reader of files


def test_every_number_of_a_public_function_is_here() -> None:
    covered = {(place, argument) for place, argument, _, _ in REFUSED}
    found = {x for x in numeric_arguments() if x[1] not in ELSEWHERE}
    assert found - covered == set()


@pytest.mark.parametrize("place", [np.int64(3), np.uint8(3), 3])
def test_numbers_of_numpy_are_numbers(place: Any) -> None:
    assert checked_whole(place, "n", least=3, most=3) == 3
    assert type(checked_whole(place, "n")) is int
    assert checked_number(np.float32(0.5), "x") == checked_number(place, "x") / 6


@pytest.mark.parametrize("value", [*NOT_NUMBERS, None, 1j, np.bool_(1), np.nan, torch.tensor(1.0)])
def test_what_is_no_number(value: Any) -> None:
    for check in (checked_whole, checked_number, checked_fraction):
        with pytest.raises(NumberError, match=r"^size is .*number.* is needed$"):
            check(value, "size")


@pytest.mark.parametrize("seed", [-1, True, 1.5, NAN, "1"])
def test_seeds(seed: Any) -> None:
    with pytest.raises(NetsculptError, match=r"seed is .* is needed"):
        netsculpt.planted([4, 4], 2, 0.5, 0.1, rng=seed)


@pytest.mark.parametrize(
    "change",
    [
        *({"together": 0}, {"together": True}, {"epochs": 0}, {"widths": ()}, {"seeds": (1.5,)}),
        *({"noise": NAN}, {"learning_rate": INF}, {"unit_gradients": ()}, {"goal_accuracy": True}),
    ],
)
def test_configurations_of_sweeps(change: dict[str, Any]) -> None:
    with pytest.raises(NetsculptError, match=next(iter(change)).replace("_", " ")):
        SweepConfig(**{"task": "reused", "widths": (4, 6, 4), "seeds": (0,), **change})


def test_together_below_the_number_of_pairs_is_a_seed_at_a_time() -> None:
    config = SweepConfig("reused", (4, 6, 4), (0, 1), (70.0, 30.0), (2.5, 1.0), together=1)
    assert config.batches == [(0,), (1,)]


WEIGHTS = [np.array([[NAN, 1.0], [1.0, 1.0]]), np.array([[INF, 1.0], [1.0, 1.0]])]


@pytest.mark.parametrize("weight", WEIGHTS)
def test_layers_with_weights_that_are_not_finite(weight: Any) -> None:
    for measure in (netsculpt.paths.ramanujan, netsculpt.paths.isometry):
        with pytest.raises(NetsculptError, match="finite"):
            measure(weight)
    with pytest.raises(NetsculptError, match="finite"):
        netsculpt.paths.isometry_of_product([np.eye(2), weight])


@pytest.mark.parametrize("scale", [2.0**1023, 1e300, 1e-300, 2.0**-1000])
def test_singular_values_of_any_size(scale: float) -> None:
    weight = np.array([[0.5, 0.25], [0.125, 0.5]])
    plain, scaled = netsculpt.paths.isometry(weight), netsculpt.paths.isometry(weight * scale)
    np.testing.assert_allclose(scaled.singular_values / scale, plain.singular_values, rtol=1e-12)
    for name, value in plain.summary().items():
        assert scaled.summary()[name] / scale == pytest.approx(value, rel=1e-9)
    assert netsculpt.paths.ramanujan(weight * scale).sigma1 == pytest.approx(2.0)


def test_singular_values_that_float64_cannot_represent_are_limits() -> None:
    for measure in (netsculpt.paths.isometry, netsculpt.paths.ramanujan):
        with pytest.raises(netsculpt.LimitError, match="float64"):
            measure(np.full((2, 2), 1e308))
    with pytest.raises(NetsculptError, match="finite"):
        netsculpt.paths.isometry_of_product([np.full((2, 2), 1e200)] * 2)


@pytest.mark.parametrize("scalar", [NAN, 1e308, INF, 1.0, True])
def test_a_number_is_not_a_layer(scalar: Any) -> None:
    for measure in (netsculpt.paths.ramanujan, netsculpt.paths.isometry):
        with pytest.raises(NetsculptError, match=r"a matrix .* is needed"):
            measure(scalar)


@pytest.mark.parametrize("spec", [MLP, LSTM, ResNet, VGG, CNN])
def test_sizes_beyond_memory_are_limits(spec: Any) -> None:
    huge = {
        MLP: MLP((4, 10**9, 4)),
        LSTM: LSTM((8, 8), 10**9, 10),
        ResNet: ResNet((3, 32, 32), 10, (16, 10**9)),
        VGG: VGG((3, 8, 8), ((10**9,), (10**9,)), 10),
        CNN: CNN((1, 8, 8), (8, 10**9), (32,), 10),
    }[spec]
    with pytest.raises(netsculpt.LimitError, match="give smaller sizes"):
        initial_net(huge, rng=0)
    assert isinstance(initial_net(MLP((4, 3, 2)), rng=0), nn.Module)
