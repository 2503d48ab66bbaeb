"""Sub-task reuse of compiled circuits, of which it is known what they share."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from interchanges import all_inputs, interchange_accuracy
from interchanges import evidence_of as computed_evidence

from netsculpt.compare.reuse import (
    ModuleActivations,
    ModuleMatching,
    SubtaskEvidence,
    mask_reuse,
    match_by_activations,
    match_by_units,
    reuse_shares,
    subtask_reuse,
)
from netsculpt.compare.reuse.subtasks import VERDICTS
from netsculpt.core.errors import FormatError
from netsculpt.graph.circuits import SharedCircuits, ThresholdCircuit, shared_circuits
from netsculpt.graph.partition import Partition

N = 4
circuits = cache(shared_circuits)  # the same pairs in several tests
cached_evidence = cache(computed_evidence)


def evidence_of(pair: SharedCircuits, functions: Sequence[str]) -> SubtaskEvidence:
    return cached_evidence(pair, tuple(functions))


def activations(net: ThresholdCircuit) -> ModuleActivations:
    rows = all_inputs(net.weights[0].shape[1])
    return ModuleActivations(net.activations(rows), net.hidden[0], net.layer_of)


def matched(pair: SharedCircuits, **options) -> ModuleMatching:
    nets = activations(pair.source), activations(pair.target)
    return match_by_activations(*nets, n_draws=199, rng=0, **options)


def masks(net: ThresholdCircuit) -> dict[str, np.ndarray]:
    return {f"fc{i}": weight != 0 for i, weight in enumerate(net.weights, start=1)}


def some_of(evidence: SubtaskEvidence, columns: list[int]) -> SubtaskEvidence:
    arrays = (evidence.iia_source, evidence.iia_target, evidence.lesion_p, evidence.iia_unions)
    names = tuple(evidence.functions[i] for i in columns)
    return SubtaskEvidence(names, *(np.asarray(x)[..., columns] for x in arrays))


def verdicts(pair: SharedCircuits, **options) -> dict[str, str]:
    result = subtask_reuse(evidence_of(pair, pair.functions), matched(pair), **options)
    assert sum(Fraction(x.verdict == v) for x in result.subtasks for v in VERDICTS) == N
    return {x.function: x.verdict for x in result.subtasks}


@pytest.mark.parametrize("k", [0, 1, 3])
def test_k_of_n_copied_gates_are_reused(k: int) -> None:
    pair = circuits(N, k, rng=k)
    result = subtask_reuse(evidence_of(pair, pair.functions), matched(pair))
    assert result.degree == k / N
    assert result.shares == {
        "reused": k / N,
        "relearned elsewhere": 0.0,
        "distributed": 0.0,
        "absent": (N - k) / N,
    }
    assert {x.function for x in result.subtasks if x.verdict == "reused"} == set(pair.shared)
    assert all(x.multiplicity == 1 for x in result.subtasks if x.verdict == "reused")
    common = [i for i, f in enumerate(pair.functions) if f in pair.target_functions]
    if common:
        both = subtask_reuse(some_of(evidence_of(pair, pair.functions), common), matched(pair))
        assert both.degree == 1.0, "of the functions that both tasks contain"


def test_a_net_reuses_itself() -> None:
    pair = circuits(N, N, rng=0)
    assert all(map(np.array_equal, pair.source.weights, pair.target.weights))
    evidence = evidence_of(pair, pair.functions)
    names = pair.source.hidden[1]
    own = [evidence.iia_target[names.index(f), column] for column, f in enumerate(pair.functions)]
    assert own == [1.0] * N
    assert mask_reuse(masks(pair.source), masks(pair.target), rng=0).corrected == 1.0
    assert subtask_reuse(evidence, matched(pair)).degree == 1.0


def permuted(net: ThresholdCircuit, rng: np.random.Generator) -> ThresholdCircuit:
    """The same function with the hidden units of each layer in another order."""
    weights, biases = list(net.weights), list(net.biases)
    order = np.arange(len(net.layer_of))
    for layer in range(1, len(weights)):
        moved = rng.permutation(len(biases[layer - 1]))
        weights[layer - 1], biases[layer - 1] = weights[layer - 1][moved], biases[layer - 1][moved]
        weights[layer] = weights[layer][:, moved]
        there = np.flatnonzero(net.layer_of == layer)
        order[there] = there[moved]
    names = [net.modules[label] if label >= 0 else "" for label in net.truth.labels[order]]
    number = {name: i for i, name in enumerate(dict.fromkeys(x for x in names if x))}
    truth = Partition([number.get(name, -1) for name in names])
    return ThresholdCircuit(tuple(weights), tuple(biases), truth, tuple(number))


def test_permuted_units_change_masks_and_nothing_else() -> None:
    pair = circuits(N, 2, rng=2)
    moved = replace(pair, target=permuted(pair.target, np.random.default_rng(0)))
    assert verdicts(moved) == verdicts(pair)
    before, after = (
        {
            (x.source, p.target.hidden[1][x.target]): round(x.similarity, 9)
            for x in matched(p).significant()
        }
        for p in (pair, moved)
    )
    assert before == after
    one, other = (mask_reuse(masks(p.source), masks(p.target), rng=0) for p in (pair, moved))
    assert one.p < 0.05
    assert other.corrected < one.corrected - 0.1
    same, shuffled = (
        match_by_units(pair.source.hidden[0], p.target.hidden[0], p.target.layer_of, rng=0)
        for p in (replace(pair, target=pair.source), moved)
    )
    assert all(x.similarity == 1.0 for x in same.pairs)
    assert max(x.similarity for x in shuffled.pairs) < 1.0


@pytest.mark.slow
@pytest.mark.parametrize("k", [1, 3])
def test_other_gates_for_the_same_function_are_relearned(k: int) -> None:
    pair = circuits(N, k, shared_as="rewritten", rng=0)
    assert verdicts(pair) == {
        f: "relearned elsewhere" if f in pair.shared else "absent" for f in pair.functions
    }
    nets = pair.source, pair.target
    labels, names = [x.truth.labels for x in nets], [x.modules for x in nets]
    hidden = pair.source.layer_of > 0
    for f in pair.shared:
        source, target = (x == y.index(f) for x, y in zip(labels, names, strict=True))
        assert not (source & target & hidden).any()
    reuse = mask_reuse(masks(pair.source), masks(pair.target), rng=0)
    assert [x.n_shared for x in reuse.layers[:-1]] == [0] * (len(reuse.layers) - 1)


def test_a_duplicated_module_is_reused_twice() -> None:
    pair = circuits(N, 2, shared_as="duplicated", rng=0)
    result = subtask_reuse(evidence_of(pair, pair.functions), matched(pair))
    assert result.degree == 0.5
    assert {x.function: (x.multiplicity, x.n_modules) for x in result.subtasks} == {
        f: (2, 2) if f in pair.shared else (0, 0) for f in pair.functions
    }


def test_a_function_in_two_places_at_once_is_distributed() -> None:
    """Asked about both copies together, no single module does what the function does."""
    pair = circuits(N, 2, shared_as="duplicated", rng=0)
    partition, names = pair.target.hidden
    evidence = some_of(evidence_of(pair, pair.functions), [0])

    def accuracy(*modules: str) -> float:
        units = np.isin(partition.labels, [names.index(x) for x in modules])
        copies = ["f1", "f1_again"]
        return interchange_accuracy(pair.target, units, pair.target_text, pair.inputs, copies)

    singles = np.array([[accuracy(name)] for name in names])
    assert singles.max() < 0.9
    union = np.array([accuracy("f1", "f1_again")])
    assert union[0] == 1.0
    together = replace(evidence, iia_target=singles, iia_unions=union)
    (subtask,) = subtask_reuse(together, matched(pair)).subtasks
    assert (subtask.verdict, subtask.n_modules) == ("distributed", 0)


def test_what_nothing_reads_is_not_reused() -> None:
    pair = circuits(3, 2, shared_as="unread", rng=0)
    result = matched(pair)
    names = pair.source.hidden[1], pair.target.hidden[1]
    pairs = {(names[0][x.source], names[1][x.target]): x.similarity for x in result.pairs}
    assert [pairs[f, f] for f in pair.shared] == pytest.approx([1.0, 1.0]), "decodable: it is there"
    rows = all_inputs(8)
    labels = pair.target.hidden[0].labels
    for f in pair.shared:
        units = labels == names[1].index(f)
        outputs = pair.target(rows)
        silenced = ThresholdCircuit(
            pair.target.weights,
            tuple(
                np.where(units[pair.target.layer_of == layer], -99.0, bias).astype(np.float32)
                for layer, bias in enumerate(pair.target.biases, start=1)
            ),
            pair.target.truth,
            pair.target.modules,
        )
        assert np.array_equal(silenced(rows), outputs)
    # Asked about f1 in the sense of the source's task, no output changes: accuracy 0.
    evidence = evidence_of(pair, pair.functions)
    inert = np.zeros_like(evidence.iia_target)
    degree = subtask_reuse(replace(evidence, iia_target=inert), result).degree
    assert degree == subtask_reuse(evidence, result).degree == 0.0


def test_one_module_is_flagged_and_never_one() -> None:
    pair = circuits(3, 3, rng=0)
    net = activations(pair.target)
    whole = replace(net, partition=Partition(np.minimum(net.partition.labels, 0)))
    matching = match_by_activations(activations(pair.source), whole, n_draws=99, rng=0)
    everything = SubtaskEvidence(
        pair.functions,
        evidence_of(pair, pair.functions).iia_source,
        np.ones((1, 3)),
        np.full((1, 3), 0.01),
        np.ones(3),
    )
    result = subtask_reuse(everything, matching)
    assert result.is_monolithic
    assert result.shares["distributed"] == 1.0
    assert "single module" in result.notes[0]
    assert match_by_activations(whole, whole, n_draws=99, rng=0).pairs[0].p == 1.0


def test_correction_for_chance() -> None:
    pair, other = circuits(N, 2, rng=2), circuits(N, 0, rng=9)
    evidence = evidence_of(pair, pair.functions)
    stranger = match_by_activations(
        activations(other.source), activations(pair.target), n_draws=199, rng=0
    )
    result = subtask_reuse(evidence, matched(pair), unrelated=[stranger, stranger])
    assert (result.degree, result.chance, result.corrected) == (0.5, 0.0, 0.5)
    same = subtask_reuse(evidence, matched(pair), unrelated=[matched(pair)])
    assert same.chance == 0.5, "matched to the source itself, as much is reused as is"
    assert same.corrected == 0.0
    half = subtask_reuse(evidence, matched(pair), unrelated=[matched(pair), stranger])
    assert half.corrected == pytest.approx((0.5 - 0.25) / 0.75)
    assert np.isnan(subtask_reuse(evidence, matched(pair)).corrected)


def test_intervals_resample_functions_and_seeds() -> None:
    pairs = [circuits(N, k, rng=k) for k in (1, 2, 3)]
    results = [subtask_reuse(evidence_of(x, x.functions), matched(x)) for x in pairs]
    shares = reuse_shares(results, n_draws=500, rng=0)
    mean, low, high = shares.shares["reused"]
    assert mean == 0.5
    assert low < 0.25 < 0.75 < high + 0.3
    assert 0 <= low < mean < high <= 1
    assert sum(x[0] for x in shares.shares.values()) == pytest.approx(1)
    assert shares.is_crossed
    assert json.dumps(shares.summary(), allow_nan=False)
    assert shares.summary() == reuse_shares(results, n_draws=500, rng=0).summary()
    whole = reuse_shares(
        [subtask_reuse(some_of(evidence_of(pairs[0], pairs[0].functions), [0]), matched(pairs[0]))]
    )
    assert np.isnan(whole.shares["reused"][1]), "one function of one pair: nothing to draw from"
    assert list(shares.table()["share"]) == [*VERDICTS, "corrected"]


def test_evidence_that_does_not_fit_is_refused() -> None:
    pair = circuits(3, 1, rng=0)
    evidence = evidence_of(pair, pair.functions)
    matching = matched(pair)
    for name, wrong in (
        ("iia_source", np.zeros((2, 3))),
        ("iia_unions", np.full(3, 1.5)),
        ("functions", ("f1", "f1", "f2")),
    ):
        with pytest.raises(FormatError, match=name):
            subtask_reuse(replace(evidence, **{name: wrong}), matching)
    result = subtask_reuse(evidence, matching)
    assert json.loads(json.dumps(result.summary(), allow_nan=False))["n_functions"] == 3
    table = result.table()
    assert table.loc[table["verdict"] == "absent", "target"].isna().all()


def noisy(net: ThresholdCircuit, level: float, rng: np.random.Generator) -> ThresholdCircuit:
    """Noise on all weights and biases, so that at the end nothing of the wiring is left."""
    weights = [w + level * rng.normal(size=w.shape) for w in net.weights]
    biases = [b + level * rng.normal(size=b.shape) for b in net.biases]
    narrow = [[np.float32(x) for x in values] for values in (weights, biases)]
    return ThresholdCircuit(tuple(narrow[0]), tuple(narrow[1]), net.truth, net.modules)


@pytest.mark.slow
def test_with_noise_everything_falls_to_its_null() -> None:
    """The mean over seeds, from none to noise of a thousand times the weights."""
    pair = circuits(3, 3, rng=0)
    source = pair.source
    partition, names = source.hidden
    kept = masks(source)
    rows, columns = all_inputs(8), [names.index(f) for f in pair.functions]
    measured = []
    for level in (0.0, 0.1, 0.2, 1000.0):
        numbers = []
        for seed in range(4):
            net = noisy(source, level, np.random.default_rng(seed))
            strongest = {
                name: np.abs(w) >= np.sort(np.abs(w), axis=None)[-kept[name].sum()]
                for name, w in zip(kept, net.weights, strict=True)
            }
            there = ModuleActivations(net.activations(rows), partition, net.layer_of)
            found = match_by_activations(activations(source), there, n_draws=1, rng=0)
            iia = [
                interchange_accuracy(net, partition.labels == m, pair.source_text, pair.inputs, [f])
                for m, f in zip(columns, pair.functions, strict=True)
            ]
            similarity = np.nan_to_num(np.diag(found.similarity))[columns]
            reuse = mask_reuse(kept, strongest, n_draws=1, rng=0).corrected
            both = np.minimum(similarity, iia) >= 0.9
            numbers.append([reuse, similarity.mean(), np.mean(iia), both.mean()])
        measured.append(np.mean(numbers, axis=0))
    assert measured[0].tolist() == pytest.approx([1.0, 1.0, 1.0, 1.0])
    falls = np.diff(measured, axis=0)
    assert (falls <= 1e-9).all()
    reuse, similarity, iia, degree = measured[-1]
    assert abs(reuse) < 0.1
    assert similarity < 0.4
    assert iia < 0.25  # wrong outputs are sometimes the wanted ones
    assert degree == 0.0
