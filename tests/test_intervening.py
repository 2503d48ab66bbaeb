"""Units of nets given other values, against runs by hand."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from interventions import forward, permuted_and_scaled, random_net
from torch import Tensor, nn

from netsculpt import Partition, compile_circuit, from_matrices, parse_circuit, trace
from netsculpt.core.errors import FormatError, GraphError, TopologyError
from netsculpt.nets.families import MLP
from netsculpt.training.influence.intervening import (
    Intervenable,
    TracedNet,
    intervenable,
    module_units,
    of_replicas,
    random_sets,
)
from netsculpt.training.sculpting.replicas import initial_replicas

sys.path.insert(0, str(Path(__file__).parents[1] / "analyses"))

from model_families import model_of


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


class Residual(nn.Module):
    """A norm, a sum of two streams, pooling and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.second = nn.Conv2d(4, 4, 3, padding=1)
        self.last = nn.Linear(16, 3)
        with torch.no_grad():
            self.norm.running_mean.uniform_(-0.5, 0.5)
            self.norm.running_var.uniform_(0.5, 2.0)

    def forward(self, x: Tensor) -> Tensor:
        return self.by_hand(x, {})

    def by_hand(self, x: Tensor, replaced: dict[tuple[str, int], Tensor]) -> Tensor:
        """The outputs; single channels of a layer may be given."""

        def channels(name: str, value: Tensor) -> Tensor:
            value = value.clone() if replaced else value
            for (layer, channel), instead in replaced.items():
                if layer == name:
                    value[:, channel] = instead
            return value

        h = channels("first", torch.relu(self.norm(self.first(channels("input", x)))))
        g = channels("second", torch.relu(self.second(h)))
        total = channels("add", torch.max_pool2d(h + g, 2))
        return self.last(total.flatten(1))


def channel(net: Intervenable, layer: str, index: int) -> int:
    return net.graph.layer(layer).start + index


def only(net: Intervenable, *runs: list[int]) -> np.ndarray:
    return np.array([net.units(np.array(run, dtype=int)) for run in runs])


def test_channels_of_a_residual_net_take_those_of_other_samples() -> None:
    torch.manual_seed(0)
    net, x = Residual().eval(), torch.randn(5, 2, 4, 4)
    able = intervenable(net, example=x)
    donors = torch.tensor([2, 4, 0, 1, 3])
    values = able.activations(x)[donors]
    runs = [[("first", 1)], [("second", 2), ("add", 0)], [("input", 0), ("first", 3)], []]
    units = only(able, *([channel(able, *pair) for pair in run] for run in runs))
    found = able.replaced(x, units, values)
    with torch.no_grad():
        h = torch.relu(net.norm(net.first(x)))
        g = torch.relu(net.second(h))
        natural = {"input": x, "first": h, "second": g, "add": torch.max_pool2d(h + g, 2)}
        for run, outputs in zip(runs, found, strict=True):
            given = {(layer, c): natural[layer][donors][:, c] for layer, c in run}
            torch.testing.assert_close(outputs, net.by_hand(x, given))
    torch.testing.assert_close(able.outputs(x), net(x).detach())


def test_single_positions_are_units_of_a_spatial_trace() -> None:
    torch.manual_seed(1)
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2))
    x = torch.randn(3, 1, 4, 4)
    graph = trace(net, x[:1], granularity="spatial")
    able = intervenable(net, graph=graph, example=x)
    unit = channel(able, "0", 5)  # channel 1, place (0, 1)
    found = able.replaced(x, only(able, [unit]), torch.full((1, able.unit_of.size), 7.0))[0]
    with torch.no_grad():
        h = torch.relu(net[0](x))
        h[:, 1, 0, 1] = 7.0
        torch.testing.assert_close(found, net[3](h.flatten(1)))


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_the_fast_way_is_the_traced_one(activation: str) -> None:
    nets = initial_replicas(MLP((4, 6, 5, 3), activation), [3])
    for values in nets.parameters.values():
        values.add_(torch.randn(values.shape, generator=torch.Generator().manual_seed(0)) / 10)
    masks = {
        k: torch.rand(x.shape, generator=torch.Generator().manual_seed(1)) < 0.7
        for k, x in nets.masks.items()
    }
    nets = nets.masked(masks)
    torch_net = nets.spec.build()
    torch_net.load_state_dict(nets.state(0)[0])
    x = torch.rand(9, 4)
    fast, traced = intervenable(nets), intervenable(torch_net, example=x[:1])
    assert [a.n_units for a in fast.graph.layers] == [a.n_units for a in traced.graph.layers]
    np.testing.assert_array_equal(traced.hidden[4:15], True)
    donors, rng = (
        torch.randperm(9, generator=torch.Generator().manual_seed(2)),
        np.random.default_rng(0),
    )
    units = (rng.random((7, 18)) < 0.4) & fast.replaceable & traced.replaceable
    outputs = [net.replaced(x, units, net.activations(x)[donors]).float() for net in (fast, traced)]
    torch.testing.assert_close(*outputs, atol=1e-5, rtol=1e-5)
    for unit in range(15):  # the same activations, by the number of the unit
        ours, theirs = (
            net.activations(x).float()[:, torch.from_numpy(net.unit_of == unit)]
            for net in (fast, traced)
        )
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def test_layered_nets_equal_unit_by_unit_sums() -> None:
    net, rng = random_net((4, 5, 3, 2), 0), np.random.default_rng(1)
    x = torch.from_numpy(rng.standard_normal((6, 4)))
    values = torch.from_numpy(rng.standard_normal((3, 6, 14)))
    units = (rng.random((3, 14)) < 0.5) & net.replaceable
    found = net.replaced(x, units, values)
    for run in range(3):
        for sample in range(6):
            given = {int(u): float(values[run, sample, u]) for u in np.flatnonzero(units[run])}
            _, expected = forward(net, x[sample].numpy(), given)
            np.testing.assert_allclose(found[run, sample], expected, atol=1e-12)
    activations = [forward(net, row.numpy(), {})[0] for row in x]
    np.testing.assert_allclose(net.activations(x), activations, atol=1e-12)


@pytest.mark.parametrize("kind", ["layered", "traced"])
def test_every_form_of_values_is_the_longest_one(kind: str) -> None:
    x = torch.rand(4, 3, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    able: Intervenable = (
        random_net((3, 4, 2), 0) if kind == "layered" else intervenable(net, example=x)
    )
    k = able.unit_of.size
    units = np.random.default_rng(0).random((5, able.graph.n_units)) < 0.6
    units &= able.replaceable
    for shape in ((1, k), (4, k), (5, 1, k)):
        values = torch.rand(shape, generator=torch.Generator().manual_seed(1))
        whole = values.expand(5, 4, k).contiguous()
        torch.testing.assert_close(able.replaced(x, units, values), able.replaced(x, units, whole))
    with pytest.raises(FormatError, match="needed"):
        able.replaced(x, units, torch.zeros(3, k))
    assert able.replaced(x, units[:0], torch.zeros(1, k)).shape == (0, 4, 2)


@pytest.mark.parametrize("kind", ["layered", "traced"])
def test_a_little_at_a_time_changes_nothing(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.rand(5, 3)
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))

    def run() -> tuple[Tensor, Tensor]:
        able: Intervenable = (
            random_net((3, 4, 2), 0) if kind == "layered" else TracedNet.of(net, x[:1])
        )
        values = able.activations(x)
        units = np.eye(able.graph.n_units, dtype=bool)[:7]
        return values, able.replaced(x, units, values.flip(0))

    whole = run()
    monkeypatch.setattr(f"netsculpt.training.influence.intervening.{kind}._NUMBERS", 1)
    for ours, theirs in zip(run(), whole, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_units_of_a_live_graph_are_the_same_units() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
    with torch.no_grad():
        net[2].weight[:, 1] = 0.0  # unit 1 of the hidden layer feeds nothing
    x = torch.rand(4, 3)
    graph = trace(net, x)
    whole, live = (intervenable(net, graph=g, example=x) for g in (graph, graph.live()))
    assert live.graph.n_units == whole.graph.n_units - 1
    values = whole.activations(x).flip(0)
    there, here = whole.graph.layer("0").start + 3, live.graph.layer("0").start + 2
    torch.testing.assert_close(
        whole.replaced(x, only(whole, [there]), values),
        live.replaced(x, only(live, [here]), live.activations(x).flip(0)),
    )
    weights = [net[0].weight.detach().numpy(), net[2].weight.detach().numpy()]
    nets = initial_replicas(MLP((3, 5, 2)), [0])
    for name, part in zip(
        nets.parameters, (net[0].weight, net[0].bias, net[2].weight, net[2].bias), strict=True
    ):
        nets.parameters[name][0] = part.detach()
    fast = of_replicas(nets, graph=from_matrices(weights).live())
    torch.testing.assert_close(
        fast.replaced(x, only(fast, [here]), fast.activations(x).flip(0)).float(),
        whole.replaced(x, only(whole, [there]), values),
    )


def test_recurrent_layers_run_but_their_units_are_not_replaced() -> None:
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.head = nn.LSTM(3, 4, batch_first=True), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.lstm(x)[0][:, -1])

    torch.manual_seed(0)
    net, x = Last().eval(), torch.randn(3, 4, 3)
    able = intervenable(net, example=x)
    assert not able.is_mapped
    torch.testing.assert_close(able.outputs(x), net(x).detach())
    hidden = able.graph.layer("lstm.h").start
    with pytest.raises(GraphError, match="recurrent"):
        able.units([hidden])
    swapped = able.replaced(x, only(able, [0, 1, 2]), able.activations(x).flip(0))[0]
    torch.testing.assert_close(swapped, net(x.flip(0)).detach())


def test_attention_takes_queries_and_keys_apart() -> None:
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.q, self.k, self.v = (nn.Linear(3, 4, bias=False) for _ in range(3))
            self.head = nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            q, k, v = self.q(x), self.k(x), self.v(x)
            return self.head(torch.nn.functional.scaled_dot_product_attention(q, k, v).mean(1))

    torch.manual_seed(0)
    net, x = Attention().eval(), torch.randn(3, 5, 3)
    able = intervenable(net, example=x)
    layer = able.graph.layer("k")
    units = np.arange(layer.start, layer.stop)
    found = able.replaced(x, only(able, units.tolist()), able.activations(x).flip(0))[0]
    with torch.no_grad():
        scores = net.q(x) @ net.k(x.flip(0)).transpose(1, 2) / 2.0
        expected = net.head((scores.softmax(-1) @ net.v(x)).mean(1))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ("family", "granularity"),
    [
        ("ShuffleNet v2", "channel"),
        ("Llama", "channel"),
        ("Mamba", "channel"),
        ("Mixtral", "channel"),
        ("GAT", "channel"),
        ("S4D", "spatial"),
        ("LeNet-5", "spatial"),
    ],
)
def test_all_units_of_a_donor_make_its_outputs(family: str, granularity: str) -> None:
    """Own activations change nothing; all of another sample's make its outputs."""
    model = model_of(family, 0)
    net, x = model.net.eval(), model.example[0][:1]
    able = intervenable(net, graph=trace(net, x, granularity=granularity), example=x)
    samples = x.repeat(3, *[1] * (x.ndim - 1))
    if x.is_floating_point():
        samples = torch.randn(samples.shape, generator=torch.Generator().manual_seed(0))
    else:
        samples = torch.stack([torch.roll(row, i) for i, row in enumerate(samples)])
    with torch.no_grad():
        expected = torch.cat([net(row[None]).reshape(1, -1) for row in samples])
    values, donors = able.activations(samples), [1, 2, 0]
    torch.testing.assert_close(able.replaced(samples, able.hidden[None], values)[0], expected)
    whole = able.replaced(samples, able.replaceable[None], values[donors])[0]
    if x.is_floating_point():
        torch.testing.assert_close(whole, expected[donors])
    first = np.flatnonzero(able.hidden)[:3]
    changed = able.replaced(samples, only(able, first.tolist()), values[donors])[0]
    assert not torch.allclose(changed, expected, atol=1e-6)  # they are read


def test_only_a_net_and_its_own_graph_fit() -> None:
    net, x = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1)), torch.zeros(1, 3)
    with pytest.raises(FormatError, match="example"):
        intervenable(net)
    with pytest.raises(GraphError, match="not by a trace"):
        intervenable(net, graph=from_matrices([np.ones((2, 3))]), example=x)
    other = trace(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1)), x)
    with pytest.raises(GraphError, match="does not have there"):
        intervenable(net, graph=other, example=x)
    with pytest.raises(FormatError, match="stack has 2 nets"):
        intervenable(initial_replicas(MLP((2, 2, 1)), [0, 1]))
    circuit = compile_circuit(parse_circuit("f = a ^ b"))
    with pytest.raises(GraphError, match="the net of"):
        intervenable(circuit, graph=from_matrices([np.ones((2, 3))]))
    able = intervenable(circuit)
    with pytest.raises(GraphError, match="output"):
        able.units([able.graph.n_units - 1])
    with pytest.raises(FormatError, match="Module"):
        intervenable("net")  # type: ignore[arg-type]
    noisy = nn.Sequential(nn.Linear(3, 2), Noise(), nn.Linear(2, 1))
    with pytest.raises(TopologyError, match="random"):
        intervenable(noisy, example=x)


class Noise(nn.Module):
    """Adds random numbers, in evaluation too."""

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.randn_like(x)


def test_scaled_and_permuted_units_are_the_same_units() -> None:
    net = random_net((4, 6, 5, 2), 3)
    other, old = permuted_and_scaled(net, 0)
    x = torch.rand(8, 4).double()
    torch.testing.assert_close(net.outputs(x), other.outputs(x))
    units = np.random.default_rng(0).random((6, 17)) < 0.4
    units &= net.replaceable
    torch.testing.assert_close(
        net.replaced(x, units, net.activations(x).flip(0)),
        other.replaced(x, units[:, old], other.activations(x).flip(0)),
    )


def test_random_sets_are_of_live_units_of_the_same_layers() -> None:
    net = random_net((4, 8, 6, 2), 0)
    weight = net.weights[1].clone()
    weight[:, 0] = 0.0  # unit 4 feeds nothing
    net = type(net)(
        (net.weights[0], weight, net.weights[2]),
        net.biases,
        net.activation,
        from_matrices([net.weights[0], weight, net.weights[2]]),
    )
    partition = Partition([0, 0, 1, 1, -1, 0, 0, 0, 1, 1, 1, -1, 0, 0, 1, 1, -1, -1, 0, 1])
    modules = module_units(net, partition, inputs=False)
    assert not modules[:, :4].any()
    assert not modules[:, 18:].any()
    sets = random_sets(net, modules, 200, inputs=False, seed=0, stage="test")
    for module, drawn in zip(modules, sets, strict=True):
        for layer in net.graph.layers:
            assert (drawn[:, layer.units].sum(1) == module[layer.units].sum()).all()
    assert not sets[..., 4].any()
    assert sets.any(axis=(0, 1))[5:18].all()
