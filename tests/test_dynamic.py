"""Sparse training: golden values, and what holds for every method."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn, optim

from netsculpt.core.errors import FormatError, LimitError
from netsculpt.nets.families import MLP, initial_net
from netsculpt.nets.masks import mask_net
from netsculpt.training import dynamic
from netsculpt.training.dynamic import (
    Entries,
    Highest,
    Lowest,
    Rewiring,
    Sparsifier,
    Timing,
    budgets,
    candidates,
    drops,
    fractions,
    grows,
    states,
)
from netsculpt.training.dynamic.choosing import signs, uniformly

# A layer of 4 units with 5 inputs, 10 weights kept, and its dense gradient.
W = torch.tensor(
    [[0.9, 0, -0.1, 0, 0], [0, 0.3, 0.7, 0, -0.8], [-0.2, 0, 0, 0.6, 0], [0, -0.5, 0, 0.05, 0.4]]
)
G = torch.tensor(
    [
        [0.01, 0.30, 0.02, -0.70, 0.10],
        [0.40, -0.03, 0.05, -0.20, 0.06],
        [0.02, 0.15, -0.60, 0.01, 0.25],
        [-0.35, 0.04, 0.12, 0.95, 0.03],
    ]
)
KEPT = W != 0
COSINE = partial(fractions.cosine, share=0.3)


def cells(indices: Tensor) -> set[tuple[int, int]]:
    return {divmod(int(i), 5) for i in indices}


def rows(mask: Tensor) -> str:
    return " ".join("".join(str(int(x)) for x in row) for row in mask)


class Layer(nn.Module):
    """The layer above; its loss has the gradient G whatever the weights are."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(5, 4, bias=False)
        with torch.no_grad():
            self.fc.weight.copy_(W)
        mask_net(self, {"fc.weight": KEPT.clone()})

    def backward(self, gradient: Tensor = G) -> None:
        self.fc.weight.grad = gradient.clone()


def rewired(rewiring: Rewiring, *, momentum: float = 0.9) -> tuple[Layer, optim.SGD, Sparsifier]:
    """One update of the layer in place of a step."""
    net = Layer()
    optimizer = optim.SGD(net.parameters(), 0.1, momentum=momentum)
    sparsifier = Sparsifier(net, rewiring, Timing(1, 1, 1, instead=True), density=None, rng=0)
    net.backward(torch.ones(4, 5))
    sparsifier.step(optimizer)
    with torch.no_grad():
        net.fc.weight.copy_(W)
    net.backward()
    sparsifier.step(optimizer)
    return net, optimizer, sparsifier


def share(value: float) -> Callable[[float], float]:
    return partial(fractions.constant, share=value)


@pytest.mark.parametrize(
    ("drop", "allowed", "fraction", "mask"),
    [
        (drops.magnitude, candidates.not_kept, 0.2, "10010 01101 10010 01011"),
        (drops.magnitude, candidates.not_active, 0.2, "10010 01101 10110 01001"),
        (drops.mest, candidates.not_kept, 0.2, "10010 01101 10010 01011"),
        (
            partial(drops.mest, strength=1.0),
            candidates.not_kept,
            0.2,
            "10010 01101 00110 01011",
        ),
        (drops.taylor, candidates.not_kept, 0.2, "10010 01101 00110 01011"),
        (drops.magnitude, candidates.not_kept, 0.3, "10010 01101 00110 01011"),
    ],
    ids=["rigl", "strict", "mest .01", "mest 1", "taylor", "three"],
)
def test_golden_update(
    drop: Callable[[Entries], Tensor],
    allowed: Callable[[Tensor, Tensor], Tensor],
    fraction: float,
    mask: str,
) -> None:
    rewiring = Rewiring(share(fraction), Lowest(drop), Highest(grows.gradient), allowed)
    net, _, sparsifier = rewired(rewiring)
    assert rows(sparsifier.masks["fc.weight"]) == mask
    assert int(sparsifier.masks["fc.weight"].sum()) == 10
    assert (net.fc.weight[~sparsifier.masks["fc.weight"]] == 0).all()


def test_a_returner_keeps_value_and_momentum() -> None:
    rewiring = Rewiring(share(0.2), Lowest(drops.magnitude), Highest(grows.gradient))
    net, optimizer, _ = rewired(rewiring)
    buffer = optimizer.state[net.fc.weight]["momentum_buffer"]
    weight = net.fc.weight.detach()
    assert float(weight[3, 3]) == pytest.approx(0.05)
    assert float(buffer[3, 3]) == 1  # from the step before
    assert float(weight[0, 3]) == 0
    assert float(buffer[0, 3]) == 0


def test_set_drops_exactly_a_share_of_each_sign() -> None:
    entries = Entries("w", W, KEPT)
    assert cells(Lowest(drops.magnitude, within=signs)(entries, 0.3)) == {(0, 2), (3, 3)}
    # The published rule with strict limits takes more of the same ten weights.
    values = np.sort(W[KEPT].numpy())
    nearest = int(np.argmin(np.abs(values)))
    n, last = len(values), len(values) - int(np.argmin(np.abs(values[::-1])))
    low = values[int((1 - 0.3) * nearest)]
    high = values[int(last + 0.3 * (n - last))]
    gone = (low <= W) & (high >= W) & KEPT
    assert cells(gone.reshape(-1).nonzero()) == {(0, 2), (1, 1), (2, 0), (3, 3), (3, 4)}


def test_cosine() -> None:
    golden = [0.3, 0.2927, 0.2714, 0.2382, 0.1964, 0.15, 0.1036, 0.0618, 0.0286, 0.0073, 0]
    assert [round(COSINE(x / 10), 4) for x in range(11)] == golden


def test_cubic_budget_of_granet() -> None:
    golden = [0.5, 0.6084, 0.6952, 0.7628, 0.8136, 0.85, 0.8744, 0.8892, 0.8968, 0.8996, 0.9]
    found = [1 - budgets.cubic(x / 10, density=0.1, start=0.5) for x in range(11)]
    assert [round(x, 4) for x in found] == golden


def test_timing_of_rigl() -> None:
    net = Layer()
    optimizer = optim.SGD(net.parameters(), 0.1)
    sparsifier = dynamic.rigl(net, density=None, end=4, every=2, rng=0)
    seen: list[tuple[int, int]] = []
    sparsifier.on_update(lambda x: seen.append((x.number, x.step)))
    for _ in range(10):
        net.backward()
        sparsifier.step(optimizer)
    assert seen == [(1, 0), (2, 2), (3, 4)]  # the first before any step, the end included
    assert sparsifier.n_steps == 7  # of ten batches three only told where to grow


def test_timing_of_set() -> None:
    net = Layer()
    optimizer = optim.SGD(net.parameters(), 0.1)
    sparsifier = dynamic.set(net, density=None, end=4, every=2, rng=0)
    seen: list[int] = []
    sparsifier.on_update(lambda x: seen.append(x.step))
    for _ in range(10):
        net.backward()
        sparsifier.step(optimizer)
    assert seen == [2, 4]
    assert sparsifier.n_steps == 10


METHODS: dict[str, Callable[[nn.Module], Sparsifier]] = {
    "static": partial(dynamic.static, density=0.3, rng=0),
    "rigl": partial(dynamic.rigl, density=0.3, end=30, every=3, rng=0),
    "set": partial(dynamic.set, density=0.3, end=30, every=3, rng=0),
    "itop": partial(dynamic.itop, density=0.3, end=30, every=3, rng=0),
    "snfs": partial(dynamic.snfs, density=0.3, begin=2, end=30, every=3, rng=0),
    "mest": partial(dynamic.mest, density=0.3, end=30, every=3, start=0.5, rng=0),
    "granet": partial(dynamic.granet, density=0.3, end=30, every=3, rng=0),
    "gmp": partial(dynamic.gmp, density=0.3, end=30, every=3, rng=0),
    "ac_dc": partial(dynamic.ac_dc, density=0.3, phases=(6, 12, 18, 24, 30), rng=0),
    "deep_r": partial(dynamic.deep_r, density=0.3, end=30, temperature=1e-4, rng=0),
    "top_kast": partial(dynamic.top_kast, density=0.3, end=30, every=3, rng=0),
    "magnitude_each_step": partial(dynamic.magnitude_each_step, density=0.3, end=30, rng=0),
}


def learning(net: nn.Module, seed: int = 0) -> Callable[[], None]:
    """One backward pass of a small regression."""
    generator = torch.Generator().manual_seed(seed)

    def backward() -> None:
        inputs = torch.randn(16, 12, generator=generator)
        net.zero_grad()
        (net(inputs) - inputs[:, :4].abs()).square().mean().backward()

    return backward


@pytest.mark.parametrize("name", METHODS)
def test_counts_are_exact(name: str) -> None:
    net = initial_net(MLP((12, 16, 4)), rng=0)
    optimizer = optim.Adam(net.parameters(), 0.01, weight_decay=0.01)
    sparsifier = METHODS[name](net)
    total, backward = sparsifier.n_weights, learning(net)
    budget = sparsifier.rewiring.budget
    before: list[float] = [sparsifier.ever_active]
    counts: list[int] = []
    sparsifier.on_update(lambda x: counts.append(sum(x.n_kept.values())))
    for _ in range(45):
        backward()
        sparsifier.step(optimizer)
        expected = total * (0.3 if budget is None else 0)
        n_kept = sum(sparsifier.n_kept.values())
        if budget is None:
            assert n_kept == round(expected)
        for parameter_name, mask in sparsifier.masks.items():
            parameter = net.get_parameter(parameter_name)
            assert (parameter[~mask] == 0).all()
        before.append(sparsifier.ever_active)
    assert before == sorted(before)
    assert min(before) >= 0.3 - 1 / total
    assert sum(sparsifier.n_kept.values()) == round(0.3 * total)
    assert sparsifier.at_final_density
    assert (len(counts) > 0) == (name != "static")
    if name == "static":
        assert len(set(before)) == 1


@pytest.mark.parametrize("name", METHODS)
def test_resumes_to_the_same_bits_after_any_step(name: str) -> None:
    def begun() -> tuple[nn.Module, optim.Optimizer, Sparsifier]:
        net = initial_net(MLP((12, 16, 4)), rng=0)
        optimizer = optim.Adam(net.parameters(), 0.01)
        return net, optimizer, METHODS[name](net)

    net, optimizer, sparsifier = begun()
    backward = learning(net)
    states_after = []
    for _ in range(36):
        backward()
        sparsifier.step(optimizer)
        states_after.append(
            copy.deepcopy((net.state_dict(), optimizer.state_dict(), sparsifier.state_dict()))
        )
    for stop in (1, 7, 13, 22):
        again, other, resumed = begun()
        state = states_after[stop - 1]
        again.load_state_dict(state[0])
        other.load_state_dict(state[1])
        resumed.load_state_dict(state[2])
        repeat = learning(again)
        for number in range(36):
            repeat()
            if number >= stop:
                resumed.step(other)
        for key, value in net.state_dict().items():
            assert torch.equal(again.state_dict()[key], value), (stop, key)
        assert resumed.ever_active == sparsifier.ever_active


@pytest.mark.parametrize("n", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_thousands_of_updates_keep_the_count(n: int) -> None:
    net = Layer()
    optimizer = optim.SGD(net.parameters(), 0.0)
    sparsifier = dynamic.set(net, density=None, end=n, every=1, rng=0)
    net.backward()
    for _ in range(n):
        sparsifier.step(optimizer)
    assert sparsifier.n_updates == n
    assert sparsifier.n_kept == {"fc.weight": 10}
    assert sparsifier.ever_active == 1


def test_without_a_fraction_nothing_changes() -> None:
    net, optimizer, sparsifier = rewired(
        Rewiring(share(0.0), Lowest(drops.magnitude), Highest(grows.gradient))
    )
    assert torch.equal(sparsifier.masks["fc.weight"], KEPT)
    assert torch.equal(net.fc.weight, W)
    assert (optimizer.state[net.fc.weight]["momentum_buffer"][KEPT] == 1).all()


def test_all_exchanged_is_the_largest_gradients() -> None:
    net = Layer()
    optimizer = optim.SGD(net.parameters(), 0.0)
    sparsifier = dynamic.rigl(net, density=None, end=1, fraction=1.0, rng=0)
    net.backward()
    sparsifier.step(optimizer)
    largest = G.abs().reshape(-1).topk(10).indices
    assert set(sparsifier.masks["fc.weight"].reshape(-1).nonzero().squeeze(1).tolist()) == set(
        largest.tolist()
    )


def test_growth_by_the_first_weights_is_magnitude_pruning() -> None:
    first = torch.randn(8, 9, generator=torch.Generator().manual_seed(1))
    kept = torch.rand(8, 9, generator=torch.Generator().manual_seed(2)) < 0.25
    layers = {"w": Entries("w", first * kept, kept.clone(), gradient=first.abs())}
    for _ in range(40):
        x = layers["w"]
        gone = Lowest(drops.magnitude)(x, 0.3)
        x.kept.view(-1)[gone] = False
        x.kept.view(-1)[Highest(grows.gradient)(x, ~x.kept, len(gone))] = True
        layers["w"] = Entries("w", first * x.kept, x.kept, gradient=first.abs())
    n = int(kept.sum())
    expected = torch.zeros(72, dtype=torch.bool)
    expected[first.abs().reshape(-1).topk(n).indices] = True
    assert torch.equal(layers["w"].kept.reshape(-1), expected)


@pytest.mark.parametrize(
    ("allowed", "returned"), [(candidates.not_kept, 3), (candidates.not_active, 0)]
)
def test_candidates(allowed: Callable[[Tensor, Tensor], Tensor], returned: int) -> None:
    gradient = torch.where(KEPT, 1e6, 0.1) * (1 + torch.arange(20.0).view(4, 5) / 100)
    net = Layer()
    rewiring = Rewiring(share(0.3), Lowest(drops.magnitude), Highest(grows.gradient), allowed)
    sparsifier = Sparsifier(net, rewiring, Timing(0, 0, 1, instead=True), density=None, rng=0)
    net.backward(gradient)
    sparsifier.step(optim.SGD(net.parameters(), 0.1))
    assert 10 - int((sparsifier.masks["fc.weight"] & KEPT).sum()) == 3 - returned


def test_dead_weights_go_first_and_pruned_ones_never_stay() -> None:
    weight = torch.linspace(0.1, 1, 200).view(10, 20).clone()
    kept = torch.zeros(200, dtype=torch.bool)
    kept[:100] = True
    weight.view(-1)[:50] = 0  # half of the kept ones are exactly 0
    weight.view(-1)[100:] = 9  # stale values outside
    entries = Entries("w", weight, kept.view(10, 20))
    for score in (drops.magnitude, partial(drops.mest, strength=5.0), drops.taylor):
        seen = Entries("w", weight, kept.view(10, 20), gradient=torch.ones(10, 20) * 100)
        gone = Lowest(score)(seen, 0.3)
        assert len(gone) == 30
        assert int(gone.max()) < 50
    gone = Lowest(drops.magnitude)(entries, 0.7)
    assert set(range(50)) <= set(gone.tolist()) <= set(range(100))


def test_equals_are_chosen_by_lot_wherever_they_stand() -> None:
    equal = Entries("w", torch.ones(6), torch.ones(6) > 0)
    counts = np.zeros(6)
    for seed in range(600):
        seen = Entries("w", equal.weight, equal.kept, generator=torch.Generator().manual_seed(seed))
        counts[Lowest(drops.magnitude)(seen, 0.5).numpy()] += 1
    assert np.abs(counts - 300).max() < 5 * math.sqrt(150)


def test_random_growth_takes_every_candidate_as_often() -> None:
    counts = np.zeros(20)
    for seed in range(800):
        entries = Entries("w", W, KEPT, generator=torch.Generator().manual_seed(seed))
        chosen = uniformly(entries, ~KEPT, 2)
        assert len(set(chosen.tolist())) == 2
        counts[chosen.numpy()] += 1
    assert (counts[KEPT.reshape(-1).numpy()] == 0).all()
    assert np.abs(counts[~KEPT.reshape(-1).numpy()] - 160).max() < 5 * math.sqrt(160)


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("kind", [optim.Adam, optim.AdamW])
def test_fresh_weights_step_by_the_learning_rate(
    kind: type[optim.Adam], weight_decay: float
) -> None:
    """A weight that comes late moves as in a new optimizer; as published, 3 to 7 times as far."""
    gradient = torch.ones(4, 5)
    rewiring = Rewiring(share(0.2), Lowest(drops.magnitude), Highest(grows.gradient))
    late = 3000

    def steps(state: states.NewState, count: int) -> list[float]:
        net = Layer()
        optimizer = kind(net.parameters(), 1e-3, weight_decay=weight_decay)
        from dataclasses import replace

        timing = Timing(late, late, 1, instead=True)
        sparsifier = Sparsifier(net, replace(rewiring, state=state), timing, density=None, rng=0)
        for _ in range(late):
            net.backward(gradient)
            sparsifier.step(optimizer)
        net.backward(G)
        sparsifier.step(optimizer)
        values = []
        for _ in range(count):
            net.backward(gradient)
            sparsifier.step(optimizer)
            values.append(float(net.fc.weight.detach()[0, 3]))
        return values

    if weight_decay == 0:
        zero = -np.diff([0.0, *steps(states.zero, 12)]) / 1e-3
        expected = [(1 - 0.9**k) / math.sqrt(1 - 0.999**k) for k in range(1, 13)]
        np.testing.assert_allclose(zero, expected, rtol=0.04)  # the count is 3000, not infinite
        np.testing.assert_allclose(-np.diff([0.0, *steps(states.fresh, 12)]) / 1e-3, 1, rtol=1e-4)
    else:
        alone = torch.zeros(1, requires_grad=True)
        optimizer = kind([alone], 1e-3, weight_decay=weight_decay)
        expected = []
        for _ in range(12):
            alone.grad = torch.ones(1)
            optimizer.step()
            expected.append(float(alone.detach()))
        np.testing.assert_allclose(steps(states.fresh, 12), expected, rtol=2e-4)


def test_cold_start_of_adam() -> None:
    golden = {1: 3.162, 2: 4.25, 3: 4.95, 5: 5.80, 10: 6.53, 12: 6.57, 20: 6.24, 50: 4.50}
    weight = torch.zeros(1, requires_grad=True)
    optimizer = optim.Adam([weight], 1.0, eps=0.0)
    weight.grad = torch.ones(1)
    optimizer.step()
    state = optimizer.state[weight]
    state["step"].fill_(10**6)
    state["exp_avg"].zero_()
    state["exp_avg_sq"].zero_()
    before = float(weight.detach())
    for k in range(1, 51):
        optimizer.step()
        moved, before = before - float(weight.detach()), float(weight.detach())
        if k in golden:
            assert moved == pytest.approx(golden[k], abs=6e-3)


def test_ac_dc_compresses_exactly_and_starts_dense_phases_with_the_gradient() -> None:
    net = Layer()
    mask_net(net, {"fc.weight": torch.ones(4, 5, dtype=torch.bool)})
    with torch.no_grad():
        net.fc.weight.copy_(torch.arange(1.0, 21).view(4, 5))
    optimizer = optim.SGD(net.parameters(), 0.1, momentum=0.9)
    sparsifier = dynamic.ac_dc(net, density=0.2, phases=(1, 2, 3), rng=0)
    net.backward()
    sparsifier.step(optimizer)
    assert sparsifier.n_kept == {"fc.weight": 4}
    net.backward()
    sparsifier.step(optimizer)
    assert sparsifier.density == 1
    before = net.fc.weight.detach().clone()
    net.backward()
    sparsifier.step(optimizer)
    kept = sparsifier.masks["fc.weight"]
    assert torch.allclose(net.fc.weight[kept], (before - 0.1 * G)[kept])
    assert int(kept.sum()) == 4


def test_ac_dc_at_full_density_is_plain_training() -> None:
    nets = []
    for sparse in (True, False):
        net = initial_net(MLP((12, 16, 4)), rng=0)
        optimizer = optim.SGD(net.parameters(), 0.1, momentum=0.9, weight_decay=1e-3)
        backward = learning(net)
        sparsifier = dynamic.ac_dc(net, density=1.0, phases=(3, 6, 9)) if sparse else None
        for _ in range(12):
            backward()
            if sparsifier is None:
                optimizer.step()
            else:
                sparsifier.step(optimizer)
        nets.append(net)
    for one, other in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        assert torch.equal(one, other)


def test_equal_weights_are_compressed_to_the_exact_count() -> None:
    net = nn.Linear(10, 1, bias=False)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[0.5] * 5 + [0.1] * 5]))
    optimizer = optim.SGD(net.parameters(), 0.0)
    sparsifier = dynamic.ac_dc(net, density=0.3, phases=(1,), rng=0)
    net.weight.grad = torch.zeros(1, 10)
    sparsifier.step(optimizer)
    assert int(sparsifier.masks["weight"][0, :5].sum()) == 3
    assert int(sparsifier.masks["weight"].sum()) == 3


def test_top_kast_against_its_definition() -> None:
    """Forward with the largest weights A, gradient to A and the next largest B, from any start."""
    net = nn.Linear(6, 5, bias=False)
    theta = net.weight.detach().clone().double()
    optimizer = optim.SGD(net.parameters(), 0.1)
    sparsifier = dynamic.top_kast(net, density=0.4, end=100, every=2, stored=0.2, rng=0)
    kept = sparsifier.masks["weight"].clone()

    def top(values: Tensor, n: int) -> Tensor:
        mask = torch.zeros(30, dtype=torch.bool)
        mask[values.reshape(-1).topk(n).indices] = True
        return mask.view(5, 6)

    learns = kept | top(torch.where(kept, -1.0, theta.abs()), 6)
    for number in range(1, 20):
        gradient = torch.randn(5, 6, generator=torch.Generator().manual_seed(number))
        net.weight.grad = gradient.clone()
        sparsifier.step(optimizer)
        theta -= 0.1 * torch.where(learns, gradient, 0)
        if number % 2 == 0:
            kept = top(theta.abs(), 12)
            learns = kept | top(torch.where(kept, -1.0, theta.abs()), 6)
        assert torch.equal(sparsifier.masks["weight"], kept)
        expected = torch.where(kept, theta, 0).float()
        assert torch.allclose(net.weight.detach(), expected, atol=1e-5)


def test_errors_say_what_to_do() -> None:
    net = Layer()
    optimizer = optim.SGD(net.parameters(), 0.1)
    with pytest.raises(FormatError, match="backward"):
        dynamic.rigl(net, density=None, end=1).step(optimizer)
    with pytest.raises(FormatError, match="pruned already"):
        dynamic.rigl(net, density=0.1, end=1)
    with pytest.raises(FormatError, match="cannot be left dense"):
        dynamic.rigl(net, density=None, end=1, dense=("fc",))
    with pytest.raises(FormatError, match="odd number"):
        dynamic.ac_dc(net, density=0.1, phases=(1, 2))
    net.backward(torch.full((4, 5), torch.nan))
    with pytest.raises(LimitError, match="not finite"):
        dynamic.rigl(net, density=None, end=1).step(optimizer)
    state = dynamic.rigl(net, density=None, end=1).state_dict()
    with pytest.raises(FormatError, match="update_end"):
        dynamic.rigl(net, density=None, end=2).load_state_dict(state)


def test_about_is_json() -> None:
    import json

    for make in METHODS.values():
        about = make(initial_net(MLP((12, 16, 4)), rng=0)).about()
        assert json.loads(json.dumps(about)) == about
