"""What a network does whatever its weights are."""

from __future__ import annotations

import copy
import json
import math
from itertools import pairwise
from pathlib import Path

import commands
import numpy as np
import pytest
import torch
from topologies import published_swing_up, topology
from torch import nn

from netsculpt.core.errors import FormatError, GraphError, NumberError
from netsculpt.files.model import write_model
from netsculpt.graph.exporting.wann import wann
from netsculpt.nets import MLP, initial_net
from netsculpt.nets.masks import mask_net, masks_of, plain_state
from netsculpt.training import Task, boolean, task
from netsculpt.training.search.graphs import graph_of
from netsculpt.training.search.tasks import SwingUp, boolean_search, classification_search
from netsculpt.training.search.topology import Topology
from netsculpt.training.weight_agnostic import (
    WeightProfile,
    topology_profile,
    weight_grid,
    weight_profile,
)

DIGITS = task("digits", rng=0)
GRID = [-2, -0.5, 0.25, 0.5, 2]


def sparse_net(widths: tuple[int, ...] = (64, 20, 15, 10), seed: int = 0) -> nn.Sequential:
    """A chain of linear layers and ReLUs, a fifth of the weights kept, without biases."""
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(widths):
        layers += [nn.Linear(n_in, n_out, bias=False), nn.ReLU()]
    net = nn.Sequential(*layers[:-1])
    generator = torch.Generator().manual_seed(seed)
    for layer in net[::2]:
        layer.weight.data = torch.randn(layer.weight.shape, generator=generator)
    masks = {
        name: torch.rand(x.shape, generator=generator) < 0.2 for name, x in net.named_parameters()
    }
    mask_net(net, masks)
    return net


def accuracy_and_loss(net: nn.Module, samples: Task) -> tuple[float, float]:
    with torch.no_grad():
        logits = copy.deepcopy(net).double()(samples.inputs.double())
    return samples.goal.accuracy(logits, samples.targets), float(
        samples.goal.loss(logits, samples.targets)
    )


def same(one: WeightProfile, other: WeightProfile, *rules: str) -> bool:
    rows = [one.row(rule) for rule in rules]
    assert one.losses is not None
    assert other.losses is not None
    return bool(
        np.allclose(one.scores[rows], other.scores[rows], atol=0.003)  # one sample: a tie
        and np.allclose(one.losses[rows], other.losses[rows], rtol=1e-10)
    )


def test_a_positive_weight_only_scales_the_outputs_of_relus() -> None:
    profile = weight_profile(sparse_net(), DIGITS, weights=[0.25, 0.5, 1, 4], n_draws=3, rng=0)
    assert profile.losses is not None
    assert (np.ptp(profile.scores, axis=1) == 0).all()
    assert (np.ptp(profile.losses, axis=1) > 1e-3).all()
    for rule in profile.rules:
        assert profile.best(rule) == 0.25


def test_the_size_of_weights_is_forgotten_and_their_sign_only_by_one_rule() -> None:
    net, other = sparse_net(), sparse_net()
    for x in other.parameters():
        x.data *= torch.rand(x.shape) + 0.1
    one, two = (weight_profile(x, DIGITS, weights=GRID, n_draws=2, rng=0) for x in (net, other))
    assert same(one, two, "shared", "signed", "scaled", "random")
    for x in other.parameters():
        x.data *= -1
    flipped = weight_profile(other, DIGITS, weights=GRID, n_draws=2, rng=0)
    assert same(one, flipped, "shared", "random")
    assert not same(one, flipped, "signed")


def test_hidden_units_have_no_order() -> None:
    net = sparse_net()
    permuted, order = copy.deepcopy(net), torch.randperm(20)
    masks = masks_of(net)
    moved = {
        "0.weight": (net[0].weight[order], masks["0.weight"][order]),
        "2.weight": (net[2].weight[:, order], masks["2.weight"][:, order]),
    }
    mask_net(permuted, {name: torch.ones_like(mask) for name, (_, mask) in moved.items()})
    for name, (weight, _) in moved.items():
        permuted.get_parameter(name).data = weight.detach()
    mask_net(permuted, {name: mask for name, (_, mask) in moved.items()})
    one, two = (weight_profile(x, DIGITS, weights=GRID, n_draws=1, rng=0) for x in (net, permuted))
    assert same(one, two, "shared", "signed", "scaled")


def test_a_net_of_two_weights_is_its_own_signs() -> None:
    net = sparse_net()
    for x in net.parameters():
        x.data = 0.5 * x.sign()
    profile = weight_profile(net, DIGITS, weights=[-0.5, 0.5], n_draws=1, rng=0)
    accuracy, loss = accuracy_and_loss(net, DIGITS.validation)
    assert profile.losses is not None
    assert profile.scores[profile.row("signed"), 1] == accuracy
    assert profile.losses[profile.row("signed"), 1] == pytest.approx(loss, rel=1e-6)
    assert profile.own["as it is"].value == profile.own["without biases"].value == accuracy


def test_the_rules_are_what_they_say() -> None:
    net = initial_net(MLP((64, 20, 10)), rng=0)  # with biases
    for name, x in net.named_parameters():
        if "bias" in name:
            x.data += 1
    mask_net(net, {"fc1.weight": torch.rand(20, 64) < 0.3})
    profile = weight_profile(net, DIGITS, weights=[-1.5], n_draws=1, rng=0)
    assert profile.losses is not None
    for rule in ("shared", "signed", "scaled"):
        plain = copy.deepcopy(net).double()
        for layer in (plain.fc1, plain.fc2):
            kept = masks_of(plain).get("fc1.weight") if layer is plain.fc1 else None
            pattern = torch.ones_like(layer.weight) if kept is None else kept.double()
            weight = pattern if rule == "shared" else layer.weight.sign() * pattern
            for unit in range(len(weight)):
                fan_in = pattern[unit].sum() if rule == "scaled" else 1
                layer.weight.data[unit] = -1.5 * weight[unit] / fan_in**0.5
            layer.bias.data.zero_()
        accuracy, loss = accuracy_and_loss(plain, DIGITS.validation)
        assert profile.scores[profile.row(rule), 0] == accuracy
        assert profile.losses[profile.row(rule), 0] == pytest.approx(loss, rel=1e-9)
    unbiased = copy.deepcopy(net)
    for name, x in unbiased.named_parameters():
        if "bias" in name:
            x.data.zero_()
    assert profile.own["without biases"].value == accuracy_and_loss(unbiased, DIGITS.validation)[0]
    assert profile.own["as it is"].value == accuracy_and_loss(net, DIGITS.validation)[0]


def test_convolutions_count_the_edges_into_a_channel() -> None:
    conv = nn.ConvTranspose2d(4, 6, 2, groups=2, bias=False)
    net = nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 4, 3, bias=False),
        conv,
        nn.Flatten(),
        nn.Linear(6 * 49, 10, bias=False),
    )
    mask_net(net, {"2.weight": torch.rand(4, 3, 2, 2) < 0.6})
    plain = copy.deepcopy(net).double()
    with torch.no_grad():
        first, linear = plain[1].weight, plain[4].weight
        first.copy_(first.sign() / 3)
        linear.copy_(linear.sign() / math.sqrt(6 * 49))
        kept = masks_of(net)["2.weight"]
        for group in range(2):
            rows = slice(2 * group, 2 * group + 2)
            for channel in range(3):
                fan_in = int(kept[rows, channel].sum())
                plain[2].weight[rows, channel] = plain[2].weight[rows, channel].sign() / math.sqrt(
                    fan_in
                )
    profile = weight_profile(net, DIGITS, weights=[1], n_draws=1, rng=0)
    accuracy, loss = accuracy_and_loss(plain, DIGITS.validation)
    assert profile.losses is not None
    assert profile.scores[profile.row("scaled"), 0] == accuracy
    assert profile.losses[profile.row("scaled"), 0] == pytest.approx(loss, rel=1e-9)


def as_topology(net: nn.Sequential) -> tuple[Topology, np.ndarray]:
    """The same chain of ReLUs, and its weights [E]."""
    masks = [masks_of(net)[f"{k}.weight"] for k in range(0, len(net), 2)]
    start, fed, weights = 1, [], []
    for k, mask in enumerate(masks):
        for unit, row in enumerate(mask):
            sources = row.nonzero()[:, 0]
            kind = "identity" if mask is masks[-1] else "relu"
            fed.append((kind, (start + sources).tolist()))
            weights.extend(net[2 * k].weight[unit, sources].tolist())
        start += mask.shape[1]
    return topology(65, 10, fed), np.array(weights)


def test_a_net_and_its_topology_have_one_profile() -> None:
    net = sparse_net()
    of_net = weight_profile(net, DIGITS, weights=GRID, n_draws=2, rng=0)
    pattern, weights = as_topology(net)
    search = classification_search(DIGITS)
    of_pattern = topology_profile(pattern, search, own=weights, weights=GRID, n_draws=2, rng=0)
    assert of_net.losses is not None
    assert of_pattern.losses is not None
    rows = [of_net.row(rule) for rule in ("shared", "signed", "scaled")]
    assert np.abs(of_net.scores[rows] - of_pattern.scores[rows]).max() < 0.01  # ties, in float32
    assert np.allclose(of_net.losses[rows], of_pattern.losses[rows], rtol=1e-3)
    assert of_net.votes["signed"].value == pytest.approx(of_pattern.votes["signed"].value, abs=0.01)
    assert of_net.own["as it is"].value == pytest.approx(of_pattern.own["as it is"].value, abs=0.01)


def test_votes_are_those_of_the_majority() -> None:
    both = topology(3, 1, [("identity", [1, 2])])  # a + b of ±1
    search = boolean_search(boolean("f = a & b"))
    profile = topology_profile(both, search, weights=[-1, 0.5, 1], n_draws=1, rng=0)
    assert profile.scores[0].tolist() == [0.5, 1, 1]
    assert profile.rules == ("shared", "scaled", "random"), "without weights there are no signs"
    assert profile.votes["shared"].value == 1
    assert profile.chance == 0.75
    tied = topology_profile(both, search, weights=[-1, 1], n_draws=1, rng=0)
    assert tied.votes["shared"].value == 0.75  # of two votes the lower answer: 0 for all


def test_random_weights_are_a_distribution_over_draws() -> None:
    net = sparse_net()
    one, again, other = (
        weight_profile(net, DIGITS, weights=GRID, n_draws=6, rng=seed) for seed in (0, 0, 1)
    )
    row = one.row("random")
    assert np.array_equal(one.scores[row], again.scores[row])
    assert not np.array_equal(one.scores[row], other.scores[row])
    low, high = one.score_intervals[row].T
    assert (low <= one.scores[row]).all()
    assert (one.scores[row] <= high).all()
    assert (low < high).any()


def test_intervals_hold_the_score() -> None:
    profile = weight_profile(sparse_net(), DIGITS, weights=GRID, n_draws=2, rng=0)
    assert profile.loss_intervals is not None
    for values, intervals in (
        (profile.scores, profile.score_intervals),
        (profile.losses, profile.loss_intervals),
    ):
        assert (intervals[:3, :, 0] <= values[:3]).all()
        assert (values[:3] <= intervals[:3, :, 1]).all()
        assert (intervals[:3, 3, 0] < intervals[:3, 3, 1]).all()


def test_numbers_that_overflow_are_no_answer() -> None:
    net = sparse_net((64, *[30] * 400, 10))
    profile = weight_profile(net, DIGITS, weights=[1e-3, 1e3], n_draws=1, rng=0)
    assert profile.losses is not None
    row = profile.row("shared")
    assert np.isnan(profile.scores[row, 1])
    assert np.isnan(profile.losses[row, 1])
    assert profile.best("shared") == 1e-3
    json.dumps(profile.summary(), allow_nan=False)


@pytest.mark.slow
def test_the_swing_up_of_the_published_network() -> None:
    net, weights = published_swing_up()
    profile = topology_profile(net, SwingUp(), own=weights, weights=[-1, 0.8], n_draws=3, rng=0)
    assert abs(profile.own["as it is"].value - 931.2) < 20  # now and then an episode fails
    assert abs(profile.scores[0, 1] - 706) < 12
    assert profile.scores[profile.row("random")].max() < 400
    assert "reward" in profile.table().columns
    assert json.dumps(profile.summary(), allow_nan=False)


def test_the_net_is_left_as_it_is() -> None:
    net = sparse_net().train()
    before = copy.deepcopy(net.state_dict())
    weight_profile(net, DIGITS, weights=[1], n_draws=1)
    assert net.training
    assert all(torch.equal(x, before[name]) for name, x in net.state_dict().items())


def test_tables_and_grids() -> None:
    profile = weight_profile(sparse_net(), DIGITS, n_draws=1, rng=0)
    table = profile.table()
    assert len(table) == 4 * 18
    assert table["weight"].min() == -4
    assert np.allclose(weight_grid(1, 4, 3), [-4, -2, -1, 1, 2, 4])
    row = table[(table["rule"] == "signed") & (table["weight"] == 4)]
    assert row["accuracy"].item() == profile.scores[1, -1]


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(NumberError, match="smallest ≤ largest"):
        weight_grid(2, 1)
    with pytest.raises(NumberError, match=r"numbers from -1e\+30 to 1e\+30 are needed"):
        weight_profile(sparse_net(), DIGITS, weights=[math.inf])
    with pytest.raises(FormatError, match="give the task that it was trained on"):
        weight_profile(sparse_net((64, 7)), DIGITS)
    with pytest.raises(FormatError, match="nothing to replace"):
        weight_profile(nn.ReLU(), DIGITS)
    net, weights = published_swing_up()
    with pytest.raises(GraphError, match="one per edge is needed"):
        topology_profile(net, SwingUp(), own=weights[:5])


@pytest.fixture
def model(tmp_path: Path) -> Path:
    net = initial_net(MLP((64, 12, 10)), rng=0)
    mask_net(net, {"fc1.weight": torch.rand(12, 64) < 0.3})
    state, masks = plain_state(net)
    write_model(
        tmp_path / "model.pt", net=MLP((64, 12, 10)).spec, state=state, masks=masks, metadata={}
    )
    return tmp_path


def test_the_command(model: Path) -> None:
    arguments = ("profile", "model.pt", "--task", "digits", "--draws", "2", "--weights", "0.5,2")
    run = commands.cli(*arguments, "-o", "a/b.csv", "-o", "a/b.png", cwd=model, columns=140)
    assert (run.returncode, run.stderr) == (0, "")
    assert "scaled" in run.stdout
    assert "without biases" in run.stdout
    lines = (model / "a" / "b.csv").read_text().splitlines()
    assert lines[0] == "rule,weight,accuracy,accuracy_low,accuracy_high,loss,loss_low,loss_high"
    assert len(lines) == 1 + 4 * 4
    assert (model / "a" / "b.png").stat().st_size > 10_000
    run = commands.cli(*arguments, "--json", cwd=model)
    assert (run.returncode, run.stderr) == (0, "")
    summary = json.loads(run.stdout)
    assert summary["weights"] == [-2, -0.5, 0.5, 2]
    assert set(summary["rules"]) == {"shared", "signed", "scaled", "random"}


def test_the_command_with_a_weight_agnostic_network(tmp_path: Path) -> None:
    net, weights = published_swing_up()
    graph = graph_of(net)
    tmp_path.joinpath("swing.out").write_text(wann(graph))
    rows = graph.weights.tocoo()
    place = graph.positions
    by_row = np.lexsort((place[rows.col], place[rows.row]))  # as .wann.json has them
    targets = np.repeat(np.arange(net.n_units), np.diff(net.indptr))
    of_edge = dict(
        zip(zip(net.sources.tolist(), targets.tolist(), strict=True), weights, strict=True)
    )
    values = [of_edge[place[rows.row[k]], place[rows.col[k]]] + 1.5 for k in by_row]
    tmp_path.joinpath("swing.wann.json").write_text(json.dumps([values, 932]))
    arguments = ("profile", "swing.out", "--task", "swing-up", "--weights", "0.8", "--draws", "1")
    tuned = ("--wann-weights", "swing.wann.json", "--wann-weight-bias", "-1.5")
    run = commands.cli(*arguments, *tuned, "--json", cwd=tmp_path)
    assert (run.returncode, run.stderr) == (0, "")
    summary = json.loads(run.stdout)
    assert summary["measure"] == "reward"
    assert abs(summary["rules"]["shared"]["best"] - 706) < 12
    assert abs(summary["own"]["as it is"]["value"] - 931.2) < 20


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("model.pt", "--task", "digits", "--wann-weights", "model.pt"), 2, "its own weights"),
        (("model.pt",), 2, "a task is needed"),
        (("model.pt", "--task", "input-separable"), 2, "they must be equal"),
        (("model.pt", "--task", "digits", "--weights", "0,1"), 2, "above 0"),
        (("model.pt", "--task", "digits", "-o", "x.txt"), 2, ".csv"),
        (("nothing.pt", "--task", "digits"), 3, "nothing.pt"),
    ],
)
def test_mistakes_on_the_command_line(
    model: Path, arguments: tuple[str, ...], code: int, text: str
) -> None:
    run = commands.cli("profile", *arguments, cwd=model)
    assert run.returncode == code
    assert text in run.stderr
