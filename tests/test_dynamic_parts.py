"""Parts of sparse training against their definitions, and methods against plain loops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn, optim

from netsculpt.core.errors import FormatError, NumberError
from netsculpt.nets.families import MLP, initial_net
from netsculpt.training import dynamic
from netsculpt.training.dynamic import (
    Entries,
    Highest,
    Lowest,
    Rewiring,
    Sampled,
    Sparsifier,
    Timing,
    births,
    budgets,
    candidates,
    drops,
    fractions,
    grows,
    states,
)
from netsculpt.training.dynamic.choosing import signs, truncated, uniformly
from netsculpt.training.dynamic.selection import drawn, highest, lowest
from netsculpt.training.pruning.allocations import erk


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def net_of(*sizes: int) -> nn.Module:
    return initial_net(MLP(sizes), rng=0)


def places(mask: Tensor) -> set[int]:
    return set(mask.reshape(-1).nonzero().squeeze(1).tolist())


@pytest.mark.parametrize(
    ("n", "share", "expected"),
    [
        (10, 0.3, 3),
        (100, 0.29, 29),  # in double precision 28.999999999999996
        (100, 0.07, 7),
        (2**24 + 3, 1.0, 2**24 + 3),  # in single precision 2^24 + 4
        (5, 0.0, 0),
    ],
)
def test_counts_are_truncated_in_single_precision(n: int, share: float, expected: int) -> None:
    assert truncated(n, share) == expected


@pytest.mark.parametrize("size", [7, 1000, (1 << 20) + 5])
def test_selection_against_sorting(size: int) -> None:
    scores = torch.randn(size, generator=seeded(0))
    order = scores.argsort()
    for n in (0, 1, 5, size // 20, size // 2, size - 1, size):
        assert torch.equal(highest(scores, n), order[size - n :].sort().values)
        assert torch.equal(lowest(scores, n), order[:n].sort().values)


def test_selection_among_equals_in_a_large_tensor() -> None:
    scores = torch.zeros(1 << 20)
    scores[::3] = 1
    n_ones = len(scores[::3])
    chosen = highest(scores, 1000, generator=seeded(0))
    assert len(chosen) == 1000
    assert (scores[chosen] == 1).all()
    assert int((chosen < len(scores) // 2).sum()) == pytest.approx(500, abs=5 * 16)
    chosen = highest(scores, n_ones + 10, generator=seeded(0))
    assert int(scores[chosen].sum()) == n_ones


@pytest.mark.parametrize("n", [0, 1, 10, 40, 99, 100])
def test_draws_have_no_duplicates(n: int) -> None:
    found = drawn(100, n, generator=seeded(n))
    assert len(set(found.tolist())) == n
    assert found.tolist() == sorted(found.tolist())
    assert all(0 <= x < 100 for x in found.tolist())


def test_draws_are_uniform() -> None:
    counts = np.zeros(50)
    for seed in range(2000):
        counts[drawn(50, 5, generator=seeded(seed)).numpy()] += 1
    assert np.abs(counts - 200).max() < 5 * np.sqrt(200 * 0.9)


def test_timing() -> None:
    assert [s for s in range(20) if Timing(3, 12, 3).due(s)] == [3, 6, 9, 12]
    assert [s for s in range(20) if Timing(3, 11, 3).due(s)] == [3, 6, 9]
    assert [s for s in range(20) if Timing(0, 9, 1, at=(2, 9)).due(s)] == [2, 9]
    assert [s for s in range(20) if Timing(0, 9, 1, at=()).due(s)] == []
    assert [Timing(2, 6, 1).progress(s) for s in (0, 2, 3, 6, 9)] == [0, 0, 0.25, 1, 1]
    for wrong in ((-1, 5, 1), (0, 5, 0), (6, 5, 1), (0, 5, 1.5)):
        with pytest.raises(NumberError):
            Timing(*wrong)


def test_shares_out_of_range_are_refused_at_once() -> None:
    net = net_of(12, 16, 4)
    with pytest.raises(NumberError, match=r"fraction is 1\.5"):
        dynamic.rigl(net, density=0.3, end=10, fraction=1.5)
    with pytest.raises(NumberError, match=r"density is 1\.5"):
        dynamic.ac_dc(net, density=1.5, phases=(1,))
    with pytest.raises(NumberError, match=r"density is -0\.1"):
        dynamic.set(net, density=-0.1, end=10)
    with pytest.raises(NumberError, match=r"density is 2\.0"):
        dynamic.gmp(net, density=0.1, end=10, start=2.0)


def test_dead_weights_go_before_those_of_either_sign() -> None:
    weight = torch.tensor([0.1, 0.2, 0.3, 0.4, -0.1, -0.2, -0.3, -0.4, 0, 0, 0, 0])
    entries = Entries("w", weight, torch.ones(12) > 0, generator=seeded(0))
    drop = Lowest(drops.magnitude, within=signs)
    assert set(drop(entries, 0.25).tolist()) < {8, 9, 10, 11}  # one of each of the groups
    assert set(drop(entries, 0.5).tolist()) == {8, 9, 10, 11, 0, 4}
    assert drop(entries, 1.0).tolist() == list(range(12))
    assert drop(replace(entries, kept=weight > 9), 0.5).tolist() == []


def test_growth_reads_candidates_only() -> None:
    entries = Entries("w", torch.zeros(4), torch.zeros(4) > 0)
    allowed = torch.tensor([False, True, True, False])

    def whole(entries: Entries) -> Tensor:
        return torch.tensor([9, 1, 2, 8])

    def worthless(entries: Entries) -> Tensor:
        return torch.tensor([9.0, -torch.inf, -torch.inf, torch.nan])

    assert Highest(whole)(entries, allowed, 1).tolist() == [2]
    for score in (whole, worthless):
        assert Highest(score)(entries, allowed, 2).tolist() == [1, 2]


def test_sampled_drop_prefers_small_weights_and_takes_dead_ones_first() -> None:
    weight = torch.tensor([0.0, 1.0, 2.0, 4.0])
    kept, counts = torch.ones(4) > 0, np.zeros(4)
    for seed in range(3000):
        entries = Entries("w", weight, kept, generator=seeded(seed))
        gone = Sampled(drops.magnitude)(entries, 0.5)
        assert 0 in gone.tolist()
        counts[gone.numpy()] += 1
    # The one that goes besides is the last of the three: drawn without replacement, odds 1 2 4.
    odds = {1: 1.0, 2: 2.0, 3: 4.0}
    for last in odds:
        first, second = (x for x in odds if x != last)
        chance = odds[first] / 7 * odds[second] / (7 - odds[first])
        chance += odds[second] / 7 * odds[first] / (7 - odds[second])
        assert counts[last] / 3000 == pytest.approx(chance, abs=5 * 0.5 / 3000**0.5)


def test_the_first_new_weights() -> None:
    weight = torch.zeros(20, 50)
    entries = Entries("w", weight, weight > 0, torch.ones(20, 50), generator=seeded(0))
    everywhere = torch.arange(1000)
    drawn_values = births.normal(entries, everywhere)
    assert float(drawn_values.std()) == pytest.approx(0.1, rel=0.1)
    first = births.initial(entries, everywhere)
    assert float(first.abs().max()) <= 50**-0.5
    assert float(first.std()) == pytest.approx((50 * 3) ** -0.5, rel=0.1)
    assert float(births.downhill(entries, everywhere, rate=0.5).sum()) == -500


def permuted(entries: Entries, rows: Tensor, columns: Tensor) -> Entries:
    def moved(x: Tensor | None) -> Tensor:
        assert x is not None
        return x[rows][:, columns]

    return replace(
        entries,
        weight=moved(entries.weight),
        kept=moved(entries.kept),
        gradient=moved(entries.gradient),
    )


@pytest.mark.parametrize("score", [drops.magnitude, drops.mest, drops.taylor])
def test_permuting_units_permutes_the_mask(score: Callable[[Entries], Tensor]) -> None:
    generator = seeded(0)
    kept = torch.rand(8, 12, generator=generator) < 0.4
    weight = torch.randn(8, 12, generator=generator) * kept
    gradient = torch.randn(8, 12, generator=generator)
    rows, columns = torch.randperm(8, generator=generator), torch.randperm(12, generator=generator)

    def updated(entries: Entries) -> Tensor:
        mask = entries.kept.clone()
        mask.view(-1)[Lowest(score)(entries, 0.3)] = False
        n = entries.n_kept - int(mask.sum())
        mask.view(-1)[Highest(grows.gradient)(entries, ~mask, n)] = True
        return mask

    entries = Entries("w", weight, kept, gradient)
    assert torch.equal(
        updated(permuted(entries, rows, columns)), updated(entries)[rows][:, columns]
    )


def test_equals_are_permuted_in_distribution() -> None:
    """With exact ties each unit loses as many weights on average, wherever it stands."""
    kept = torch.ones(4, 10) > 0
    gone = np.zeros(4)
    for seed in range(500):
        entries = Entries("w", torch.ones(4, 10), kept, generator=seeded(seed))
        chosen = Lowest(drops.magnitude)(entries, 0.25).numpy()
        gone += np.bincount(chosen // 10, minlength=4)
    assert np.abs(gone - 1250).max() < 5 * np.sqrt(500 * 10 * 0.25 * 0.75)


def test_expected_share_of_weights_ever_active() -> None:
    """Random growth at density .05 with the cosine from .3: .57 after 100, .997 after 750."""
    expected = {100: 0.57, 750: 0.997}
    for n_updates, share in expected.items():
        layer = nn.Linear(200, 100, bias=False)
        rewiring = Rewiring(
            partial(fractions.cosine, share=0.3), Lowest(drops.magnitude), uniformly
        )
        timing = Timing(0, n_updates - 1, 1, instead=True)
        sparsifier = Sparsifier(layer, rewiring, timing, density=0.05, rng=0)
        optimizer = optim.SGD(layer.parameters(), 0.1)
        missing = 0.95
        for number in range(2 * n_updates):
            layer.weight.grad = torch.ones_like(layer.weight)
            sparsifier.step(optimizer)
            if number % 2 == 0:
                f = fractions.cosine(sparsifier.timing.progress(number // 2), share=0.3)
                missing *= 1 - 0.05 * f / (1 - 0.05 * (1 - f))
        assert sparsifier.n_updates == n_updates
        assert 1 - missing == pytest.approx(share, abs=0.006)
        assert sparsifier.ever_active == pytest.approx(share, abs=0.012)


def stepping(net: nn.Module, sparsifier: Sparsifier | None, optimizer: optim.Optimizer) -> None:
    """Forty steps with gradients drawn at random; without a sparsifier plainly."""
    generator = seeded(5)
    for _ in range(40):
        for parameter in net.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        if sparsifier is None:
            optimizer.step()
        else:
            sparsifier.step(optimizer)


def test_magnitude_each_step_against_a_plain_loop() -> None:
    net, plain = net_of(12, 16, 4), net_of(12, 16, 4)
    sparsifier = dynamic.magnitude_each_step(net, density=0.25, end=20, rng=0)
    stepping(net, sparsifier, optim.AdamW(net.parameters(), 0.01))
    optimizer = optim.AdamW(plain.parameters(), 0.01)
    generator, kept = seeded(5), dict[str, Tensor]()
    for number in range(1, 41):
        for parameter in plain.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        optimizer.step()
        density = 1 - 0.75 * min(number / 10, 1)
        total = round(density * 256)
        with torch.no_grad():
            for name, parameter in plain.named_parameters():
                if parameter.ndim == 2 and number <= 20:
                    n = round(total * parameter.numel() / 256)
                    flat = parameter.view(-1)
                    flat[flat.abs().argsort()[: len(flat) - n]] = 0
                elif parameter.ndim == 2:  # no updates any more: the mask stays
                    parameter[~kept[name]] = 0
        if number == 20:
            kept = {name: x != 0 for name, x in plain.named_parameters()}
    assert sparsifier.n_kept == {"fc1.weight": 48, "fc2.weight": 16}
    for one, other in zip(net.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_granet_against_a_plain_loop() -> None:
    net = net_of(12, 16, 4)
    sparsifier = dynamic.granet(net, density=0.2, start=0.8, end=12, every=4, fraction=0.4, rng=0)
    masks = {name: x.clone() for name, x in sparsifier.masks.items()}
    weights = {name: net.get_parameter(name).detach().clone() for name in masks}
    generator, optimizer = seeded(5), optim.SGD(net.parameters(), 0.05)
    for number in range(1, 17):
        gradients = {}
        for name, parameter in net.named_parameters():
            parameter.grad = torch.randn(parameter.shape, generator=generator)
            gradients[name] = parameter.grad.clone()
        sparsifier.step(optimizer)
        for name, mask in masks.items():
            weights[name] -= 0.05 * gradients[name] * mask
        if number % 4 == 0 and number <= 12:
            x = number / 12
            total = round((0.2 + 0.6 * (1 - x) ** 3) * 256)
            sizes = torch.cat([weights[name][mask].abs() for name, mask in masks.items()])
            least = sizes.sort(descending=True).values[total - 1]
            share = 0.2 * (1 + np.cos(np.pi * x))
            for name, mask in masks.items():
                mask.logical_and_(weights[name].abs() >= least)
                n_gone = truncated(int(mask.sum()), share)
                order = torch.where(mask, weights[name].abs(), torch.inf).view(-1).argsort()
                mask.view(-1)[order[:n_gone]] = False
                order = torch.where(mask, -1.0, gradients[name].abs()).view(-1).argsort()
                mask.view(-1)[order[len(order) - n_gone :]] = True
                weights[name] *= mask
            assert sum(sparsifier.n_kept.values()) == total
        for name, mask in masks.items():
            assert torch.equal(sparsifier.masks[name], mask), (number, name)
            torch.testing.assert_close(net.get_parameter(name).detach(), weights[name])


def test_rigl_against_a_plain_loop() -> None:
    """Two layers, SGD with momentum and decay; an update takes the batch and no step."""
    net = net_of(12, 16, 4).double()
    sparsifier = dynamic.rigl(net, density=0.3, end=8, every=4, rng=0)
    masks = {name: x.clone() for name, x in sparsifier.masks.items()}
    weights = {name: net.get_parameter(name).detach().clone() for name in masks}
    momenta = {name: torch.zeros_like(x) for name, x in weights.items()}
    optimizer = optim.SGD(net.parameters(), 0.05, momentum=0.9, weight_decay=0.01)
    generator, done, last = seeded(7), 0, -1
    for _ in range(16):
        gradients = {}
        for name, parameter in net.named_parameters():
            parameter.grad = torch.randn(parameter.shape, generator=generator, dtype=torch.double)
            gradients[name] = parameter.grad.clone()
        sparsifier.step(optimizer)
        is_update = done % 4 == 0 and done <= 8 and last != done
        for name, mask in masks.items():
            if not is_update:
                momenta[name] = (
                    0.9 * momenta[name] + (gradients[name] + 0.01 * weights[name]) * mask
                )
                weights[name] = (weights[name] - 0.05 * momenta[name]) * mask
                continue
            before, n = mask.clone(), int(mask.sum())
            n_gone = truncated(n, 0.15 * (1 + np.cos(np.pi * done / 8)))
            order = torch.where(mask, weights[name].abs(), torch.inf).view(-1).argsort()
            mask.view(-1)[order[:n_gone]] = False
            order = torch.where(mask, -1.0, gradients[name].abs()).view(-1).argsort()
            mask.view(-1)[order[len(order) - n_gone :]] = True
            momenta[name][mask & ~before] = 0
            weights[name] *= mask & before
        last, done = (done, done) if is_update else (last, done + 1)
        for name, mask in masks.items():
            assert torch.equal(sparsifier.masks[name], mask)
            torch.testing.assert_close(net.get_parameter(name).detach(), weights[name])
    assert (sparsifier.n_steps, sparsifier.n_updates) == (13, 3)


def test_accumulated_gradients_do_not_change_when_masks_change() -> None:
    seen = []
    for n_parts in (1, 4):
        net = net_of(12, 16, 4).double()
        optimizer = optim.SGD(net.parameters(), 0.05)
        sparsifier = dynamic.rigl(net, density=0.3, end=9, every=3, rng=0)
        generator = seeded(0)
        for _ in range(16):
            inputs = torch.randn(16, 12, generator=generator, dtype=torch.double)
            net.zero_grad()
            for part in inputs.chunk(n_parts):
                (net(part).square().mean() / n_parts).backward()
            sparsifier.step(optimizer)
        seen.append((sparsifier.n_steps, sparsifier.n_updates, sparsifier.masks))
    assert seen[0][:2] == seen[1][:2] == (12, 4)
    for name, mask in seen[0][2].items():
        assert torch.equal(mask, seen[1][2][name])


def test_two_compressions_without_training_are_the_same() -> None:
    net = net_of(12, 16, 4)
    optimizer = optim.SGD(net.parameters(), 0.0)
    sparsifier = dynamic.ac_dc(net, density=0.2, phases=(1, 2, 3), rng=0)
    kept = []
    for number in range(1, 4):
        for parameter in net.parameters():
            parameter.grad = torch.zeros_like(parameter)
        sparsifier.step(optimizer)
        if number != 2:
            kept.append({name: x.clone() for name, x in sparsifier.masks.items()})
    assert sum(int(x.sum()) for x in kept[0].values()) == round(0.2 * 256)
    for name, mask in kept[0].items():
        assert torch.equal(mask, kept[1][name])


@pytest.mark.parametrize(
    ("n", "density", "expected"), [(10, 0.2, 2), (100, 0.1, 10), (1000, 0.02, 20)]
)
def test_compressions_keep_the_exact_count(n: int, density: float, expected: int) -> None:
    """The published threshold keeps 1, 9 and 20 of them."""
    layer = nn.Linear(n, 1, bias=False)
    sparsifier = dynamic.ac_dc(layer, density=density, phases=(1,), rng=0)
    layer.weight.grad = torch.zeros(1, n)
    sizes = layer.weight.detach().abs().reshape(-1)
    sparsifier.step(optim.SGD(layer.parameters(), 0.1))
    assert places(sparsifier.masks["weight"]) == set(sizes.topk(expected).indices.tolist())


def test_own_parts_and_their_description() -> None:
    def own(entries: Entries) -> Tensor:
        return entries.weight.abs()

    rewiring = Rewiring(
        partial(fractions.power, share=0.5, exponent=3.0),
        Sampled(own, temperature=0.5),
        Highest(partial(grows.history, decay=0.5)),
        candidates.not_active,
        birth=partial(births.normal, deviation=0.01),
        state=states.zero,
    )
    net = net_of(12, 16, 4)
    sparsifier = Sparsifier(
        net, rewiring, Timing(0, 10, 2), density=0.3, allocation=partial(erk), rng=0
    )
    about = sparsifier.about()
    assert about["drop"] == {"function": "Sampled", "score": "own", "temperature": 0.5}
    assert about["grow"]["score"] == {"function": "history", "decay": 0.5}
    assert about["allocation"] == {"function": "erk"}
    stepping(net, sparsifier, optim.Adam(net.parameters(), 0.01))
    assert sum(sparsifier.n_kept.values()) == round(0.3 * 256)
    with pytest.raises(FormatError, match="another"):
        dynamic.rigl(net_of(12, 16, 4), density=0.3, end=10).load_state_dict(
            sparsifier.state_dict()
        )


def test_mest_with_a_soft_bound_falls_in_steps() -> None:
    budget = partial(budgets.stairs, edges=(0.0, 0.6, 0.8), densities=(0.5, 0.4, 0.3))
    assert [budget(x) for x in (0.0, 0.59, 0.6, 0.79, 0.8, 1.0)] == [0.5, 0.5, 0.4, 0.4, 0.3, 0.3]
    net = net_of(12, 16, 4)
    sparsifier = dynamic.mest(net, density=0.3, start=0.5, end=10, every=1, rng=0)
    counts = []
    sparsifier.on_update(lambda x: counts.append(sum(x.n_kept.values())))
    stepping(net, sparsifier, optim.SGD(net.parameters(), 0.05))
    steps = [round(256 * budget(x / 10)) for x in range(1, 11)]
    assert counts == steps


def test_snfs_shares_what_was_dropped_by_momentum() -> None:
    """The layer whose kept weights have three times the mean momentum gets three quarters."""
    net = nn.Sequential(nn.Linear(40, 10, bias=False), nn.Linear(10, 40, bias=False))
    sparsifier = dynamic.snfs(net, density=0.2, end=1, every=1, fraction=1.0, allocation="uniform")
    sparsifier.rewiring = replace(
        sparsifier.rewiring, fraction=partial(fractions.constant, share=0.5)
    )
    for number, parameter in enumerate(net.parameters()):
        parameter.grad = torch.full_like(parameter, 1.0 + 2 * number)
    sparsifier.step(optim.SGD(net.parameters(), 1e-6, momentum=0.9))
    assert list(sparsifier.n_kept.values()) == [40 + 20, 40 + 60]
