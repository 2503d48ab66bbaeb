"""Modular transfer: what is frozen stays, what is compared differs in one thing alone."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from netsculpt.core.errors import FormatError, LimitError
from netsculpt.graph.circuits import ThresholdCircuit, shared_circuits
from netsculpt.nets import MLP
from netsculpt.training import boolean
from netsculpt.training.sculpting.replicas import Replicas, initial_replicas
from netsculpt.training.sculpting.retraining import SCULPTING
from netsculpt.training.tasks import hold_out
from netsculpt.training.transfer.modular import (
    CONDITIONS,
    ModularTransfer,
    modular_benefit,
    modular_transfer,
    widened,
)

RECIPE = replace(SCULPTING, epochs=3, batch_size=16, learning_rate=0.01)
TASK = boolean("left = a ^ b; right = c & d; y = left & right; z = left ^ right")
HIDDEN = (7, 6)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def sparse_net(seed: int, widths=(4, 6, 5, 3), density: float = 0.7) -> Replicas:
    """A net with biases, half pruned at random; its last unit of each layer is on no path."""
    generator = torch.Generator().manual_seed(seed)
    net = initial_replicas(MLP(widths), [seed])
    masks = {
        name: torch.rand(x.shape, generator=generator) < density for name, x in net.masks.items()
    }
    for name, following in pairwise(net.weights):
        masks[name][0, -1] = False
        masks[name.replace("weight", "bias")][0, -1] = False
        masks[following][0, :, -1] = False
    values = {
        name: x if name in net.weights else torch.randn(x.shape, generator=generator) / 4
        for name, x in net.parameters.items()
    }
    return replace(net, parameters=values).masked(masks)


SOURCE, OTHER = sparse_net(0), sparse_net(1)


def transferred(source: Replicas = SOURCE, unrelated: Replicas = OTHER, **settings):
    settings = {"recipe": RECIPE, "hidden": HIDDEN, "rng": 3, **settings}
    return modular_transfer(source, TASK, unrelated=unrelated, **settings)


@pytest.fixture(scope="module")
def found() -> ModularTransfer:
    return transferred()


def states(net: Replicas, row: int = 0, inputs: torch.Tensor = TASK.inputs) -> list[np.ndarray]:
    """Activations of each hidden layer [n, width] of one net, by numpy."""
    values, layers = inputs.double().numpy(), []
    for name in net.weights[:-1]:
        weight = net.parameters[name][row].double().numpy()
        bias = net.parameters[name.replace("weight", "bias")][row].double().numpy()
        values = np.maximum(values @ weight.T + bias, 0)
        layers.append(values)
    return layers


def row_bytes(found: ModularTransfer, condition: str) -> bytes:
    """Everything of one condition."""
    row = CONDITIONS.index(condition)
    parts = [x[row].numpy().tobytes() for x in found.nets.parameters.values()]
    return b"".join([*parts, found.accuracy[row].tobytes(), found.density[row].tobytes()])


def entries(found: ModularTransfer, condition: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Values and masks of one net."""
    row = CONDITIONS.index(condition)
    nets = found.nets
    return {
        name: (nets.parameters[name][row].numpy(), nets.masks[name][row].numpy())
        for name in nets.parameters
    }


def test_frozen_units_compute_what_the_source_computes_and_the_rest_learns(found) -> None:
    longer = transferred(recipe=replace(RECIPE, epochs=9))
    own = states(SOURCE)
    short, long = (entries(x, "frozen") for x in (found, longer))
    after = states(longer.nets, CONDITIONS.index("frozen"))
    n_moved = 0
    for layer, name in enumerate(found.nets.weights[:-1]):
        n = own[layer].shape[1] - 1  # the last one is on no path, and its place is taken
        for entry in (name, name.replace("weight", "bias")):
            assert short[entry][0][:n].tobytes() == long[entry][0][:n].tobytes()
            n_moved += int((short[entry][0][n:] != long[entry][0][n:]).sum())
        if layer:
            assert not short[name][0][:n, own[layer - 1].shape[1] - 1 :].any(), (
                "nothing new is read"
            )
        for unit in range(n):
            theirs, ours = own[layer][:, unit], after[layer][:, unit]
            if theirs.any():
                factor = ours.max() / theirs.max()
                np.testing.assert_allclose(ours, factor * theirs, rtol=1e-4, atol=1e-5)
    assert n_moved > 20
    assert found.n_carried == {"source": (5, 4), "unrelated": (5, 4)}


def test_carried_units_are_as_strong_as_new_ones(found) -> None:
    initial = states(transferred(recipe=replace(RECIPE, learning_rate=1e-12, epochs=1)).nets, 2)
    frozen = states(found.nets, CONDITIONS.index("frozen"))
    for layer, (ours, new) in enumerate(zip(frozen, initial, strict=True)):
        squares = (ours[:, : found.n_carried["source"][layer]] ** 2).mean(axis=0)
        np.testing.assert_allclose(squares[squares > 0], (new**2).mean(), rtol=1e-4)


def test_free_begins_with_the_same_function_and_learns_all_of_it(found) -> None:
    start = transferred(recipe=replace(RECIPE, learning_rate=1e-12, epochs=1))
    frozen, free = (states(start.nets, CONDITIONS.index(x)) for x in ("frozen", "free"))
    for layer, n in enumerate(start.n_carried["source"]):
        np.testing.assert_allclose(free[layer][:, :n], frozen[layer][:, :n], atol=1e-6)
    moved = [
        (a[0] != b[0]).mean()
        for a, b in zip(
            entries(found, "free").values(), entries(start, "free").values(), strict=True
        )
    ]
    assert min(moved) > 0.7
    n_all = sum(x[0].numel() for x in found.nets.parameters.values())
    assert found.n_learned[[1, 2]].tolist() == [n_all, n_all]
    assert found.density[[1, 2]].tolist() == [1.0, 1.0]


def test_shuffled_has_the_same_weights_and_density_in_other_places(found) -> None:
    frozen, shuffled = entries(found, "frozen"), entries(found, "shuffled")
    other = 0
    for layer, name in enumerate(found.nets.weights[:-1]):
        n = found.n_carried["source"][layer]
        for entry in (name, name.replace("weight", "bias")):
            (a, kept), (b, also) = ((x[:n], m[:n]) for x, m in (frozen[entry], shuffled[entry]))
            assert sorted(a[kept].tolist()) == sorted(b[also].tolist())
            assert kept.sum() == also.sum()
            other += int((a != b).sum())
    assert other > 20
    assert found.density[0] == found.density[4]
    assert found.n_learned[0] == found.n_learned[4]


def test_a_condition_depends_on_its_own_source_alone(found) -> None:
    third = sparse_net(2)
    changed = {"source": transferred(source=third), "unrelated": transferred(unrelated=third)}
    same = {
        name: {x for x in CONDITIONS if row_bytes(each, x) == row_bytes(found, x)}
        for name, each in changed.items()
    }
    assert same == {
        "source": {"scratch", "unrelated"},
        "unrelated": {"frozen", "free", "scratch", "shuffled"},
    }


def test_same_seed_same_bytes_and_scales_of_units_do_not_matter(found) -> None:
    rescaled = {name: x.clone() for name, x in SOURCE.parameters.items()}
    powers = [np.random.default_rng(0).integers(-3, 4, n) for n in SOURCE.spec.widths[1:-1]]
    factors = [torch.tensor(2.0**power).float() for power in powers]
    for i, factor in enumerate(factors, start=1):
        rescaled[f"fc{i}.weight"] *= factor[:, None]
        rescaled[f"fc{i}.bias"] *= factor
        rescaled[f"fc{i + 1}.weight"] /= factor
    for again in (transferred(), transferred(source=replace(SOURCE, parameters=rescaled))):
        assert all(row_bytes(again, x) == row_bytes(found, x) for x in CONDITIONS)
    assert row_bytes(transferred(rng=4), "scratch") != row_bytes(found, "scratch")


def relu_net(circuit: ThresholdCircuit) -> Replicas:
    """A compiled circuit with two ReLUs in the place of each hidden step: [z > 0] on half numbers.

    ReLU(z + ½) − ReLU(z − ½) is 1 for z ≥ ½ and 0 for z ≤ −½.
    """
    parameters: dict[str, torch.Tensor] = {}
    widths, double = [circuit.weights[0].shape[1]], np.eye(circuit.weights[0].shape[1])
    for i, (weight, bias) in enumerate(zip(circuit.weights, circuit.biases, strict=True), start=1):
        inner, last = weight @ double, i == len(circuit.weights)
        rows = inner if last else np.repeat(inner, 2, axis=0)
        shifts = bias if last else np.repeat(bias, 2) + np.tile([0.5, -0.5], len(bias))
        parameters[f"fc{i}.weight"] = torch.tensor(rows[None], dtype=torch.float32)
        parameters[f"fc{i}.bias"] = torch.tensor(shifts[None], dtype=torch.float32)
        double = np.kron(np.eye(len(bias)), [[1.0, -1.0]])
        widths.append(len(shifts))
    spec = MLP(tuple(widths))
    masks = {name: (x != 0) | name.endswith("bias") for name, x in parameters.items()}
    return Replicas(spec, spec.build(), parameters, masks)


def test_exact_modules_of_all_functions_need_only_the_outputs() -> None:
    pair = shared_circuits(3, 3, rng=0)
    assert pair.unrelated_circuit is not None
    source = relu_net(pair.source)
    task = boolean(pair.target_circuit)
    answers = source.forward(task.inputs)(source.parameters)[0] > 0
    assert torch.equal(answers.float(), task.targets), "the net is compiled right"
    other = relu_net(shared_circuits(3, 0, rng=0).target)
    recipe = replace(RECIPE, epochs=12, learning_rate=0.05)
    widths = [max(x) for x in zip(source.spec.widths[1:-1], other.spec.widths[1:-1], strict=True)]
    whole = modular_transfer(source, task, recipe, unrelated=other, hidden=widths, rng=0)
    assert whole.n_carried["source"] == source.spec.widths[1:-1]
    narrow = modular_transfer(source, task, recipe, unrelated=source, rng=0)
    assert narrow.n_learned[0] == 3 * (source.spec.widths[-2] + 1), "nothing else is new"
    for each in (narrow, whole):
        assert each.accuracy[0].max() == 1.0
        assert each.steps_to(1.0, "frozen") < each.steps_to(1.0, "shuffled")
    assert whole.steps_to(1.0, "frozen") < whole.steps_to(1.0, "unrelated")


def test_few_samples_are_learned_from_and_the_others_measure() -> None:
    few = transferred(fraction=0.25)
    assert (few.n_samples, few.is_held_out) == (4, True)
    assert few.steps.tolist() == [1, 2, 3]
    assert np.all(few.accuracy * 12 * 2 % 1 < 1e-9), "12 rows with two answers each"
    whole = transferred()
    assert (whole.n_samples, whole.is_held_out) == (16, False)
    net = whole.nets.take(torch.tensor([2]))
    right = (net.forward(TASK.inputs)(net.parameters)[0] > 0) == (TASK.targets > 0)
    assert whole.accuracy[2].max() == pytest.approx(right.double().mean().item())
    apart = hold_out(TASK, 0.25, rng=0)
    some = modular_transfer(SOURCE, apart, RECIPE, unrelated=OTHER, fraction=0.5, rng=0)
    assert (some.n_samples, some.is_held_out) == (6, True)
    assert np.all(some.accuracy * 4 * 2 % 1 < 1e-9), "its own four samples measure"


def test_chosen_units_come_with_what_they_read() -> None:
    widths = SOURCE.spec.widths
    chosen = np.zeros(sum(widths), dtype=bool)
    chosen[widths[0] + widths[1]] = True  # the first unit of the second hidden layer
    found = transferred(units=chosen)
    read = SOURCE.masks["fc2.weight"][0, 0].numpy()
    assert found.n_carried["source"] == (read.sum(), 1)
    frozen, own = states(found.nets, 0), states(SOURCE)
    factor = frozen[1][:, 0].max() / own[1][:, 0].max()
    np.testing.assert_allclose(frozen[1][:, 0], factor * own[1][:, 0], rtol=1e-4, atol=1e-5)


def test_progress_table_and_summary(found) -> None:
    calls: list[tuple[str, int, int]] = []
    again = transferred(progress=lambda *step: calls.append(step))
    assert calls == [("conditions", i, 5) for i in range(1, 6)]
    assert json.dumps(again.summary(), allow_nan=False) == json.dumps(found.summary())
    table = found.table().set_index("condition")
    assert table.index.tolist() == list(CONDITIONS)
    for condition in CONDITIONS:
        curve = found.curve(condition)
        assert table.loc[condition, "accuracy"] == found.final(condition) == curve.accuracies[-1]
        assert table.loc[condition, "best"] == max(curve.accuracies)


def test_wider_nets_compute_the_same() -> None:
    wide = widened(SOURCE, (9, 5))
    inputs = torch.randn(20, 4)
    outputs = [net.forward(inputs)(net.parameters) for net in (SOURCE, wide)]
    torch.testing.assert_close(*outputs)
    assert wide.n_kept().tolist() == SOURCE.n_kept().tolist()


def test_benefit_is_that_of_the_curves() -> None:
    found = [transferred(recipe=replace(RECIPE, epochs=6), rng=seed) for seed in range(3)]
    goal = 0.6
    benefit = modular_benefit(found, goal=goal, rng=0)
    assert [x.control for x in benefit.controls] == ["free", "scratch", "unrelated", "shuffled"]
    for row in benefit.controls:
        firsts = []
        for condition in ("frozen", row.control):
            place = CONDITIONS.index(condition)
            hits = [np.flatnonzero(x.accuracy[place] >= goal) for x in found]
            firsts.append(
                [int(x.steps[h[0]]) if len(h) else 10**9 for x, h in zip(found, hits, strict=True)]
            )
        assert row.n_earlier == sum(a < b for a, b in zip(*firsts, strict=True))
        assert row.n_later == sum(a > b for a, b in zip(*firsts, strict=True))
    with pytest.raises(FormatError, match="'warm': one of"):
        modular_benefit(found, goal=goal, condition="warm")


def test_what_cannot_be_done_is_said() -> None:
    with pytest.raises(FormatError, match=r"\[5, 9\] units are asked for, the source has \[6, 5\]"):
        transferred(hidden=(5, 9))
    with pytest.raises(FormatError, match="stack of 2 nets"):
        transferred(source=SOURCE.take(torch.tensor([0, 0])))
    with pytest.raises(FormatError, match="unrelated has 3 inputs"):
        transferred(unrelated=sparse_net(0, (3, 6, 5, 3)))
    with pytest.raises(FormatError, match="inputs or outputs are among"):
        transferred(units=np.ones(sum(SOURCE.spec.widths), dtype=bool))
    with pytest.raises(FormatError, match="no hidden unit is to be carried"):
        transferred(units=np.zeros(sum(SOURCE.spec.widths), dtype=bool))
    with pytest.raises(FormatError, match=r"booleans \[18\] are needed"):
        transferred(units=[True])
    with pytest.raises(FormatError, match="condition is 'warm'"):
        transferred().curve("warm")
    with pytest.raises(LimitError, match="condition 'frozen' is not finite"):
        transferred(recipe=replace(RECIPE, learning_rate=1e30))
