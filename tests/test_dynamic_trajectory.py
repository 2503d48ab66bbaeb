"""What a sparse training did to the network: naive oracles, golden values, planted modules."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from netsculpt.nets import MLP, initial_net
from netsculpt.training import dynamic
from netsculpt.training.dynamic import candidates, drops, fractions
from netsculpt.training.dynamic.choosing import Lowest, uniformly
from netsculpt.training.dynamic.record import Record, Recorder, read_record
from netsculpt.training.dynamic.trajectory import (
    compressions,
    degree_spreads,
    expected_ever_active,
    mask_trajectory,
    network_trajectory,
    overlaps,
    survival,
)


def random_growth(net: nn.Module, n_updates: int, density: float) -> dynamic.Sparsifier:
    rewiring = dynamic.Rewiring(
        partial(fractions.cosine, share=0.3),
        Lowest(drops.magnitude),
        uniformly,
        candidates.not_kept,
    )
    timing = dynamic.Timing(begin=0, end=n_updates, every=1, instead=False)
    return dynamic.Sparsifier(
        net, rewiring, timing, density=density, allocation="uniform", rng=0, method="random growth"
    )


def recorded(sparsifier: dynamic.Sparsifier, net: nn.Module, path: Path, n_steps: int) -> Record:
    recorder = Recorder(sparsifier, path)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    generator = torch.Generator().manual_seed(0)
    n_inputs = next(net.parameters()).shape[1]
    for _ in range(n_steps):
        optimizer.zero_grad()
        net(torch.randn(4, n_inputs, generator=generator)).square().mean().backward()
        sparsifier.step(optimizer)
    return read_record(recorder.path)


@pytest.fixture(scope="module", params=["set", "rigl", "gmp", "granet", "ac_dc", "static"])
def record(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Record:
    net = initial_net(MLP((8, 16, 4)), rng=1)
    phases = {"ac_dc": {"phases": (3, 6, 9, 12, 15)}, "static": {}}
    options = phases.get(request.param, {"end": 30, "every": 3})
    sparsifier = getattr(dynamic, request.param)(net, density=0.25, rng=0, **options)
    return recorded(sparsifier, net, tmp_path_factory.mktemp("r") / "x.record", 40)


def all_masks(record: Record) -> np.ndarray:
    """[1 + n_updates, n_weights]."""
    rows = [record.masks(number) for number in range(record.n_updates + 1)]
    return np.array([np.concatenate([x.ravel() for x in masks.values()]) for masks in rows])


def test_masks_are_followed_as_by_their_definitions(record: Record) -> None:
    masks, followed = all_masks(record), mask_trajectory(record)
    ever = np.logical_or.accumulate(masks)
    come = masks[1:] & ~masks[:-1]
    assert followed.step.tolist() == list(record.steps)
    np.testing.assert_allclose(followed.density, masks.mean(axis=1))
    np.testing.assert_allclose(followed.ever_active, ever.mean(axis=1))
    assert followed.grown[1:].tolist() == come.sum(axis=1).tolist()
    assert followed.dropped[1:].tolist() == (masks[:-1] & ~masks[1:]).sum(axis=1).tolist()
    assert followed.returned[1:].tolist() == (come & ever[:-1]).sum(axis=1).tolist()
    np.testing.assert_allclose(followed.of_first, (masks & masks[0]).sum(axis=1) / masks[0].sum())
    np.testing.assert_allclose(followed.of_last, (masks & masks[-1]).sum(axis=1) / masks[-1].sum())
    np.testing.assert_allclose(followed.turnover[1:], come.sum(axis=1) / masks[1:].sum(axis=1))
    gone = (masks[:-1] & ~masks[1:]).any(axis=0)
    assert followed.regrown_and_kept == (gone & masks[-1]).sum() / masks[-1].sum()
    assert (np.diff(followed.ever_active) >= 0).all()
    assert (followed.ever_active >= followed.density).all()
    assert len(followed.table()) == record.n_updates + 1


def test_static_explores_nothing(tmp_path: Path) -> None:
    net = initial_net(MLP((8, 16, 4)), rng=1)
    record = recorded(dynamic.static(net, density=0.25, rng=0), net, tmp_path / "x.record", 5)
    followed = mask_trajectory(record)
    assert followed.ever_active.tolist() == followed.density.tolist() == [0.25]
    assert survival(record).first.tolist() == [1.0]


def stays(masks: np.ndarray) -> list[tuple[int, int, bool]]:
    """Birth, age and whether it ended, of every stay of every weight."""
    found = []
    for column in masks.T:
        born = None
        for number, kept in enumerate(column):
            if kept and born is None:
                born = number
            if not kept and born is not None:
                found.append((born, number - born, True))
                born = None
        if born is not None:
            found.append((born, len(column) - 1 - born, False))
    return found


def product_limit(own: Sequence[tuple[int, int, bool]], longest: int) -> list[float]:
    shares, share = [], 1.0
    for age in range(longest + 1):
        at_risk = sum(reached >= age for _, reached, _ in own)
        ended = sum(reached == age and over for _, reached, over in own)
        share = share * (1 - ended / at_risk) if at_risk else float("nan")
        shares.append(share)
    return shares


def test_survival_is_the_product_limit_over_all_stays(record: Record) -> None:
    found, known = survival(record), stays(all_masks(record))
    first = [x for x in known if x[0] == 0]
    grown = [x for x in known if x[0] > 0]
    assert (found.n_first, found.n_grown) == (len(first), len(grown))
    np.testing.assert_allclose(found.first, product_limit(first, record.n_updates))
    np.testing.assert_allclose(found.grown, product_limit(grown, record.n_updates))
    assert len(found.table()) == record.n_updates + 1


@pytest.mark.parametrize(("n_updates", "golden"), [(100, 0.57), (750, 0.997)])
def test_expected_ever_active_is_golden(n_updates: int, golden: float) -> None:
    shares = (fractions.cosine(t / n_updates, share=0.3) for t in range(n_updates))
    expected = expected_ever_active(0.05, shares)
    assert expected[0] == pytest.approx(0.05)
    assert (np.diff(expected) >= 0).all()
    assert abs(expected[-1] - golden) < 0.0005 * 10 ** (n_updates == 100)


def test_random_growth_explores_what_is_expected(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(100, 200, bias=False))
    sparsifier = random_growth(net, n_updates=100, density=0.05)
    record = recorded(sparsifier, net, tmp_path / "x.record", 100)
    followed = mask_trajectory(record)
    # exact counts in place of fractions: int(float32(1000) f) go
    counts = followed.dropped[1:] / 1000
    exact = [
        int(np.float32(1000) * np.float32(fractions.cosine(t / 100, share=0.3))) / 1000
        for t in range(1, 101)
    ]
    expected = expected_ever_active(0.05, exact)
    assert (counts <= np.array(exact)).all()  # what returns at once is not in the record
    sd = np.sqrt(expected[-1] * (1 - expected[-1]) / 20_000)
    assert abs(followed.ever_active[-1] - expected[-1]) < 4 * sd


def test_overlap_of_sparse_phases(tmp_path: Path) -> None:
    net = initial_net(MLP((8, 16, 4)), rng=1)
    sparsifier = dynamic.ac_dc(net, density=0.25, phases=(3, 6, 9, 12, 15), rng=0)
    record = recorded(sparsifier, net, tmp_path / "x.record", 20)
    numbers = compressions(record)
    assert [record.steps[number] for number in numbers] == [3, 9, 15]
    masks = all_masks(record)
    found = overlaps(record, numbers)
    shared = [(masks[a] & masks[b]).sum() / 48 for a, b in ((1, 3), (3, 5))]
    assert found.shared == tuple(shared)
    assert found.chance == (0.25, 0.25)
    assert found.corrected == tuple((x - 0.25) / 0.75 for x in shared)
    assert overlaps(record, [1, 1]).corrected == (1.0,)
    assert overlaps(record, []).table().empty


def test_dispersion_of_random_masks_is_one() -> None:
    rng = np.random.default_rng(0)
    ratios: dict[str, list[float]] = {"fan-in": [], "fan-out": []}
    for _ in range(300):
        mask = np.zeros(20 * 30, dtype=bool)
        mask[rng.permutation(600)[:90]] = True
        for spread in degree_spreads({"w": mask.reshape(20, 30)}):
            ratios[spread.end].append(spread.dispersion)
    for values in ratios.values():
        assert abs(np.mean(values) - 1) < 4 * np.std(values) / np.sqrt(300)


def test_dispersion_of_equal_degrees_is_zero_and_of_dense_ones_undefined() -> None:
    fan_in, fan_out = degree_spreads({"w": np.eye(5, dtype=bool)})
    assert (fan_in.dispersion, fan_out.dispersion) == (0, 0)
    assert np.isnan(degree_spreads({"w": np.ones((3, 3), dtype=bool)})[0].dispersion)
    kernels = np.zeros((2, 3, 2, 2), dtype=bool)
    kernels[0, 1] = True
    fan_in, fan_out = degree_spreads({"w": kernels})
    assert (fan_in.degrees.tolist(), fan_out.degrees.tolist()) == ([4, 0], [0, 4, 0])


def test_modules_appear_where_training_makes_them(tmp_path: Path) -> None:
    """Random masks at first; then two halves that share no weight."""
    net = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 16))
    half = torch.block_diag(torch.ones(8, 8), torch.ones(8, 8)) > 0

    def drop(entries, _):
        return entries.indices

    def grow(entries, *_):
        keys = torch.rand(256, generator=entries.generator)
        return keys.masked_fill(~half.reshape(-1), -1).topk(80).indices.sort().values

    rewiring = dynamic.Rewiring(lambda _: 1.0, drop, grow)
    timing = dynamic.Timing(begin=1, end=1, every=1)
    sparsifier = dynamic.Sparsifier(
        net, rewiring, timing, density=80 / 256, allocation="uniform", rng=0
    )
    record = recorded(sparsifier, net, tmp_path / "x.record", 3)
    before = {name: x.clone() for name, x in net.state_dict().items()}
    followed = network_trajectory(record, net, torch.zeros(1, 16), [0, 1, -1], rng=0)
    assert all((x == before[name]).all() for name, x in net.state_dict().items())
    first, second, last = followed.points
    assert first.p > 0.05
    assert (second.p, second.n_modules) == (0.05, 2)
    assert second.delta > 0.1
    assert last.ami_before == last.ami_last == 1
    assert second.ami_before < 0.5
    masks = record.masks(1)
    a, b = masks["0.weight"].astype(float), masks["2.weight"].astype(float)
    assert 10**second.log10_paths == pytest.approx((b @ a).sum())
    live = (a.sum(axis=1) > 0) & (b.sum(axis=0) > 0)
    assert second.live_hidden == live.mean()
    assert followed.table()["density"].tolist() == [80 / 256] * 3


def test_a_net_without_a_path_is_followed_too(tmp_path: Path) -> None:
    net = initial_net(MLP((8, 16, 4)), rng=1)
    record = recorded(dynamic.static(net, density=0.0, rng=0), net, tmp_path / "x.record", 0)
    (point,) = network_trajectory(record, net, torch.zeros(1, 8), [0], rng=0).points
    assert point.log10_paths == -np.inf
    assert (point.live_hidden, point.density) == (0, 0)
