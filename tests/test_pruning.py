"""Pruning: exact counts of every composition, reports by hand, baselines, repairs."""

from __future__ import annotations

import copy
import itertools
import json
import shutil
from collections.abc import Callable
from functools import partial, wraps
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import netsculpt
from netsculpt.cli.prune import METHODS as CLI_METHODS
from netsculpt.core.catalog import catalog, names
from netsculpt.core.errors import FormatError
from netsculpt.core.random import stream
from netsculpt.files.saved_state import write_state
from netsculpt.nets import MLP, ResNet, initial_net, mask_net, masks_of, prunable
from netsculpt.nets.initialisations import he
from netsculpt.training import (
    Batches,
    fan_in_corrected,
    inverted,
    prune,
    pruning_report,
    reinitialised,
    repaired,
    shuffled,
    sparse_net,
)
from netsculpt.training.pruning.allocations import erk
from netsculpt.training.pruning.prune import METHODS
from netsculpt.training.pruning.schedules import cubic, exponential
from netsculpt.training.pruning.scopes import kernel
from netsculpt.training.pruning.scores import magnitude, random, synflow

SCORES = names("scores")
ALLOCATIONS = ["global", *names("allocations")]
SCHEDULES_IN = "schedules"
SCHEDULES = names(SCHEDULES_IN)
SCOPES = names("scopes")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def untraced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tracing takes most of the time, and is not what is tested."""
    module = __import__("netsculpt.training.pruning.prune", fromlist=["_"])
    monkeypatch.setattr(
        module, "pruning_report", lambda net, masks, _: pruning_report(net, masks, None)
    )


def small_cnn() -> nn.Sequential:
    torch.manual_seed(0)
    layers = [nn.Conv2d(2, 5, 3), nn.BatchNorm2d(5), nn.ReLU(), nn.Conv2d(5, 4, 2), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(16, 7), nn.ReLU(), nn.Linear(7, 3))


def small_batches() -> Batches:
    torch.manual_seed(1)
    return Batches([(torch.randn(6, 2, 5, 5), torch.randint(3, (6,))) for _ in range(2)])


def groups(mask: Tensor, scope: str) -> Tensor:
    """Whether any weight of a group is kept, and that none is kept in part."""
    flat = {"weight": 0, "kernel": 2, "unit": 1}[scope]
    if scope == "weight" or mask.ndim <= flat:
        return mask.flatten()
    joined = mask.flatten(0, flat - 1).flatten(1)
    assert torch.equal(joined.any(1), joined.all(1))
    return joined.any(1)


def n_kept(masks: dict[str, Tensor]) -> int:
    return sum(int(mask.sum()) for mask in masks.values())


def total(net: nn.Module) -> int:
    return sum(x.numel() for x in prunable(net).values())


def once(score: Callable[..., Any]) -> Callable[..., Any]:
    """The score of one net and its batches, computed once for the same masks and draws."""
    scores: dict[tuple[Any, ...], Any] = {}

    @wraps(score)
    def scored(net: nn.Module, batches: Batches, *, rng: np.random.Generator) -> Any:
        masks = (mask.numpy().tobytes() for mask in masks_of(net).values())
        key = (*masks, str(rng.bit_generator.state))
        if key not in scores:
            scores[key] = score(net, batches, rng=rng)
        return scores[key]

    return scored


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("method", SCORES)
def test_every_composition_keeps_exactly_as_many(method: str, scope: str) -> None:
    net, batches = small_cnn(), Batches([(x[:3], y[:3]) for x, y in small_batches().pairs])
    every = [(x, schedule, 3, 0.03) for x in ALLOCATIONS for schedule in SCHEDULES]
    for at, allocation in enumerate(ALLOCATIONS):  # one round asks no schedule: each has its turn
        for number, density in enumerate((0.0, 0.03, 0.37, 1.0), start=at):
            every.append((allocation, SCHEDULES[number % len(SCHEDULES)], 1, density))
    by_name_then_once = [method, *repeat(once(catalog("scores")[method]), len(every) - 1)]
    for given, case in zip(by_name_then_once, every, strict=True):
        allocation, schedule, rounds, density = case
        found = prune(
            net,
            method=given,
            density=density,
            batches=batches,
            rng=0,
            allocation=allocation,
            schedule=schedule,
            rounds=rounds,
            scope=scope,
        )
        kept = torch.cat([groups(mask, scope) for mask in found.masks.values()])
        assert int(kept.sum()) == round(density * kept.numel()), case
        assert found.details["rounds"] == rounds


def naive(net: nn.Module, score: Callable[..., Any], densities: list[float]) -> dict[str, Tensor]:
    """Global pruning of single weights by sorting, in plain Python."""
    net, alive = copy.deepcopy(net), None
    for density in densities:
        scores = torch.cat([x.flatten() for x in score(net).values()]).tolist()
        alive = list(range(len(scores))) if alive is None else alive
        alive = sorted(alive, key=lambda i: (-scores[i], i))[: round(density * len(scores))]
        flat = torch.zeros(len(scores), dtype=torch.bool)
        flat[alive] = True
        parts = flat.split([x.numel() for x in prunable(net).values()])
        shapes = {name: x.shape for name, x in prunable(net).items()}
        masks = {k: x.reshape(s) for (k, s), x in zip(shapes.items(), parts, strict=True)}
        mask_net(net, masks)
    return masks


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("rounds", [1, 3])
def test_global_pruning_is_sorting(rounds: int) -> None:
    net, batches = small_cnn(), small_batches()

    def score(given: nn.Module, *_: Any, rng: Any = None) -> dict[str, Tensor]:
        return synflow(given, batches)

    found = prune(net, method=score, density=0.11, batches=batches, rounds=rounds)
    expected = naive(net, score, [0.11 ** (t / rounds) for t in range(1, rounds + 1)])
    assert all(torch.equal(found.masks[name], mask) for name, mask in expected.items())


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("density", [0.5, 0.05, 0.003])
def test_synflow_falls_by_the_same_factor_a_hundred_times(density: float) -> None:
    net, seen, told = initial_net(MLP((20, 30, 10)), rng=0), list[int](), list[tuple[int, int]]()

    @wraps(synflow)
    def recorded(given: nn.Module, *arguments: Any, **options: Any) -> dict[str, Tensor]:
        seen.append(n_kept(masks_of(given)) if masks_of(given) else total(given))
        return synflow(given, *arguments, **options)

    batches = Batches([(torch.zeros(1, 20), torch.zeros(1))])
    found = prune(
        net,
        method=recorded,
        density=density,
        batches=batches,
        progress=lambda done, rounds: told.append((done, rounds)),
    )
    expected = [round(density ** (t / 100) * 900) for t in range(101)]
    assert [*seen, n_kept(found.masks)] == expected
    assert told == [(t, 100) for t in range(1, 101)]


@pytest.mark.parametrize("name", [x for x in SCHEDULES if x != "exponential"])
def test_schedules_are_stretched_to_the_density(name: str) -> None:
    net, seen, schedule = nn.Linear(50, 20), list[int](), catalog(SCHEDULES_IN)[name]

    def recorded(given: nn.Module, *_: Any, rng: Any) -> dict[str, Tensor]:
        seen.append(n_kept(masks_of(given)))
        return magnitude(given)

    found = prune(net, method=recorded, density=0.2, schedule=name, rounds=4)
    share = [schedule(t / 4) / schedule(1.0) for t in range(5)]
    assert [*seen, n_kept(found.masks)] == [round(1000 * (1 - 0.8 * x)) for x in share]


@pytest.mark.parametrize("schedule", ["exponential", "linear"])
def test_a_schedule_starts_where_the_net_is(schedule: str) -> None:
    net, seen = nn.Linear(50, 20), list[int]()
    mask_net(net, prune(net, method="magnitude", density=0.5).masks)

    def recorded(given: nn.Module, *_: Any, rng: Any) -> dict[str, Tensor]:
        seen.append(n_kept(masks_of(given)))
        return magnitude(given)

    found = prune(net, method=recorded, density=0.1, schedule=schedule, rounds=4)
    shares = {"exponential": [0.2 ** (t / 4) for t in range(5)], "linear": [1, 0.8, 0.6, 0.4, 0.2]}
    assert [*seen, n_kept(found.masks)] == [round(500 * x) for x in shares[schedule]]
    kept = prune(net, method="magnitude", density=0.5, schedule=schedule, rounds=4)
    assert torch.equal(kept.masks["weight"], masks_of(net)["weight"])
    with pytest.raises(FormatError, match="600 are to be kept, of which the net's masks leave 500"):
        prune(net, method="magnitude", density=0.6, schedule=schedule, rounds=4)


def test_the_density_is_met_where_it_is_halfway() -> None:
    """1 − (1 − .05) is more than .05: round() of ten times that is 1, not 0."""
    net = nn.Linear(10, 1)
    for schedule in SCHEDULES:
        found = prune(net, method="magnitude", density=0.05, schedule=schedule, rounds=2)
        assert n_kept(found.masks) == round(0.05 * 10) == 0


def test_ties_keep_the_first() -> None:
    net = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.fill_(-2.0)
    found = prune(net, method="magnitude", density=7 / 18)
    assert (
        torch.cat([x.flatten() for x in found.masks.values()]).tolist() == [True] * 7 + [False] * 11
    )


def test_what_is_pruned_stays_pruned() -> None:
    net = initial_net(MLP((12, 10, 6)), rng=0)
    first = prune(net, method="random", density=0.5, rng=1)
    mask_net(net, first.masks)
    state = copy.deepcopy(net.state_dict())
    for allocation, scope in itertools.product(ALLOCATIONS, SCOPES):
        options: Any = {"allocation": allocation, "scope": scope}
        found = prune(net, method="magnitude", density=0.2, **options)
        assert all(not (mask & ~first.masks[name]).any() for name, mask in found.masks.items())
        if scope != "unit":
            assert n_kept(found.masks) == round(0.2 * 180)
    assert all(torch.equal(x, state[name]) for name, x in net.state_dict().items())
    with pytest.raises(FormatError, match="108 are to be kept, of which the net's masks leave 90"):
        prune(net, method="magnitude", density=0.6)


def test_a_layer_that_has_fewer_left_keeps_those() -> None:
    net = nn.Sequential(nn.Linear(10, 10), nn.Linear(10, 10), nn.Linear(10, 30))
    mask = torch.zeros(10, 10, dtype=torch.bool)
    mask[0, :4] = True
    mask_net(net, {"1.weight": mask})
    found = prune(net, method="random", density=0.4, allocation="uniform", rng=0)
    assert found.report.weights.kept == (49, 4, 147)


def test_layers_never_grow_while_the_net_shrinks() -> None:
    """Shares that are rounded may rise as the whole falls (the Alabama paradox)."""
    net = nn.Sequential(nn.Linear(7, 5), nn.Linear(5, 3), nn.Linear(3, 11), nn.Linear(11, 2))
    for density in np.linspace(0.01, 0.9, 12):
        options: Any = {"allocation": "erk", "rounds": 80, "schedule": "linear"}
        found = prune(net, method="random", density=float(density), rng=0, **options)
        assert n_kept(found.masks) == round(float(density) * 105)


def test_dense_layers_are_left_alone() -> None:
    net = initial_net(MLP((12, 10, 6)), rng=0)
    found = prune(net, method="magnitude", density=0.1, dense=["fc2.weight"])
    assert list(found.masks) == ["fc1.weight"]
    assert found.report.weights.kept == (12, 60)


@pytest.mark.slow
def test_same_seed_same_bytes() -> None:
    net, batches = initial_net(MLP((20, 16, 8)), rng=0), Batches([(torch.zeros(1, 20), None)])  # type: ignore[list-item]
    for method in ("random", "phew"):
        one, two, other = (
            prune(net, method=method, density=0.2, batches=batches, rng=seed) for seed in (5, 5, 6)
        )
        assert all(torch.equal(one.masks[k], two.masks[k]) for k in one.masks)
        assert any(not torch.equal(one.masks[k], other.masks[k]) for k in one.masks)
        assert one.summary() == two.summary()
    drawn = prune(net, method="random", density=0.2, rng=np.random.default_rng(3))
    again = prune(net, method="random", density=0.2, rng=drawn.seed)
    assert all(torch.equal(drawn.masks[k], again.masks[k]) for k in drawn.masks)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"method": "magnitud"}, "did you mean magnitude"),
        ({"method": "zzz"}, "there are first_order, grasp"),
        ({"allocation": "globl"}, "did you mean global"),
        ({"schedule": "cubik"}, "did you mean cubic"),
        ({"scope": "kernels"}, "did you mean kernel"),
        ({"density": 1.2}, "density is 1.2"),
        ({"density": float("nan")}, "density is nan"),
        ({"rounds": 0}, "rounds is 0"),
        ({"dense": ["0.wieght"]}, "did you mean 0.weight"),
        ({"method": "snip"}, "give batches"),
        ({"method": "phew"}, "give batches"),
        ({"method": "phew", "schedule": "linear"}, "leave them out"),
        ({"method": "phew", "dense": ["0.weight"]}, "leave them out"),
        ({"method": lambda net, _, rng: {}}, "'0.weight' is missing"),
        ({"method": lambda net, _, rng: {"0.weight": torch.ones(3)}}, r"\[3\], the weight is"),
        ({"method": lambda net, _, rng: {"0.weight": torch.full((3, 4), torch.nan)}}, "not finite"),
    ],
)
def test_errors_say_what_is_needed(change: dict[str, Any], text: str) -> None:
    with pytest.raises(FormatError, match=text):
        prune(nn.Sequential(nn.Linear(4, 3)), **{"method": "magnitude", "density": 0.5, **change})


@pytest.mark.usefixtures("untraced")
def test_an_interrupted_pruning_resumes_to_the_same_bytes(tmp_path: Path) -> None:
    class InterruptedPruningError(Exception):
        pass

    def stop(done: int, _: int) -> None:
        if done == 3:
            raise InterruptedPruningError

    net, batches, path = small_cnn(), small_batches(), tmp_path / "new" / "state.pt"
    given: Any = {"method": "random", "density": 0.1, "rounds": 7, "batches": batches, "rng": 4}
    whole, told = prune(net, **given), list[int]()
    with pytest.raises(InterruptedPruningError):
        prune(net, **given, checkpoint=path, progress=stop)
    again = prune(net, **given, checkpoint=path, progress=lambda done, _: told.append(done))
    assert told == [4, 5, 6, 7]
    assert all(torch.equal(mask, whole.masks[name]) for name, mask in again.masks.items())
    for change in ({"rng": 5}, {"density": 0.2}, {"method": "magnitude"}, {"dense": ["0.weight"]}):
        with pytest.raises(FormatError, match=f"with {next(iter(change)).replace('rng', 'seed')}"):
            prune(net, **{**given, **change}, checkpoint=path)
    with pytest.raises(FormatError, match="with net"):
        prune(reinitialised(net, rng=9), **given, checkpoint=path)
    with pytest.raises(FormatError, match="with samples"):
        prune(net, **{**given, "batches": None}, checkpoint=path)
    path.write_bytes(b"something else")
    with pytest.raises(FormatError, match="is not a saved state"):
        prune(net, **given, checkpoint=path)


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda state: state["masks"].popitem(), "do not fit"),
        (lambda state: state["masks"].update({"0.weight": torch.ones(1).bool()}), "do not fit"),
        (lambda state: state["masks"].update({"0.weight": torch.ones(4, 1, 3, 3)}), "do not fit"),
        (lambda state: state.update(rounds=0), "rounds is 0: a whole number from 1 to 3"),
        (lambda state: state.update(rounds=4), "rounds is 4: a whole number from 1 to 3"),
        (lambda state: state.update(rounds=True), "rounds is True"),
        (lambda state: state.update(rounds=2.0), r"rounds is 2\.0"),
        (lambda state: state.update(rounds=1), "keeps .* of .*, which is not what round 1 keeps"),
        (lambda state: state.update(rounds=3), "keeps .* of .*, which is not what round 3 keeps"),
        (lambda state: state.pop("rounds"), "rounds"),
        (lambda state: state.update(masks=[1]), "is not a saved state"),
        (lambda state: state["masks"]["0.weight"].fill_(True), "which is not what round 2 keeps"),
    ],
)
@pytest.mark.parametrize("sealed", [True, False])
def test_a_damaged_checkpoint_is_refused(
    damage: Callable[[dict[str, Any]], None], text: str, sealed: bool, tmp_path: Path
) -> None:
    """Sealed: by one who knows how a fingerprint is made."""
    path, done = tmp_path / "state.pt", tmp_path / "after-two.pt"
    given: Any = {"method": "magnitude", "density": 0.3, "rounds": 3, "rng": 0}

    def copy(round_: int, _: int) -> None:
        if round_ == 2:
            shutil.copy(path, done)

    prune(small_cnn(), **given, checkpoint=path, progress=copy)
    content = torch.load(done, weights_only=True)
    damage(content["state"])
    if sealed:
        write_state(done, json.loads(content["about"]), content["state"])
    else:
        torch.save(content, done)
    with pytest.raises(FormatError, match=text if sealed else "damaged or edited"):
        prune(small_cnn(), **given, checkpoint=done)


def test_the_rounds_of_a_score_survive_a_partial() -> None:
    net = initial_net(MLP((8, 6, 4)), rng=0)
    batches = Batches([(torch.zeros(1, 8), torch.zeros(1))])
    found = prune(net, method=partial(synflow), density=0.5, batches=batches)
    assert found.details["rounds"] == 100


def test_methods_are_the_scores_and_walks() -> None:
    assert ("phew", *SCORES) == METHODS == tuple(CLI_METHODS)


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("schedule", [cubic, exponential])
def test_functions_compose_as_their_names_do(schedule: Callable[..., Any]) -> None:
    net, options = small_cnn(), {"density": 0.2, "rounds": 3, "rng": 0}
    by_name: Any = {"method": "magnitude", "allocation": "erk", "scope": "kernel"}
    functions: Any = {"method": magnitude, "allocation": erk, "scope": kernel}
    one = prune(net, **by_name, schedule=schedule.__name__, **options)
    two = prune(net, **functions, schedule=schedule, **options)
    assert one.summary() == two.summary()
    assert all(torch.equal(mask, two.masks[name]) for name, mask in one.masks.items())
    halves = prune(
        net,
        method=lambda net, _, rng: magnitude(net),
        allocation=lambda shapes, density: dict.fromkeys(shapes, 0.5),
        schedule=lambda progress: progress**2,
        scope=lambda scores: scores,
        density=0.5,
    )
    counts = halves.report.weights
    assert np.abs(np.array(counts.kept) - np.array(counts.total) / 2).max() <= 0.5


def tiny() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))


def test_report_by_hand() -> None:
    net = tiny()
    first = torch.zeros(4, 3, dtype=torch.bool)
    first[0, 0] = first[1, 0] = first[2, 1] = True  # unit 3 gets nothing, input 2 gives nothing
    second = torch.zeros(2, 4, dtype=torch.bool)
    second[0, 0] = second[0, 3] = True  # units 1 and 2 give nothing, output 1 gets nothing
    report = pruning_report(net, {"0.weight": first, "2.weight": second}, torch.zeros(1, 3))
    assert report.units is not None
    assert report.units.units == (3, 4, 2)
    assert report.units.live == (1, 1, 1)
    assert report.units.table()["dead"].tolist() == [2, 3, 1]
    assert (report.units.connected, report.units.cut_off, report.emptied) == (True, (), ())
    assert report.summary()["dead_units"] == 6
    assert masks_of(net) == {}


def test_report_of_a_net_that_is_cut_through() -> None:
    masks = {"0.weight": torch.ones(4, 3) > 0, "2.weight": torch.zeros(2, 4) > 0}
    report = pruning_report(tiny(), masks, torch.zeros(1, 3))
    assert report.units is not None
    assert not report.units.connected
    assert report.units.cut_off == report.units.layers
    assert report.emptied == ("2.weight",)
    without = pruning_report(tiny(), masks)
    assert (without.units, without.untraced) == (None, None)
    assert without.summary()["kept"] == 12


def test_a_branch_may_be_cut_off_alone() -> None:
    net = initial_net(ResNet((1, 8, 8), 4, widths=(3,), blocks=1), rng=0)
    masks = {"block1_1.residual.conv2.weight": torch.zeros(3, 3, 3, 3) > 0}
    report = pruning_report(net, masks, torch.zeros(1, 64))
    assert report.units is not None
    assert report.units.connected
    assert set(report.units.cut_off) == {"block1_1.residual.conv1", "block1_1.residual.conv2"}


class Untraceable(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(2, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.from_numpy(self.fc(inputs).detach().numpy())


def test_a_net_that_cannot_be_traced_is_pruned_all_the_same() -> None:
    batches = Batches([(torch.ones(1, 2), torch.zeros(1))])
    found = prune(Untraceable(), method="magnitude", density=0.5, batches=batches)
    assert found.report.weights.kept == (2,)
    assert found.report.units is None
    assert "untraced" in found.summary()


@pytest.mark.parametrize("method", ["synflow", "phew"])
def test_pruning_a_residual_net(method: str) -> None:
    spec = ResNet((1, 8, 8), 10, widths=(4, 6), blocks=1)
    net = initial_net(spec, rng=0)
    batches = Batches([(torch.zeros(1, 64), torch.zeros(1))])
    found = prune(net, method=method, density=0.2, batches=batches, rng=0)
    kept, over = found.report.weights.summary()["kept"], found.details.get("overshoot", 0)
    assert kept - over == (round if method == "synflow" else int)(0.2 * total(net))
    mask_net(net, found.masks)
    live = netsculpt.trace(net, torch.zeros(1, 64)).live()
    assert found.report.units is not None
    assert live.n_units == sum(found.report.units.live)


# --- baselines ---


def test_shuffled_masks_keep_their_counts_and_nothing_else() -> None:
    masks = {"a": torch.arange(40).reshape(5, 8) < 10, "b": torch.arange(6).reshape(2, 3) < 2}
    frequency = sum(shuffled(masks, rng=seed)["a"].double() for seed in range(400)) / 400
    assert abs(frequency - 0.25).max() < 5 * (0.25 * 0.75 / 400) ** 0.5
    one = shuffled(masks, rng=0)
    assert {name: int(x.sum()) for name, x in one.items()} == {"a": 10, "b": 2}
    alike = shuffled({"one": masks["a"], "two": masks["a"]}, rng=0)
    assert not torch.equal(alike["one"], alike["two"])
    alone = shuffled({"b": masks["b"]}, rng=0)
    assert torch.equal(one["b"], alone["b"]), "a layer does not depend on the others"


def test_reinitialised_nets_keep_their_masks_alone() -> None:
    net = initial_net(ResNet((1, 8, 8), 4, widths=(3, 4), blocks=1), rng=0)
    mask_net(net, prune(net, method="random", density=0.3, rng=0).masks)
    before, drawn = copy.deepcopy(net.state_dict()), torch.random.get_rng_state()
    one, two, other = (reinitialised(net, rng=seed) for seed in (1, 1, 2))
    assert torch.equal(drawn, torch.random.get_rng_state())
    assert all(torch.equal(x, before[name]) for name, x in net.state_dict().items())
    for name, weight in prunable(one).items():
        mask = masks_of(one)[name]
        assert torch.equal(mask, masks_of(net)[name])
        assert (weight[~mask] == 0).all()
        assert torch.equal(weight, dict(prunable(two))[name])
        for different in (prunable(net)[name], prunable(other)[name]):
            assert not torch.equal(weight[mask], different[mask])


def test_a_layer_that_cannot_draw_is_named() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Parameter(torch.ones(2, 2))

    with pytest.raises(FormatError, match=r"layer '1' \(Own\)"):
        reinitialised(nn.Sequential(nn.Linear(2, 2), Own()))


def test_inverted_scores_keep_the_worst() -> None:
    net = initial_net(MLP((8, 6, 4)), rng=0)
    best = prune(net, method=magnitude, density=0.25)
    worst = prune(net, method=inverted(magnitude), density=0.75)
    assert all(torch.equal(best.masks[name], ~mask) for name, mask in worst.masks.items())
    assert worst.method == "inverted magnitude"
    batches = Batches([(torch.zeros(1, 8), torch.zeros(1))])
    found = prune(net, method=inverted(synflow), density=0.5, batches=batches)
    assert found.details["rounds"] == 100
    for score in (partial(synflow), partial(partial(synflow), batches=None)):
        assert inverted(score).published_rounds == 100
    twice = inverted(inverted(random))
    assert all(torch.equal(x, random(net, rng=0)[k]) for k, x in twice(net, rng=0).items())


LAYERS: list[tuple[nn.Module, Callable[[Tensor, int], Tensor]]] = [
    (nn.Linear(5, 4), lambda w, unit: w[unit]),
    (nn.Conv2d(4, 6, 3, groups=2), lambda w, unit: w[unit]),
    (nn.ConvTranspose2d(4, 6, 3), lambda w, unit: w[:, unit]),
    (
        nn.ConvTranspose1d(4, 6, 3, groups=2),
        lambda w, unit: w[unit // 3 * 2 : unit // 3 * 2 + 2, unit % 3],
    ),
]


@pytest.mark.parametrize(("layer", "inputs_of"), LAYERS)
def test_fan_in_corrected_unit_by_unit(layer: nn.Module, inputs_of: Any) -> None:
    layer = copy.deepcopy(layer)
    torch.manual_seed(0)
    weight = layer.weight.detach().clone()
    mask = torch.rand(weight.shape) < 0.4
    mask_net(layer, {"weight": mask})
    other = fan_in_corrected(layer).weight.detach()
    for unit in range(layer.bias.numel()):
        kept, size = int(inputs_of(mask, unit).sum()), inputs_of(mask, unit).numel()
        expected = inputs_of(weight * mask, unit) * (size / max(kept, 1)) ** 0.5
        torch.testing.assert_close(inputs_of(other, unit), expected)


def test_he_draws_by_fan_in() -> None:
    net = nn.Sequential(nn.Conv2d(30, 60, 3, groups=3), nn.ConvTranspose2d(60, 40, 3, groups=2))
    one, two = he(net, rng=0), he(net, rng=0)
    for at, fan_in in ((0, 10 * 9), (1, 30 * 9)):
        weight = one[at].weight.detach()
        assert float(weight.var()) == pytest.approx(2 / fan_in, rel=0.05)
        assert abs(float(weight.mean())) < 3 * (2 / fan_in / weight.numel()) ** 0.5
        assert torch.equal(weight, two[at].weight)
        assert not one[at].bias.any()


# --- sparse nets ---


def test_a_sparse_net_is_the_steps_one_after_the_other() -> None:
    net = initial_net(MLP((9, 12, 12, 5)), rng=0)
    example, before = torch.zeros(1, 9), copy.deepcopy(net.state_dict())
    pruned = prune(net, method="random", density=0.04, rng=1)
    plain = sparse_net(net, pruned)
    assert plain.pruned.masks is pruned.masks
    assert plain.pruned.report is pruned.report
    sparse = sparse_net(
        net, pruned, example, shuffle=True, redraw=he, repair=True, correct_fan_in=True, rng=7
    )
    by_hand = he(net, rng=stream(7, "reinitialised"))
    mended = repaired(by_hand, shuffled(pruned.masks, rng=stream(7, "shuffled")), example)
    assert mended.n_restored > 0
    mask_net(by_hand, mended.masks)
    expected = fan_in_corrected(by_hand).state_dict()
    assert all(torch.equal(x, expected[name]) for name, x in sparse.net.state_dict().items())
    assert all(torch.equal(x, mended.masks[k]) for k, x in sparse.pruned.masks.items())
    assert sparse.pruned.report == pruning_report(net, mended.masks, example)
    assert sparse.pruned.details == {**pruned.details, "repair": mended.summary()}
    assert all(torch.equal(x, before[name]) for name, x in net.state_dict().items())
    assert masks_of(net) == {}
    with pytest.raises(FormatError, match="give an example"):
        sparse_net(net, pruned, repair=True)


# --- repair ---


def live_units(net: nn.Module, masks: dict[str, Tensor], example: Tensor) -> np.ndarray:
    if all(mask.ndim == 2 for mask in masks.values()):  # of a perceptron, without tracing
        graph = netsculpt.from_matrices([mask.float() for mask in masks.values()])
    else:
        masked = copy.deepcopy(net)
        mask_net(masked, masks)
        graph = netsculpt.trace(masked, example)
    return netsculpt.graph.graph.live_units(graph)


def test_repair_brings_back_the_fewest_and_then_the_strongest() -> None:
    """One output at a time, against all paths of a small net."""
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1))
    one, two, three = (x.detach().abs() for x in prunable(net).values())
    ranks = np.argsort(np.argsort(-torch.cat([x.flatten() for x in (one, two, three)]).numpy()))
    for _ in range(4):
        masks = {k: torch.from_numpy(rng.random(x.shape) < 0.2) for k, x in prunable(net).items()}
        kept = torch.cat([x.flatten() for x in masks.values()]).numpy()
        options = []
        for i, j, k in itertools.product(range(3), range(4), range(3)):
            lost = [s for s in (3 * j + i, 12 + 4 * k + j, 24 + k) if not kept[s]]
            options.append((len(lost), ranks[lost].sum(), set(lost)))
        n_lost, _, expected = min(options, key=lambda x: x[:2])
        found = repaired(net, masks, torch.zeros(1, 3))
        after = torch.cat([x.flatten() for x in found.masks.values()]).numpy()
        assert found.n_restored == n_lost
        assert set(np.flatnonzero(after & ~kept)) == expected
        assert after.sum() - kept.sum() == found.overshoot >= 0


@pytest.mark.parametrize(
    ("kind", "density"),
    [("mlp", 0.3), ("mlp", 0.01), ("cnn", 0.3), ("cnn", 0.01), ("resnet", 0.01)],
)
def test_repaired_nets_are_connected_and_lose_no_live_unit(kind: str, density: float) -> None:
    net: nn.Module
    net, example = {
        "mlp": lambda: (initial_net(MLP((9, 12, 12, 5)), rng=0), torch.zeros(1, 9)),
        "cnn": lambda: (small_cnn(), torch.zeros(1, 2, 5, 5)),
        "resnet": lambda: (
            initial_net(ResNet((1, 8, 8), 5, widths=(3, 4), blocks=1), rng=0),
            torch.zeros(1, 64),
        ),
    }[kind]()
    masks = prune(net, method="random", density=density, rng=1).masks
    found = repaired(net, masks, example)
    report = pruning_report(net, found.masks, example)
    assert report.units is not None
    assert report.units.live[-1] == report.units.units[-1]
    assert report.units.cut_off == ()
    assert n_kept(found.masks) == n_kept(masks) + found.overshoot
    gone = {name: masks[name] & ~mask for name, mask in found.masks.items()}
    assert n_kept(gone) == found.n_removed
    whole = {name: mask | masks[name] for name, mask in found.masks.items()}
    after = live_units(net, found.masks, example)
    assert (after == live_units(net, whole, example)).all()
    if found.overshoot:  # nothing else could go
        for name, mask in found.masks.items():
            for at in (mask & masks[name]).nonzero().tolist():
                other = mask.clone()
                other[tuple(at)] = False
                less = live_units(net, {**found.masks, name: other}, example)
                assert (less != after).any()
    if density == 0.3 and kind == "mlp":
        assert found.n_restored == 0
        assert all(torch.equal(mask, masks[name]) for name, mask in found.masks.items())


@pytest.mark.parametrize("seed", range(3))
def test_the_weakest_that_no_live_unit_needs_goes(seed: int) -> None:
    net, example = initial_net(MLP((3, 4, 3)), rng=seed), torch.zeros(1, 3)
    torch.manual_seed(seed)
    masks = {"fc1.weight": torch.rand(4, 3) < 0.7, "fc2.weight": torch.ones(3, 4) > 0}
    masks["fc2.weight"][1] = masks["fc2.weight"][2] = False
    found = repaired(net, masks, example)
    assert found.n_restored == found.n_removed == 2
    masks = {name: mask | found.masks[name] for name, mask in masks.items()}
    restored: dict[str, list[int]] = {"fc1.weight": [], "fc2.weight": [1, 2]}
    live, n_gone = live_units(net, masks, example), 0
    order = sorted(
        (abs(prunable(net)[name][tuple(at)].item()), name, tuple(at))
        for name, mask in masks.items()
        for at in mask.nonzero().tolist()
    )
    for _, name, at in order:
        masks[name][at] = at[0] in restored[name] or n_gone == 2
        needed = (live_units(net, masks, example) != live).any()
        n_gone += not (masks[name][at] or needed)
        masks[name][at] |= bool(needed)
    assert all(torch.equal(mask, found.masks[name]) for name, mask in masks.items())


def test_repair_goes_by_the_scores_given_and_leaves_dense_layers() -> None:
    net = tiny()
    with torch.no_grad():
        net[0].weight.copy_(torch.arange(1.0, 13).reshape(4, 3))
    masks = {"0.weight": torch.zeros(4, 3, dtype=torch.bool)}
    masks["0.weight"][0] = True
    found = repaired(net, masks, torch.zeros(1, 3))
    assert found.n_restored == 0, "the second layer is dense: every output is reached"
    scores = {"0.weight": -net[0].weight.detach(), "2.weight": net[2].weight.detach().abs()}
    masks["0.weight"][0] = False
    restored = repaired(net, masks, torch.zeros(1, 3), scores=scores).masks["0.weight"]
    assert restored.nonzero().tolist() == [[0, 0]], "strongest by the scores given"


def test_what_no_path_reaches_before_pruning_is_left() -> None:
    class Beside(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.unused = nn.Linear(2, 2), nn.Linear(4, 4)

        def forward(self, inputs: Tensor) -> Tensor:
            return torch.cat([self.fc(inputs), torch.zeros(1, 1)], 1)

    net = Beside()
    masks = {name: torch.zeros(x.shape) > 0 for name, x in prunable(net).items()}
    found = repaired(net, masks, torch.zeros(1, 2))
    assert (found.n_restored, found.overshoot) == (2, 2)
    assert not found.masks["unused.weight"].any()


def test_catalogues_hold_what_is_promised() -> None:
    assert set(catalog("initialisations")) >= {"he"}
