"""Random walks against every path and its probability, enumerated by the rules as they are written.

The rules here know torch weights and how layers are joined, by hand; nothing of how walks are made.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import chisquare
from torch import Tensor, nn

from netsculpt.core.errors import GraphError
from netsculpt.nets.prunable import prunable
from netsculpt.tracing import trace
from netsculpt.training.pruning.walks.from_net import walk_graph
from netsculpt.training.pruning.walks.graph import Connection, Visited, WalkGraph
from netsculpt.training.pruning.walks.trimmed import trimmed
from netsculpt.training.pruning.walks.walk import walk

Unit = tuple[str, int]
Step = tuple[float, tuple[str, int] | None, Unit]  # how likely, through which scalar, to where
Spots = list[list[Step]]  # each as likely
Frequencies = dict[frozenset[int], float]

N_DRAWS = 1_000


def units(layer: str, n: int) -> list[Unit]:
    return [(layer, at) for at in range(n)]


def shares(strengths: Sequence[float]) -> list[float]:
    total = sum(strengths)
    return [x / total if total else 1 / len(strengths) for x in strengths]


class Rules:
    """Where walks go from each unit: branch by branch, each as likely."""

    def __init__(self, power: float = 1) -> None:
        self.on: dict[Unit, dict[Any, Spots]] = defaultdict(lambda: defaultdict(list))
        self.back: dict[Unit, dict[Any, Spots]] = defaultdict(lambda: defaultdict(list))
        self.power = power

    def weight(
        self,
        name: str,
        weight: Tensor,
        taken: Sequence[Unit | list[Unit]],
        made: Sequence[Unit],
        *,
        groups: int = 1,
        numbers: Tensor | None = None,
        copy: int = 0,
    ) -> None:
        """A weight [out, in / groups, …], the units of its columns and rows."""
        numbers = torch.arange(weight.numel()) if numbers is None else numbers
        numbers = numbers.reshape(*weight.shape[:2], -1)
        size = weight.detach().double().abs().reshape(*weight.shape[:2], -1)
        size = torch.where(size > 0, size**self.power, 0)
        n_out, width, n_taps = size.shape
        n_rows = n_out // groups

        def hop(pairs: list[tuple[int, int]], to: Callable[[int, int], list[Unit]]) -> list[Step]:
            kernels = shares([float(size[i, j].sum()) for i, j in pairs])
            steps: list[Step] = []
            for kernel, (i, j) in zip(kernels, pairs, strict=True):
                taps = shares(size[i, j].tolist())
                for tap in range(n_taps):
                    ends = to(i, j)
                    share = kernel * taps[tap] / len(ends)
                    steps += [(share, (name, int(numbers[i, j, tap])), end) for end in ends]
            return steps

        def of_column(i: int, j: int) -> list[Unit]:
            found = taken[i // n_rows * width + j]
            return found if isinstance(found, list) else [found]

        for column in range(groups * width):
            group, j = divmod(column, width)
            rows = range(group * n_rows, (group + 1) * n_rows)
            steps = hop([(i, j) for i in rows], lambda i, _: [made[i]])
            for unit in of_column(group * n_rows, j):
                self.on[unit][name, copy].append(steps)
        for i in range(n_out):
            self.back[made[i]][name, copy].append(hop([(i, j) for j in range(width)], of_column))

    def wire(self, one: Sequence[Unit], two: Sequence[Unit]) -> None:
        """Units joined without a weight."""
        for a, b in zip(one, two, strict=True):
            self.on[a]["wire", b[0]].append([(1.0, None, b)])
            self.back[b]["wire", a[0]].append([(1.0, None, a)])


@dataclass
class Case:
    """A net, an example, and its rules."""

    net: nn.Module
    example: Tensor
    rules: Rules

    def __post_init__(self) -> None:
        weights = prunable(self.net)
        first = np.cumsum([0, *(x.numel() for x in weights.values())]).tolist()
        self.first = dict(zip(weights, first, strict=False))
        strength = lambda x: torch.where(x != 0, x.abs().double() ** self.rules.power, 0)  # noqa: E731
        self.walk_graph = walk_graph(self.net, self.example, weights, strength).graph
        self.graph = trace(self.net, self.example)

    def unit(self, at: int) -> Unit:
        layer = self.graph.layers[self.graph.layer_of[at]]
        return layer.name, at - layer.start

    def expected(self, start: int, *, forward: bool) -> Frequencies:
        """Probability of each path from a unit, as the scalars that it passes through."""
        ends = self.graph.outputs if forward else self.graph.inputs
        may_end = {self.unit(int(x)) for x in ends}
        table = self.rules.on if forward else self.rules.back
        found: Frequencies = defaultdict(float)

        def follow(unit: Unit, share: float, passed: frozenset[int]) -> None:
            if unit not in table:
                assert unit in may_end, f"lost at {unit}"
                found[passed] += share
                return
            for spots in table[unit].values():
                for steps in spots:
                    for likely, scalar, to in steps:
                        if likely:
                            own = set() if scalar is None else {self.first[scalar[0]] + scalar[1]}
                            each = share * likely / len(spots) / len(table[unit])
                            follow(to, each, passed | own)

        follow(self.unit(start), 1.0, frozenset())
        assert sum(found.values()) == pytest.approx(1)
        return found

    def drawn(self, start: int, *, forward: bool, seed: int = 0, n: int = N_DRAWS) -> Counter[Any]:
        """What first walks from a unit pass through."""
        graph, rng = self.walk_graph, np.random.default_rng(seed)
        if forward:
            at = int(np.flatnonzero(graph.inputs == start)[0])
            graph = replace(graph, inputs=np.roll(graph.inputs, -at))
        else:  # the even walk before it is lost in a unit that leads nowhere
            at = int(np.flatnonzero(graph.outputs == start)[0])
            graph = replace(
                graph,
                layer_of=np.append(graph.layer_of, graph.layer_of.max() + 1),
                inputs=np.append(graph.layer_of.size, graph.inputs),
                outputs=np.roll(graph.outputs, -at),
            )
        walks = [walk(graph, 1, rng=rng) for _ in range(n)]
        assert {(x.n_walks, x.n_lost) for x in walks} == {(1, 0) if forward else (2, 1)}
        return Counter(frozenset(np.flatnonzero(x.kept).tolist()) for x in walks)


def likelihood(drawn: Counter[Any], expected: Frequencies) -> float:
    """P of the chi-square test; rare paths are counted as one."""
    n = drawn.total()
    if not set(drawn) <= {key for key, share in expected.items() if share > 0}:
        return 0.0
    often = [key for key, share in expected.items() if share * n >= 5]
    observed = [drawn[key] for key in often]
    wanted = [expected[key] * n for key in often]
    rest = n - sum(wanted)
    if rest >= 5:
        observed, wanted = [*observed, n - sum(observed)], [*wanted, rest]
    else:
        wanted = [x * sum(observed) / sum(wanted) for x in wanted]
    return float(chisquare(observed, wanted).pvalue) if len(wanted) > 1 else 1.0


class Function(nn.Module):
    """A net that says in one line what it computes."""

    def __init__(self, forward: Callable[[Any, Tensor], Tensor], **parts: nn.Module) -> None:
        super().__init__()
        self._forward = forward
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x: Tensor) -> Tensor:
        return self._forward(self, x)


def mlp(power: float = 1) -> Case:
    net, rules = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), Rules(power)
    rules.weight("0.weight", net[0].weight, units("input", 3), units("0", 4))
    rules.weight("2.weight", net[2].weight, units("0", 4), units("2", 2))
    return Case(net, torch.zeros(1, 3), rules)


def zeros() -> Case:
    """A row, a column and a kernel of zeros, all of which the net still has."""
    case = conv_and_flatten()
    conv, linear = case.net[0].weight, case.net[4].weight
    with torch.no_grad():
        conv[:, 0] = 0
        conv[2] = 0
        linear[:, :4] = 0
    rules = Rules()
    rules.weight("0.weight", conv, units("input", 2), units("0", 3))
    rules.weight("4.weight", linear, [("0", k // 4) for k in range(12)], units("4", 2))
    return Case(case.net, case.example, rules)


def conv_and_flatten() -> Case:
    layers = (nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
    net = nn.Sequential(nn.Conv2d(2, 3, 2, padding=1), *layers, nn.Linear(12, 2))
    rules = Rules()
    rules.weight("0.weight", net[0].weight, units("input", 2), units("0", 3))
    positions = [("0", k // 4) for k in range(12)]
    rules.weight("4.weight", net[4].weight, positions, units("4", 2))
    return Case(net, torch.zeros(1, 2, 3, 3), rules)


def with_identity() -> Case:
    def forward(net: Any, x: Tensor) -> Tensor:
        x = net.stem(x)
        return net.head((x + net.two(torch.relu(net.one(x)))).mean((2, 3)))

    parts = {"stem": nn.Conv2d(2, 3, 1), "one": nn.Conv2d(3, 2, 3, padding=1)}
    net = Function(forward, **parts, two=nn.Conv2d(2, 3, 1), head=nn.Linear(3, 2))
    rules = Rules()
    stem, one, two, add = units("s", 3), units("o", 2), units("t", 3), units("a", 3)
    rules.weight("stem.weight", net.stem.weight, units("input", 2), stem)
    rules.weight("one.weight", net.one.weight, stem, one)
    rules.weight("two.weight", net.two.weight, one, two)
    rules.wire(stem, add)
    rules.wire(two, add)
    rules.weight("head.weight", net.head.weight, add, units("head", 2))
    return Case(net, torch.zeros(1, 2, 4, 4), rules)


def with_projection() -> Case:
    def forward(net: Any, x: Tensor) -> Tensor:
        x = torch.relu(net.stem(x))
        x = net.shortcut(x) + net.two(torch.relu(net.one(x)))
        return net.head(x.mean((2, 3)))

    net = Function(
        forward,
        stem=nn.Conv2d(1, 2, 1),
        one=nn.Conv2d(2, 3, 3, stride=2, padding=1),
        two=nn.Conv2d(3, 3, 1),
        shortcut=nn.Conv2d(2, 3, 1, stride=2),
        head=nn.Linear(3, 2),
    )
    rules = Rules()
    stem, one, two, short, add = (
        units(x, n) for x, n in zip("sotca", (2, 3, 3, 3, 3), strict=True)
    )
    rules.weight("stem.weight", net.stem.weight, units("input", 1), stem)
    rules.weight("one.weight", net.one.weight, stem, one)
    rules.weight("two.weight", net.two.weight, one, two)
    rules.weight("shortcut.weight", net.shortcut.weight, stem, short)
    rules.wire(short, add)
    rules.wire(two, add)
    rules.weight("head.weight", net.head.weight, add, units("head", 2))
    return Case(net, torch.zeros(1, 1, 4, 4), rules)


def side_by_side() -> Case:
    """Channels side by side, then images: a column that takes two units."""

    def forward(net: Any, x: Tensor) -> Tensor:
        one = net.one(x)
        two = net.two(torch.cat([x, one], 1))
        return net.head(net.three(torch.cat([one, two], 2)).mean((2, 3)))

    net = Function(
        forward,
        one=nn.Conv2d(2, 2, 1),
        two=nn.Conv2d(4, 2, 1),
        three=nn.Conv2d(2, 3, 1),
        head=nn.Linear(3, 1),
    )
    rules = Rules()
    x, one, two, three = units("input", 2), units("o", 2), units("t", 2), units("h", 3)
    rules.weight("one.weight", net.one.weight, x, one)
    rules.weight("two.weight", net.two.weight, x + one, two)
    both = [list(pair) for pair in zip(one, two, strict=True)]
    rules.weight("three.weight", net.three.weight, both, three)
    rules.weight("head.weight", net.head.weight, three, units("head", 1))
    return Case(net, torch.zeros(1, 2, 3, 3), rules)


def in_groups() -> Case:
    net = nn.Sequential(
        nn.Conv2d(2, 4, 2, groups=2), nn.Conv2d(4, 4, (1, 2), groups=4), nn.Conv2d(4, 2, 1)
    )
    rules = Rules()
    first, depthwise = units("0", 4), units("1", 4)
    rules.weight("0.weight", net[0].weight, units("input", 2), first, groups=2)
    rules.weight("1.weight", net[1].weight, first, depthwise, groups=4)
    rules.weight("2.weight", net[2].weight, depthwise, units("2", 2))
    return Case(net, torch.zeros(1, 2, 4, 4), rules)


def transposed(groups: int = 2) -> Case:
    net = nn.Sequential(
        nn.Conv2d(2, 4, 1), nn.ConvTranspose2d(4, 4, 2, stride=2, groups=groups), nn.Conv2d(4, 2, 1)
    )
    rules = Rules()
    rules.weight("0.weight", net[0].weight, units("input", 2), units("0", 4))
    numbers = torch.arange(net[1].weight.numel()).reshape(net[1].weight.shape)

    def turned(kernel: Tensor) -> Tensor:  # [in, out / groups, …] of each group, turned
        return torch.cat([part.transpose(0, 1) for part in kernel.chunk(groups)])

    rules.weight(
        "1.weight",
        turned(net[1].weight),
        units("0", 4),
        units("1", 4),
        groups=groups,
        numbers=turned(numbers).contiguous(),
    )
    rules.weight("2.weight", net[2].weight, units("1", 4), units("2", 2))
    return Case(net, torch.zeros(1, 2, 3, 3), rules)


def mixer() -> Case:
    """Two tokens of three channels: each has its own copy of what mixes the other."""

    def forward(net: Any, x: Tensor) -> Tensor:
        x = net.tokens(net.embed(x).mT).mT
        return net.head(net.channels(x).mean(1))

    net = Function(
        forward,
        embed=nn.Linear(2, 3),
        tokens=nn.Linear(2, 2),
        channels=nn.Linear(3, 2),
        head=nn.Linear(2, 1),
    )
    rules = Rules()
    embed, mean = units("e", 3), units("m", 2)
    rules.weight("embed.weight", net.embed.weight, units("input", 2), embed)
    mixed = {(c, t): ("t", 2 * c + t) for c in range(3) for t in range(2)}
    for c in range(3):
        rows = [mixed[c, t] for t in range(2)]
        rules.weight("tokens.weight", net.tokens.weight, [embed[c]] * 2, rows, copy=c)
    for t in range(2):
        rows = [("c", 2 * t + k) for k in range(2)]
        taken = [mixed[c, t] for c in range(3)]
        rules.weight("channels.weight", net.channels.weight, taken, rows, copy=t)
        rules.wire(rows, mean)
    rules.weight("head.weight", net.head.weight, mean, units("head", 1))
    return Case(net, torch.zeros(1, 2, 2), rules)


def lstm() -> Case:
    net = Function(lambda net, x: net.head(net.lstm(x)[0][:, -1]),
                   lstm=nn.LSTM(2, 2, batch_first=True), head=nn.Linear(2, 2))  # fmt: skip
    rules = Rules()
    x, c, h = units("input", 2), units("c", 2), units("h", 2)
    begin_h, begin_c = units("lstm.h (state)", 2), units("lstm.c (state)", 2)
    for at, name in enumerate("ifgo"):
        rows, gate = slice(2 * at, 2 * at + 2), units(name, 2)
        for weight, taken in (("ih", x), ("hh", begin_h)):
            key = f"lstm.weight_{weight}_l0"
            value = net.get_parameter(key)
            numbers = torch.arange(value.numel()).reshape(value.shape)[rows]
            rules.weight(
                f"lstm.weight_{weight}_l0", value[rows], taken, gate, numbers=numbers, copy=at
            )
        rules.wire(gate, h if at == 3 else c)
    rules.wire(begin_c, c)
    rules.wire(c, h)
    rules.wire(c, units("lstm.c (next state)", 2))
    rules.wire(h, units("lstm.h (next state)", 2))
    rules.weight("head.weight", net.head.weight, h, units("head", 2))
    return Case(net, torch.zeros(1, 3, 2), rules)


def tied() -> Case:
    """One weight three times: a scalar is one, wherever a walk passes it."""
    shared = nn.Linear(3, 3)
    net = nn.Sequential(shared, nn.Tanh(), shared, nn.Linear(3, 2))
    net.append(nn.Linear(2, 2))
    rules = Rules()
    name = "0.weight"
    rules.weight(name, shared.weight, units("input", 3), units("0", 3))
    rules.weight(name, shared.weight, units("0", 3), units("again", 3))
    rules.weight("3.weight", net[3].weight, units("again", 3), units("3", 2))
    rules.weight("4.weight", net[4].weight, units("3", 2), units("4", 2))
    return Case(net, torch.zeros(1, 3), rules)


CASES = {
    "mlp": mlp,
    "squares": lambda: mlp(2),
    "inverse": lambda: mlp(-1),
    "alike": lambda: mlp(0),
    **{
        make.__name__: make
        for make in (zeros, conv_and_flatten, with_identity, with_projection, side_by_side)
    },
    **{make.__name__: make for make in (in_groups, transposed, mixer, lstm, tied)},
}


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("name", CASES)
def test_paths_are_as_frequent_as_the_rules_say(name: str) -> None:
    case = CASES[name]()
    for forward in (True, False):
        start = int(case.walk_graph.inputs[0] if forward else case.walk_graph.outputs[-1])
        expected = case.expected(start, forward=forward)
        drawn = case.drawn(start, forward=forward)
        assert len(expected) > 3
        assert likelihood(drawn, expected) > 1e-3, f"forward: {forward}"


@pytest.mark.parametrize("make", [mlp, pytest.param(conv_and_flatten, marks=pytest.mark.slow)])
@pytest.mark.parametrize("forward", [True, False])
def test_other_rules_are_told_apart(make: Callable[[], Case], forward: bool) -> None:
    """The test above would fail if walks went by rows for columns, or by squares."""
    case = make()
    start = int(case.walk_graph.inputs[0] if forward else case.walk_graph.outputs[-1])
    drawn = case.drawn(start, forward=forward, n=2_500)
    assert likelihood(drawn, normalised_across(case).expected(start, forward=forward)) < 1e-9
    squares = replace(case, rules=case.rules)
    squares.walk_graph = replace(case.walk_graph, strength=case.walk_graph.strength**2)
    drawn = squares.drawn(start, forward=forward, n=2_500)
    assert likelihood(drawn, case.expected(start, forward=forward)) < 1e-9


def normalised_across(case: Case) -> Case:
    """Shares of a row where shares of a column are meant, and the other way round."""

    def swapped(table: Any, other: Any) -> Any:
        share = {
            (unit, scalar): likely
            for unit, branches in other.items()
            for spots in branches.values()
            for steps in spots
            for likely, scalar, _ in steps
        }
        found: dict[Unit, dict[Any, Spots]] = defaultdict(lambda: defaultdict(list))
        for unit, branches in table.items():
            for branch, spots in branches.items():
                for steps in spots:
                    wrong = [x[0] if x[1] is None else share[x[2], x[1]] for x in steps]
                    found[unit][branch].append(
                        [(p / sum(wrong), *x[1:]) for p, x in zip(wrong, steps, strict=True)]
                    )
        return found

    rules = Rules()
    rules.on, rules.back = (
        swapped(case.rules.on, case.rules.back),
        swapped(case.rules.back, case.rules.on),
    )
    return replace(case, rules=rules)


def test_every_input_and_output_starts_walks_of_its_own() -> None:
    case = conv_and_flatten()
    for start in case.walk_graph.inputs.tolist():
        drawn = case.drawn(start, forward=True, n=1000)
        assert likelihood(drawn, case.expected(start, forward=True)) > 1e-3
    for start in case.walk_graph.outputs.tolist():
        drawn = case.drawn(start, forward=False, n=1000)
        assert likelihood(drawn, case.expected(start, forward=False)) > 1e-3


NO_WIRES = np.zeros((0, 2), np.int64)
NONE = np.zeros(0, np.int64)


def matrix(weight: Any, n_scalars: int | None = None) -> WalkGraph:
    """One layer [out, in]."""
    strength = np.asarray(weight, float)
    n_out, n_in = strength.shape
    connection = Connection(
        0, (n_out, n_in, 1), n_in + np.arange(n_out), np.arange(n_in), np.arange(n_in)
    )
    layer_of = np.repeat([0, 1], [n_in, n_out])
    n = strength.size if n_scalars is None else n_scalars
    ends = np.arange(n_in), n_in + np.arange(n_out)
    return WalkGraph(strength.ravel(), n, NONE, [connection], NO_WIRES, layer_of, *ends)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("forward", [True, False])
def test_one_strength_that_outweighs_all_others(forward: bool, dtype: Any) -> None:
    """Where most darts miss, sums are added up: shares are the same either way."""
    n = 300
    strength = np.where(np.arange(n) % 3, 1.0, 0.0)
    strength[7] = 200.0
    graph = matrix(strength[:, None] if forward else strength[None])
    graph = replace(graph, strength=strength.astype(dtype))
    if not forward:  # the walk before it is lost
        graph = replace(graph, layer_of=np.append(graph.layer_of, 2), inputs=np.append(n + 1, NONE))
        graph = replace(graph, inputs=np.append(graph.inputs, np.arange(n)))
    walks = [walk(graph, 1, rng=seed) for seed in range(3_000)]
    drawn = Counter(int(np.flatnonzero(x.kept)[0]) for x in walks)
    assert all(strength[at] > 0 for at in drawn)
    big = strength[7] / strength.sum()
    small = np.array([drawn[at] for at in range(n) if at != 7 and strength[at]])
    wanted = [3_000 * big, *[3_000 * (1 - big) / 6] * 6]
    observed = [drawn[7], *(int(x.sum()) for x in np.array_split(small[: len(small) // 6 * 6], 6))]
    assert len(small) == 199
    wanted = [x * sum(observed) / sum(wanted) for x in wanted]
    assert chisquare(observed, wanted).pvalue > 1e-3


def test_walks_alternate_and_start_at_one_end_after_the_other() -> None:
    graph = matrix(np.eye(4))
    graph = replace(graph, outputs=graph.outputs[::-1])
    diagonal = [0, 5, 10, 15]
    for n_kept, found, n_walks in (
        (0, [], 0),
        (1, [0], 1),  # forward from the first input
        (2, [0, 3], 2),  # backward from the last output, which comes first here
        (3, [0, 3, 1], 3),
        (4, [0, 3, 1, 2], 4),
    ):
        visited = walk(graph, n_kept, rng=0)
        assert set(np.flatnonzero(visited.kept)) == {diagonal[at] for at in found}
        assert (visited.n_walks, visited.n_lost) == (n_walks, 0)
        before = set(np.flatnonzero(before_last(visited)))
        assert before == {diagonal[at] for at in found[:-1]}


def before_last(visited: Visited) -> NDArray[np.bool_]:
    """What was kept before the last walk."""
    before = visited.kept.copy()
    before[visited.last] = False
    return before


def test_starts_go_round() -> None:
    """Only the last of three inputs leads anywhere new, again and again."""
    strength = np.array([[1e9, 0, 0], [0, 1e9, 0], [0, 0, 1], [0, 0, 1], [0, 0, 1], [0, 0, 1]])
    graph = matrix(strength)  # backward: always the first output
    graph = replace(graph, outputs=np.append([3] * 200, graph.outputs))
    walks = [walk(graph, 3, rng=seed).n_walks for seed in range(200)]
    assert set(walks) == {5}  # inputs 1, 2, 3, with a walk backward between
    four = Counter(walk(graph, 4, rng=seed).n_walks for seed in range(400))
    assert set(four) <= {5 + 6 * turn for turn in range(1, 12)}
    assert four[11] / 400 == pytest.approx(3 / 4, abs=0.08)  # another of four


def test_units_that_lead_nowhere_lose_walks() -> None:
    strength = np.ones((2, 2))
    graph = matrix(strength)
    dead = replace(graph, layer_of=np.append(graph.layer_of, 2), inputs=np.array([4, 0, 1]))
    visited = walk(dead, 4, rng=0)
    assert visited.kept.all()
    assert visited.n_lost >= 1
    everywhere = replace(dead, inputs=np.array([4]))  # backward walks come to no input
    with pytest.raises(GraphError, match="10000 walks in a row kept nothing new, with 0 of 1"):
        walk(everywhere, 1, rng=0)


def test_nothing_new_is_an_error_and_no_endless_loop() -> None:
    graph = matrix(np.eye(3))
    assert walk(graph, 3, rng=0).kept.sum() == 3
    with pytest.raises(GraphError, match="3 of 4 weights kept: the others lie on no path"):
        walk(graph, 4, rng=0)
    with pytest.raises(GraphError, match="10 of 9 weights are to be kept"):
        walk(graph, 10, rng=0)
    with pytest.raises(GraphError, match=r"mask of \[2\]"):
        walk(graph, 1, rng=0, start=np.zeros(2, bool))
    for broken in (np.nan, np.inf, -1.0):
        with pytest.raises(GraphError, match="negative or not finite"):
            walk(matrix([[1, broken], [1, 1]]), 1, rng=0)
    with pytest.raises(GraphError, match="no inputs or no outputs"):
        walk(replace(graph, inputs=NONE), 1, rng=0)


def test_scalars_that_are_not_the_nets_are_walked_and_not_counted() -> None:
    first, second = np.eye(3), np.full((3, 3), 1.0)
    connections = [
        Connection(
            9, (3, 3, 1), 3 + np.arange(3), np.arange(3), np.arange(3)
        ),  # behind those counted
        Connection(0, (3, 3, 1), 6 + np.arange(3), np.arange(3), 3 + np.arange(3)),
    ]
    strength = np.concatenate([second.ravel(), first.ravel()])
    layer_of, ends = np.repeat([0, 1, 2], 3), (np.arange(3), 6 + np.arange(3))
    graph = WalkGraph(strength, 9, NONE, connections, NO_WIRES, layer_of, *ends)
    visited = walk(graph, 1, rng=0)
    assert visited.kept.shape == (9,)
    assert visited.kept.sum() == 1
    assert visited.kept.reshape(3, 3)[:, 0].sum() == 1  # from input 0 by unit 0
    assert walk(graph, 9, rng=0).kept.all()
    assert trimmed(graph, walk(graph, 4, rng=0), 4).sum() == 4


@pytest.mark.parametrize("name", ["mlp", "with_projection", "mixer", "tied", "lstm"])
def test_it_stops_after_the_walk_that_reaches_the_number(name: str) -> None:
    case = CASES[name]()
    longest = max(
        len(path)
        for forward in (True, False)
        for start in (case.walk_graph.inputs if forward else case.walk_graph.outputs).tolist()
        for path in case.expected(start, forward=forward)
    )
    overshoots = set()
    for seed in range(5):
        for n_kept in range(1, case.walk_graph.n_scalars // 2):
            visited = walk(case.walk_graph, n_kept, rng=seed)
            before, after = int(before_last(visited).sum()), int(visited.kept.sum())
            assert before < n_kept <= after < n_kept + longest
            assert not (before_last(visited) & ~visited.kept).any()
            overshoots.add(after - n_kept)
    assert len(overshoots) > 1


def test_a_mask_of_a_lower_density_is_extended() -> None:
    case = with_identity()
    some = walk(case.walk_graph, 8, rng=0).kept
    start = some.copy()
    more = walk(case.walk_graph, 16, rng=1, start=start)
    assert np.array_equal(start, some)  # not written to
    assert (more.kept >= some).all()
    assert (before_last(more) >= some).all()
    assert more.kept.sum() >= 16
    same = walk(case.walk_graph, 5, rng=1, start=some)
    assert np.array_equal(same.kept, some)
    assert np.array_equal(before_last(same), some)
    assert same.n_walks == 0


def test_walks_are_the_same_however_many_follow() -> None:
    """A seed's walks are those of the seed: what fewer keep, more keep."""
    case = with_projection()
    masks = [walk(case.walk_graph, n, rng=5).kept for n in range(0, 30, 3)]
    assert all((a <= b).all() for a, b in pairwise(masks))
    assert not np.array_equal(masks[-1], walk(case.walk_graph, 27, rng=6).kept)


@pytest.mark.parametrize("whole_kernels", [False, True])
def test_walks_are_the_same_on_any_number_of_threads(
    whole_kernels: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And in blocks of any size: here hundreds are made ahead, and must be marked in their turn."""
    graph = matrix(np.random.default_rng(0).random((40, 30)))
    connection = replace(graph.connections[0], shape=(40, 30, 9))
    strength = np.random.default_rng(0).random(40 * 30 * 9)
    graph = replace(graph, strength=strength, n_scalars=strength.size, connections=[connection])
    run = partial(walk, n_kept=6_000, rng=3, whole_kernels=whole_kernels)
    one = run(graph)
    assert one.n_walks > 600
    monkeypatch.setattr(sys.modules["netsculpt.training.pruning.walks.walk"], "_SEVERAL", 1)
    monkeypatch.setattr(sys.modules["netsculpt.training.pruning.walks.tables"], "_SEVERAL", 1)
    others = [run(replace(graph), jobs=4), run(graph, jobs=-1)]
    monkeypatch.setattr(sys.modules["netsculpt.training.pruning.walks.walk"], "_PAIRS", 5)
    others += [run(graph), run(graph, jobs=3)]
    for other in others:
        assert np.array_equal(other.kept, one.kept)
        assert np.array_equal(other.last, one.last)
        assert (other.n_walks, other.n_lost) == (one.n_walks, one.n_lost)


def test_whole_kernels_are_kept_whole() -> None:
    case = with_identity()
    visited = walk(case.walk_graph, 20, rng=0, whole_kernels=True)
    for connection in case.walk_graph.connections:
        kept = visited.kept[case.walk_graph.scalars_of(connection)]
        assert (kept.all(axis=2) | ~kept.any(axis=2)).all()
    one = Counter(
        frozenset(
            np.flatnonzero(walk(case.walk_graph, 1, rng=seed, whole_kernels=True).kept).tolist()
        )
        for seed in range(2000)
    )
    kernels = (
        case.walk_graph.connections[1].first,
        case.walk_graph.connections[1].first + 54,
    )  # three by three

    def widened(path: frozenset[int]) -> frozenset[int]:
        wide = set(path)
        for x in path:
            if kernels[0] <= x < kernels[1]:
                first = x - (x - kernels[0]) % 9
                wide |= set(range(first, first + 9))
        return frozenset(wide)

    expected: Frequencies = defaultdict(float)
    for path, share in case.expected(int(case.walk_graph.inputs[0]), forward=True).items():
        expected[widened(path)] += share
    assert likelihood(one, expected) > 1e-3


def test_what_dead_units_feed_does_not_count_when_a_mask_is_trimmed() -> None:
    """Copies of a weight live and die apart: one scalar is idle in one and all there is in another.

    Units a, b, c are inputs, d is fed by nothing. s leads a, b to t in one copy and c, d to u in
    the other.
    """
    a, b, c, d, t, u, out, beside = range(8)
    shared = {"first": 0, "shape": (1, 2, 1), "column": np.arange(2)}
    connections = [
        Connection(rows=np.array([t]), unit=np.array([a, b]), **shared),
        Connection(rows=np.array([u]), unit=np.array([c, d]), **shared),
        Connection(2, (1, 2, 1), np.array([out]), np.arange(2), np.array([t, u])),
        Connection(4, (1, 2, 1), np.array([beside]), np.arange(2), np.array([a, c])),
    ]
    layer_of = np.array([0, 0, 0, 1, 2, 2, 3, 3])
    ends = np.array([a, b, c]), np.array([out, beside])
    graph = WalkGraph(np.arange(1.0, 7.0), 6, NONE, connections, NO_WIRES, layer_of, *ends)
    visited = Visited(np.ones(6, bool), np.array([0]), 1, 0)
    assert trimmed(graph, visited, 5).all()  # without scalar 0 u is fed by d alone, a dead unit
    graph = replace(graph, inputs=np.array([a, b, c, d]))
    assert np.flatnonzero(~trimmed(graph, visited, 5)).tolist() == [0]
