"""Stitching: a module of one net in another, where it is known what must come out."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from interchanges import all_inputs
from torch import Tensor, nn

from netsculpt.core.errors import FormatError
from netsculpt.graph.circuits import ThresholdCircuit, shared_circuits
from netsculpt.nets import MLP, initial_net, mask_net
from netsculpt.training.transfer import stitched, stitching


class Step(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return (x > 0).to(x.dtype)


def as_net(circuit: ThresholdCircuit) -> nn.Sequential:
    layers: list[nn.Module] = []
    for weight, bias in zip(circuit.weights, circuit.biases, strict=True):
        layer = nn.Linear(weight.shape[1], weight.shape[0], dtype=torch.float64)
        layer.weight.data, layer.bias.data = (torch.tensor(x).double() for x in (weight, bias))
        layers += [layer, Step()]
    return nn.Sequential(*layers)


def relu_net(widths=(6, 12, 10, 8, 3), seed=0) -> nn.Sequential:
    net = initial_net(MLP(widths), rng=seed).double()
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in net.named_parameters():
        if name.endswith("bias"):
            parameter.data = 0.3 * torch.randn(parameter.shape, generator=generator).double()
    return net


def disguised(net: nn.Sequential, seed: int) -> tuple[nn.Sequential, list[np.ndarray]]:
    """The same function with hidden units permuted and rescaled, and where each unit came from."""
    rng = np.random.default_rng(seed)
    layers = [part for part in net if isinstance(part, nn.Linear)]
    order, scale, orders = np.arange(layers[0].in_features), np.ones(layers[0].in_features), []
    orders.append(order)
    parts: list[nn.Module] = []
    for i, layer in enumerate(layers):
        last = i == len(layers) - 1
        n = layer.out_features
        new = np.arange(n) if last else rng.permutation(n)
        grown = np.ones(n) if last else rng.lognormal(0, 1, n)
        weight = layer.weight.detach().numpy()[np.ix_(new, order)] / scale * grown[:, None]
        own = nn.Linear(layer.in_features, n, dtype=torch.float64)
        own.weight.data = torch.from_numpy(weight)
        own.bias.data = torch.from_numpy(layer.bias.detach().numpy()[new] * grown)
        parts += [own] if last else [own, nn.ReLU()]
        order, scale = new, grown
        orders.append(order)
    return nn.Sequential(*parts), orders


def test_a_module_in_a_disguised_copy_of_its_net_changes_nothing() -> None:
    net = relu_net()
    other, orders = disguised(net, 1)
    inputs = torch.randn(400, 6, generator=torch.Generator().manual_seed(0)).double()
    expected = net(inputs).detach()
    assert torch.allclose(other(inputs), expected), "the disguise works"
    rng = np.random.default_rng(2)
    module = [rng.random(len(order)) < 0.4 for order in orders]
    module[0][:], module[-1][:] = False, False
    there = [own[order] for own, order in zip(module, orders, strict=True)]
    units = np.concatenate(module), np.concatenate(there)
    found = stitched(net, other, *units, inputs)
    assert torch.allclose(found(inputs), expected, atol=1e-8)

    def score(outputs: Tensor) -> float:
        return -float((outputs - expected).abs().mean())

    result = stitching(net, other, *units, inputs, score, n_draws=19, rng=0)
    assert result.accuracy_stitched == pytest.approx(0.0, abs=1e-8)
    assert result.kept == pytest.approx(1.0, abs=1e-6)
    assert result.accuracy_without < -0.005
    assert result.p == 0.05
    assert json.loads(json.dumps(result.summary(), allow_nan=False))["n_draws"] == 19


@pytest.mark.parametrize("how", ["copied", "rewritten"])
def test_a_shared_function_is_stitched_and_another_is_not(how: str) -> None:
    pair = shared_circuits(4, 2, shared_as=how, rng=2)
    nets = as_net(pair.source), as_net(pair.target)
    inputs = torch.from_numpy(all_inputs(8)).double()
    targets = nets[1](inputs)

    def score(outputs: Tensor) -> float:
        return float((outputs == targets).double().mean())

    partitions = pair.source.hidden, pair.target.hidden

    def units(net: int, name: str) -> np.ndarray:
        partition, names = partitions[net]
        return partition.labels == names.index(name)

    for f in pair.shared:
        own = stitching(*nets, units(0, f), units(1, f), inputs, score, n_draws=19, rng=0)
        assert (own.accuracy, own.accuracy_stitched, own.kept) == (1.0, 1.0, 1.0)
        assert own.p <= 0.1
        other = stitching(*nets, units(0, "f4"), units(1, f), inputs, score, n_draws=0)
        assert other.kept < 0.5
        assert np.isnan(other.accuracy_random)


def test_pruned_weights_and_gates_are_read_as_they_are() -> None:
    net = initial_net(MLP((4, 6, 5, 2)), rng=0)
    mask_net(
        net, {"fc2.weight": torch.rand(5, 6, generator=torch.Generator().manual_seed(0)) < 0.5}
    )
    inputs = torch.randn(50, 4, generator=torch.Generator().manual_seed(1))
    module = np.zeros(17, bool)
    module[[4, 5, 10]] = True
    before = {name: x.clone() for name, x in net.state_dict().items()}
    found = stitched(net, net, module, module, inputs)
    assert torch.allclose(found(inputs), net(inputs), atol=1e-6)
    assert all(torch.equal(x, before[name]) for name, x in net.state_dict().items())


def test_nets_that_cannot_be_stitched_are_refused() -> None:
    net, inputs = relu_net((4, 6, 2)), torch.zeros(5, 4).double()
    module = np.zeros(12, bool)
    module[4] = True
    score = float

    def refused(message: str, *nets: nn.Module, units=(module, module), rows=inputs) -> None:
        with pytest.raises(FormatError, match=message):
            stitching(*nets, *units, rows, score)

    refused("as many layers", net, relu_net((4, 6, 6, 2)))
    refused("the source is a Linear", nn.Linear(4, 2), net)
    refused("contains a BatchNorm1d", nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6)), net)
    refused("no inputs and no outputs", net, net, units=(module, np.ones(12, bool)))
    refused("some hidden units", net, net, units=(np.zeros(12, bool), module))
    refused("samples", net, net, rows=torch.zeros(5, 3))
