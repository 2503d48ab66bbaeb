"""CrAM: the update by hand, exact counts, restored weights and statistics, resuming."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netsculpt.core.errors import FormatError, LimitError, NumberError
from netsculpt.nets import MLP, initial_net, mask_net, masks_of, prunable
from netsculpt.training.dynamic.cram import (
    CrAM,
    Largest,
    LargestOfEach,
    NOfM,
    one_shot,
    tune_batch_norms,
)
from netsculpt.training.fitting.batches import Batches
from netsculpt.training.tasks import task

H = torch.tensor([2.0, 1.0, 4.0, 0.5])
A = torch.tensor([1.0, -0.5, 0.2, -2.0])
W = torch.tensor([0.8, 0.6, -0.3, 0.1])


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def closure_of(net: nn.Module, loss_of: Callable[[nn.Module], Tensor]) -> Callable[[], Tensor]:
    def closure() -> Tensor:
        loss = loss_of(net)
        loss.backward()
        return loss

    return closure


def quadratic() -> nn.Linear:
    """Weights [1, 4] of the quadratic loss below."""
    net = nn.Linear(4, 1, bias=False)
    net.weight.data.copy_(W)
    return net


def bowl(net: nn.Module) -> Tensor:
    return 0.5 * (H * (net.weight[0] - A) ** 2).sum()


def regression(net: nn.Module, *shape: int) -> Callable[[], Tensor]:
    """A closure on one random batch, always the same."""
    inputs = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    return closure_of(net, lambda x: (x(inputs) ** 2).mean() + x(inputs).mean())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"density": 1.0, "plus": False}, [0.844, 0.4845, -0.06, -0.007625]),
        ({"plus": False, "sparse_gradient": False}, [0.844, 0.4845, -0.22, 0.0]),
        ({"plus": False, "sparse_gradient": True}, [0.844, 0.4845, -0.3, 0.1]),
        ({"plus": True, "sparse_gradient": True}, [0.884, 0.3745, -0.1, -0.005]),
        ({"plus": True, "sparse_gradient": False}, [0.884, 0.3745, -0.02, -0.105]),
        ({"density": 1.0, "rho": 0.0, "plus": False}, [0.84, 0.49, -0.1, -0.005]),
    ],
)
def test_the_update_of_a_quadratic_by_hand(options: dict[str, Any], expected: list[float]) -> None:
    net = quadratic()
    options = {"density": 0.5, "rho": 0.05, **options}
    density = options.pop("density")
    cram = CrAM(net, torch.optim.SGD(net.parameters(), lr=0.1), [density], rng=0, **options)
    loss = cram.step(closure_of(net, bowl))
    assert net.weight[0].tolist() == pytest.approx(expected, abs=1e-6)
    assert float(loss) == pytest.approx(float(0.5 * (H * (W - A) ** 2).sum()))


def test_without_ascent_and_compression_it_is_the_optimizer() -> None:
    nets = [initial_net(MLP((6, 9, 3)), rng=0) for _ in range(2)]
    plain, other = (torch.optim.SGD(x.parameters(), lr=0.1, momentum=0.9) for x in nets)
    cram = CrAM(nets[1], other, [1.0], rho=0.0, plus=False, rng=0)
    closures = [regression(net, 5, 6) for net in nets]
    for _ in range(4):
        plain.zero_grad()
        closures[0]()
        plain.step()
        cram.step(closures[1])
    for a, b in zip(*(x.parameters() for x in nets), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(("decay", "same"), [(0.0, True), (0.1, False)])
def test_plus_doubles_the_gradient_but_weight_decay_enters_once(decay: float, same: bool) -> None:
    nets = [initial_net(MLP((6, 9, 3)), rng=0) for _ in range(2)]
    plain = torch.optim.SGD(nets[0].parameters(), lr=0.2, momentum=0.9, weight_decay=decay)
    half = torch.optim.SGD(nets[1].parameters(), lr=0.1, momentum=0.9, weight_decay=decay)
    doubled = torch.optim.SGD(nets[1].parameters(), lr=0.1, momentum=0.9, weight_decay=2 * decay)
    closure = regression(nets[0], 5, 6)
    closure()
    plain.step()
    start = copy.deepcopy(nets[1].state_dict())
    for optimizer, expected in ((half, same), (doubled, True)):
        nets[1].load_state_dict(start)
        CrAM(nets[1], optimizer, [1.0], rho=0.0, rng=0).step(regression(nets[1], 5, 6))
        pairs = zip(*(x.parameters() for x in nets), strict=True)
        assert all(torch.allclose(a, b, atol=1e-7) for a, b in pairs) is expected


def test_the_second_pass_sees_exactly_the_compressed_net_and_the_optimizer_the_old_one() -> None:
    net = initial_net(MLP((8, 20, 5)), rng=0)
    before = {name: x.detach().clone() for name, x in net.named_parameters()}
    seen: list[dict[str, Tensor]] = []
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    base = regression(net, 4, 8)

    def closure() -> Tensor:
        seen.append({name: x.detach().clone() for name, x in net.named_parameters()})
        return base()

    at_the_step: list[dict[str, Tensor]] = []
    optimizer.register_step_pre_hook(
        lambda *_: at_the_step.append({x: p.detach().clone() for x, p in net.named_parameters()})
    )
    gradient: dict[str, Tensor] = {}
    CrAM(net, optimizer, [0.1], rho=0.3, rng=0).step(closure)
    assert len(seen) == 2
    assert all(torch.equal(seen[0][name], x) for name, x in before.items())
    assert all(torch.equal(at_the_step[0][name], x) for name, x in before.items()), "to the bit"
    twin = initial_net(MLP((8, 20, 5)), rng=0)
    regression(twin, 4, 8)()
    for name, x in twin.named_parameters():
        assert x.grad is not None
        gradient[name] = before[name] + 0.3 * x.grad
    weights = prunable(net)
    flat = torch.cat([gradient[name].abs().flatten() for name in weights])
    n_kept = round(0.1 * flat.numel())
    least = flat.sort(descending=True).values[n_kept - 1]
    for name, x in gradient.items():
        kept = (x.abs() >= least) if name in weights else torch.ones_like(x, dtype=torch.bool)
        assert torch.allclose(seen[1][name], x * kept, atol=1e-7), "biases go uphill, uncompressed"
    assert sum(int((seen[1][name] != 0).sum()) for name in weights) == n_kept


@pytest.mark.parametrize(
    ("density", "n", "kept"), [(0.2, 10, 2), (0.1, 100, 10), (0.02, 1000, 20), (0.0, 7, 0)]
)
def test_counts_are_exact_also_among_equals(density: float, n: int, kept: int) -> None:
    generator = torch.Generator().manual_seed(0)
    for values in (torch.arange(float(n)), torch.ones(n), -torch.ones(n)):
        mask = Largest(density)({"w": values.view(1, n)}, generator)["w"]
        assert int(mask.sum()) == kept
    halves = {"w": torch.tensor([[0.5] * 5 + [0.1] * 5])}
    assert Largest(0.5)(halves, generator)["w"].tolist() == [[True] * 5 + [False] * 5]


def test_ties_are_drawn_not_taken_by_position() -> None:
    equal = {"w": torch.ones(1, 6)}
    generator = torch.Generator().manual_seed(0)
    n_kept = sum(Largest(0.5)(equal, generator)["w"].long() for _ in range(200))
    assert (n_kept > 60).all(), "each weight stays about 100 times"
    n_kept = sum(NOfM(1, 3)(equal, generator)["w"].long() for _ in range(200))
    assert (n_kept > 40).all(), "each weight stays about 67 times"


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_weights_of_every_type_are_compared_exactly(dtype: torch.dtype) -> None:
    step = torch.finfo(dtype).eps
    values = (1 + step * torch.randperm(50).double()).to(dtype).view(5, 10)
    mask = Largest(0.3)({"w": values}, torch.Generator())["w"]
    assert int(mask.sum()) == 15
    assert values[mask].min() > values[~mask].max()


def test_each_layer_keeps_its_own_share() -> None:
    weights = {"a": torch.randn(4, 5), "b": 100 * torch.randn(10, 3)}
    masks = LargestOfEach(0.3)(weights, torch.Generator())
    assert {name: int(x.sum()) for name, x in masks.items()} == {"a": 6, "b": 9}
    for name, x in weights.items():
        assert x.abs()[masks[name]].min() > x.abs()[~masks[name]].max()


def test_n_of_m_keeps_the_largest_of_each_group_of_input_channels() -> None:
    weight = torch.randn(6, 8, 3, 3, generator=torch.Generator().manual_seed(0))
    masks = NOfM(2, 4)({"w": weight, "first": torch.randn(4, 3, 3, 3)}, torch.Generator())
    for out in range(6):
        for tap in range(9):
            for start in (0, 4):
                group = weight[out].flatten(1)[start : start + 4, tap].abs()
                kept = masks["w"][out].flatten(1)[start : start + 4, tap]
                assert set(kept.nonzero()[:, 0].tolist()) == set(group.topk(2).indices.tolist())
    assert masks["first"].all(), "3 inputs cannot be grouped by 4"


def test_dense_layers_are_named_not_counted_by_position() -> None:
    net = nn.Sequential(nn.Linear(3, 8), nn.Linear(8, 8), nn.Linear(8, 2))
    seen: list[list[int]] = []
    base = regression(net, 4, 3)

    def closure() -> Tensor:
        seen.append([int((x != 0).sum()) for x in prunable(net).values()])
        return base()

    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    CrAM(net, optimizer, [0.25], dense=["0.weight", "2.weight"], rng=0).step(closure)
    assert seen == [[24, 64, 16], [24, 16, 16]]


def norm_net(kind: str) -> tuple[nn.Module, tuple[int, ...]]:
    """A small net with one norm, and the shape of its inputs."""
    if kind == "1d":
        return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)), (6, 4)
    if kind == "sync":
        return nn.Sequential(nn.Linear(4, 8), nn.SyncBatchNorm(8), nn.Linear(8, 3)), (6, 4)
    if kind == "cumulative":
        norm = nn.BatchNorm1d(8, momentum=None)
        return nn.Sequential(nn.Linear(4, 8), norm, nn.Linear(8, 3)), (6, 4)
    if kind == "spectral":
        linear = nn.utils.parametrizations.spectral_norm(nn.Linear(4, 8))
        return nn.Sequential(linear, nn.Linear(8, 3)), (6, 4)
    if kind == "instance":
        return nn.Sequential(nn.Conv2d(2, 4, 3), nn.InstanceNorm2d(4, track_running_stats=True)), (
            *(3, 2),
            *(5, 5),
        )
    layers = {"2d": (nn.Conv2d, nn.BatchNorm2d, 2), "3d": (nn.Conv3d, nn.BatchNorm3d, 3)}
    conv, norm_layer, n_dimensions = layers[kind]
    return nn.Sequential(conv(2, 4, 3), norm_layer(4)), (3, 2, *[5] * n_dimensions)


@pytest.mark.parametrize("kind", ["1d", "2d", "3d", "sync", "cumulative", "instance", "spectral"])
def test_buffers_after_a_step_are_those_after_one_pass(kind: str) -> None:
    net, shape = norm_net(kind)
    start = {name: x.clone() for name, x in net.named_buffers()}
    plain = copy.deepcopy(net)
    regression_of_one_pass(plain, shape)()
    CrAM(net, torch.optim.SGD(net.parameters(), lr=0.1), [0.3], rng=0).step(
        regression_of_one_pass(net, shape)
    )
    moved = False
    for (name, mine), theirs in zip(net.named_buffers(), plain.buffers(), strict=True):
        assert torch.equal(mine, theirs), name
        moved |= not torch.equal(mine, start[name])
    assert moved, "the first pass updates them"


def regression_of_one_pass(net: nn.Module, shape: tuple[int, ...]) -> Callable[[], Tensor]:
    inputs = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    return closure_of(net, lambda x: (x(inputs) - 1).pow(2).mean())


@pytest.mark.parametrize("kind", ["sgd", "adam"])
@pytest.mark.parametrize("period", [1, 4])
def test_an_interrupted_training_resumes_to_the_same_bits(kind: str, period: int) -> None:
    def begun(seed: int) -> tuple[nn.Module, torch.optim.Optimizer, CrAM]:
        net = initial_net(MLP((6, 12, 3)), rng=0)
        optimizer: torch.optim.Optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
        if kind == "sgd":
            optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
        densities = (0.5, 0.3, NOfM(2, 4))
        return net, optimizer, CrAM(net, optimizer, densities, period=period, rng=seed)

    whole, _, cram = begun(3)
    for _ in range(10):
        cram.step(regression(whole, 7, 6))
    net, optimizer, cram = begun(3)
    for _ in range(5):
        cram.step(regression(net, 7, 6))
    file = io.BytesIO()
    states = [x.state_dict() for x in (net, optimizer, cram)]
    torch.save(states, file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    net, optimizer, cram = begun(8)  # the seed is restored too
    for part, state in zip((net, optimizer, cram), saved, strict=True):
        part.load_state_dict(state)
    for _ in range(5):
        cram.step(regression(net, 7, 6))
    for a, b in zip(whole.parameters(), net.parameters(), strict=True):
        assert torch.equal(a, b)
    assert len(optimizer.state) == 4, "no copies of weights in the optimizer's state"
    assert not any("old_p" in x for x in optimizer.state.values())


def test_every_compression_is_drawn_equally_often_and_masks_last_a_period() -> None:
    net = quadratic()
    calls: list[tuple[str, int]] = []

    def named(name: str) -> Any:
        def compression(weights: Any, generator: Any) -> Any:
            calls.append((name, cram.n_steps))
            return Largest(0.5)(weights, generator)

        return compression

    optimizer = torch.optim.SGD(net.parameters(), lr=0.0)
    cram = CrAM(net, optimizer, [named("a"), named("b"), named("c")], rng=0)
    for _ in range(300):
        cram.step(closure_of(net, bowl))
    counts = {name: sum(x == name for x, _ in calls) for name in "abc"}
    assert sum(counts.values()) == 300
    assert min(counts.values()) > 75
    calls.clear()
    cram = CrAM(net, optimizer, [named("a"), named("b")], period=10, rng=0)
    for _ in range(40):
        cram.step(closure_of(net, bowl))
    places = [(name, step // 10) for name, step in calls]
    assert len(places) == len(set(places)) <= 8, "one choice for each compression and period"
    assert {place for _, place in places} == {0, 1, 2, 3}


def test_what_a_net_has_pruned_stays_pruned() -> None:
    net = initial_net(MLP((8, 16, 4)), rng=0)
    mask_net(net, {"fc1.weight": torch.rand(16, 8) < 0.5})
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    cram = CrAM(net, optimizer, [0.2, 0.9], sparse_gradient=False, rng=0)
    for _ in range(5):
        cram.step(regression(net, 5, 8))
    assert not net.fc1.weight[~masks_of(net)["fc1.weight"]].any()


def test_an_error_in_the_second_pass_leaves_the_net_as_it_was() -> None:
    net, shape = norm_net("1d")
    before = [x.detach().clone() for x in net.parameters()]
    base = regression_of_one_pass(net, shape)
    calls: list[int] = []

    def closure() -> Tensor:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return base()

    cram = CrAM(net, torch.optim.SGD(net.parameters(), lr=0.1), [0.3], rng=0)
    with pytest.raises(KeyboardInterrupt):
        cram.step(closure)
    assert all(torch.equal(x, y) for x, y in zip(net.parameters(), before, strict=True))
    assert int(net[1].num_batches_tracked) == 1, "of the first pass"
    assert cram.n_steps == 0


def test_parameters_that_are_frozen_or_not_in_the_optimizer_do_not_move() -> None:
    net = nn.Sequential(nn.Linear(3, 8), nn.Linear(8, 8), nn.Linear(8, 2))
    net[0].requires_grad_(False)
    before = copy.deepcopy(net.state_dict())
    seen: list[Tensor] = []
    base = regression(net, 4, 3)

    def closure() -> Tensor:
        seen.append(torch.cat([x.detach().flatten().clone() for x in net[:2].parameters()]))
        return base()

    CrAM(net, torch.optim.SGD(net[2].parameters(), lr=0.1), [0.5], rng=0).step(closure)
    assert torch.equal(seen[0], seen[1])
    moved = {x.split(".")[0] for x, y in net.state_dict().items() if not torch.equal(y, before[x])}
    assert moved == {"2"}


def test_mistakes_are_explained() -> None:
    net = quadratic()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with pytest.raises(FormatError, match="holds no parameter of the net"):
        CrAM(nn.Linear(2, 2), optimizer, [0.5])
    with pytest.raises(FormatError, match="there is no compression"):
        CrAM(net, optimizer, [])
    with pytest.raises(FormatError, match="'weigth' in dense is not a weight"):
        CrAM(net, optimizer, [0.5], dense=["weigth"])
    with pytest.raises(NumberError, match="density is 50"):
        CrAM(net, optimizer, [50.0])
    cram = CrAM(net, optimizer, [0.5])
    with pytest.raises(FormatError, match="call backward"):
        cram.step(lambda: bowl(net))
    other = CrAM(net, optimizer, [0.5], rho=0.2)
    with pytest.raises(FormatError, match="the same settings"):
        cram.load_state_dict(other.state_dict())
    net.weight.data[0, 0] = torch.nan
    with pytest.raises(LimitError, match="'weight' are NaN or infinite"):
        cram.step(closure_of(net, bowl))


def test_one_shot_keeps_the_largest_and_tunes_batch_norms() -> None:
    net, shape = norm_net("1d")
    inputs = 3 + torch.randn(64, shape[1])
    batches = Batches([(inputs, inputs)])
    before = copy.deepcopy(net.state_dict())
    sparse = one_shot(net, 0.25, tune_on=batches).net
    assert sum(int(x.sum()) for x in masks_of(sparse).values()) == round(0.25 * (32 + 24))
    hidden = sparse[0](inputs)
    old = 0.9**100  # what is left of the values that statistics begin with, 0 and 1
    assert torch.allclose(sparse[1].running_mean, (1 - old) * hidden.mean(0), rtol=1e-4)
    assert torch.allclose(sparse[1].running_var, old + (1 - old) * hidden.var(0), rtol=1e-4)
    assert int(sparse[1].num_batches_tracked) == 100
    assert all(torch.equal(x, before[name]) for name, x in net.state_dict().items())
    untuned = one_shot(net, 0.25).net
    assert torch.equal(untuned[1].running_mean, net[1].running_mean)


def test_tuning_is_an_exponential_average_and_leaves_modes_as_they_are() -> None:
    norm, dropout = nn.BatchNorm1d(1, momentum=None), nn.Dropout(0.5)
    net = nn.Sequential(dropout, norm).train()
    norm.eval()
    first, second = torch.tensor([[0.0], [2.0]]), torch.tensor([[5.0], [9.0]])
    tune_batch_norms(net, Batches([(first, first), (second, second)]), n_batches=3, momentum=0.5)
    mean = 0.5 * (0.5 * (0.5 * 0 + 0.5 * 1) + 0.5 * 7) + 0.5 * 1
    assert float(norm.running_mean) == pytest.approx(mean), "no dropout while it is measured"
    assert (net.training, dropout.training, norm.training, norm.momentum) == (
        *(True, True),
        *(False, None),
    )


@pytest.mark.slow
def test_digits_pruned_in_one_step_keep_more_of_their_accuracy() -> None:
    """Five seeds on digits: SGD against CrAM⁺ at density .05, without tuning."""
    samples = task("digits", rng=0)
    accuracies: dict[str, list[float]] = {"sgd": [], "cram": []}
    for seed in range(5):
        for kind, found in accuracies.items():
            net = initial_net(MLP((64, 128, 64, 10)), rng=seed)
            optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
            cram = CrAM(net, optimizer, [0.5, 0.2, 0.1, 0.05], rho=0.05, rng=seed)
            order = torch.Generator().manual_seed(seed)
            for _ in range(20):
                for rows in torch.randperm(samples.n_samples, generator=order).split(64):
                    x, y = samples.inputs[rows], samples.targets[rows]
                    closure = closure_of(net, lambda net, x=x, y=y: samples.goal.loss(net(x), y))
                    if kind == "cram":
                        cram.step(closure)
                    else:
                        optimizer.zero_grad()
                        closure()
                        optimizer.step()
            held = samples.validation
            sparse = one_shot(net, 0.05).net
            found.append(held.goal.accuracy(sparse(held.inputs), held.targets))
    assert min(accuracies["cram"]) > max(accuracies["sgd"])
