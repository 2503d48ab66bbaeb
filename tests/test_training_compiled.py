"""Training in compiled code against the stacked batch, and a replica alone against many."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from netsculpt.core.random import stream
from netsculpt.nets.families import MLP
from netsculpt.training.fitting.recipe import Recipe
from netsculpt.training.sculpting import _compiled
from netsculpt.training.sculpting.replicas import Replicas, initial_replicas
from netsculpt.training.sculpting.retraining import SCULPTING, Trained, _stacked, train
from netsculpt.training.tasks import Task, digits, hold_out, task

N = 6


def recipe(epochs: int, batch_size: int, **other: float) -> Recipe:
    return replace(SCULPTING, epochs=epochs, batch_size=batch_size, **other)


CASES = {
    "one hidden layer": ((4, 24, 4), task("input-separable"), recipe(3, 8)),
    "uneven last batch": ((6, 12, 10, 3), task("input-separable-reused"), recipe(2, 13)),
    "batch beyond the task": ((4, 9, 16), task("reused"), recipe(3, 100)),
    "held out": ((6, 8, 3), hold_out(task("input-separable-reused"), 0.3, rng=0), recipe(2, 8)),
    "no hidden layer": ((4, 4), task("input-separable"), recipe(3, 5, noise=0.0)),
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def rngs(seeds: range) -> list[np.random.Generator]:
    return [stream(seed, "test") for seed in seeds]


def thinned(replicas: Replicas, density: float) -> Replicas:
    """Weights and biases masked at random."""
    generator = torch.Generator().manual_seed(0)
    drawn = {name: torch.rand(x.shape, generator=generator) for name, x in replicas.masks.items()}
    return replicas.masked({name: x < density for name, x in drawn.items()})


def bits(found: Trained) -> list[bytes]:
    tensors = *found.replicas.parameters.values(), found.accuracy, found.loss
    return [values.numpy().tobytes() for values in tensors]


@pytest.mark.parametrize("density", [1.0, 0.4, 0.1, 0.0])
@pytest.mark.parametrize("case", CASES)
def test_both_ways_are_the_same_training(case: str, density: float) -> None:
    """Few steps, small ones: what is left is rounding, which Adam can blow up later."""
    widths, samples, how = CASES[case]
    how = replace(how, learning_rate=0.01)
    start = thinned(initial_replicas(MLP(widths), range(N)), density)
    assert _compiled.suits(start, samples, how)
    found = train(start, samples, how, rngs(range(N)))
    expected = _stacked(start, samples, how, rngs(range(N)))
    for name, values in expected.replicas.parameters.items():
        torch.testing.assert_close(
            found.replicas.parameters[name], values, rtol=1e-3, atol=2e-4, msg=name
        )
    assert torch.equal(found.accuracy, expected.accuracy)
    torch.testing.assert_close(found.loss, expected.loss, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("way", [train, _stacked])
def test_frozen_entries_stay_to_the_bit_and_the_others_learn(way: Any) -> None:
    widths, samples, how = CASES["uneven last batch"]
    start = thinned(initial_replicas(MLP(widths), range(N)), 0.6)
    start.parameters["fc1.bias"].masked_fill_(start.masks["fc1.bias"], 0.25)
    generator = torch.Generator().manual_seed(1)
    frozen = {
        name: torch.rand(x.shape, generator=generator) < 0.5 for name, x in start.masks.items()
    }
    frozen.pop("fc2.weight")
    found = way(start, samples, how, rngs(range(N)), frozen=frozen)
    for name, values in found.replicas.parameters.items():
        fixed, kept = frozen.get(name, torch.tensor(False)).expand_as(values), start.masks[name]
        assert torch.equal(values[fixed], start.parameters[name][fixed])
        assert not values[~kept].any()
        assert (values != start.parameters[name])[kept & ~fixed].double().mean() > 0.8
    assert found.history.shape == (N, how.epochs)
    assert torch.equal(found.history.max(1).values, found.accuracy)


@pytest.mark.parametrize("n_threads", [1, 3])
def test_a_replica_does_not_depend_on_the_others(n_threads: int) -> None:
    widths, samples, how = CASES["one hidden layer"]
    alone = [
        bits(train(initial_replicas(MLP(widths), [at]), samples, how, rngs(range(at, at + 1))))
        for at in range(N)
    ]
    torch.set_num_threads(n_threads)
    together = train(initial_replicas(MLP(widths), range(N)), samples, how, rngs(range(N)))
    for at, expected in enumerate(alone):
        rows = torch.tensor([at])
        numbers = together.accuracy, together.loss, together.diverged, together.history
        parts = (x[rows] for x in numbers)
        one = Trained(together.replicas.take(rows), *parts)
        assert bits(one) == expected


def test_drawing_for_fewer_replicas_at_a_time_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    widths, samples, how = CASES["one hidden layer"]
    start = initial_replicas(MLP(widths), range(N))
    whole = train(start, samples, how, rngs(range(N)))
    monkeypatch.setattr(_compiled, "_DRAWN", 3 * 16 * 5)
    assert bits(train(start, samples, how, rngs(range(N)))) == bits(whole)


def test_the_start_is_left_as_it_was() -> None:
    widths, samples, how = CASES["one hidden layer"]
    start = initial_replicas(MLP(widths), range(N))
    before = {name: values.clone() for name, values in start.parameters.items()}
    train(start, samples, how, rngs(range(N)))
    assert all(torch.equal(start.parameters[name], values) for name, values in before.items())


def test_huge_logits_do_not_overflow() -> None:
    """Their loss is the logit itself; neither does a product of many terms near 1 overflow."""
    widths, samples, _ = CASES["one hidden layer"]
    start = initial_replicas(MLP(widths), range(N))
    for name in start.weights:
        start.parameters[name].mul_(1e3)
    frozen = recipe(1, 8, learning_rate=0.0)
    found = train(start, samples, frozen, rngs(range(N)))
    expected = _stacked(start, samples, frozen, rngs(range(N)))
    torch.testing.assert_close(found.loss, expected.loss)
    assert found.loss.isfinite().all()


def test_many_bits_are_summed_as_one_product() -> None:
    """2 ** 10,240 is beyond float64: the product is split in time."""
    samples = task("reused-use-10")
    spec = MLP((samples.n_inputs, 4, samples.n_outputs))
    many = Task("many", samples.inputs.repeat(64, 1), samples.targets.repeat(64, 1), samples.goal)
    zero = initial_replicas(spec, range(2)).masked(
        {name: torch.zeros_like(x) for name, x in initial_replicas(spec, range(2)).masks.items()}
    )
    frozen = recipe(1, many.n_samples, learning_rate=0.0)
    found = train(zero, many, frozen, rngs(range(2)))
    assert many.targets.numel() >= 10_240
    torch.testing.assert_close(found.loss, torch.full((2,), float(np.log(2))))


def test_other_goals_activations_and_sizes_go_the_general_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    widths, samples, how = CASES["one hidden layer"]
    start = initial_replicas(MLP(widths), range(2))
    assert _compiled.suits(start, samples, how)
    assert not _compiled.suits(initial_replicas(MLP(widths, "tanh"), range(2)), samples, how)
    assert not _compiled.suits(start.to("meta"), samples, how)
    numbers = digits()
    assert not _compiled.suits(initial_replicas(MLP((64, 5, 10)), range(1)), numbers, how)
    found = train(
        initial_replicas(MLP((64, 5, 10)), range(1)), numbers, recipe(1, 500), rngs(range(1))
    )
    assert 0 < float(found.accuracy[0]) < 1
    monkeypatch.setattr(_compiled, "_DRAWN", 1)
    assert not _compiled.suits(start, samples, how)
