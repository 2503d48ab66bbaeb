"""PHEW on live nets: what masks promise, and what becomes of options."""

from __future__ import annotations

import copy
import hashlib
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from netsculpt.core.errors import FormatError, GraphError, TopologyError
from netsculpt.graph.graph import WIRING, NetGraph, live_units
from netsculpt.nets import MLP, VGG, ResNet, initial_net, mask_net, prunable
from netsculpt.tracing import trace
from netsculpt.tracing.export import exported
from netsculpt.training import phew, prune, pruning_report
from netsculpt.training.fitting.batches import Batches
from netsculpt.training.pruning.report import Pruned
from netsculpt.training.pruning.walks import from_net

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from architectures import dense_net, mobile_net, u_net

EXPORTED: dict[tuple[int, ...], tuple[nn.Module, Any]] = {}


@pytest.fixture(autouse=True)
def _exported_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nets keep their form, so only their weights are read again."""

    def once(net: nn.Module, inputs: tuple[Tensor, ...]) -> Any:
        key = (id(net), *(id(x) for x in net.parameters()))
        if key not in EXPORTED:  # the net is held, so that no other can have its number
            EXPORTED[key] = (net, exported(net, inputs))
        return EXPORTED[key][1]

    monkeypatch.setattr(from_net, "exported", once)


def seeded(make: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    return make()


def spec(net: Any) -> Callable[[], tuple[nn.Module, Tensor]]:
    return lambda: (initial_net(net, rng=0), torch.zeros(1, net.n_inputs))


NETS: dict[str, Callable[[], tuple[nn.Module, Tensor]]] = {
    "mlp": spec(MLP((20, 40, 30, 5))),
    "vgg": spec(VGG((3, 8, 8), ((8, 8), (16, 16), (24,)), 10)),
    "resnet20": spec(ResNet((3, 8, 8), 10)),
    "dense": lambda: (seeded(lambda: dense_net(4, 3)), torch.zeros(1, 3, 8, 8)),
    "u_net": lambda: (seeded(lambda: u_net(6)), torch.zeros(1, 3, 8, 8)),
    "mobile": lambda: (seeded(lambda: mobile_net(4, 3)), torch.zeros(1, 3, 16, 16)),
    "flattened": lambda: (
        seeded(
            lambda: nn.Sequential(
                *(nn.Conv2d(2, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
                *(nn.Linear(6 * 9, 12), nn.ReLU(), nn.Linear(12, 4)),
            )
        ),
        torch.zeros(1, 2, 6, 6),
    ),
}


@cache
def untouched(name: str) -> tuple[nn.Module, Tensor]:
    """A net that several tests read, and none changes."""
    return NETS[name]()


def masked(net: nn.Module, masks: dict[str, Tensor], example: Tensor) -> NetGraph:
    net = copy.deepcopy(net)
    mask_net(net, masks)
    return trace(net, example)


def n_kept(masks: dict[str, Tensor]) -> int:
    return sum(int(mask.sum()) for mask in masks.values())


def over(pruned: Pruned) -> int:
    return int(pruned.details["overshoot"])


def wanted(pruned: Pruned) -> int:
    return n_kept(pruned.masks) - over(pruned)


def n_weights(net: nn.Module) -> int:
    return sum(x.numel() for x in prunable(net).values())


def digest(masks: dict[str, Tensor]) -> str:
    return hashlib.sha256(b"".join(x.numpy().tobytes() for x in masks.values())).hexdigest()


@pytest.mark.parametrize("name", NETS)
def test_all_that_is_kept_lies_on_paths_of_what_is_kept(name: str) -> None:
    net, example = untouched(name)
    found = phew(net, example, 0.05, rng=1)
    assert found.details["lost"] == 0
    graph = masked(net, found.masks, example)
    n_in, n_out = (
        np.bincount(graph.weights.indices, minlength=graph.n_units),
        np.diff(graph.weights.indptr),
    )
    weighed = {x.parameter: x for x in graph.blocks if x.kind != WIRING}
    assert set(weighed) <= set(found.masks)
    touched = np.zeros((2, graph.n_units), bool)  # by a weight that arrives, that leaves
    for block in weighed.values():
        edges = graph.block(block.source, block.target)
        targets = np.unique(edges.indices)
        touched[0, graph.layer(block.target).start + targets] = True
        touched[1, graph.layer(block.source).start + np.flatnonzero(np.diff(edges.indptr))] = True
    hidden = np.ones(graph.n_units, bool)
    hidden[graph.inputs] = hidden[graph.outputs] = False
    assert touched.any()
    assert (n_in[touched[1] & hidden] > 0).all()
    assert (n_out[touched[0] & hidden] > 0).all()
    alive = live_units(graph)
    assert alive[touched.any(axis=0)].all()
    live = graph.live()
    assert live.n_parameters == graph.n_parameters == n_kept(found.masks)


@pytest.mark.parametrize("name", NETS)
def test_the_report_is_that_of_the_traced_net(name: str) -> None:
    """Walks know which units live; tracing the masked net finds the same."""
    net, example = untouched(name)
    pruned = phew(net, example, 0.01, rng=1, power=-1)
    assert pruned.report == pruning_report(net, pruned.masks, example)
    assert pruned.report.units is not None
    assert pruned.report.units.n_dead > 0


@pytest.mark.parametrize("name", ["resnet20", "dense", "u_net"])
def test_walks_go_everywhere(name: str) -> None:
    """Nearly all weights can be kept: no branch is forgotten, on residual nets neither."""
    net, example = NETS[name]()
    for weight in prunable(net).values():
        weight.data.fill_(1.0)
    found = phew(net, example, 0.9, rng=0)
    for weight in found.masks.values():
        assert weight.float().mean() > 0.6


@pytest.mark.parametrize("density", [0, 0.05])
@pytest.mark.parametrize("name", ["mlp", "vgg"])
def test_it_keeps_as_many_as_requested_and_less_than_a_path_more(name, density) -> None:
    net, example = untouched(name)
    depth = 3 if name == "mlp" else 6
    for seed in range(2):
        found = phew(net, example, density, rng=seed)
        assert wanted(found) == int(density * n_weights(net))
        assert 0 <= over(found) < depth
        assert {name: x.shape for name, x in found.masks.items()} == {
            name: x.shape for name, x in prunable(net).items()
        }
        assert all(x.dtype == torch.bool for x in found.masks.values())


def live(net: nn.Module, masks: dict[str, Tensor], example: Tensor) -> np.ndarray:
    return live_units(masked(net, masks, example))


@pytest.mark.parametrize(
    "name", ["small residual", "u_net", pytest.param("dense", marks=pytest.mark.slow)]
)
def test_exactly_so_many_and_no_unit_dies(name: str) -> None:
    small = {"small residual": spec(ResNet((2, 4, 4), 5, widths=(4, 6), blocks=1))}
    net, example = {**NETS, **small}[name]()
    trimmed = 0
    for seed in range(2):
        plain = phew(net, example, 0.2, rng=seed)
        exact = phew(net, example, 0.2, rng=seed, exact=True)
        assert 0 <= over(exact) <= over(plain)
        assert all((exact.masks[key] <= plain.masks[key]).all() for key in plain.masks)
        if over(plain) > over(exact):
            trimmed += 1
            before, after = (live(net, x.masks, example) for x in (plain, exact))
            assert np.array_equal(before, after)
    assert trimmed


class Mixer(nn.Module):
    """Copies of a weight, which live and die apart."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(3, 4)
        self.tokens = nn.Sequential(nn.Linear(5, 3), nn.Tanh(), nn.Linear(3, 5))
        self.channels = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 4))
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        x = x + self.tokens(x.mT).mT
        return self.head((x + self.channels(x)).mean(1))


def test_exact_masks_of_copies_leave_all_units_alive() -> None:
    example, trimmed = torch.zeros(1, 5, 3), 0
    net = seeded(Mixer)
    for seed in range(2):
        plain = phew(net, example, 0.3, rng=seed)
        exact = phew(net, example, 0.3, rng=seed, exact=True)
        trimmed += over(plain) - over(exact)
        before, after = (live(net, x.masks, example) for x in (plain, exact))
        assert np.array_equal(before, after)
    assert trimmed


def test_powers_are_powers_of_the_weights() -> None:
    """Squares of weights by p are weights of squares by p / 2; zeros stay zeros."""
    net, example = NETS["flattened"]()
    with torch.no_grad():
        net[0].weight[0, 0] = 0
    squared = copy.deepcopy(net)
    for weight in prunable(squared).values():
        weight.data = weight.data.double() ** 2
    for power in (2.0, -1.0):
        one = phew(net, example, 0.2, rng=3, power=power)
        two = phew(squared.float(), example, 0.2, rng=3, power=power / 2)
        agree = [(one.masks[key] == two.masks[key]).float().mean() for key in one.masks]
        assert min(agree) > 0.99
    alike = phew(net, example, 0.2, rng=3, power=0)
    ones = copy.deepcopy(net)
    for weight in prunable(ones).values():
        weight.data = (weight.data != 0).float()
    assert digest(alike.masks) == digest(phew(ones, example, 0.2, rng=3).masks)
    size = {p: mean_size(net, phew(net, example, 0.1, rng=0, power=p).masks) for p in (-1, 0, 1, 2)}
    assert size[-1] < size[0] < size[1] < size[2]


def mean_size(net: nn.Module, masks: dict[str, Tensor]) -> float:
    weight, mask = net.get_parameter("4.weight"), masks["4.weight"]
    return float(weight.detach().abs()[mask].mean())


@pytest.mark.parametrize("exact", [False, True])
def test_from_a_mask_of_a_lower_density(exact: bool) -> None:
    net, example = spec(ResNet((3, 8, 8), 10, blocks=1))()
    low = phew(net, example, 0.02, rng=0)
    high = phew(net, example, 0.05, rng=1, start=low.masks, exact=exact)
    assert all((high.masks[key] >= mask).all() for key, mask in low.masks.items())
    assert 0 <= over(high) < 8
    graph = masked(net, high.masks, example)
    assert graph.live().n_parameters == n_kept(high.masks)


def test_whole_kernels() -> None:
    net, example = untouched("vgg")
    found = phew(net, example, 0.1, rng=0, whole_kernels=True)
    for mask in found.masks.values():
        flat = mask.reshape(*mask.shape[:2], -1)
        assert torch.equal(flat.all(2), flat.any(2))
    assert 0 <= over(found) < 9 * 6
    graph = masked(net, found.masks, example)
    assert graph.live().n_parameters == n_kept(found.masks)


def test_tied_weights_are_counted_once() -> None:
    torch.manual_seed(0)
    shared = nn.Linear(6, 6)
    net = nn.Sequential(shared, nn.Tanh(), shared, nn.Tanh(), nn.Linear(6, 3))
    found = phew(net, torch.zeros(1, 6), 0.25, rng=0)
    assert list(found.masks) == ["0.weight", "4.weight"]
    assert wanted(found) == int(0.25 * 54)
    assert 0 <= over(found) < 3


def test_a_weight_and_its_transpose() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.rand(4, 3))

        def forward(self, x: Tensor) -> Tensor:
            return functional.linear(functional.linear(x, self.weight), self.weight.mT)

    torch.manual_seed(0)
    found = phew(Tied(), torch.zeros(1, 3), 0.5, rng=0)
    assert 0 <= over(found) < 2
    mask = found.masks["weight"]
    with torch.no_grad():
        net = Tied()
        net.weight[:] = 0
        net.weight[1, :2] = torch.tensor([1.0, 2.0])
    mask = phew(net, torch.zeros(1, 3), 2 / 12, rng=0).masks["weight"]
    assert mask[1, :2].all()
    assert mask.sum() == 2


def test_what_weights_make_of_constants_is_no_path() -> None:
    class Shifted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head, self.first, self.last = nn.Linear(3, 4), nn.Linear(2, 4), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(torch.relu(self.first(x) + self.head(torch.ones(1, 3))))

    torch.manual_seed(0)
    found = phew(Shifted(), torch.zeros(1, 2), 0.3, rng=0)
    assert wanted(found) == int(0.3 * 28)
    assert not found.masks["head.weight"].any()
    assert 0 <= over(found) < 2


def test_weights_of_buffers_lead_walks_and_are_not_counted() -> None:
    class Fixed(nn.Module):
        fixed: Tensor

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("fixed", torch.tensor([[2.0, 0, 0], [0, 3.0, 0], [0, 0, 4.0]]))
            self.last = nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(functional.linear(x, self.fixed))

    torch.manual_seed(0)
    for exact in (False, True):
        found = phew(Fixed(), torch.zeros(1, 3), 0.12, rng=0, exact=exact)
        assert list(found.masks) == ["last.weight"]
        assert found.masks["last.weight"][:, 0].sum() == found.masks["last.weight"].sum() == 1


IN_ANOTHER_PROCESS = """
import sys, torch
sys.path[:0] = {paths!r}
from test_phew import NETS, digest
from netsculpt.training import phew
print(digest(phew(*NETS["flattened"](), 0.03, rng=11).masks))
"""


def test_same_seed_same_bytes() -> None:
    net, example = NETS["flattened"]()
    found = digest(phew(net, example, 0.03, rng=11).masks)
    np.random.seed(3)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    torch.rand(5)
    state = torch.random.get_rng_state()
    assert digest(phew(net, example, 0.03, rng=11).masks) == found
    assert digest(phew(net, example, 0.03, rng=np.random.default_rng(11)).masks) == found
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    assert torch.equal(torch.random.get_rng_state(), state)
    assert digest(phew(net, example, 0.03, rng=12).masks) != found
    several = phew(net, example, 0.03, rng=11, jobs=4)
    assert digest(several.masks) == found


@pytest.mark.slow
def test_same_seed_same_bytes_in_another_process() -> None:
    net, example = NETS["flattened"]()
    found = digest(phew(net, example, 0.03, rng=11).masks)
    code = IN_ANOTHER_PROCESS.format(paths=[str(Path(__file__).parent)])
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == found


def test_the_net_is_left_as_it_was() -> None:
    net, example = NETS["vgg"]()
    net.train()
    before = copy.deepcopy(net.state_dict())
    phew(net, example, 0.1, rng=0, power=2, exact=True)
    assert net.training
    assert all(torch.equal(x, before[key]) for key, x in net.state_dict().items())
    assert not any("mask" in key for key in net.state_dict())


def test_what_cannot_be_done_is_said() -> None:
    net, example = NETS["mlp"]()
    with pytest.raises(FormatError, match="density is 2"):
        phew(net, example, 2)
    with pytest.raises(FormatError, match="boolean is needed"):
        phew(net, example, 0.05, start={"fc1.weight": torch.ones(3, 3, dtype=torch.bool)})
    with pytest.raises(FormatError, match="none is needed"):
        phew(net, example, 0.05, start={"nothing": torch.ones(3, 3, dtype=torch.bool)})
    broken = copy.deepcopy(net)
    broken.fc1.weight.data[0, 0] = torch.nan
    with pytest.raises(GraphError, match="negative or not finite"):
        phew(broken, example, 0.1)
    mask_net(net, {"fc1.weight": torch.ones(40, 20, dtype=torch.bool)})
    with pytest.raises(FormatError, match="the net has masks"):
        phew(net, example, 0.1)
    normed = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
    with pytest.raises((TopologyError, GraphError)):
        phew(normed, torch.zeros(1, 3), 0.5)
    beside = nn.Sequential(nn.Linear(3, 2))
    beside.register_parameter("unused", nn.Parameter(torch.rand(10, 10)))
    with pytest.raises(GraphError, match="of 53 weights kept"):
        phew(beside, torch.zeros(1, 3), 0.5)


def test_prune_by_walks() -> None:
    net, example = NETS["mlp"]()
    batches = Batches([(example.expand(4, -1), torch.zeros(4, dtype=torch.long))])
    found, direct = (
        prune(net, method="phew", density=0.1, batches=batches, rng=4),
        phew(net, example, 0.1, rng=4),
    )
    assert digest(found.masks) == digest(direct.masks)
    assert found.summary() == direct.summary()
    assert (found.seed, phew(net, example, 0.1, rng=np.random.default_rng(4)).seed) == (4, None)
    assert over(found) == n_kept(found.masks) - int(0.1 * n_weights(net))
    assert found.report.units is not None
    assert found.report.units.connected


def test_paths_keep_units_alive_where_weights_alone_do_not() -> None:
    """At 5 %, of 128 hidden units a layer: nearly all, by walks."""
    net = initial_net(MLP((64, 128, 128, 128, 10)), rng=0)
    example = torch.zeros(1, 64)
    found = phew(net, example, 0.05, rng=0)
    graph = masked(net, found.masks, example)
    alive = live_units(graph)
    hidden = [int(alive[layer.units].sum()) for layer in graph.layers[1:-1]]
    assert min(hidden) > 110
