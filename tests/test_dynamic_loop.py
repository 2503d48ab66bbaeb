"""Sparse training on a loop of one's own: optimizers, accumulation, mixed precision, wrappers."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
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
    drops,
    fractions,
)

OPTIMIZERS: dict[str, Callable[[Any], optim.Optimizer]] = {
    "sgd": partial(optim.SGD, lr=0.05),
    "momentum": partial(optim.SGD, lr=0.05, momentum=0.9, weight_decay=0.1),
    "adam": partial(optim.Adam, lr=0.01, weight_decay=0.1),
    "amsgrad": partial(optim.Adam, lr=0.01, amsgrad=True),
    "maximize": partial(optim.Adam, lr=0.01, maximize=True),
    "not foreach": partial(optim.AdamW, lr=0.01, foreach=False),
    "fused": partial(optim.AdamW, lr=0.01, fused=True),
    "rmsprop": partial(optim.RMSprop, lr=0.001),
    "adagrad": partial(optim.Adagrad, lr=0.01),
    "nadam": partial(optim.NAdam, lr=0.01),
}


def net_of(seed: int = 0) -> nn.Module:
    return initial_net(MLP((12, 16, 4)), rng=seed)


def samples(n: int, seed: int = 0) -> Tensor:
    return torch.randn(n, 12, generator=torch.Generator().manual_seed(seed))


def loss_of(net: nn.Module, inputs: Tensor) -> Tensor:
    loss: Tensor = (net(inputs).float() - inputs[:, :4].abs()).square().mean()
    return loss


def trained(
    net: nn.Module, sparsifier: Sparsifier, optimizer: optim.Optimizer, n: int = 20
) -> None:
    for number in range(n):
        optimizer.zero_grad()
        loss_of(net, samples(16, number)).backward()  # type: ignore[no-untyped-call]
        sparsifier.step(optimizer)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.filterwarnings("ignore:new weights cannot be given an age")
def test_any_optimizer(name: str) -> None:
    net = net_of()
    sparsifier = dynamic.rigl(net, density=0.25, end=100, every=4, rng=0)
    optimizer = OPTIMIZERS[name](net.parameters())
    first = {key: x.clone() for key, x in sparsifier.masks.items()}
    trained(net, sparsifier, optimizer)
    assert sum(sparsifier.n_kept.values()) == 64
    assert any(not torch.equal(x, first[key]) for key, x in sparsifier.masks.items())
    for key, mask in sparsifier.masks.items():
        assert (net.get_parameter(key)[~mask] == 0).all()
        assert torch.isfinite(net.get_parameter(key)).all()


def test_an_optimizer_that_knows_no_ages_is_named() -> None:
    net = net_of()
    sparsifier = dynamic.rigl(net, density=0.25, end=100, every=4, rng=0)
    with pytest.warns(NetsculptWarning, match="NAdam"):
        trained(net, sparsifier, optim.NAdam(net.parameters(), 0.01))


def test_two_optimizers_of_parts_of_a_net_agree_with_one() -> None:
    nets = [net_of(), net_of()]
    for number, net in enumerate(nets):
        sparsifier = dynamic.set(net, density=0.25, end=100, every=4, rng=0)
        parameters = list(net.parameters())
        groups = [parameters] if number == 0 else [parameters[:1], parameters[1:]]
        optimizer = optim.Adam([{"params": x} for x in groups], 0.01)
        trained(net, sparsifier, optimizer)
    for one, other in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        assert torch.equal(one, other)


def test_accumulated_gradients_make_no_other_masks() -> None:
    """Updates come every so many steps of the optimizer, however many batches are in one."""
    nets = [net_of().double(), net_of().double()]
    masks = []
    for pieces, net in zip((1, 4), nets, strict=True):
        sparsifier = dynamic.rigl(net, density=0.25, end=100, every=3, rng=0)
        optimizer = optim.SGD(net.parameters(), 0.05, momentum=0.9)
        seen: list[dict[str, Tensor]] = []
        for number in range(12):
            optimizer.zero_grad()
            for part in samples(16, number).double().chunk(pieces):
                (loss_of(net, part) / pieces).backward()  # type: ignore[no-untyped-call]
            sparsifier.step(optimizer)
            seen.append({key: x.clone() for key, x in sparsifier.masks.items()})
        masks.append(seen)
    for one, other in zip(*masks, strict=True):
        assert all(torch.equal(x, other[key]) for key, x in one.items())


def test_mixed_precision_skips_a_step_and_goes_on() -> None:
    net = net_of()
    sparsifier = dynamic.rigl(net, density=0.25, end=100, every=3, rng=0)
    optimizer = optim.SGD(net.parameters(), 0.05)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    steps = []
    for number in range(10):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = loss_of(net, samples(16, number))
        scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        if number == 4:
            next(net.parameters()).grad.fill_(torch.inf)  # type: ignore[union-attr]
        before = [x.detach().clone() for x in net.parameters()]
        sparsifier.step(optimizer, scaler=scaler)
        scaler.update()
        steps.append(sparsifier.n_steps)
        if number == 4:
            after = list(net.parameters())
            assert all(torch.equal(x, y) for x, y in zip(before, after, strict=True))
    assert steps[4] == steps[3]
    assert scaler.get_scale() == 2.0**9
    assert steps[-1] == 10 - 1 - sparsifier.n_updates


def test_masks_in_mixed_precision_are_those_of_unscaled_gradients() -> None:
    masks = []
    for scale in (1.0, 2.0**12):
        net = net_of()
        sparsifier = dynamic.mest(net, density=0.25, end=100, every=2, strength=1.0, rng=0)
        optimizer = optim.SGD(net.parameters(), 0.05)
        scaler = torch.amp.GradScaler("cpu", init_scale=scale)
        for number in range(8):
            optimizer.zero_grad()
            scaler.scale(loss_of(net, samples(16, number))).backward()  # type: ignore[no-untyped-call]
            sparsifier.step(optimizer, scaler=scaler)
            scaler.update()
        masks.append(sparsifier.masks)
    assert all(torch.equal(x, masks[1][key]) for key, x in masks[0].items())


@pytest.mark.parametrize("begin", [0, 4])
def test_a_scheduler_steps_with_the_optimizer(begin: int) -> None:
    """An update of RigL is not a step: the learning rate is that of the steps done."""
    net = net_of()
    sparsifier = dynamic.rigl(net, density=0.25, begin=begin, end=100, every=4, rng=0)
    optimizer = optim.SGD(net.parameters(), 1.0)
    scheduler = optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.9**step)
    for number in range(20):
        optimizer.zero_grad()
        loss_of(net, samples(16, number)).backward()  # type: ignore[no-untyped-call]
        if sparsifier.step(optimizer):
            scheduler.step()
        assert scheduler.last_epoch == sparsifier.n_steps
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.9 ** (20 - sparsifier.n_updates))
    assert sparsifier.n_updates == 4


def test_two_compressions_without_training_choose_the_same() -> None:
    net = net_of()
    sparsifier = dynamic.ac_dc(net, density=0.25, phases=(1, 2, 3), rng=0)
    optimizer = optim.SGD(net.parameters(), 0.0)
    masks = []
    for number in range(3):
        loss_of(net, samples(16, number)).backward()  # type: ignore[no-untyped-call]
        sparsifier.step(optimizer)
        masks.append({key: x.clone() for key, x in sparsifier.masks.items()})
    assert all(torch.equal(x, masks[2][key]) for key, x in masks[0].items())
    assert all(x.all() for x in masks[1].values())


def test_a_regrown_weight_of_ac_dc_first_moves_by_its_gradient() -> None:
    """Whatever momentum there was: the first dense step is lr·g, of every weight."""
    net = net_of().double()
    sparsifier = dynamic.ac_dc(net, density=0.25, phases=(3, 6, 9), rng=0)
    optimizer = optim.SGD(net.parameters(), 0.05, momentum=0.9)
    for number in range(7):
        before = {key: x.detach().clone() for key, x in net.named_parameters()}
        optimizer.zero_grad()
        loss_of(net, samples(16, number).double()).backward()  # type: ignore[no-untyped-call]
        gradients = {key: x.grad.clone() for key, x in net.named_parameters() if x.grad is not None}
        sparsifier.step(optimizer)
    assert sparsifier.density == 1
    assert (before["fc1.weight"] == 0).sum() > 100
    for key, value in net.named_parameters():
        assert torch.equal(value, before[key] - 0.05 * gradients[key])


def test_a_compiled_net_learns_as_the_net_does() -> None:
    nets = [net_of(), net_of()]
    for number, net in enumerate(nets):
        runs: Any = torch.compile(net, backend="eager") if number else net
        sparsifier = dynamic.rigl(runs, density=0.25, end=100, every=4, rng=0)
        assert list(sparsifier.n_kept) == ["fc1.weight", "fc2.weight"]
        trained(runs, sparsifier, optim.Adam(runs.parameters(), 0.01), 12)
    for one, other in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-6)


def test_tied_weights_have_one_mask() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(12, 12), nn.Linear(12, 12)
            self.second.weight = self.first.weight

        def forward(self, inputs: Tensor) -> Tensor:
            out: Tensor = self.second(torch.relu(self.first(inputs)))
            return out[:, :4]

    net = Tied()
    sparsifier = dynamic.rigl(net, density=0.25, end=100, every=4, rng=0)
    trained(net, sparsifier, optim.Adam(net.parameters(), 0.01))
    assert sparsifier.n_kept == {"first.weight": 36}
    assert int((net.second.weight != 0).sum()) <= 36


def test_frozen_weights_are_left_alone() -> None:
    net = net_of()
    net.get_parameter("fc1.weight").requires_grad_(False)
    before = net.get_parameter("fc1.weight").clone()
    sparsifier = dynamic.rigl(net, density=0.25, end=100, every=4, rng=0)
    trained(net, sparsifier, optim.Adam((x for x in net.parameters() if x.requires_grad), 0.01))
    assert list(sparsifier.n_kept) == ["fc2.weight"]
    assert torch.equal(net.get_parameter("fc1.weight"), before)


@pytest.mark.parametrize("method", [dynamic.set, dynamic.rigl, dynamic.deep_r])
def test_a_weight_frozen_in_the_middle_is_not_replaced_without_a_word(method: Any) -> None:
    net = net_of()
    sparsifier = method(net, density=0.25, end=100, every=4, rng=0)
    optimizer = optim.Adam(net.parameters(), 0.01)
    trained(net, sparsifier, optimizer, 6)
    weight = net.get_parameter("fc1.weight").requires_grad_(False)
    before = weight.clone()
    with pytest.raises(FormatError, match=r"'fc1.weight' no longer learn.*density=None"):
        trained(net, sparsifier, optimizer, 6)
    again = method(net, density=None, end=100, every=4, rng=0)  # the remedy
    trained(net, again, optimizer, 12)
    assert torch.equal(weight, before)
    assert again.n_updates >= 2


def test_weights_may_be_frozen_after_the_last_update() -> None:
    net = net_of()
    sparsifier = dynamic.set(net, density=0.25, end=4, every=4, rng=0)
    optimizer = optim.Adam(net.parameters(), 0.01)
    trained(net, sparsifier, optimizer, 6)
    weight = net.get_parameter("fc1.weight").requires_grad_(False)
    before = weight.clone()
    trained(net, sparsifier, optimizer, 6)
    assert torch.equal(weight, before)
    assert sparsifier.n_steps == 12


def test_an_optimizer_that_lacks_weights_is_refused() -> None:
    """Steps of two optimizers would count twice, and those of another net change nothing."""
    net = net_of()
    sparsifier = dynamic.set(net, density=0.25, end=100, every=4, rng=0)
    with pytest.raises(FormatError, match=r"does not have 'fc2.weight'.*dense="):
        trained(net, sparsifier, optim.SGD(list(net.parameters())[:2], 0.1), 1)
    with pytest.raises(FormatError, match=r"does not have 'fc1.weight', 'fc2.weight'"):
        trained(net, sparsifier, optim.SGD(net_of().parameters(), 0.1), 1)
    assert sparsifier.n_steps == 0


def test_two_optimizers_have_a_sparsifier_each() -> None:
    net = net_of()
    names, parameters = ["fc1.weight", "fc2.weight"], list(net.parameters())
    pairs = [
        (dynamic.set(net, density=0.25, end=100, every=4, dense=[other], rng=0), optimizer)
        for other, optimizer in zip(
            reversed(names),
            (optim.Adam(parameters[:2], 0.01), optim.SGD(parameters[2:], 0.1)),
            strict=True,
        )
    ]
    for number in range(10):
        net.zero_grad()
        loss_of(net, samples(16, number)).backward()  # type: ignore[no-untyped-call]
        for sparsifier, optimizer in pairs:
            sparsifier.step(optimizer)
    assert [sparsifier.n_kept for sparsifier, _ in pairs] == [{names[0]: 48}, {names[1]: 16}]
    assert [(x.n_steps, x.n_updates) for x, _ in pairs] == [(10, 2), (10, 2)]
    for name in names:
        assert (net.get_parameter(name)[~net.get_buffer(f"{name}_mask")] == 0).all()


def test_an_optimizer_that_needs_a_closure_is_refused() -> None:
    net = net_of()
    sparsifier = dynamic.set(net, density=0.25, end=100, rng=0)
    with pytest.raises(FormatError, match=r"LBFGS computes the loss several times"):
        trained(net, sparsifier, optim.LBFGS(net.parameters()), 1)


def test_gradients_can_be_masked_before_they_are_clipped() -> None:
    """Masks are the same with and without: updates see dense gradients."""
    nets = [net_of(), net_of()]
    for masks, net in enumerate(nets):
        sparsifier = dynamic.rigl(net, density=0.25, end=100, every=4, rng=0)
        optimizer = optim.SGD(net.parameters(), 0.05)
        dense_steps = []
        for number in range(12):
            optimizer.zero_grad()
            loss_of(net, samples(16, number)).backward()  # type: ignore[no-untyped-call]
            if masks:
                sparsifier.mask_gradients()
                pruned = [
                    x.grad[~sparsifier.masks[name]]
                    for name, x in sparsifier.weights.items()
                    if x.grad is not None
                ]
                dense_steps.append(any(bool(x.any()) for x in pruned))
            stepped = sparsifier.step(optimizer)
            if masks:
                assert dense_steps[-1] is not stepped
        assert dense_steps.count(True) == (3 if masks else 0)
    for one, other in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_sparse_gradient_is_refused() -> None:
    net = nn.Sequential(nn.Embedding(8, 4, sparse=True), nn.Linear(4, 2))
    sparsifier = dynamic.set(net, density=0.5, end=100, rng=0)
    net(torch.tensor([1, 2])).sum().backward()
    with pytest.raises(FormatError, match=r"'0.weight' is a sparse tensor"):
        sparsifier.step(optim.SGD(net.parameters(), 0.1))


def test_momentum_in_float16_divides_by_no_zero() -> None:
    net = net_of().half()
    sparsifier = dynamic.snfs(net, density=0.25, end=100, every=4, rng=0)
    optimizer = optim.Adam(net.parameters(), 0.01, eps=1e-3)
    for number in range(10):
        optimizer.zero_grad()
        loss_of(net, samples(16, number).half()).backward()  # type: ignore[no-untyped-call]
        sparsifier.step(optimizer)
    assert sparsifier.n_updates == 2
    assert sum(sparsifier.n_kept.values()) == 64


def test_a_state_of_another_density_is_refused() -> None:
    state = dynamic.rigl(net_of(), density=0.25, end=100, rng=0).state_dict()
    with pytest.raises(FormatError, match="another density"):
        dynamic.rigl(net_of(), density=0.5, end=100, rng=0).load_state_dict(state)


def test_states_survive_a_file() -> None:
    net = net_of()
    sparsifier = dynamic.rigl(net, density=0.25, end=100, every=4, rng=0)
    optimizer = optim.Adam(net.parameters(), 0.01)
    trained(net, sparsifier, optimizer, 11)
    file = io.BytesIO()
    torch.save([net.state_dict(), optimizer.state_dict(), sparsifier.state_dict()], file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    again = net_of(1)
    resumed = dynamic.rigl(again, density=0.25, end=100, every=4, rng=5)
    other = optim.Adam(again.parameters(), 0.01)
    again.load_state_dict(saved[0])
    other.load_state_dict(saved[1])
    resumed.load_state_dict(saved[2])
    trained(net, sparsifier, optimizer, 9)
    trained(again, resumed, other, 9)
    for key, value in net.state_dict().items():
        assert torch.equal(again.state_dict()[key], value)


def test_a_step_without_the_update_that_is_due_is_refused() -> None:
    net = net_of()
    sparsifier = dynamic.set(net, density=0.25, end=100, every=1, rng=0)
    optimizer = optim.SGD(net.parameters(), 0.05)
    loss_of(net, samples(16)).backward()  # type: ignore[no-untyped-call]
    sparsifier.advance(optimizer)
    assert sparsifier.update_is_due
    with pytest.raises(FormatError, match=r"sparsifier\.update"):
        sparsifier.advance(optimizer)
    sparsifier.update(optimizer)
    assert sparsifier.n_updates == 1


def test_own_parts_are_functions() -> None:
    def leftmost(entries: dynamic.Entries) -> Tensor:
        return -torch.arange(entries.weight.numel(), dtype=torch.float64).view(entries.weight.shape)

    net = nn.Linear(10, 2, bias=False)
    rewiring = Rewiring(fractions.power, Lowest(drops.magnitude), Highest(leftmost))
    rewiring = replace(rewiring, fraction=partial(fractions.power, share=1.0))
    sparsifier = Sparsifier(net, rewiring, Timing(0, 9, 1), density=0.5, rng=0)
    net.weight.grad = torch.ones(2, 10)
    sparsifier.step(optim.SGD(net.parameters(), 0.0))
    assert sparsifier.masks["weight"].reshape(-1)[:9].all()  # 8/9 of ten, rounded down, and more
    assert sparsifier.about()["grow"] == {"function": "Highest", "score": "leftmost"}
