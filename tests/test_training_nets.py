"""Nets from specs: parameter counts by hand, forward passes written out, specs from JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm, conv2d, linear, max_pool2d, relu

from netsculpt.core.errors import FormatError
from netsculpt.files.model import write_model
from netsculpt.loading import load
from netsculpt.nets.families import (
    CNN,
    FAMILIES,
    LSTM,
    MLP,
    VGG,
    Gate,
    NetSpec,
    ResNet,
    SparseGPT,
    initial_net,
    net_from_spec,
)
from netsculpt.nets.gpt.shape import PLACES
from netsculpt.tracing import trace

SMALL: dict[str, NetSpec] = {
    "mlp": MLP((12, 7, 5), activation="tanh"),
    "cnn": CNN((3, 8, 6), channels=(4, 6), hidden=(9,), n_outputs=5, kernel=5, activation="gelu"),
    "vgg": VGG((3, 8, 8), stages=((4, 4), (6,)), n_outputs=5, hidden=(7,)),
    "resnet": ResNet((3, 8, 8), n_outputs=5, widths=(4, 6), blocks=2),
    "sparse_gpt": SparseGPT(
        5, positions=4, width=8, layers=2, heads=2, kept_share=0.5, kept_at=PLACES
    ),
    "lstm": LSTM((5, 3), hidden=4, n_outputs=5, layers=2),
}
VGG19 = VGG(
    (3, 32, 32),
    stages=((64,) * 2, (128,) * 2, (256,) * 4, (512,) * 4, (512,) * 4),
    n_outputs=10,
)


def n_parameters(spec: NetSpec) -> int:
    with torch.device("meta"):
        return sum(x.numel() for x in spec.build().parameters())


@pytest.mark.parametrize(
    ("spec", "count"),
    [
        (MLP((784, 300, 100, 10)), 784 * 300 + 300 + 300 * 100 + 100 + 100 * 10 + 10),
        (
            CNN((1, 8, 8), channels=(8, 16), hidden=(32,), n_outputs=10),
            (9 * 8 + 8) + (8 * 16 * 9 + 16) + (16 * 2 * 2 * 32 + 32) + (32 * 10 + 10),
        ),
        # 20,018,880 weights of convolutions, 2 · 5,504 of norms, 5,130 of the linear layer
        (VGG19, 20_018_880 + 11_008 + 5_130),
        # 432 + 32 | 6 · (2,304 + 32) | 4,608 + 5 · 9,216 + 6 · 64 + shortcut 576 |
        # 18,432 + 5 · 36,864 + 6 · 128 + shortcut 2,176 | 650
        (ResNet((3, 32, 32), 10), 464 + 14_016 + 51_072 + 576 + 203_520 + 2_176 + 650),
        (ResNet((3, 32, 32), 10, widths=(16,), blocks=1), 464 + 2 * (2_304 + 32) + 170),
        (
            LSTM((8, 8), hidden=16, n_outputs=10, layers=2),
            4 * 16 * (8 + 16 + 2) + 4 * 16 * (16 + 16 + 2) + 170,
        ),
    ],
)
def test_parameters_counted_by_hand(spec: NetSpec, count: int) -> None:
    assert n_parameters(spec) == count


def test_every_family_is_tried_here() -> None:
    assert set(SMALL) == set(FAMILIES)


@pytest.mark.parametrize("family", SMALL)
def test_specs_are_json_and_come_back(family: str) -> None:
    spec = SMALL[family]
    plain = json.loads(json.dumps(spec.spec))
    assert plain == spec.spec
    assert plain["family"] == family
    assert net_from_spec(plain) == spec
    assert hash(net_from_spec(plain)) == hash(spec)


@pytest.mark.parametrize("family", SMALL)
def test_nets_take_rows_and_give_logits(family: str) -> None:
    spec = SMALL[family]
    net = spec.build()
    assert net(torch.zeros(3, spec.n_inputs)).shape == (3, spec.n_outputs)
    with pytest.raises(RuntimeError):
        net(torch.zeros(3, 2 * spec.n_inputs))


@pytest.mark.parametrize("family", ["cnn", "vgg", "resnet", "lstm"])
def test_samples_may_have_their_shape_already(family: str) -> None:
    spec: Any = SMALL[family]
    shape = spec.sequence if family == "lstm" else spec.image
    net = spec.build().eval()
    rows = torch.randn(4, spec.n_inputs, generator=torch.Generator().manual_seed(0))
    assert torch.equal(net(rows), net(rows.reshape(4, *shape)))


def test_initial_weights_depend_on_the_seed_alone() -> None:
    before = torch.random.get_rng_state()
    a = initial_net(SMALL["resnet"], rng=3).state_dict()
    torch.rand(1)
    b = initial_net(SMALL["resnet"], rng=3).state_dict()
    other = initial_net(SMALL["resnet"], rng=4).state_dict()
    torch.random.set_rng_state(before)
    initial_net(SMALL["mlp"], rng=0)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not torch.equal(a["fc.weight"], other["fc.weight"])


def test_mlp_as_model_files_know_it() -> None:
    spec = MLP((4, 8, 2))
    assert spec.spec == {"family": "mlp", "widths": [4, 8, 2], "activation": "relu"}
    assert net_from_spec({"family": "mlp", "widths": [4, 8, 2]}) == spec
    net = spec.build()
    assert list(net.state_dict()) == ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]
    assert [type(x) for x in net] == [nn.Linear, nn.ReLU, Gate, nn.Linear]
    assert (spec.n_inputs, spec.n_hidden, spec.n_outputs, spec.n_weights) == (4, 8, 2, 48)


def test_vgg_as_written_out() -> None:
    net, x = initial_net(SMALL["vgg"], rng=0).eval(), inputs(SMALL["vgg"])
    p = net.state_dict()
    h = x.reshape(-1, 3, 8, 8)
    for stage in (["1_1", "1_2"], ["2_1"]):
        for at in stage:
            h = relu(normed(p, f"norm{at}", conv2d(h, p[f"conv{at}.weight"], padding=1)))
        h = max_pool2d(h, 2)
    h = relu(linear(h.mean((2, 3)), p["fc1.weight"], p["fc1.bias"]))
    torch.testing.assert_close(net(x), linear(h, p["fc2.weight"], p["fc2.bias"]))


def test_resnet_as_written_out() -> None:
    net, x = initial_net(SMALL["resnet"], rng=0).eval(), inputs(SMALL["resnet"])
    p = net.state_dict()
    h = relu(normed(p, "norm", conv2d(x.reshape(-1, 3, 8, 8), p["conv.weight"], padding=1)))
    for block, stride in (("1_1", 1), ("1_2", 1), ("2_1", 2), ("2_2", 1)):
        at = f"block{block}."
        y = conv2d(h, p[f"{at}residual.conv1.weight"], stride=stride, padding=1)
        y = relu(normed(p, f"{at}residual.norm1", y))
        y = normed(p, f"{at}residual.norm2", conv2d(y, p[f"{at}residual.conv2.weight"], padding=1))
        if stride == 2:
            h = normed(p, f"{at}shortcut.norm", conv2d(h, p[f"{at}shortcut.conv.weight"], stride=2))
        h = relu(y + h)
    assert h.shape[1:] == (6, 4, 4)
    assert [name for name in p if "shortcut.conv" in name] == ["block2_1.shortcut.conv.weight"]
    torch.testing.assert_close(net(x), linear(h.mean((2, 3)), p["fc.weight"], p["fc.bias"]))


def test_lstm_as_written_out() -> None:
    net, x = initial_net(SMALL["lstm"], rng=0), inputs(SMALL["lstm"])
    p = net.state_dict()
    sequence = list(x.reshape(-1, 5, 3).unbind(1))
    for layer in (0, 1):
        h = c = torch.zeros(len(x), 4)
        given = []
        for step in sequence:
            gates = linear(step, p[f"lstm.weight_ih_l{layer}"], p[f"lstm.bias_ih_l{layer}"])
            gates = gates + linear(h, p[f"lstm.weight_hh_l{layer}"], p[f"lstm.bias_hh_l{layer}"])
            i, f, g, o = gates.chunk(4, dim=1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            given.append(h)
        sequence = given
    torch.testing.assert_close(net(x), linear(h, p["fc.weight"], p["fc.bias"]))


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({}, "no family None"),
        ({"family": "transformer", "depth": 2}, "no family 'transformer'.* cnn, lstm, mlp"),
        ({"family": ["mlp"]}, "no family"),
        ({"family": "mlp"}, "fields widths, activation, this one has none"),
        ({"family": "mlp", "widths": [4, 2], "depth": 2}, "this one has 'widths', 'depth'"),
        (
            {"family": "mlp", "widths": [4]},
            r"widths .* is \(4,\): a tuple of 2 or more whole numbers above 0",
        ),
        ({"family": "mlp", "widths": [4, 0]}, "widths"),
        ({"family": "mlp", "widths": [4, True]}, "widths"),
        ({"family": "mlp", "widths": [4, 2.0]}, "widths"),
        ({"family": "mlp", "widths": "42"}, "widths"),
        ({"family": "mlp", "widths": {"in": 4}}, "widths"),
        ({"family": "mlp", "widths": [4, 2], "activation": "sin"}, "one of relu, leaky_relu"),
        ({"family": "mlp", "widths": [4, 2], "activation": ["relu"]}, "activation"),
        ({**SMALL["cnn"].spec, "image": [8, 8]}, r"image .*\(channels, height, width\)"),
        ({**SMALL["cnn"].spec, "channels": [4, 4, 4]}, "1 … 2 whole numbers above 0"),
        ({**SMALL["cnn"].spec, "channels": []}, "channels"),
        ({**SMALL["cnn"].spec, "kernel": 2}, "kernel"),
        ({**SMALL["cnn"].spec, "kernel": True}, "kernel"),
        ({**SMALL["vgg"].spec, "stages": [[4], [4], [4], [4]]}, "1 … 3 tuples"),
        ({**SMALL["vgg"].spec, "stages": [[4], []]}, "stages"),
        ({**SMALL["vgg"].spec, "stages": 4}, "stages"),
        ({**SMALL["vgg"].spec, "n_outputs": None}, "n_outputs"),
        ({**SMALL["resnet"].spec, "widths": [4] * 5}, "1 … 4 whole numbers above 0"),
        ({**SMALL["resnet"].spec, "blocks": 0}, "blocks .* a whole number from 1 to"),
        ({**SMALL["lstm"].spec, "sequence": [5]}, "sequence"),
        ({**SMALL["lstm"].spec, "layers": -1}, "layers"),
    ],
)
def test_wrong_specs_say_what_is_needed(spec: dict[str, Any], text: str) -> None:
    with pytest.raises(FormatError, match=text):
        net_from_spec(spec)


NO_SHORTCUT_WEIGHS = ResNet((3, 8, 8), 5, widths=(4,))


@pytest.mark.parametrize(
    "spec",
    [SMALL["resnet"], SMALL["lstm"], NO_SHORTCUT_WEIGHS],
    ids=["resnet", "lstm", "no shortcut has a weight"],
)
def test_nets_that_are_no_chain_are_built_and_traced(spec: NetSpec, tmp_path: Path) -> None:
    path, net = tmp_path / "model.pt", spec.build()
    write_model(path, net=spec.spec, state=net.state_dict(), masks={})
    found, expected = load(path), trace(net, torch.zeros(1, spec.n_inputs))
    assert found.layers == expected.layers
    assert found.blocks == expected.blocks
    assert (found.weights != expected.weights).nnz == 0


def inputs(spec: NetSpec) -> Tensor:
    return torch.randn(6, spec.n_inputs, generator=torch.Generator().manual_seed(1))


def normed(state: dict[str, Tensor], norm: str, values: Tensor) -> Tensor:
    mean, variance = state[f"{norm}.running_mean"], state[f"{norm}.running_var"]
    return batch_norm(values, mean, variance, state[f"{norm}.weight"], state[f"{norm}.bias"])
