"""Sparse training by `fit`: the best epoch, interruptions, AC/DC and its dense twin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

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
    last = {"ac_dc": 16, "granet": 20}.get(name, 0)  # step of the last change; 4 an epoch
    eligible = [x for x in found.history if x.epoch * 4 > last]
    assert {x.density for x in eligible} == {kept / 96}
    assert found.best in eligible
    assert found.best.accuracy == max(x.accuracy for x in eligible)


def test_a_goal_is_not_reached_by_a_dense_net(separable: Task) -> None:
    recipe = replace(RECIPE, epochs=30, goal_accuracy=0.5)
    sparse = partial(dynamic.ac_dc, density=0.5, phases=(40, 60, 80), rng=0)
    found = fit(net(), separable, recipe, sparsifier=sparse, rng=3)
    assert max(x.accuracy for x in found.history[:9]) >= 0.5
    assert found.history[-1].density == found.best.density == 0.5
    assert len(found.history) > 10


def test_a_training_with_a_goal_resumes_after_a_dense_net_has_reached_it(
    separable: Task, tmp_path: Path
) -> None:
    recipe = replace(RECIPE, epochs=30, goal_accuracy=0.5)
    sparse = partial(dynamic.ac_dc, density=0.5, phases=(40, 60, 80), rng=0)
    whole = fit(net(), separable, recipe, sparsifier=sparse, rng=3)
    assert len(whole.history) == 21  # the first epoch after the last compression
    path = tmp_path / "fit.pt"

    def kill(epoch: Epoch) -> None:
        if epoch.epoch == 15:
            raise KilledError

    with pytest.raises(KilledError):
        fit(net(), separable, recipe, sparsifier=sparse, rng=3, checkpoint=path, progress=kill)
    again = fit(net(), separable, recipe, sparsifier=sparse, rng=3, checkpoint=path)
    assert again.history == whole.history


@pytest.mark.parametrize("every", [1, 3, 7, 10, 16])
def test_the_last_update_brings_the_final_density(every: int, separable: Task) -> None:
    """However many steps lie between it and the end."""
    for method in (dynamic.gmp, dynamic.granet):
        sparse = partial(method, density=0.1, end=30, every=every, rng=0)
        found = fit(net(), separable, RECIPE, sparsifier=sparse, rng=3)
        assert found.best.density == found.history[-1].density == round(0.1 * 96) / 96


def test_updates_that_are_too_rare_are_refused() -> None:
    with pytest.raises(FormatError, match="every 40 steps from 0 to 30; let them come more often"):
        dynamic.gmp(net(), density=0.1, end=30, every=40)


def test_a_pruned_net_does_not_go_through_gradual_pruning() -> None:
    pruned = net()
    dynamic.static(pruned, density=0.5, rng=0)
    with pytest.raises(FormatError, match="gmp chooses its masks itself, so give it a dense net"):
        dynamic.gmp(pruned, density=0.1, end=30, every=4)
    with pytest.raises(FormatError, match="leave the density out"):
        dynamic.rigl(pruned, density=0.1, end=30, every=4)


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


AT = phases.boundaries(phases.phases_of("d1 s2 d2 s3"), 4)
PHASES = ["phase1-dense.pt", "phase2-sparse.pt", "phase3-dense.pt"]


@pytest.fixture
def saved(separable: Task, tmp_path: Path) -> Path:
    """A folder with the states of the phases of a sparse training."""
    sparse = partial(dynamic.ac_dc, density=0.3, phases=AT, rng=0)
    folder = tmp_path / "phases"
    fit(net(), separable, RECIPE, sparsifier=sparse, rng=3, phase_states=folder)
    assert sorted(x.name for x in folder.iterdir()) == PHASES
    return folder


@pytest.mark.parametrize("name", PHASES)
@pytest.mark.parametrize("method", [dynamic.ac_dc, dynamic.dense_twin])
def test_a_training_goes_on_from_the_end_of_a_phase(
    name: str, method: Callable[..., Sparsifier], separable: Task, saved: Path, tmp_path: Path
) -> None:
    """To the same bits as from its beginning: the dense twin starts at the last compression."""
    sparse = partial(method, density=0.3, phases=AT, rng=0)
    whole = fit(net(), separable, RECIPE, sparsifier=sparse, rng=3)
    learned: list[int] = []
    log, checkpoint = tmp_path / "fit.jsonl", tmp_path / "fit.pt"
    again = fit(
        net(),
        separable,
        RECIPE,
        sparsifier=sparse,
        rng=3,
        start_from=saved / name,
        log=log,
        checkpoint=checkpoint,
        progress=lambda epoch: learned.append(epoch.epoch),
    )
    assert learned[0] == {"1": 2, "2": 4, "3": 6}[name[5]]
    assert again.history == whole.history
    assert len(log.read_text().splitlines()) == 8
    for key, value in whole.net.state_dict().items():
        assert torch.equal(again.net.state_dict()[key], value)
    final = 1 if method is dynamic.dense_twin else 29 / 96
    assert again.best.density == final
    assert again.best.epoch > 5


def test_states_of_phases_are_those_before_the_change(saved: Path) -> None:
    densities = []
    for name in PHASES:
        state = torch.load(saved / name, weights_only=True)["state"]["state"]
        masks = torch.cat([state[f"fc{i}.weight_mask"].flatten() for i in (1, 2)])
        densities.append(int(masks.sum()) / 96)
    assert densities == [1, 29 / 96, 1]


def test_phases_that_cannot_be_saved_or_started_from(
    separable: Task, saved: Path, tmp_path: Path
) -> None:
    sparse = partial(dynamic.ac_dc, density=0.3, phases=AT, rng=0)
    within = partial(dynamic.ac_dc, density=0.3, phases=(4, 10, 20), rng=0)
    start = partial(fit, net(), separable, RECIPE, rng=3)
    with pytest.raises(FormatError, match="after 10 steps, within an epoch of 4"):
        start(sparsifier=within, phase_states=tmp_path / "other")
    with pytest.raises(FormatError, match="there are no phases"):
        start(sparsifier=SPARSE["rigl"], phase_states=tmp_path / "other")
    with pytest.raises(FormatError, match=r"no .*phase9-dense\.pt to start from"):
        start(sparsifier=sparse, start_from=saved / "phase9-dense.pt")
    with pytest.raises(FormatError, match="another budget, update_at"):
        start(sparsifier=within, start_from=saved / "phase1-dense.pt")
    with pytest.raises(FormatError, match="seed 3, this is 4"):
        fit(net(), separable, RECIPE, sparsifier=sparse, rng=4, start_from=saved / PHASES[0])
    assert not (tmp_path / "other").exists()


def test_a_dense_twin_does_not_start_after_the_last_compression(
    separable: Task, tmp_path: Path
) -> None:
    path = tmp_path / "fit.pt"
    arguments: dict[str, Any] = {"density": 0.3, "phases": AT, "rng": 0}
    sparse, twin = partial(dynamic.ac_dc, **arguments), partial(dynamic.dense_twin, **arguments)
    fit(net(), separable, RECIPE, sparsifier=sparse, rng=3, checkpoint=path)
    with pytest.raises(FormatError, match="after the last update of ac_dc"):
        fit(net(), separable, RECIPE, sparsifier=twin, rng=3, start_from=path)


def test_without_phases_the_dense_twin_is_plain_training(separable: Task) -> None:
    twin = partial(dynamic.dense_twin, density=0.3, phases=(12,), rng=0)
    dense = fit(net(), separable, RECIPE, rng=3)
    found = fit(net(), separable, RECIPE, sparsifier=twin, rng=3)
    plain = [(x.loss, x.validation_loss, x.accuracy) for x in dense.history]
    assert [(x.loss, x.validation_loss, x.accuracy) for x in found.history] == plain
    assert found.best.epoch > 3


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
