"""Growth from masks alone: golden scores, paths by enumeration, dead ends, first masks, CHT."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn, optim

import netsculpt
from netsculpt.core.errors import FormatError, TopologyError
from netsculpt.nets.families import MLP, ResNet, initial_net
from netsculpt.nets.masks import masks_of
from netsculpt.training import dynamic
from netsculpt.training.dynamic import Entries, Highest, Lowest, Sampled, drops, grows
from netsculpt.training.dynamic.constraints.chains import linear_chains, without_dead_ends
from netsculpt.training.dynamic.initial_masks import by_correlation, receptive_fields
from netsculpt.training.dynamic.settling import Settling

W = torch.tensor(
    [[0.9, 0, -0.1, 0, 0], [0, 0.3, 0.7, 0, -0.8], [-0.2, 0, 0, 0.6, 0], [0, -0.5, 0, 0.05, 0.4]]
)
KEPT = W != 0
GOLDEN = {
    "ch2_l3n": [[0, 3, 0, 4, 3], [4, 0, 0, 7, 0], [0, 3, 4, 0, 3], [4, 0, 7, 0, 0]],
    "ch3_l3n": [[0, 1.5, 0, 2, 1.5], [2, 0, 0, 3, 0], [0, 1.5, 2, 0, 1.5], [2, 0, 3, 0, 0]],
}
TOPOLOGICAL = ["ch2_l3n", "ch3_l3n", "ch3_l3p"]


def entries(kept: Tensor, seed: int = 0) -> Entries:
    return Entries("w", kept.float(), kept.clone(), generator=torch.Generator().manual_seed(seed))


def random_mask(shape: tuple[int, ...], density: float, seed: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < density


def cells(indices: Tensor, width: int = 5) -> set[tuple[int, int]]:
    return {divmod(int(i), width) for i in indices}


def local_scores(mask: Tensor, u: int, v: int) -> dict[str, float]:
    """All three scores from the definition: the inner units of paths and their links elsewhere."""
    n_out, n_in = mask.shape
    outputs, inputs = range(n_out), range(n_in)
    paths = [
        (z1, z2)
        for z1, z2 in itertools.product(inputs, outputs)
        if mask[u, z1] and mask[z2, z1] and mask[z2, v]
    ]
    inner_inputs, inner_outputs = {a for a, _ in paths}, {b for _, b in paths}
    into = {a: sum(bool(mask[b, a]) for b in inner_outputs) for a in inner_inputs}
    back = {b: sum(bool(mask[b, a]) for a in inner_inputs) for b in inner_outputs}
    elsewhere_in = {
        a: sum(bool(mask[b, a]) for b in outputs if b != u and b not in inner_outputs)
        for a in inner_inputs
    }
    elsewhere_out = {
        b: sum(bool(mask[b, a]) for a in inputs if a != v and a not in inner_inputs)
        for b in inner_outputs
    }
    units = [(into[a], elsewhere_in[a]) for a in inner_inputs]
    units += [(back[b], elsewhere_out[b]) for b in inner_outputs]
    return {
        "ch2_l3n": sum((1 + i) / (1 + e) for i, e in units),
        "ch3_l3n": sum(1 / (1 + e) for _, e in units),
        "ch3_l3p": sum(
            1 / math.sqrt((1 + elsewhere_in[a]) * (1 + elsewhere_out[b])) for a, b in paths
        ),
    }


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_scores(name: str) -> None:
    scores = getattr(grows, name)(entries(KEPT))
    assert torch.where(KEPT, 0, scores).tolist() == GOLDEN[name]
    assert cells(Highest(getattr(grows, name))(entries(KEPT), ~KEPT, 2)) == {(1, 3), (3, 2)}


@pytest.mark.parametrize("name", TOPOLOGICAL)
@pytest.mark.parametrize(
    ("shape", "density"), [((7, 5), 0.4), ((4, 11), 0.3), ((9, 3), 0.7), ((6, 6), 0.15)]
)
def test_scores_are_those_of_the_paths(name: str, shape: tuple[int, int], density: float) -> None:
    mask = random_mask(shape, density, 3)
    scores = getattr(grows, name)(entries(mask))
    wanted = torch.zeros(shape, dtype=torch.float64)
    for u, v in itertools.product(*map(range, shape)):
        if not mask[u, v]:
            wanted[u, v] = local_scores(mask, u, v)[name]
    assert wanted.any()
    torch.testing.assert_close(torch.where(mask, 0, scores), wanted, rtol=0, atol=1e-7)


@pytest.mark.parametrize("name", TOPOLOGICAL)
def test_scores_do_not_depend_on_the_order_of_units(name: str) -> None:
    mask = random_mask((40, 30), 0.2, 0)
    rows, columns = torch.randperm(40), torch.randperm(30)
    scores = getattr(grows, name)(entries(mask))
    other = getattr(grows, name)(entries(mask[rows][:, columns]))
    assert torch.equal(other, scores[rows][:, columns]), "to the bit: sums are exact"


@pytest.mark.parametrize("name", TOPOLOGICAL)
def test_scores_do_not_depend_on_threads(name: str) -> None:
    mask, before = random_mask((40, 30), 0.2, 1), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = getattr(grows, name)(entries(mask))
        torch.set_num_threads(3)
        assert torch.equal(getattr(grows, name)(entries(mask)), one)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("name", TOPOLOGICAL)
def test_a_kernel_has_an_input_for_each_tap(name: str) -> None:
    mask = random_mask((5, 3, 2, 2), 0.3, 2)
    scores = getattr(grows, name)(entries(mask))
    assert torch.equal(scores.flatten(1), getattr(grows, name)(entries(mask.flatten(1))))


@pytest.mark.parametrize("kept", [torch.zeros(3, 4) > 0, torch.eye(4) > 0, torch.zeros(0, 3) > 0])
def test_no_paths_no_scores(kept: Tensor) -> None:
    for name in TOPOLOGICAL:
        scores = getattr(grows, name)(entries(kept))
        assert scores.shape == kept.shape
        assert not torch.where(kept, 0, scores).any()


def test_relative_drop() -> None:
    scores = drops.relative(Entries("w", W, KEPT))
    size = W.abs()
    for i, j in KEPT.nonzero().tolist():
        wanted = size[i, j] / size[i].sum() + size[i, j] / size[:, j].sum()
        assert scores[i, j] == pytest.approx(float(wanted))
    assert cells(Lowest(drops.relative)(Entries("w", W, KEPT), 0.2)) == {(0, 2), (3, 3)}


def test_sampled_drop_has_the_odds_of_the_scores() -> None:
    weight = torch.tensor([1.0, 2.0])  # one goes: the second with odds 1 to 4 at temperature ½
    n, gone = 4000, 0
    for seed in range(n):
        generator = torch.Generator().manual_seed(seed)
        seen = Entries("w", weight, weight > 0, generator=generator)
        gone += int(Sampled(drops.magnitude, 0.5)(seen, 0.5)[0])
    assert gone / n == pytest.approx(0.2, abs=4 * math.sqrt(0.2 * 0.8 / n))


@pytest.mark.parametrize("seed", range(8))
def test_chain_removal_is_what_the_live_graph_keeps(seed: int) -> None:
    widths = [6, 9, 7, 8, 4]
    shapes = list(zip(widths[1:], widths, strict=False))
    masks = [random_mask(shape, 0.16, 10 * seed + i) for i, shape in enumerate(shapes)]
    cut = without_dead_ends(masks)
    live = netsculpt.from_matrices([x.numpy().astype(float) for x in masks]).live()
    assert live.n_edges == sum(int(x.sum()) for x in cut) < sum(int(x.sum()) for x in masks)
    for block, mask in zip(live.blocks, cut, strict=True):
        matrix = live.block(block.source, block.target).toarray()
        assert np.count_nonzero(matrix) == int(mask.sum())


def test_a_dead_chain_of_two_units() -> None:
    first = torch.tensor([[1, 1], [1, 1]]) > 0
    second = torch.tensor([[1, 0], [0, 1]]) > 0
    third = torch.tensor([[1, 0]]) > 0  # the second unit of the last hidden layer feeds nothing
    cut = without_dead_ends([first, second, third])
    assert [x.int().tolist() for x in cut] == [[[1, 1], [0, 0]], [[1, 0], [0, 0]], [[1, 0]]]


def test_chains_of_a_perceptron_and_of_nothing_else() -> None:
    net = MLP((5, 4, 3, 2)).build()
    names = ["fc1.weight", "fc2.weight", "fc3.weight"]
    assert linear_chains(net, names) == (tuple(names),)
    assert linear_chains(net, names[:2]) == (("fc1.weight", "fc2.weight"),)
    assert linear_chains(net, [names[0], names[2]]) == ()
    residual = ResNet((1, 8, 8), 10, widths=(4, 6), blocks=1).build()
    with pytest.raises(TopologyError, match=r"chains=\(\)"):
        dynamic.cht(residual, density=0.3, end=10)
    assert dynamic.cht(residual, density=0.3, end=10, chains=(), rng=0).density > 0
    with pytest.raises(TopologyError, match=r"'1\.weight'"):
        linear_chains(nn.Sequential(nn.Linear(4, 3), nn.Linear(4, 2)), ["0.weight"])


def test_receptive_fields() -> None:
    def mask(shape: tuple[int, ...], n: int, spread: float) -> Tensor:
        return receptive_fields("w", shape, n, torch.Generator().manual_seed(0), spread=spread)

    nearest = mask((6, 6), 18, 0.0)
    circulant = torch.eye(6) + torch.eye(6).roll(1, 0) + torch.eye(6).roll(-1, 0)
    assert torch.equal(nearest, circulant > 0), "a ring: the first is next to the last"
    far = []
    for spread in (0.0, 0.2, 0.5, 1.0):
        outputs, inputs = mask((60, 60), 300, spread).nonzero(as_tuple=True)
        apart = (outputs - inputs).abs()
        far.append(float(torch.minimum(apart, 60 - apart).double().mean()))
        assert len(outputs) == 300
    assert far == sorted(far)
    assert far[0] == pytest.approx(1.2)  # 60 at 0, 120 at 1, 120 at 2
    assert far[-1] == pytest.approx(15, abs=1.5)


def test_receptive_fields_have_the_odds_of_the_distance() -> None:
    n, at_home = 3000, 0  # one weight of a layer 1 × 3: distances 0, 1, 1; odds 1 to ¼
    for seed in range(n):
        generator = torch.Generator().manual_seed(seed)
        at_home += int(receptive_fields("w", (1, 3), 1, generator, spread=1 / 3)[0, 0])
    assert at_home / n == pytest.approx(2 / 3, abs=4 * math.sqrt(2 / 9 / n))


def test_first_mask_by_correlation() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.standard_normal((2, 50))
    samples = np.stack([one, other, -one + 0.1 * other, np.ones(50)], axis=1)
    mask = by_correlation(torch.from_numpy(samples), 8, 10, rng=0)
    block = torch.tensor([[1, 0, 1, 0], [0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]]) > 0
    assert torch.equal(mask, torch.cat([block, block])), "an input that is constant has none"
    with pytest.raises(FormatError, match="finite samples"):
        by_correlation(torch.ones(1, 3), 3, 1)


def test_settling() -> None:
    drop = Settling(Lowest(drops.magnitude), 0.6)
    seen = Entries("w", torch.arange(1.0, 11), torch.ones(10) > 0)
    assert drop(seen, 0.4).tolist() == [0, 1, 2, 3]
    seen.kept[:2] = False  # half of it has returned
    assert drop(seen, 0.5).tolist() == [2, 3, 4, 5]
    assert drop(seen, 0.5).tolist() == [], "all of it is back"
    seen.kept[2:6] = False
    assert drop(seen, 0.5).tolist() == [], "and it stays so"


def trained(net: nn.Module, sparsifier: dynamic.Sparsifier, n_steps: int) -> None:
    optimizer = optim.SGD(net.parameters(), 0.05, momentum=0.9)
    generator = torch.Generator().manual_seed(1)
    for _ in range(n_steps):
        optimizer.zero_grad()
        net(torch.randn(16, 20, generator=generator)).square().sum(1).mean().backward()
        sparsifier.step(optimizer)


@pytest.mark.parametrize("temperature", [0.0, 0.7])
@pytest.mark.parametrize("grow", TOPOLOGICAL)
def test_cht_keeps_its_counts(grow: str, temperature: float) -> None:
    net = initial_net(MLP((20, 30, 15, 5)), rng=0)
    sparsifier = dynamic.cht(
        net,
        density=0.1,
        end=20,
        every=2,
        grow=getattr(grows, grow),
        temperature=temperature,
        spread=0.3,
        rng=0,
    )
    before, changed = dict(sparsifier.n_kept), []
    sparsifier.on_update(lambda update: changed.append(update.n_changed))
    trained(net, sparsifier, 20)
    assert sparsifier.n_kept == before
    assert sum(before.values()) == round(0.1 * (600 + 450 + 75))
    assert len(changed) == 10
    assert sum(changed) > 0
    for name, mask in masks_of(net).items():
        assert not dict(net.named_parameters())[name][~mask].any()
    json.dumps(sparsifier.about())


def test_cht_removes_dead_ends_before_it_grows() -> None:
    net = initial_net(MLP((20, 30, 15, 5)), rng=0)
    sparsifier = dynamic.cht(net, density=0.08, end=1, every=1, fraction=0.3, rng=3)
    before = {name: mask.clone() for name, mask in sparsifier.masks.items()}
    weights = {x: dict(net.named_parameters())[x].detach().clone() for x in before}
    optimizer = optim.SGD(net.parameters(), 0.0)
    net(torch.randn(4, 20)).sum().backward()
    sparsifier.step(optimizer)
    left = []
    for name, mask in before.items():
        gone = Lowest(drops.relative)(Entries(name, weights[name] * mask, mask), 0.3)
        rest = mask.clone()
        rest.view(-1)[gone] = False
        left.append(rest)
    live = without_dead_ends(left)
    assert sum(int(x.sum()) for x in live) < sum(int(x.sum()) for x in left)
    for rest, mask in zip(live, sparsifier.masks.values(), strict=True):
        assert not (rest & ~mask).any(), "what lies on paths stays"


def test_chtss_ends_at_its_density() -> None:
    net = initial_net(MLP((20, 30, 15, 5)), rng=0)
    sparsifier = dynamic.cht(net, density=0.1, start=0.5, end=20, every=4, rng=0)
    assert sum(sparsifier.n_kept.values()) == round(0.5 * 1125)
    densities = []
    sparsifier.on_update(lambda update: densities.append(sum(update.n_kept.values())))
    trained(net, sparsifier, 20)
    assert densities == sorted(densities, reverse=True)
    assert densities[-1] == round(0.1 * 1125)
    assert sparsifier.at_final_density
    with pytest.raises(FormatError, match="start is given without"):
        dynamic.cht(MLP((3, 3)).build(), density=None, start=0.5, end=3)


def test_cht_resumes_to_the_same_bits() -> None:
    def made() -> tuple[nn.Module, dynamic.Sparsifier]:
        net = initial_net(MLP((20, 30, 15, 5)), rng=0)
        options = {"every": 2, "temperature": 0.5, "most_returning": 0.5}
        return net, dynamic.cht(net, density=0.1, end=20, rng=0, **options)

    def steps(net: nn.Module, sparsifier: dynamic.Sparsifier, which: range) -> None:
        optimizer = optim.SGD(net.parameters(), 0.05)
        for step in which:
            optimizer.zero_grad()
            batch = torch.randn(16, 20, generator=torch.Generator().manual_seed(step))
            net(batch).square().sum(1).mean().backward()
            sparsifier.step(optimizer)

    whole = made()
    steps(*whole, range(12))
    first, second = made(), made()
    steps(*first, range(5))
    second[0].load_state_dict(first[0].state_dict())
    second[1].load_state_dict(first[1].state_dict())
    steps(*second, range(5, 12))
    for name, value in whole[0].state_dict().items():
        assert torch.equal(value, second[0].state_dict()[name]), name
