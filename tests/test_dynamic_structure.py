"""Constant fan-in, n of m, and how the density is shared: golden values and exact counts."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from functools import partial

import pytest
import torch
from torch import Tensor, nn, optim

from netsculpt.core.errors import FormatError
from netsculpt.nets.families import MLP, initial_net
from netsculpt.nets.masks import mask_net
from netsculpt.training import dynamic
from netsculpt.training.dynamic import Entries
from netsculpt.training.dynamic.constraints.fan_in import FanIn, random_fan_in
from netsculpt.training.dynamic.constraints.n_of_m import NOfM, highest_of_groups
from netsculpt.training.dynamic.constraints.rows import highest_of_rows
from netsculpt.training.dynamic.sharing import by_momentum
from netsculpt.training.pruning.allocations import er, erk, uniform

G = torch.tensor(
    [
        [0.01, 0.30, 0.02, -0.70, 0.10],
        [0.40, -0.03, 0.05, -0.20, 0.06],
        [0.02, 0.15, -0.60, 0.01, 0.25],
        [-0.35, 0.04, 0.12, 0.95, 0.03],
    ]
)
TWO_A_ROW = torch.tensor(  # two kept in each row
    [[0.9, 0, -0.1, 0, 0], [0, 0.3, 0, 0, -0.8], [-0.2, 0, 0, 0.6, 0], [0, -0.5, 0, 0.05, 0]]
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def seen(weight: Tensor, gradient: Tensor, seed: int = 0) -> Entries:
    return Entries("w", weight, weight != 0, gradient, generator=generator(seed))


def exchanged(exchange: FanIn | NOfM, entries: Entries, fraction: float) -> Tensor:
    """The mask after an exchange."""
    gone, come = exchange(entries, fraction)
    kept = entries.kept.clone()
    assert kept.view(-1)[gone].all()
    assert not kept.view(-1)[come].any()
    kept.view(-1)[gone] = False
    kept.view(-1)[come] = True
    return kept


def test_rows() -> None:
    scores = torch.rand(6, 9, generator=generator())
    counts = torch.tensor([0, 1, 4, 9, 2, 3])
    mask = highest_of_rows(scores, counts, generator=generator())
    for row, taken, n in zip(scores, mask, counts.tolist(), strict=True):
        assert set(row[taken].tolist()) == set(row.sort(descending=True).values[:n].tolist())


def test_equals_in_a_row_are_chosen_between_by_lot() -> None:
    lots = sum(
        highest_of_rows(torch.ones(1, 4), torch.tensor([1]), generator=generator(seed)).int()
        for seed in range(400)
    )
    assert isinstance(lots, Tensor)
    assert lots.sum() == 400
    assert ((lots - 100).abs() < 4 * math.sqrt(400 * 3 / 16)).all()


def test_golden_fan_in() -> None:
    mask = exchanged(FanIn(), seen(TWO_A_ROW, G), 0.25)
    assert ["".join(str(int(x)) for x in row) for row in mask] == [
        "10010",
        "01001",
        "10010",
        "01010",  # (3, 3) went and came back
    ]
    gone, come = FanIn()(seen(TWO_A_ROW, G), 0.25)
    assert (gone.tolist(), come.tolist()) == ([2], [3]), "so that it keeps its value"


def test_a_unit_is_ablated_and_comes_back() -> None:
    weight = torch.tensor([[0.9, 0.8, 0, 0], [0.7, 0.6, 0, 0], [0.1, 0.2, 0, 0], [0.5, 0.4, 0, 0]])
    gradient = torch.zeros(4, 4)
    gradient[0, 3] = gradient[1, 2] = 1.0
    entries = seen(weight, gradient)
    mask = exchanged(FanIn(), entries, 0.25)  # 6 stay: both of unit 2 go, and it is not called
    assert mask.sum(1).tolist() == [2, 2, 0, 2], "8 weights over 3 units: 2 each"
    gradient = torch.zeros(4, 4)
    gradient[2] = 1.0
    later = Entries("w", weight * mask, mask, gradient, memory=entries.memory)
    assert exchanged(FanIn(), later, 0.2).sum(1).tolist() == [2, 2, 2, 2], "of 8, not of 6"
    assert exchanged(FanIn(whole=("w",)), seen(weight, G[:, :4]), 0.25).sum(1).tolist() == [2] * 4


def test_what_a_unit_has_too_many_of_is_cut_by_size() -> None:
    weight = torch.tensor([[0.1, 0.2, 0.3, 0.4], [0.5, 0, 0, 0], [0.6, 0, 0, 0]])
    mask = exchanged(FanIn(), seen(weight, torch.zeros(3, 4)), 0.0)
    assert mask.sum(1).tolist() == [2, 2, 2]
    assert mask[0].tolist() == [False, False, True, True], "not the first two"


def test_zeros_go_before_all_others() -> None:
    weight = torch.tensor([[0.0, 0.1, 0.0, 0.0], [0.0, 0.2, 0.0, 0.0]])
    kept = torch.tensor([[True, True, False, False], [True, True, False, False]])
    gradient = torch.tensor([[0.0, 0.0, 3.0, 2.0], [0.0, 0.0, 2.0, 3.0]])
    entries = Entries("w", weight, kept, gradient, generator=generator())
    mask = exchanged(FanIn(), entries, 0.5)
    assert mask.int().tolist() == [[0, 1, 1, 0], [0, 1, 0, 1]]


def test_as_many_units_stay_as_the_weights_need() -> None:
    weight = torch.ones(3, 2)
    weight[1:] = 0.01
    entries = seen(weight, torch.zeros(3, 2))  # 6 weights fill 3 units of 2 inputs
    assert exchanged(FanIn(1.0), entries, 0.6).all()


def test_first_masks_of_constant_fan_in() -> None:
    kernels = random_fan_in("w", (5, 3, 2, 2), 23, generator(), whole=True)
    assert kernels.shape == (5, 3, 2, 2)
    assert kernels.flatten(1).sum(1).tolist() == [4] * 5
    mask = random_fan_in("w", (50, 20), 1000 * 3 // 10, generator(), whole=True)
    assert (mask.sum(1) == 6).all()
    assert len({tuple(row.tolist()) for row in mask}) > 40
    few = random_fan_in("w", (5, 4), 3, generator(), whole=False)
    assert sorted(few.sum(1).tolist()) == [0, 0, 1, 1, 1]
    with pytest.raises(FormatError, match="fewer than its 5 units"):
        random_fan_in("w", (5, 4), 3, generator(), whole=True)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1)
        self.fc = nn.Linear(8, 12)

    def forward(self, images: Tensor) -> Tensor:
        features = self.conv2(self.conv(images).relu()).relu().mean((2, 3))
        return self.fc(features)


def trained(
    net: nn.Module, sparsifier: dynamic.Sparsifier, check: Callable[[], None], n: int = 12
) -> None:
    optimizer = optim.Adam(net.parameters(), 0.02)
    draw = generator(1)
    for _ in range(n):
        optimizer.zero_grad()
        images = torch.randn(8, 4, 5, 5, generator=draw)
        nn.functional.cross_entropy(net(images), torch.arange(8)).backward()
        sparsifier.step(optimizer)
        check()


def test_srigl_keeps_fan_in_constant() -> None:
    torch.manual_seed(0)
    net = Net()
    sparsifier = dynamic.srigl(net, density=0.3, end=10, every=1, least_salient=0.9, rng=0)
    sizes = {name: mask.numel() for name, mask in sparsifier.masks.items()}
    units, updates = [], []

    def check() -> None:
        for name, mask in sparsifier.masks.items():
            counts = set(mask.flatten(1).sum(1).tolist())
            assert len(counts - {0}) == 1, name
            units.append(int((mask.flatten(1).sum(1) > 0).sum()))
        assert (net.fc.weight_mask.sum(1) > 0).all()

    sparsifier.on_update(lambda update: updates.append(update.n_kept))
    first = dict(sparsifier.n_kept)
    check()
    trained(net, sparsifier, check)
    assert min(units) < 8, "a unit was ablated"
    assert updates[-1] == sparsifier.n_kept
    for name, n in sparsifier.n_kept.items():
        assert first[name] - 12 <= n <= first[name] <= sizes[name], "rounding does not add up"
    json.dumps(sparsifier.about())


@pytest.mark.parametrize("name", ["srigl", "n_of_m"])
def test_resumes_to_the_same_bits(name: str) -> None:
    methods = {
        "srigl": partial(dynamic.srigl, density=0.3, least_salient=0.9),
        "n_of_m": dynamic.n_of_m,
    }

    def made() -> tuple[nn.Module, dynamic.Sparsifier]:
        torch.manual_seed(0)
        net = Net()
        return net, methods[name](net, end=10, every=2, rng=0)

    def steps(net: nn.Module, sparsifier: dynamic.Sparsifier, which: range) -> None:
        optimizer = optim.SGD(net.parameters(), 0.1)
        for step in which:
            optimizer.zero_grad()
            images = torch.randn(8, 4, 5, 5, generator=generator(step))
            nn.functional.cross_entropy(net(images), torch.arange(8)).backward()
            sparsifier.step(optimizer)

    whole, first, second = made(), made(), made()
    steps(*whole, range(12))
    steps(*first, range(5))
    second[0].load_state_dict(first[0].state_dict())
    second[1].load_state_dict(first[1].state_dict())
    steps(*second, range(5, 12))
    for key, value in whole[0].state_dict().items():
        assert torch.equal(value, second[0].state_dict()[key]), key


def test_srigl_refuses_what_it_cannot_do() -> None:
    net = MLP((64, 100, 10)).build()
    with pytest.raises(FormatError, match="none of which may be ablated"):
        dynamic.srigl(net, density=0.0001, end=10)
    net = MLP((4, 3)).build()
    mask_net(net, {"fc1.weight": torch.eye(3, 4) > 0})
    with pytest.raises(FormatError, match="leave the density out"):
        dynamic.srigl(net, density=0.5, end=10)
    assert dynamic.srigl(net, density=None, end=10).n_kept == {"fc1.weight": 3}


def test_n_of_m_by_definition() -> None:
    scores = torch.rand(3, 8, 2, 3, generator=generator())
    mask = highest_of_groups("w", scores, 2, 4, generator=generator())
    assert mask.shape == scores.shape
    for out in range(3):
        for start in (0, 4):
            for tap in [(a, b) for a in range(2) for b in range(3)]:
                group = scores[(out, slice(start, start + 4), *tap)]
                kept = mask[(out, slice(start, start + 4), *tap)]
                assert set(group[kept].tolist()) == set(group.sort().values[-2:].tolist())


def test_n_of_m_exchanges_within_groups() -> None:
    weight = torch.tensor([[0.9, 0.1, 0, 0, 0.5, 0.4, 0, 0]])
    gradient = torch.tensor([[0.0, 0.1, 0.2, 0.7, 0.0, 0.0, 0.9, 0.0]])
    mask = exchanged(NOfM(2, 4), seen(weight, gradient), 0.5)
    assert mask.int().tolist() == [[1, 0, 0, 1, 1, 0, 1, 0]]
    same = exchanged(NOfM(2, 4), seen(weight, gradient), 0.0)
    assert torch.equal(same, weight != 0)


def test_n_of_m_is_exact_after_every_update() -> None:
    torch.manual_seed(0)
    net = Net()
    sparsifier = dynamic.n_of_m(net, n=1, m=4, end=10, every=2, rng=0)

    def check() -> None:
        for mask in sparsifier.masks.values():
            rows = mask.movedim(1, -1).reshape(-1, 4)
            assert (rows.sum(1) == 1).all()

    check()
    before = {name: mask.clone() for name, mask in sparsifier.masks.items()}
    trained(net, sparsifier, check)
    assert any(not torch.equal(before[name], mask) for name, mask in sparsifier.masks.items())


def test_groups_that_do_not_divide_are_refused() -> None:
    net = MLP((10, 8, 4)).build()
    with pytest.raises(FormatError, match=r"'fc1\.weight'.*groups of 4 do not divide"):
        dynamic.n_of_m(net, end=10)
    assert dynamic.n_of_m(net, end=10, dense=["fc1.weight"], rng=0).n_kept == {"fc2.weight": 16}
    with pytest.raises(FormatError, match="n is 5"):
        dynamic.n_of_m(MLP((8, 4)).build(), end=10, n=5)


def resnet50() -> tuple[dict[str, tuple[int, ...]], dict[str, int]]:
    """Shapes of the 54 weights, and positions that each kernel is applied at, for 224 × 224."""
    shapes: dict[str, tuple[int, ...]] = {"conv1": (64, 3, 7, 7)}
    positions, before = {"conv1": 112**2}, 64
    for stage, (blocks, width, side) in enumerate(
        [(3, 64, 56), (4, 128, 28), (6, 256, 14), (3, 512, 7)], start=1
    ):
        for block in range(blocks):
            name = f"layer{stage}.{block}"
            entering = side if block or stage == 1 else 2 * side
            new: dict[str, tuple[tuple[int, ...], int]] = {
                "conv1": ((width, before, 1, 1), entering),
                "conv2": ((width, width, 3, 3), side),
                "conv3": ((4 * width, width, 1, 1), side),
            }
            if not block:
                new["down"] = ((4 * width, before, 1, 1), side)
            for part, (shape, at) in new.items():
                shapes[f"{name}.{part}"], positions[f"{name}.{part}"] = shape, at * at
            before = 4 * width
    return {**shapes, "fc": (1000, 2048)}, {**positions, "fc": 1}


SHOWN = ["conv1", *(f"layer{n}.0.conv2" for n in (1, 2, 3, 4)), "layer4.0.conv3", "fc"]
ERK = """
0.2 99.5617 8 0.857195 0.361905 0.176901 0.087438 0.043466 0.243260 0.148176 0.4138 5100630
0.1 48.7866 1 0.420038 0.177338 0.086684 0.042846 0.021299 0.119201 0.072608 0.2418 2550353
0.05 24.3721 0 0.209837 0.088592 0.043304 0.021404 0.010640 0.059549 0.036273 0.1217 1275200
0.035 17.0607 0 0.146887 0.062015 0.030313 0.014983 0.007448 0.041685 0.025391 0.0852 892651
0.02 9.7490 0 0.083936 0.035438 0.017322 0.008562 0.004256 0.023820 0.014509 0.0487 510110
0.01 4.8748 0 0.041970 0.017720 0.008661 0.004281 0.002128 0.011911 0.007255 0.0243 255082
"""  # density, ε, dense layers, densities of those shown, share of operations, weights kept


def test_the_shapes_are_those_of_resnet50() -> None:
    shapes, positions = resnet50()
    assert len(shapes) == 54
    assert sum(map(math.prod, shapes.values())) == 25_502_912
    operations = sum(math.prod(shape) * positions[name] for name, shape in shapes.items())
    assert round(operations / 1e9, 3) == 4.089


@pytest.mark.parametrize("line", ERK.split("\n")[1:-1])
def test_golden_erk_of_resnet50(line: str) -> None:
    shapes, positions = resnet50()
    density, epsilon, n_dense, *shown, share, n_kept = map(float, line.split())
    densities = erk(shapes, density)
    assert sum(x == 1 for x in densities.values()) == n_dense
    found = densities["fc"] * math.prod(shapes["fc"]) / sum(shapes["fc"])
    assert found == pytest.approx(epsilon, abs=5e-5)
    assert [densities[name] for name in SHOWN] == pytest.approx(shown, abs=6e-7)
    operations = {name: math.prod(shape) * positions[name] for name, shape in shapes.items()}
    kept = sum(densities[name] * x for name, x in operations.items())
    assert kept / sum(operations.values()) == pytest.approx(share, abs=5e-5)
    counts = [math.ceil(densities[name] * math.prod(x) - 1e-6) for name, x in shapes.items()]
    assert sum(counts) == n_kept, "the published code rounds what it prunes of a layer down"


def test_dense_layers_of_erk() -> None:
    dense = {name for name, x in erk(resnet50()[0], 0.2).items() if x == 1}
    assert dense == {
        *(f"layer1.0.{part}" for part in ("conv1", "conv3", "down")),
        *(f"layer1.{block}.{part}" for block in (1, 2) for part in ("conv1", "conv3")),
        "layer2.0.conv1",
    }


def test_er_leaves_taps_out() -> None:
    shapes = {"conv": (16, 8, 3, 3), "other": (32, 16, 5, 5), "fc": (100, 200)}
    densities = er(shapes, 0.2)
    ratios = {n: densities[n] * s[0] * s[1] / (s[0] + s[1]) for n, s in shapes.items()}
    assert len({round(x, 12) for x in ratios.values()}) == 1
    kept = sum(densities[name] * math.prod(shape) for name, shape in shapes.items())
    assert kept == pytest.approx(0.2 * sum(map(math.prod, shapes.values())), abs=3)
    matrices = {"fc1": (300, 784), "fc2": (100, 300), "fc3": (10, 100)}
    assert er(matrices, 0.1) == erk(matrices, 0.1)


def test_uniform_with_the_first_layer_dense() -> None:
    net = initial_net(MLP((20, 30, 15, 5)), rng=0)
    dense = ["fc1.weight"]
    sparsifier = dynamic.rigl(net, density=0.2, end=9, allocation="uniform", dense=dense, rng=0)
    assert sparsifier.n_kept == {"fc2.weight": 90, "fc3.weight": 15}
    assert uniform({"a": (3, 4)}, 0.2) == {"a": 0.2}


def layer(name: str, n_kept: int, size: int, momentum: float) -> Entries:
    kept = torch.arange(size) < n_kept
    moments = {"momentum_buffer": torch.where(kept, momentum, 1e6)}
    return Entries(name, kept.float(), kept, moments=moments)


@pytest.mark.parametrize(
    ("sizes", "wanted"),
    [
        ({"a": (10, 100), "b": (10, 100), "c": (10, 100)}, {"a": 6, "b": 3, "c": 3}),
        ({"a": (10, 12), "b": (10, 100), "c": (10, 100)}, {"a": 2, "b": 5, "c": 5}),
        ({"a": (10, 12), "b": (10, 12), "c": (10, 100)}, {"a": 2, "b": 2, "c": 8}),
    ],
)
def test_momentum_shares_what_was_dropped(
    sizes: Mapping[str, tuple[int, int]], wanted: Mapping[str, int]
) -> None:
    means = {"a": -2.0, "b": 1.0, "c": 1.0}
    layers = {name: layer(name, *size, means[name]) for name, size in sizes.items()}
    assert by_momentum(layers, {"a": 2, "b": 4, "c": 6}) == wanted


def test_shares_add_up_to_the_last_weight() -> None:
    draw = generator()
    for _ in range(50):
        means = torch.rand(7, generator=draw)
        rooms = torch.randint(1, 60, (7,), generator=draw)
        layers = {
            str(i): layer(str(i), 5, 5 + int(room), float(mean))
            for i, (room, mean) in enumerate(zip(rooms, means, strict=True))
        }
        n = int(torch.randint(1, int(rooms.sum()) + 1, (1,), generator=draw))
        shares = by_momentum(layers, dict.fromkeys(layers, 0) | {"0": n})
        assert sum(shares.values()) == n
        assert all(0 <= shares[name] <= x.weight.numel() - 5 for name, x in layers.items())
