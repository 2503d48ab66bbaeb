"""Lesions against loops over samples and units, and on networks whose answer is known."""

from __future__ import annotations

from itertools import combinations, pairwise
from math import factorial

import numpy as np
import pytest
import torch
from interventions import compiled, forward, permuted_and_scaled, random_net
from torch import nn

from netsculpt import Partition, parse_circuit, trace
from netsculpt.compare.coalitions import coalitions, moebius, shapley
from netsculpt.core.discoveries import benjamini_hochberg
from netsculpt.core.errors import FormatError, GraphError, LimitError
from netsculpt.graph.unit_sets import matched_sets
from netsculpt.training.influence.intervening import (
    LayeredNet,
    intervenable,
    module_units,
    random_sets,
)
from netsculpt.training.influence.lesions import (
    Lesions,
    function_lesions,
    lesions,
    pair_lesions,
    shapley_lesions,
)
from netsculpt.training.influence.lesions.ablations import resample
from netsculpt.training.tasks import Classes, Task, boolean

CIRCUIT = "s = (a ^ b) & c\nf = s\ng = b | (c & d)\nh = ~s"
TWICE = "f1 = a ^ b\nf2 = (a | b) & ~(a & b)\nf = f1 | f2\ny = f & c"  # f is computed twice


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def labels_of_random_net(net: LayeredNet, n_modules: int, seed: int) -> Partition:
    return Partition(np.random.default_rng(seed).integers(-1, n_modules, net.graph.n_units))


def accuracy_by_loops(
    net: LayeredNet, task: Task, units: np.ndarray, donors: np.ndarray | str
) -> np.ndarray:
    """Sample by sample; donors are rows, "zero" or "mean"."""
    inputs, targets = task.inputs.numpy(), task.targets.numpy()
    natural = np.array([forward(net, x, {})[0] for x in inputs])
    right = []
    for i, x in enumerate(inputs):
        if isinstance(donors, str):
            row = natural.mean(axis=0) if donors == "mean" else np.zeros(natural.shape[1])
        else:
            row = natural[donors[i]]
        _, logits = forward(net, x, {int(u): row[u] for u in np.flatnonzero(units)})
        right.append((logits > 0) == targets[i].astype(bool))
    return np.mean(right, axis=0)


@pytest.mark.parametrize("kind", ["zero", "mean"])
def test_drops_equal_loops(kind: str) -> None:
    net, task = random_net((4, 6, 5, 3), 0), boolean(CIRCUIT)
    partition = labels_of_random_net(net, 3, 0)
    found = lesions(net, partition, task, kinds=[kind], n_random=0)
    for module in range(3):
        units = (partition.labels == module) & net.hidden
        others = net.hidden & ~units
        assert found.sizes[module] == units.sum()
        for drop, silenced in (
            (found.drop, units),
            (found.drop_keep_only, others),
        ):
            expected = accuracy_by_loops(net, task, silenced, kind)
            np.testing.assert_allclose(found.accuracy - drop[0, module], expected, atol=1e-12)
    whole = accuracy_by_loops(net, task, np.zeros(18, bool), "zero")
    np.testing.assert_allclose(found.accuracy, whole)
    assert np.isnan(found.p).all()


def test_resampling_equals_loops_over_its_donors(monkeypatch: pytest.MonkeyPatch) -> None:
    net, task = random_net((4, 6, 3), 1), boolean(CIRCUIT)
    partition = labels_of_random_net(net, 2, 0)
    drawn = []

    def recorded(
        activations: torch.Tensor, *, n_draws: int, rng: np.random.Generator
    ) -> torch.Tensor:
        rows = torch.arange(len(activations))[:, None]
        drawn.append(resample(rows, n_draws=n_draws, rng=np.random.default_rng(5))[..., 0].numpy())
        return resample(activations, n_draws=n_draws, rng=np.random.default_rng(5))

    monkeypatch.setattr(
        "netsculpt.training.influence.lesions.silencing.ABLATIONS", {"resample": recorded}
    )
    found = lesions(net, partition, task, kinds=["resample"], n_draws=3, n_random=0, rng=0)
    for module in range(2):
        units = (partition.labels == module) & net.hidden
        each = [accuracy_by_loops(net, task, units, donors) for donors in drawn[0]]
        np.testing.assert_allclose(found.accuracy - found.drop[0, module], np.mean(each, axis=0))


def test_resampling_gives_each_sample_once_and_never_to_itself() -> None:
    rows = torch.arange(11)[:, None].double()
    drawn = resample(rows, n_draws=6, rng=np.random.default_rng(0))[..., 0].long()
    assert not (drawn == torch.arange(11)).any()
    for draw in drawn:
        assert sorted(draw.tolist()) == list(range(11))
    assert len({tuple(draw.tolist()) for draw in drawn}) == 6
    with pytest.raises(FormatError, match="another one"):
        resample(rows[:1], n_draws=1, rng=np.random.default_rng(0))


def test_random_sets_and_p_equal_loops() -> None:
    net, task = random_net((4, 6, 5, 3), 2), boolean(CIRCUIT)
    partition = labels_of_random_net(net, 2, 1)
    found = lesions(net, partition, task, kinds=["zero"], n_random=20, rng=0)
    modules = module_units(net, partition, inputs=False)
    sets = random_sets(net, modules, 20, inputs=False, seed=0, stage="lesions")
    for module in range(2):
        drops = np.array(
            [found.accuracy - accuracy_by_loops(net, task, x, "zero") for x in sets[module]]
        )
        own = found.drop[0, module]
        p = [
            (1 + sum(d >= o - 1e-9 for d in each)) / 21
            for each, o in zip(drops.T, own, strict=True)
        ]
        np.testing.assert_allclose(found.p[0, module], p)
        np.testing.assert_allclose(found.random_mean[0, module], drops.mean(axis=0), atol=1e-12)
        np.testing.assert_allclose(found.random_sd[0, module], drops.std(axis=0), atol=1e-12)
        spread = drops.std(axis=0)
        z = np.where(
            spread > 1e-9, (own - drops.mean(axis=0)) / np.where(spread > 0, spread, 1), np.nan
        )
        np.testing.assert_allclose(found.z[0, module], z, atol=1e-9)


def test_classes_of_a_convolutional_net_equal_a_hook() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 4)
    )
    inputs = torch.randn(40, 36)
    targets = torch.randint(0, 3, (40, 1))  # class 3 has no sample
    shaped = nn.Sequential(nn.Unflatten(1, (1, 6, 6)), *net)
    task = Task("random", inputs, targets, Classes((4,)))
    graph = trace(shaped, inputs[:1])
    labels = np.full(graph.n_units, -1)
    first, second = (layer for layer in graph.layers if layer.role == "hidden")
    labels[[first.start, first.start + 2, second.start + 1]] = 0
    labels[[first.start + 1, first.start + 3, second.start, second.start + 2]] = 1
    able = intervenable(shaped, graph=graph, example=inputs[:1])
    found = lesions(able, Partition(labels), task, kinds=["zero", "mean"], n_random=5, rng=0)
    with torch.no_grad():
        x = inputs.view(-1, 1, 6, 6)
        for number, kind in enumerate(("zero", "mean")):
            for module, (one, two) in enumerate((([0, 2], [1]), ([1, 3], [0, 2]))):
                natural = torch.relu(net[0](x))
                h = natural.clone()
                h[:, one] = natural[:, one].mean(0) if kind == "mean" else 0.0
                clean = torch.relu(net[2](natural))
                g = torch.relu(net[2](h))
                g[:, two] = clean[:, two].mean(0) if kind == "mean" else 0.0
                logits = net[5](g.flatten(1))
                right = (logits.argmax(1) == targets[:, 0]).double()
                loss = nn.functional.cross_entropy(logits, targets[:, 0], reduction="none")
                for label in range(3):
                    own = targets[:, 0] == label
                    after = found.accuracy[label] - found.drop[number, module, label]
                    assert after == pytest.approx(float(right[own].mean()))
                    after = found.loss[label] + found.loss_rise[number, module, label]
                    assert after == pytest.approx(float(loss[own].mean()), abs=1e-5)
    assert np.isnan(found.drop[..., 3]).all()
    assert np.isnan(found.p[..., 3]).all()
    assert found.share.tolist() == [*(np.bincount(targets[:, 0]) / 40), 0.0]
    whole = (shaped(inputs).argmax(1) == targets[:, 0]).double().mean()
    after = np.nansum((found.accuracy - found.drop[0, 0]) * found.share)
    assert found.total_drop[0, 0] == pytest.approx(float(whole) - after)


def test_a_module_of_a_compiled_circuit_is_needed_for_its_function_only() -> None:
    text = "left = (a ^ b) & c\nright = (d | e) ^ (d & f)\ny1 = left\ny2 = right\ny3 = ~left"
    net, partition, names = compiled(text)
    found = lesions(net, partition, boolean(text), n_random=60, rng=0)
    left = names.index("left")
    right = names.index("right")
    assert (found.drop[:, left, [0, 2]] > 0.1).all()
    assert (found.drop[:, right, 1] > 0.1).all()
    assert not found.drop[:, left, 1].any()
    assert not found.drop[:, right, [0, 2]].any()
    assert (found.drop_keep_only[:, left, [0, 2]] == 0).all()
    assert (found.drop_keep_only[:, left, 1] > 0.1).all()
    assert found.agree.all()
    assert (found.q >= found.p - 1e-12).all()
    assert found.accuracy.tolist() == [1.0, 1.0, 1.0]


def test_lesions_by_function_equal_loops() -> None:
    text = "left = a ^ b\nright = c & d\ny1 = left & right\ny2 = ~left\ny3 = right | c"
    circuit, task = parse_circuit(text), boolean(text)
    net = random_net((4, 7, 6, 3), 3)
    partition = labels_of_random_net(net, 2, 3)
    found = function_lesions(
        net, partition, circuit, functions=["left", "right", "y1"], kind="zero", n_random=15, rng=0
    )
    users = {"left": [0, 1], "right": [0, 2], "y1": [0]}  # outputs whose lines mention it
    whole = accuracy_by_loops(net, task, np.zeros(20, bool), "zero")
    modules = module_units(net, partition, inputs=False)
    sets = random_sets(net, modules, 15, inputs=False, seed=0, stage="lesions")
    for module, units in enumerate(modules):
        drops = [whole - accuracy_by_loops(net, task, x, "zero") for x in (units, *sets[module])]
        for column, own in enumerate(users.values()):
            others = [o for o in range(3) if o not in own]
            c = [min(d[o] for o in own) - max(d[o] for o in others) for d in drops]
            assert found.contrast[module, column] == pytest.approx(c[0], abs=1e-12)
            assert found.random_mean[module, column] == pytest.approx(np.mean(c[1:]), abs=1e-12)
            p = (1 + sum(x >= c[0] - 1e-9 for x in c[1:])) / 16
            assert found.p[module, column] == pytest.approx(p)
        kept = whole - accuracy_by_loops(net, task, net.hidden & ~units, "zero")
        assert found.contrast_keep_only[module, 0] == pytest.approx(kept[2] - max(kept[:2]))


def test_lesions_by_function_find_the_modules_of_a_compiled_circuit() -> None:
    bracket = "(({} ^ {}) & ({} ^ {}))"
    functions = {"F": "abcd", "G": "efgh", "H": "aceg", "K": "bdfh"}
    lines = [f"{name} = {bracket.format(*letters)}" for name, letters in functions.items()]
    pairs = ["FG", "GH", "HK", "KF"]
    text = "\n".join([*lines, *(f"y{i} = {a} ^ {b}" for i, (a, b) in enumerate(pairs))])
    net, partition, names = compiled(text)
    found = function_lesions(net, partition, parse_circuit(text), functions=list(functions), rng=0)
    own = [names.index(x) for x in functions]
    assert (np.diag(found.contrast[own]) > 0).all()
    assert (np.diag(found.p[own]) < 0.05).all()
    off = ~np.eye(4, dtype=bool)
    assert (found.contrast[own][off] <= 0).all()
    assert found.summary()["best"]["F"]["module"] == own[0]
    assert len(found.table()) == partition.n_modules * 4


def test_a_function_in_two_modules_survives_single_lesions() -> None:
    net, partition, names = compiled(TWICE)
    one, two = names.index("f1"), names.index("f2")
    task = boolean(TWICE)
    pairs = pair_lesions(net, partition, task, kind="zero")
    share = float(task.targets.mean())  # of inputs where y is 1, and is lost
    assert share == 0.25
    # The modules own relays of the inputs that both read; only their gates are silenced here.
    labels = np.full(partition.labels.size, -1)
    gates = net.graph.layers[-3]
    labels[[u for u in range(gates.start, gates.stop) if partition.labels[u] == one]] = 0
    labels[[u for u in range(gates.start, gates.stop) if partition.labels[u] == two]] = 1
    assert {0, 1} <= set(labels.tolist())
    pairs = pair_lesions(net, Partition(labels), task, kind="zero")
    np.testing.assert_array_equal(pairs.drop, 0.0)
    assert pairs.joint_drop[0, 1].tolist() == [share]
    assert pairs.interaction[1, 0].tolist() == [share]
    every = shapley_lesions(net, Partition(labels), task, kind="zero")
    np.testing.assert_allclose(every.values, share / 2)
    assert every.moebius.ravel().tolist() == [0.0, 0.0, 0.0, share]
    assert pairs.summary()["most_redundant"]["interaction"] == share
    assert len(pairs.table()) == 1
    assert every.table()["shapley"].tolist() == [share / 2] * 2


@pytest.mark.parametrize("kind", ["zero", "mean", "resample"])
def test_permuted_and_scaled_units_change_nothing(kind: str) -> None:
    net, task = random_net((4, 7, 6, 3), 4), boolean(CIRCUIT)
    partition = labels_of_random_net(net, 3, 2)
    other, old = permuted_and_scaled(net, 1)
    moved = Partition(partition.labels[old])
    order = [int(moved.labels[np.flatnonzero(partition.labels[old] == m)[0]]) for m in range(3)]
    ours = lesions(net, partition, task, kinds=[kind], n_random=0, rng=0)
    theirs = lesions(other, moved, task, kinds=[kind], n_random=0, rng=0)
    np.testing.assert_allclose(theirs.drop[:, order], ours.drop, atol=1e-12)
    np.testing.assert_allclose(theirs.loss_rise[:, order], ours.loss_rise, atol=1e-9)
    np.testing.assert_allclose(theirs.drop_keep_only[:, order], ours.drop_keep_only, atol=1e-12)


def test_modules_of_random_nets_are_no_more_than_random_units() -> None:
    task, p = boolean(CIRCUIT), []
    for seed in range(25):
        net = random_net((4, 12, 12, 3), seed, density=1.0)
        partition = labels_of_random_net(net, 3, seed)
        p.append(lesions(net, partition, task, kinds=["mean"], n_random=39, rng=seed).p)
    assert 0.0 < np.mean(np.array(p) <= 0.1) <= 0.15
    assert np.mean(np.array(p) <= 0.05) <= 0.08


def test_noise_takes_drops_to_nothing() -> None:
    text = "left = a ^ b\nright = c & d\ny1 = left\ny2 = right"
    net, partition, names = compiled(text)
    task, means = boolean(text), []
    for noise in (0.0, 0.3, 0.6, 1.2, 5.0, 50.0):
        drops = []
        for seed in range(40):
            rng = np.random.default_rng(seed)
            weights = tuple(
                w + noise * torch.from_numpy(rng.standard_normal(w.shape)) for w in net.weights
            )
            noisy = LayeredNet(weights, net.biases, net.activation, net.graph)
            found = lesions(noisy, partition, task, kinds=["zero"], n_random=0)
            drops.append(found.drop[0, names.index("left"), 0])
        means.append(float(np.mean(drops)))
    assert means[0] == 0.5
    assert abs(means[-1]) < 0.06
    assert all(b <= a + 0.02 for a, b in pairwise(means)), means


def test_one_module_is_like_its_own_random_sets() -> None:
    net, task = random_net((4, 6, 3), 0), boolean(CIRCUIT)
    found = lesions(net, Partition(np.zeros(13, int)), task, n_random=10, rng=0)
    np.testing.assert_array_equal(found.p, 1.0)
    assert np.isnan(found.z).all()


def test_inputs_are_silenced_if_asked() -> None:
    net, partition, _ = compiled("f = a & b\ng = c | d\ny = f\nz = g")
    task = boolean("f = a & b\ng = c | d\ny = f\nz = g")
    inputs = np.where(np.arange(net.graph.n_units) < 4, partition.labels, -1)
    without = lesions(net, Partition(inputs), task, kinds=["zero"], n_random=3, rng=0)
    assert without.sizes.tolist() == [0, 0]
    assert not without.drop.any()
    assert np.isnan(without.p).all()
    whole = lesions(net, Partition(inputs), task, kinds=["zero"], n_random=3, inputs=True, rng=0)
    assert whole.sizes.tolist() == [2, 2]
    assert whole.drop[0].tolist() == [[0.25, 0.0], [0.0, 0.75]]


def test_same_seed_same_numbers() -> None:
    net, task = random_net((4, 6, 3), 0), boolean(CIRCUIT)
    partition = labels_of_random_net(net, 2, 0)
    one, two = (lesions(net, partition, task, n_random=9, rng=3) for _ in range(2))
    for name in ("drop", "p", "random_mean", "drop_keep_only"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    other = lesions(net, partition, task, n_random=9, rng=4)
    assert not np.array_equal(one.random_mean, other.random_mean)


def test_table_and_summary() -> None:
    text = "f = a ^ b\ng = c ^ d\ny = f\nz = g"
    net, partition, _ = compiled(text)
    found: Lesions = lesions(net, partition, boolean(text), n_random=19, rng=0)
    table = found.table()
    assert len(table) == 3 * 2 * 2
    row = table[(table.ablation == "mean") & (table.module == 1) & (table.output == "z")].iloc[0]
    assert row["drop"] == found.drop[1, 1, 1]
    assert row["q"] == found.q[1, 1, 1]
    import json

    assert json.loads(json.dumps(found.summary(), allow_nan=False))["n_modules"] == 2


def test_errors_say_what_is_needed() -> None:
    net, task = random_net((4, 6, 3), 0), boolean(CIRCUIT)
    partition = labels_of_random_net(net, 2, 0)
    with pytest.raises(FormatError, match="no ablation 'knife'"):
        lesions(net, partition, task, kinds=["knife"])
    with pytest.raises(FormatError, match="no kind"):
        lesions(net, partition, task, kinds=[])
    with pytest.raises(FormatError, match="outputs"):
        lesions(net, partition, boolean("f = (a & b) | (c & d)"))
    with pytest.raises(GraphError, match="one label per unit"):
        lesions(net, Partition([0, 1]), task)
    many = Partition(np.arange(13))
    with pytest.raises(LimitError, match="pair_lesions"):
        shapley_lesions(net, many, task)


@pytest.mark.parametrize("n_parts", [1, 2, 4])
def test_moebius_and_shapley_by_their_definitions(n_parts: int) -> None:
    effects = np.random.default_rng(0).standard_normal((1 << n_parts, 2))
    effects[0] = 0.0
    sets = [frozenset(np.flatnonzero(row).tolist()) for row in coalitions(n_parts)]
    of_set = dict(zip(sets, effects, strict=True))
    subsets = {
        s: [frozenset(c) for k in range(len(s) + 1) for c in combinations(s, k)] for s in sets
    }
    expected = [sum((-1) ** (len(s) - len(t)) * of_set[t] for t in subsets[s]) for s in sets]
    np.testing.assert_allclose(moebius(effects), expected, atol=1e-12)
    values = np.zeros((n_parts, 2))
    for part in range(n_parts):
        for s in sets:
            if part not in s:
                weight = factorial(len(s)) * factorial(n_parts - len(s) - 1) / factorial(n_parts)
                values[part] += weight * (of_set[s | {part}] - of_set[s])
    np.testing.assert_allclose(shapley(effects), values, atol=1e-12)
    np.testing.assert_allclose(shapley(effects).sum(axis=0), effects[-1], atol=1e-12)
    with pytest.raises(GraphError, match="2ᴹ"):
        moebius(np.zeros(3))


def test_benjamini_hochberg_by_its_definition() -> None:
    p = np.random.default_rng(0).random((4, 5)) ** 2
    p[1, 2] = np.nan
    q, known = benjamini_hochberg(p), np.sort(p[~np.isnan(p)])
    assert np.isnan(q[1, 2])
    for value, adjusted in zip(p.ravel(), q.ravel(), strict=True):
        if not np.isnan(value):
            above = [known.size / (j + 1) * x for j, x in enumerate(known) if x >= value]
            assert adjusted == pytest.approx(min(1.0, *above))
    for level in (0.01, 0.1, 0.4):  # step-up rule: all p up to the largest that is low enough
        low = [x for j, x in enumerate(known) if x <= level * (j + 1) / known.size]
        expected = (p <= max(low)) if low else np.zeros_like(p, bool)
        np.testing.assert_array_equal(q <= level, expected)
    with pytest.raises(GraphError, match="0 to 1"):
        benjamini_hochberg([1.5])


def test_matched_sets_are_uniform_in_each_layer() -> None:
    net = random_net((3, 6, 2), 0)
    sets = matched_sets(net.graph, [3, 4], 4000, rng=0)
    assert (sets.sum(axis=1) == 2).all()
    np.testing.assert_allclose(sets[:, 3:9].mean(axis=0), 1 / 3, atol=0.03)
    few = matched_sets(net.graph, [3, 4], 50, among=[5], rng=0)
    assert not few[:, 6:].any()
    np.testing.assert_array_equal(
        matched_sets(net.graph, [3, 4], 10, rng=1), matched_sets(net.graph, [3, 4], 20, rng=1)[:10]
    )
    with pytest.raises(GraphError, match="indices"):
        matched_sets(net.graph, [99], 1)
