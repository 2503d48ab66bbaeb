"""Exact ablation: the plain loop and functional calls as oracles, truths, what stays the same."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.functional import mse_loss

from netsculpt.core.errors import FormatError
from netsculpt.nets import CNN, LSTM, MLP, ResNet, initial_net, mask_net, prunable
from netsculpt.nets.frozen import frozen_copy
from netsculpt.training.ablation import ablation, ablation_loop, course, recurrent
from netsculpt.training.fitting.batches import Batches
from netsculpt.training.tasks import Bits, Classes

N, N_IN, N_OUT = 23, 16, 4


def shuffled_norms(net: nn.Module) -> nn.Module:
    """Norms with statistics, factors and shifts that are not 0 and 1."""
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d | nn.LayerNorm):
            nn.init.normal_(layer.weight)
            nn.init.normal_(layer.bias)
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
    return net


class Passing(nn.Module):
    """Has a weight, and returns a view of its input."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(2, N_IN))

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs[:, :9] if float(self.scale.detach().sum()) else inputs


class TwoLayers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Linear(N_IN, 5), nn.Linear(N_IN, 5)

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.tanh(self.one(inputs)) * self.other(inputs)


def mlp(activation: str, *norms: type[nn.Module]) -> nn.Module:
    layers: list[nn.Module] = []
    for n_in, n_out in ((N_IN, 7), (7, 6)):
        layers += [nn.Linear(n_in, n_out), *(norm(n_out) for norm in norms)]
        layers.append(getattr(nn, activation)())
    return nn.Sequential(nn.Dropout(0.5), *layers, nn.Linear(6, N_OUT))


def gru() -> nn.Module:
    lstm = LSTM((4, 4), 5, N_OUT).build()
    return nn.Sequential(lstm.sequence, nn.GRU(4, 5, 2, batch_first=True), lstm.last, lstm.fc)


def one_conv(**options: object) -> nn.Module:
    conv = nn.Conv2d(4, 6, 2, padding=1, **options)
    flat = conv(torch.zeros(1, 4, 2, 2)).numel()
    last = nn.Linear(flat, N_OUT)
    return nn.Sequential(nn.Unflatten(1, (4, 2, 2)), conv, nn.PReLU(6), nn.Flatten(), last)


def image_net() -> nn.Module:
    return nn.Sequential(
        nn.Unflatten(1, (1, 4, 4)),
        nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(inplace=True)),
        nn.Conv2d(3, 4, (3, 2), stride=2, padding=1, dilation=(1, 2)),
        nn.AvgPool2d(2, 1),
        nn.GELU(),
        nn.Flatten(),
        nn.LazyLinear(N_OUT),
    )


def lazy(net: nn.Module) -> nn.Module:
    net(torch.zeros(2, N_IN))
    return net


NETS: dict[str, tuple[Callable[[], nn.Module], set[str]]] = {
    "perceptron, ReLU": (lambda: initial_net(MLP((N_IN, 9, 8, N_OUT)), rng=0), {"rank one"}),
    "perceptron, tanh": (lambda: mlp("Tanh"), {"rank one"}),
    "batch norm": (lambda: mlp("SiLU", nn.BatchNorm1d), {"rank one"}),
    "layer norm": (lambda: mlp("Sigmoid", nn.LayerNorm), {"rank one"}),
    "no hidden layer": (lambda: nn.Linear(N_IN, N_OUT), {"rank one"}),
    "CNN": (lambda: initial_net(CNN((1, 4, 4), (4, 6), (8,), N_OUT), rng=0), {"rank one"}),
    "image, norms": (lambda: lazy(image_net()), {"rank one"}),
    "groups": (lambda: one_conv(groups=2), {"rank one"}),
    "same": (lambda: one_conv(padding_mode="circular"), {"rank one", "loop"}),
    "LSTM": (
        lambda: initial_net(LSTM((4, 4), 5, N_OUT), rng=0),
        {"rank one", "replicas"},
    ),
    "two LSTMs": (
        lambda: initial_net(LSTM((4, 4), 3, N_OUT, layers=2), rng=0),
        {"rank one", "replicas"},
    ),
    "one step": (
        lambda: initial_net(LSTM((1, N_IN), 5, N_OUT), rng=0),
        {"rank one", "replicas"},
    ),
    "a view": (
        lambda: nn.Sequential(nn.Linear(N_IN, N_IN), Passing(), nn.ReLU(), nn.Linear(9, N_OUT)),
        {"rank one", "loop"},
    ),
    "two GRUs": (gru, {"rank one", "replicas"}),
    "other layers": (
        lambda: nn.Sequential(nn.Linear(N_IN, N_IN), nn.ReLU(), TwoLayers(), nn.Linear(5, N_OUT)),
        {"rank one", "loop"},
    ),
    "residual blocks": (
        lambda: initial_net(ResNet((1, 4, 4), N_OUT, widths=(2,), blocks=1), rng=0),
        {"rank one", "loop"},
    ),
}


@pytest.fixture(scope="module")
def samples() -> Batches:
    """Two batches; some inputs are 0, one of them always."""
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(N, N_IN, generator=generator).double().relu() * 2
    inputs[:, 3] = 0
    targets = torch.randint(N_OUT, (N, 1), generator=generator)
    pairs = [(inputs[:9], targets[:9]), (inputs[9:], targets[9:])]
    return Batches(pairs, Classes((N_OUT,)).loss)


@pytest.mark.parametrize("name", NETS)
def test_ablation_is_the_loop(name: str, samples: Batches) -> None:
    torch.manual_seed(0)
    make, ways = NETS[name]
    net = shuffled_norms(make()).double()
    before = copy.deepcopy(net.state_dict())
    found, looped = ablation(net, samples), ablation_loop(net, samples)
    assert list(found.changes) == list(looped) == list(prunable(net))
    assert set(found.ways.values()) == ways
    for parameter, changes in looped.items():
        torch.testing.assert_close(found.changes[parameter], changes, rtol=0, atol=1e-10)
    assert max(float(x.abs().max()) for x in looped.values()) > 1e-3
    assert all(torch.equal(x, before[k]) for k, x in net.state_dict().items())


@pytest.mark.parametrize("name", ["perceptron, ReLU", "CNN"])
def test_ablation_is_that_of_functional_calls(name: str, samples: Batches) -> None:
    net = frozen_copy(NETS[name][0]())
    inputs, targets = (torch.cat(x) for x in zip(*samples, strict=True))
    found = ablation(net, samples)
    for parameter, weight in prunable(net).items():
        copies = weight.data * (1 - torch.eye(weight.numel()).double().view(-1, *weight.shape))

        def loss(values: Tensor, parameter: str = parameter) -> Tensor:
            return samples.loss(functional_call(net, {parameter: values}, (inputs,)), targets)

        expected = vmap(loss)(copies) - loss(weight.data)
        torch.testing.assert_close(found.changes[parameter].flatten(), expected, rtol=0, atol=1e-10)


LOSSES = {
    "bits": (Bits(N_OUT).loss, torch.rand(N, N_OUT).round()),
    "two classifications": (Classes((1, 3)).loss, torch.randint(1, (N, 2))),
    "squares": (mse_loss, torch.randn(N, N_OUT)),
    "torch": (nn.functional.cross_entropy, torch.randint(N_OUT, (N,))),
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("scale", [1.0, 300.0])
def test_every_loss(name: str, scale: float, samples: Batches) -> None:
    """At a scale of 300 softmaxes are saturated: a probability alone could not tell changes."""
    loss, targets = LOSSES[name]
    net = initial_net(MLP((N_IN, 6, N_OUT), "tanh"), rng=0)
    with torch.no_grad():
        net.fc2.weight.mul_(scale)
    batches = Batches([(samples.pairs[1][0], targets[9:])], loss)
    found, looped = ablation(net, batches).changes, ablation_loop(net, batches)
    for parameter in looped:
        torch.testing.assert_close(found[parameter], looped[parameter], rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("spec", [MLP((N_IN, 9, 8, N_OUT)), CNN((1, 4, 4), (6, 9), (8,), N_OUT)])
def test_only_kept_weights_are_visited(spec: MLP | CNN, samples: Batches) -> None:
    """One channel that is kept is read by nothing."""
    net = initial_net(spec, rng=0)
    masks = {name: torch.rand(x.shape) < 0.3 for name, x in prunable(net).items()}
    first, second, *_ = masks.values()
    first[2], second[:, 2] = True, False
    mask_net(net, masks)
    done: list[tuple[int, int]] = []
    found = ablation(net, samples, progress=lambda _, done_, total: done.append((done_, total)))
    looped = ablation_loop(net, samples)
    for name, mask in masks.items():
        torch.testing.assert_close(found.changes[name], looped[name], rtol=0, atol=1e-10)
        assert not found.changes[name][~mask].any()
    n_kept = sum(int(x.sum()) for x in masks.values())
    assert done[-1] == (2 * n_kept, 2 * n_kept)


def test_a_layer_that_keeps_nothing(samples: Batches) -> None:
    net = initial_net(LSTM((4, 4), 5, N_OUT), rng=0)
    masks = {name: torch.ones_like(x, dtype=torch.bool) for name, x in prunable(net).items()}
    (hidden,) = [name for name in masks if "weight_hh" in name]
    masks[hidden][:] = False
    mask_net(net, masks)
    found, looped = ablation(net, samples).changes, ablation_loop(net, samples)
    for name in masks:
        torch.testing.assert_close(found[name], looped[name], rtol=0, atol=1e-10)


def test_a_weight_that_does_nothing_changes_nothing(samples: Batches) -> None:
    """Inputs that are always 0, units that are never on, units that feed nothing: exactly 0."""
    net = initial_net(MLP((N_IN, 9, 8, N_OUT)), rng=0)
    with torch.no_grad():
        net.fc1.bias[2] = -1e3
        net.fc2.weight[:, 5] = 0
    changes = ablation(net, samples).changes
    assert not changes["fc1.weight"][:, 3].any()
    assert not changes["fc1.weight"][[2, 5]].any()
    assert not changes["fc2.weight"][:, 2].any()
    assert (changes["fc1.weight"] != 0).sum() > 50


def test_orthonormal_regression() -> None:
    """With orthonormal inputs and the best weights, the loss rises by half of each one squared."""
    n = 12
    inputs = torch.linalg.qr(torch.randn(n, n).double()).Q * n**0.5
    targets = torch.randn(n, 3).double()
    net = nn.Linear(n, 3, bias=False).double()
    net.weight.data = (targets.T @ inputs) / n
    batches = Batches([(inputs, targets)], lambda f, y: (f - y).square().sum(1).mean() / 2)
    changes = ablation(net, batches).changes["weight"]
    torch.testing.assert_close(changes, net.weight.data**2 / 2, rtol=1e-9, atol=1e-12)


def test_scaled_units_and_inputs(samples: Batches) -> None:
    net = initial_net(MLP((N_IN, 9, 8, N_OUT)), rng=0).double()
    before = ablation(net, samples).changes
    units, inputs = torch.rand(9).double() * 5 + 0.1, torch.rand(N_IN).double() * 5 + 0.1
    with torch.no_grad():
        net.fc1.weight.mul_(units[:, None] / inputs)
        net.fc1.bias.mul_(units)
        net.fc2.weight.div_(units)
    after = ablation(net, Batches([(x * inputs, y) for x, y in samples], samples.loss)).changes
    for name in before:
        torch.testing.assert_close(after[name], before[name], rtol=0, atol=1e-12)


def test_a_loss_that_is_not_finite_is_refused(samples: Batches) -> None:
    net = initial_net(MLP((N_IN, N_OUT)), rng=0)
    with torch.no_grad():
        net.fc1.bias[0] = torch.nan
    with pytest.raises(FormatError, match="the loss of the net is nan"):
        ablation(net, samples)


@pytest.mark.parametrize("name", ["perceptron, ReLU", "CNN", "LSTM", "residual blocks"])
@pytest.mark.parametrize("share", [0.2, 0.7])
def test_an_interrupted_ablation_is_continued(
    name: str, share: float, samples: Batches, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the same bits, and what was known is not computed again."""
    monkeypatch.setattr(course, "_PAUSE", -1)
    monkeypatch.setattr(recurrent, "NUMBERS", 2000)  # several blocks
    torch.manual_seed(0)
    net, path = NETS[name][0](), tmp_path / "ablation.pt"
    whole = ablation(net, samples)

    def interrupt(stage: str, done: int, total: int) -> None:
        if done > share * total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ablation(net, samples, checkpoint=path, progress=interrupt)
    reports: list[tuple[int, int]] = []
    found = ablation(
        net, samples, checkpoint=path, progress=lambda _, done, total: reports.append((done, total))
    )
    assert reports[0][0] > (share - 0.2) * reports[0][1]
    assert found.loss == whole.loss
    assert found.ways == whole.ways
    for parameter, changes in whole.changes.items():
        assert torch.equal(found.changes[parameter], changes)
    again = ablation(net, samples, checkpoint=path, progress=interrupt)  # all is known
    assert all(torch.equal(again.changes[key], x) for key, x in whole.changes.items())


@pytest.mark.parametrize("what", ["net", "samples", "loss"])
def test_a_checkpoint_of_something_else_is_refused(
    what: str, samples: Batches, tmp_path: Path
) -> None:
    net, path = initial_net(MLP((N_IN, N_OUT)), rng=0), tmp_path / "ablation.pt"
    ablation(net, samples, checkpoint=path)
    other = samples
    if what == "net":
        net = initial_net(MLP((N_IN, N_OUT)), rng=1)
    elif what == "samples":
        other = Batches(samples.pairs[:1], samples.loss)
    else:
        other = Batches(samples.pairs, Bits(N_OUT).loss)
    with pytest.raises(FormatError, match=f"is of a run with {what[:6]}"):
        ablation(net, other, checkpoint=path)
