"""Sparse training with any optimizer, in any layout, in mixed precision."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn, optim

from netsculpt.core.errors import FormatError, NetsculptWarning
from netsculpt.nets.families import MLP, initial_net
from netsculpt.training import dynamic
from netsculpt.training.dynamic import (
    Highest,
    Lowest,
    Rewiring,
    Sparsifier,
    Timing,
    candidates,
    drops,
    fractions,
    grows,
    states,
)

Make = Callable[[list[nn.Parameter]], optim.Optimizer]


def net_of(*sizes: int) -> nn.Module:
    return initial_net(MLP(sizes), rng=0)


def learning(net: nn.Module, seed: int = 0) -> Callable[[], None]:
    generator = torch.Generator().manual_seed(seed)

    def backward() -> None:
        inputs = torch.randn(16, 12, generator=generator)
        net.zero_grad()
        (net(inputs) - inputs[:, :4].abs()).square().mean().backward()

    return backward


ADAMS: dict[str, Make] = {
    "Adam": partial(optim.Adam, lr=0.01),
    "Adam with decay": partial(optim.Adam, lr=0.01, weight_decay=0.1),
    "AdamW": partial(optim.AdamW, lr=0.01, weight_decay=0.1),
    "amsgrad": partial(optim.Adam, lr=0.01, amsgrad=True),
    "maximize": partial(optim.Adam, lr=0.01, maximize=True),
    "foreach": partial(optim.AdamW, lr=0.01, foreach=True),
    "fused": partial(optim.AdamW, lr=0.01, fused=True),
    "rate in a tensor": partial(optim.Adam, lr=torch.tensor(0.01)),
    "SGD": partial(optim.SGD, lr=0.01, momentum=0.9),
    "Nesterov": partial(optim.SGD, lr=0.01, momentum=0.9, nesterov=True, weight_decay=0.1),
    "RMSprop": partial(optim.RMSprop, lr=0.01, momentum=0.5, centered=True),
}


@pytest.mark.parametrize("kind", ADAMS)
def test_a_late_weight_moves_as_with_an_optimizer_of_its_own(kind: str) -> None:
    """Gradients change at random; the weight comes after 20 steps, others before and after it."""
    layer = nn.Linear(9, 10, bias=False)
    dynamic_net = dynamic.set(layer, density=0.5, end=40, every=5, rng=0)
    optimizer = ADAMS[kind](list(layer.parameters()))
    born: dict[int, int] = {}

    def note(update: dynamic.Update) -> None:
        born.update(dict.fromkeys(update.grown["weight"].tolist(), update.step))
        for place in update.dropped["weight"].tolist():
            born.pop(place, None)

    dynamic_net.on_update(note)
    gradients = torch.randn(60, 10, 9, generator=torch.Generator().manual_seed(3))
    for gradient in gradients:
        layer.weight.grad = gradient.clone()
        dynamic_net.step(optimizer)
    late = {place: step for place, step in born.items() if step >= 20}
    assert len(set(late.values())) > 2
    for place, step in late.items():
        alone = nn.Parameter(torch.zeros(1))
        own = ADAMS[kind]([alone])
        for gradient in gradients[step:]:
            alone.grad = gradient.reshape(-1)[place : place + 1].clone()
            own.step()
        torch.testing.assert_close(
            layer.weight.detach().reshape(-1)[place], alone.detach()[0], rtol=1e-4, atol=1e-6
        )


def _note(new: list[Tensor], update: dynamic.Update) -> None:
    new.append(update.grown["weight"])


def test_zero_state_is_the_published_cold_start() -> None:
    """The same with `zero` moves late weights further: the correction is what makes them equal."""
    moved = {}
    for state in (states.zero, states.fresh):
        layer = nn.Linear(5, 4, bias=False)
        rewiring = Rewiring(
            partial(fractions.constant, share=0.3),
            Lowest(drops.magnitude),
            Highest(grows.random),
            candidates.not_active,
            state=state,
        )
        sparsifier = Sparsifier(layer, rewiring, Timing(1000, 1000, 1), density=0.5, rng=0)
        optimizer = optim.Adam(layer.parameters(), lr=1e-3)
        new: list[Tensor] = []
        sparsifier.on_update(partial(_note, new))
        for _ in range(1001):
            layer.weight.grad = torch.ones(4, 5)
            sparsifier.step(optimizer)
        (places,) = new
        moved[state] = -layer.weight.detach().take(places) / 1e-3
    torch.testing.assert_close(moved[states.fresh], torch.ones(3), rtol=1e-4, atol=0)
    expected = 0.1 / 0.001**0.5 * (1 - 0.999**1001) ** 0.5 / (1 - 0.9**1001)
    torch.testing.assert_close(moved[states.zero], torch.full((3,), expected), rtol=1e-3, atol=0)


def test_ages_are_forgotten_when_they_no_longer_matter() -> None:
    layer = nn.Linear(5, 4, bias=False)
    sparsifier = dynamic.set(layer, density=0.5, end=200, every=10, rng=0)
    optimizer = optim.Adam(layer.parameters(), lr=1e-3, betas=(0.5, 0.7))
    for _ in range(300):
        layer.weight.grad = torch.randn(4, 5)
        sparsifier.step(optimizer)
    ages = sparsifier.state_dict()["ages"]
    assert sparsifier.n_updates == 20
    assert [len(ages[key]["weight"]) for key in ("places", "born")] == [0, 0]


def test_a_new_optimizer_in_the_middle_makes_all_weights_equally_old() -> None:
    layer = nn.Linear(5, 4, bias=False)
    sparsifier = dynamic.set(layer, density=0.5, end=20, every=10, rng=0)
    optimizer = optim.Adam(layer.parameters(), lr=1e-3)
    for _ in range(30):
        layer.weight.grad = torch.ones(4, 5)
        sparsifier.step(optimizer)
    before = layer.weight.detach().clone()
    layer.weight.grad = torch.ones(4, 5)
    sparsifier.step(optim.Adam(layer.parameters(), lr=1e-3))
    expected = torch.where(sparsifier.masks["weight"], before - 1e-3, 0)
    torch.testing.assert_close(layer.weight.detach(), expected)


OPTIMIZERS: dict[str, Make] = {
    **{
        kind.__name__: partial(kind, lr=0.01)
        for kind in (
            optim.Adadelta,
            optim.Adagrad,
            optim.Adamax,
            optim.ASGD,
            optim.NAdam,
            optim.RAdam,
            optim.RMSprop,
            optim.Rprop,
            optim.SGD,
            optim.Adafactor,
        )
    },
    "decay": partial(optim.SGD, lr=0.1, momentum=0.9, weight_decay=0.5),
    "fused": partial(optim.Adam, lr=0.01, fused=True, weight_decay=0.1),
    "foreach": partial(optim.SGD, lr=0.01, momentum=0.9, foreach=True),
}


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_any_optimizer(kind: str) -> None:
    net = net_of(12, 16, 4)
    optimizer = OPTIMIZERS[kind](list(net.parameters()))
    sparsifier = dynamic.rigl(net, density=0.3, end=30, every=3, rng=0)
    n_kept, backward, grown = sparsifier.n_kept, learning(net), 0

    def check(update: dynamic.Update) -> None:
        nonlocal grown
        for name, indices in update.grown.items():
            grown += len(indices)
            parameter = net.get_parameter(name)
            assert (parameter.detach().take(indices) == 0).all()
            for value in states.moments(optimizer, parameter).values():
                assert (value.take(indices) == 0).all()

    sparsifier.on_update(check)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NetsculptWarning)  # no ages but in Adam
        for _ in range(40):
            backward()
            sparsifier.step(optimizer)
            for name, mask in sparsifier.masks.items():
                values = net.get_parameter(name).detach()
                assert (values[~mask] == 0).all()
                assert torch.isfinite(values).all()
    assert sparsifier.n_kept == n_kept
    assert grown > 20


def test_optimizers_without_ages_say_so_once() -> None:
    net = net_of(12, 16, 4)
    optimizer = optim.NAdam(net.parameters())
    sparsifier = dynamic.set(net, density=0.3, end=30, every=1, rng=0)
    backward = learning(net)
    backward()
    with pytest.warns(NetsculptWarning, match="NAdam"):
        sparsifier.step(optimizer)
    backward()
    sparsifier.step(optimizer)  # warnings are errors
    assert sparsifier.n_updates == 2


def test_parameter_groups_have_rates_of_their_own() -> None:
    net = net_of(12, 16, 4)
    weights = dict(net.named_parameters())
    groups = [
        {"params": [weights["fc1.weight"], weights["fc1.bias"]], "lr": 0.0},
        {"params": [weights["fc2.weight"], weights["fc2.bias"]], "lr": 0.1},
    ]
    optimizer = optim.SGD(groups)
    sparsifier = dynamic.deep_r(net, density=0.3, end=0, penalty=0.5, rng=0)
    before = {name: x.detach().clone() for name, x in weights.items()}
    for x in weights.values():
        x.grad = torch.zeros_like(x)
    sparsifier.step(optimizer)
    assert torch.equal(weights["fc1.weight"], before["fc1.weight"])
    expected = before["fc2.weight"] - 0.05 * before["fc2.weight"].sign()
    torch.testing.assert_close(weights["fc2.weight"].detach(), expected)


def test_signs_of_deep_r_are_those_of_the_first_weights() -> None:
    layer = nn.Linear(5, 4, bias=False)
    sparsifier = dynamic.deep_r(layer, density=0.5, end=10, rng=0)
    kept = sparsifier.masks["weight"].clone()
    first = layer.weight.detach().clone()
    layer.weight.grad = 20 * first.sign() * (first.abs() > first[kept].abs().median())
    crossed = layer.weight.grad != 0
    sparsifier.step(optim.SGD(layer.parameters(), lr=0.1))  # every one of them crosses 0
    assert int((crossed & kept).sum()) > 2
    stayed = sparsifier.masks["weight"] & kept & (layer.weight != 0)
    assert torch.equal(stayed, kept & ~crossed)
    assert int(sparsifier.masks["weight"].sum()) == 10


def test_a_layer_that_took_no_part_does_not_move() -> None:
    net = net_of(12, 16, 4)
    optimizer = optim.Adam(net.parameters(), 0.01)
    sparsifier = dynamic.set(net, density=0.3, end=10, every=2, rng=0)
    backward = learning(net)
    for _ in range(9):
        backward()
        sparsifier.step(optimizer)
    backward()
    weight = net.get_parameter("fc1.weight")
    weight.grad, before = None, weight.detach().clone()
    sparsifier.timing = Timing(0, 10, 2, at=())
    sparsifier.step(optimizer)
    assert torch.equal(weight, before)


def image_net(memory_format: torch.memory_format) -> nn.Module:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 6, 3), nn.Flatten(), nn.Linear(24, 2)
    )
    return net.to(memory_format=memory_format)  # type: ignore[call-overload, no-any-return]


@pytest.mark.parametrize("method", [dynamic.rigl, dynamic.set, dynamic.deep_r, dynamic.top_kast])
def test_layout_in_memory_does_not_matter(method: Callable[..., Sparsifier]) -> None:
    masks = []
    for memory_format in (torch.contiguous_format, torch.channels_last):
        net = image_net(memory_format).double()
        optimizer = optim.AdamW(net.parameters(), 0.01)
        sparsifier = method(net, density=0.3, end=20, every=4, rng=0)
        generator = torch.Generator().manual_seed(0)
        net.to(memory_format=memory_format)  # type: ignore[call-overload]
        for _ in range(20):
            inputs = torch.randn(4, 3, 6, 6, generator=generator, dtype=torch.float64)
            net.zero_grad()
            net(inputs).square().sum().backward()
            sparsifier.step(optimizer)
            for name, mask in sparsifier.masks.items():
                assert (net.get_parameter(name)[~mask] == 0).all()
        masks.append(sparsifier.masks)
    for name, mask in masks[0].items():
        assert torch.equal(mask, masks[1][name])


def test_tied_and_frozen_weights() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Linear(6, 6), nn.Linear(6, 6)
            self.two.weight = self.one.weight
            self.fixed = nn.Linear(6, 6)
            self.fixed.requires_grad_(False)

        def forward(self, x: Tensor) -> Tensor:
            result: Tensor = self.two(self.fixed(self.one(x)).relu())
            return result

    net = Tied()
    fixed = net.fixed.weight.clone()
    optimizer = optim.Adam(net.parameters(), 0.01, weight_decay=0.1)
    sparsifier = dynamic.rigl(net, density=0.25, end=20, every=2, rng=0)
    assert sparsifier.n_kept == {"one.weight": 9}
    for _ in range(20):
        net.zero_grad()
        net(torch.randn(8, 6)).square().sum().backward()
        sparsifier.step(optimizer)
        assert int((net.two.weight != 0).sum()) <= 9
    assert net.two.weight is net.one.weight
    assert torch.equal(net.fixed.weight, fixed)


def test_half_precision_weights() -> None:
    net = net_of(12, 16, 4).bfloat16()
    optimizer = optim.AdamW(net.parameters(), 0.01)
    sparsifier = dynamic.rigl(net, density=0.3, end=20, every=2, rng=0)
    for _ in range(20):
        net.zero_grad()
        net(torch.randn(8, 12).bfloat16()).square().sum().backward()
        sparsifier.step(optimizer)
    assert sum(sparsifier.n_kept.values()) == round(0.3 * sparsifier.n_weights)
    assert all(torch.isfinite(x).all() for x in net.parameters())


def scaled_step(scaler: torch.amp.GradScaler, net: nn.Module, spoilt: str | None) -> None:
    net.zero_grad()
    scaler.scale(net(torch.ones(8, 12)).square().mean()).backward()
    if spoilt is not None:
        gradient = net.get_parameter(spoilt).grad
        assert gradient is not None
        gradient[0] = torch.inf


@pytest.mark.parametrize("spoilt", ["fc1.weight", "fc2.bias"])
@pytest.mark.parametrize("clips", [False, True])
def test_a_step_that_the_scaler_skips_does_not_count(spoilt: str, clips: bool) -> None:
    net = net_of(12, 16, 4)
    optimizer = optim.SGD(net.parameters(), 0.1)
    sparsifier = dynamic.set(net, density=0.3, end=20, every=1, rng=0)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)

    def step(name: str | None) -> None:
        scaled_step(scaler, net, name)
        if clips:
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        sparsifier.step(optimizer, scaler=scaler)
        scaler.update()

    step(None)
    before = {name: x.detach().clone() for name, x in net.named_parameters()}
    assert (sparsifier.n_steps, sparsifier.n_updates, scaler.get_scale()) == (1, 1, 1024.0)
    step(spoilt)
    assert (sparsifier.n_steps, sparsifier.n_updates, scaler.get_scale()) == (1, 1, 512.0)
    for name, x in net.named_parameters():
        assert torch.equal(x, before[name])
    step(None)
    assert (sparsifier.n_steps, sparsifier.n_updates) == (2, 2)


def test_a_scaler_changes_nothing_but_rounding() -> None:
    nets = []
    for scaler in (None, torch.amp.GradScaler("cpu"), torch.amp.GradScaler("cpu", enabled=False)):
        net = net_of(12, 16, 4)
        optimizer = optim.AdamW(net.parameters(), 0.01)
        sparsifier = dynamic.rigl(net, density=0.3, end=9, every=3, rng=0)
        generator = torch.Generator().manual_seed(0)
        for _ in range(12):
            net.zero_grad()
            loss = net(torch.randn(8, 12, generator=generator)).square().mean()
            (loss if scaler is None else scaler.scale(loss)).backward()
            sparsifier.step(optimizer, scaler=scaler)
            if scaler is not None:
                scaler.update()
        nets.append(net)
    for one, other, off in zip(*(x.parameters() for x in nets), strict=True):
        torch.testing.assert_close(one, other)  # the scale is a power of two
        assert torch.equal(one, off)


METHODS: dict[str, Callable[..., Any]] = {
    "set": partial(dynamic.set, every=2),
    "deep_r": partial(dynamic.deep_r, temperature=1e-3),
    "top_kast": partial(dynamic.top_kast, every=2),
}


@pytest.mark.parametrize("name", METHODS)
def test_a_state_is_a_copy(name: str) -> None:
    """Neither training on nor loading it changes it."""
    net = net_of(12, 16, 4)
    optimizer = optim.Adam(net.parameters(), 0.01)
    sparsifier: Sparsifier = METHODS[name](net, density=0.3, end=30, rng=0)
    backward = learning(net)

    def train() -> None:
        for _ in range(6):
            backward()
            sparsifier.step(optimizer)

    train()
    state = sparsifier.state_dict()
    about = state.pop("about")
    saved = copy.deepcopy(state)
    train()
    torch.testing.assert_close(state, saved, rtol=0, atol=0)
    sparsifier.load_state_dict({"about": about, **state})
    train()
    torch.testing.assert_close(state, saved, rtol=0, atol=0)


def test_refusals() -> None:
    net = net_of(12, 16, 4)
    optimizer = optim.SGD(net.parameters(), 0.1)
    sparsifier = dynamic.rigl(net, density=0.3, end=10, rng=0)
    with pytest.raises(FormatError, match="not of a sparse training"):
        sparsifier.load_state_dict({"n_steps": 3})
    net.load_state_dict(copy.deepcopy(net.state_dict()), assign=True)
    learning(net)()
    with pytest.raises(FormatError, match="assign=False"):
        sparsifier.step(optimizer)
