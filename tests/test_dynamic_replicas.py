"""Sparse training of a stack of nets is that of its nets, one by one."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn, optim

from netsculpt.core.errors import FormatError, LimitError
from netsculpt.nets import MLP, Stack, initial_net, masks_of
from netsculpt.nets.masks import mask_net
from netsculpt.training import dynamic
from netsculpt.training.dynamic import Sparsifier, Update, replicated

SEEDS = (5, 3, 8)
Method = Callable[..., Sparsifier]

METHODS: dict[str, Method] = {
    "set": partial(dynamic.set, density=0.2, every=3),
    "rigl": partial(dynamic.rigl, density=0.2, every=3),
    "gmp": partial(dynamic.gmp, density=0.1, every=2),
    "static": partial(dynamic.static, density=0.2),
    "itop": partial(dynamic.itop, density=0.2, every=3),
    "snfs": partial(dynamic.snfs, density=0.2, every=3, begin=3),
    "granet": partial(dynamic.granet, density=0.1, start=0.5, every=3),
    "srigl": partial(dynamic.srigl, density=0.2, every=3),
    "cht": partial(dynamic.cht, density=0.2, every=3, temperature=0.5, most_returning=0.5),
    "deep_r": partial(dynamic.deep_r, density=0.2),
    "magnitude_each_step": partial(dynamic.magnitude_each_step, density=0.2),
}


def nets() -> list[nn.Module]:
    return [initial_net(MLP((12, 16, 4)), rng=seed).double() for seed in SEEDS]


def batch(number: int, row: int) -> Tensor:
    generator = torch.Generator().manual_seed(100 * number + row)
    inputs = torch.randn(8, 12, generator=generator, dtype=torch.float64)
    inputs[:, :2] = 0  # so that some weights never move and are exactly 0
    return inputs


def loss(outputs: Tensor) -> Tensor:
    return (outputs - 1).square().mean((-1, -2)).sum()


def backward(total: Tensor) -> None:
    total.backward()  # type: ignore[no-untyped-call]


def train_stack(
    stack: Stack, sparsifier: Sparsifier, optimizer: optim.Optimizer, numbers: range
) -> None:
    for number in numbers:
        optimizer.zero_grad()
        backward(loss(stack(torch.stack([batch(number, row) for row in range(len(SEEDS))]))))
        sparsifier.step(optimizer)


@pytest.mark.parametrize("kind", [optim.Adam, partial(optim.SGD, momentum=0.9)])
@pytest.mark.parametrize("name", METHODS)
def test_each_net_is_trained_as_alone(name: str, kind: Callable[..., optim.Optimizer]) -> None:
    method = METHODS[name]
    stack = Stack(nets())
    together = replicated(method, stack, seeds=SEEDS, end=12)
    train_stack(stack, together, kind(stack.parameters(), lr=0.02), range(16))
    changed = 0
    for row, (net, seed) in enumerate(zip(nets(), SEEDS, strict=True)):
        alone = method(net, rng=seed, end=12)
        first = {key: mask.clone() for key, mask in alone.masks.items()}
        optimizer = kind(net.parameters(), lr=0.02)
        for number in range(16):
            optimizer.zero_grad()
            backward(loss(net(batch(number, row))))
            alone.step(optimizer)
        assert (alone.n_updates, alone.n_steps) == (together.n_updates, together.n_steps)
        for key, mask in alone.masks.items():
            assert torch.equal(together.masks[key][row], mask), key
            changed += int((mask != first[key]).sum())
        copied = stack.net(row).state_dict()
        for key, value in net.state_dict().items():
            assert torch.allclose(copied[key].double(), value.double(), atol=1e-10), key
    assert (changed == 0) == (name == "static")


def test_counts_of_each_net_are_exact() -> None:
    stack = Stack(nets())
    sparsifier = replicated(dynamic.gmp, stack, seeds=SEEDS, density=0.1, end=20, every=1)
    optimizer = optim.Adam(stack.parameters(), 0.02)
    for step in range(20):
        train_stack(stack, sparsifier, optimizer, range(step, step + 1))
        n = sum(mask.sum((1, 2)) for mask in sparsifier.masks.values())
        budget = 0.1 + 0.9 * (1 - (step + 1) / 20) ** 3
        assert torch.as_tensor(n).tolist() == [round(256 * budget)] * 3
    assert sparsifier.at_final_density
    assert round(sparsifier.density * 256) == 26


def test_what_is_exchanged_is_told_by_places_in_the_stack() -> None:
    stack, seen = Stack(nets()), list[Update]()
    sparsifier = replicated(dynamic.set, stack, seeds=SEEDS, density=0.3, end=4, every=2)
    sparsifier.on_update(seen.append)
    mask = sparsifier.masks["fc1.weight"].clone()
    train_stack(stack, sparsifier, optim.SGD(stack.parameters(), 0.02), range(4))
    for update in seen:
        mask.view(-1)[update.dropped["fc1.weight"]] = False
        mask.view(-1)[update.grown["fc1.weight"]] = True
    assert len(seen) == 2
    assert torch.equal(mask, sparsifier.masks["fc1.weight"])


def test_it_resumes_to_the_same_bits() -> None:
    method = METHODS["cht"]  # it remembers what it dropped
    stack = Stack(nets())
    sparsifier = replicated(method, stack, seeds=SEEDS, end=12)
    optimizer = optim.Adam(stack.parameters(), 0.02)
    train_stack(stack, sparsifier, optimizer, range(5))
    file = io.BytesIO()
    torch.save([x.state_dict() for x in (stack, sparsifier, optimizer)], file)
    train_stack(stack, sparsifier, optimizer, range(5, 14))

    again = Stack(nets())
    resumed = replicated(method, again, seeds=SEEDS, end=12)
    other = optim.Adam(again.parameters(), 0.02)
    file.seek(0)
    states = torch.load(file)
    again.load_state_dict(states[0])
    resumed.load_state_dict(states[1])
    other.load_state_dict(states[2])
    train_stack(again, resumed, other, range(5, 14))
    for name, value in stack.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name

    with pytest.raises(FormatError, match="another seeds"):
        replicated(method, Stack(nets()), seeds=(1, 2, 3), end=12).load_state_dict(
            sparsifier.state_dict()
        )


def test_a_stack_answers_as_its_nets_do() -> None:
    alone = nets()
    mask_net(alone[1], {"fc2.weight": torch.arange(64).view(4, 16) % 16 >= 5})
    stack = Stack(alone)
    inputs = torch.stack([batch(0, row) for row in range(3)])
    expected = torch.stack([net(x) for net, x in zip(alone, inputs, strict=True)])
    assert torch.allclose(stack(inputs), expected)
    assert masks_of(stack)["fc2.weight"].sum((1, 2)).tolist() == [64, 44, 64]
    twin = copy.deepcopy(stack)
    with torch.no_grad():
        for x in twin.parameters():
            x.zero_()
    assert not twin(inputs).any()
    assert torch.allclose(stack(inputs), expected)
    for row, net in enumerate(alone):
        for name, value in net.state_dict().items():
            assert torch.equal(stack.net(row).state_dict()[name], value), name


def test_a_net_does_not_depend_on_the_others() -> None:
    stack = Stack(nets())
    outputs = stack(torch.stack([batch(0, row) for row in range(3)]))
    backward(outputs[1].sum())
    gradient = dict(stack.named_parameters())["fc1.weight"].grad
    assert gradient is not None
    assert gradient.flatten(1).any(1).tolist() == [False, True, False]


def test_what_cannot_be_stacked_is_refused() -> None:
    with pytest.raises(FormatError, match="at least one"):
        Stack([])
    with pytest.raises(FormatError, match="one shape"):
        Stack([initial_net(MLP((3, 2)), rng=0), initial_net(MLP((4, 2)), rng=0)])
    with pytest.raises(LimitError, match="running statistics"):
        Stack([nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))])
    with pytest.raises(LimitError, match=r"nn\.Sequential"):
        Stack([nn.Linear(3, 2)])
    stack = Stack(nets())
    with pytest.raises(FormatError, match="expand"):
        stack(torch.zeros(8, 12, dtype=torch.float64))
    with pytest.raises(FormatError, match="2 seeds for 3 nets"):
        replicated(dynamic.set, stack, seeds=(0, 1), density=0.1, end=1)
    top_kast: Any = dynamic.top_kast
    with pytest.raises(LimitError, match="one by one"):
        replicated(top_kast, stack, seeds=SEEDS, density=0.1, end=1)
