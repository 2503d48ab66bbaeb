"""Sparse training by `fit`: the best epoch, interruptions, AC/DC and its dense twin."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from netsculpt.core.errors import FormatError
from netsculpt.nets.families import MLP, initial_net
from netsculpt.nets.masks import masks_of
from netsculpt.training import Recipe, Task, dynamic, fit, task
from netsculpt.training.dynamic import Sparsifier, phases
from netsculpt.training.fitting.metrics import Epoch
from netsculpt.training.fitting.sparsity import Sparsify

RECIPE = Recipe(epochs=8, batch_size=4, optimizer="sgd", learning_rate=0.1, schedule="cosine")
SPARSE: dict[str, Sparsify] = {
    "rigl": partial(dynamic.rigl, density=0.3, end=24, every=3, rng=0),
    "set": partial(dynamic.set, density=0.3, end=24, every=4, rng=0),
    "granet": partial(dynamic.granet, density=0.3, end=20, every=4, rng=0),
    "ac_dc": partial(dynamic.ac_dc, density=0.3, phases=(4, 8, 16), rng=0),
}


@pytest.fixture(scope="module")
def separable() -> Task:
    return task("input-separable")


def net() -> nn.Module:
    return initial_net(MLP((4, 12, 4)), rng=0)


class KilledError(Exception):
    """In the middle of a training."""


@pytest.mark.parametrize("name", SPARSE)
@pytest.mark.parametrize("stop", [1, 2, 5])
def test_an_interrupted_training_resumes_to_the_same_bits(
    name: str, stop: int, separable: Task, tmp_path: Path
) -> None:
    def kill(epoch: Epoch) -> None:
        if epoch.epoch == stop:
            raise KilledError

    path = tmp_path / "fit.pt"
    whole = fit(net(), separable, RECIPE, sparsifier=SPARSE[name], rng=3)
    with pytest.raises(KilledError):
        fit(
            net(), separable, RECIPE, sparsifier=SPARSE[name], rng=3, checkpoint=path, progress=kill
        )
    again = fit(net(), separable, RECIPE, sparsifier=SPARSE[name], rng=3, checkpoint=path)
    assert again.history == whole.history
    for key, value in whole.net.state_dict().items():
        assert torch.equal(again.net.state_dict()[key], value)


@pytest.mark.parametrize("name", SPARSE)
def test_the_best_epoch_is_at_the_final_density(name: str, separable: Task) -> None:
    found = fit(net(), separable, RECIPE, sparsifier=SPARSE[name], rng=3)
    kept = sum(int(x.sum()) for x in masks_of(found.net).values())
    assert kept == round(0.3 * 96)
    assert found.best.density == kept / 96
    eligible = [x for x in found.history if x.density == kept / 96]
    assert found.best.accuracy == max(x.accuracy for x in eligible)
    if name in {"ac_dc", "granet"}:
        assert len(eligible) < len(found.history)


def test_a_goal_is_not_reached_by_a_dense_net(separable: Task) -> None:
    recipe = replace(RECIPE, epochs=30, goal_accuracy=0.5)
    sparse = partial(dynamic.ac_dc, density=0.5, phases=(40, 60, 80), rng=0)
    found = fit(net(), separable, recipe, sparsifier=sparse, rng=3)
    assert max(x.accuracy for x in found.history[:9]) >= 0.5
    assert found.history[-1].density == found.best.density == 0.5
    assert len(found.history) > 10


def test_updates_that_end_too_late_are_refused(separable: Task) -> None:
    late = partial(dynamic.gmp, density=0.3, end=32, every=4)
    with pytest.raises(FormatError, match="after 32 steps, the training has 32"):
        fit(net(), separable, RECIPE, sparsifier=late)


def test_checkpoints_of_another_method_are_refused(separable: Task, tmp_path: Path) -> None:
    path = tmp_path / "fit.pt"
    fit(net(), separable, RECIPE, sparsifier=SPARSE["rigl"], rng=3, checkpoint=path)
    before = path.read_bytes()
    for other in (
        SPARSE["set"],
        partial(dynamic.rigl, density=0.3, end=24, every=4, rng=0),
        None,
    ):
        with pytest.raises(FormatError, match=r"fit\.pt"):
            fit(net(), separable, RECIPE, sparsifier=other, rng=3, checkpoint=path)
    assert path.read_bytes() == before


def test_the_dense_twin_is_the_same_net_until_the_last_compression(separable: Task) -> None:
    at = phases.boundaries(phases.phases_of("d1 s2 d2 s3"), 4)
    assert at == (4, 12, 20)

    def course(method: str) -> tuple[list[dict[str, torch.Tensor]], list[float]]:
        nets: list[nn.Module] = []
        states: list[dict[str, torch.Tensor]] = []

        def make(copied: nn.Module) -> Sparsifier:
            nets.append(copied)
            made: Sparsifier = getattr(dynamic, method)(copied, density=0.3, phases=at, rng=0)
            return made

        def save(_: Epoch) -> None:
            states.append({key: x.clone() for key, x in nets[0].state_dict().items()})

        found = fit(net(), separable, RECIPE, sparsifier=make, rng=3, progress=save)
        return states, [round(x.density, 2) for x in found.history]

    sparse, densities = course("ac_dc")
    dense, twin_densities = course("dense_twin")
    assert densities == [1, 0.3, 0.3, 1, 1, 0.3, 0.3, 0.3]  # each before it changes
    assert twin_densities == [1, 0.3, 0.3, 1, 1, 1, 1, 1]
    for epoch in range(8):
        same = all(torch.equal(x, dense[epoch][key]) for key, x in sparse[epoch].items())
        assert same == (epoch < 5)


def test_published_phases() -> None:
    published = {
        "resnet50": ([*range(10, 71, 10), 85], [*range(15, 66, 10), 75], 100),
        "resnet50-150": ([*range(10, 121, 10), 135], [*range(15, 116, 10), 125], 150),
        "wrn28": (list(range(10, 180, 33)), list(range(30, 170, 33)), 225),
        "resnet20": (list(range(10, 171, 40)), list(range(30, 151, 40)), 200),
    }
    assert published.keys() == phases.PUBLISHED.keys()
    for name, (prune, restore, epochs) in published.items():
        assert phases.from_epochs(prune, restore, epochs) == phases.phases_of(name)
    sparse = sum(n for kind, n in phases.phases_of("resnet20") if kind == "s")
    assert (sparse, 200 - sparse) == (110, 90)
    assert phases.scaled(100) == phases.PUBLISHED["resnet50"]


@pytest.mark.parametrize("epochs", [8, 9, 13, 30, 60, 90, 250])
def test_scaled_phases_take_all_epochs(epochs: int) -> None:
    found = phases.phases_of(phases.scaled(epochs))
    assert sum(n for _, n in found) == epochs
    assert all(n > 0 for _, n in found)


@pytest.mark.parametrize("text", ["", "s5", "d5", "d5 s", "d5 (s5", "(d1 s1)*9999999 ", "s1 d1 s1"])
def test_other_phases_are_refused(text: str) -> None:
    with pytest.raises(FormatError, match="such as"):
        phases.phases_of(text)
