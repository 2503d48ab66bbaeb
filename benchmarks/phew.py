"""PHEW: seconds per mask, compared with a plain Python loop of the published procedure.

Run ``python benchmarks/phew.py``, with ``--quick`` for ResNet-20 alone. Both sides run in one
process, on networks shaped like VGG-19 and ResNet-20 for CIFAR: the loop on one core, netsculpt on
one and on four (it stops unless the masks are the same). The loop makes one walk after another: at
each hop it draws a channel from the shares of a row or a column, then a tap of that kernel, each by
a call of numpy. Shares are computed once, before it begins. It runs in two forms. "As published"
follows the authors' code: it draws from lists, sets entries of torch masks, and after every walk
counts the ones in all of them. "Lean" is a careful version: shares are arrays, and only new weights
are counted. Where a loop would take longer than the time allowed, it makes as many walks as fit,
and the rest is extrapolated from the number of walks that netsculpt makes for the same density.

The loop's seconds are processor seconds, the mean of all walks, so that other programs do not slow
it; netsculpt's are wall seconds, the least of several runs.

"Whole" is the time with tables, "walks" the time once they are made. The loop's shares are computed
by numpy; the time of a loop over kernels in Python is shown separately and enters no ratio. So is
the time of tracing the network, which is done once for all densities and seeds, and of compilation.
A second comparison, on a small residual net, tests whether both sides keep each weight equally
often over many seeds: a permutation test of the standardised sum of squared differences. If p is
below .01, the methods differ, and it stops.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from netsculpt.nets import VGG, ResNet, initial_net, prunable
from netsculpt.nets.families.resnet import ResidualBlock
from netsculpt.training.pruning.walks.from_net import walk_graph
from netsculpt.training.pruning.walks.graph import WalkGraph
from netsculpt.training.pruning.walks.tables import walk_tables
from netsculpt.training.pruning.walks.walk import walk

DENSITIES = (0.1, 0.05, 0.02, 0.01)
STAGES = ((64,) * 2, (128,) * 2, (256,) * 4, (512,) * 4, (512,) * 4)
NETS: dict[str, VGG | ResNet] = {
    "ResNet-20": ResNet((3, 32, 32), 10),
    "VGG-19": VGG((3, 32, 32), STAGES, 10),
}
SMALL = ResNet((2, 8, 8), 4, widths=(4, 8), blocks=2)
SMALL_DENSITY = 0.08
AT_MOST = 120.0  # seconds of the plain loop; beyond, it is extrapolated
SEEDS = 400  # per side, in the comparison of masks
PERMUTATIONS = 2_000
JOBS = (1, 4)
SAME = 0.01  # p below which the sides differ


class Layer:
    """A convolution or a linear layer, with the shares that walks draw from."""

    def __init__(self, weight: Tensor, first: int) -> None:
        size = weight.detach().abs().double().numpy()
        self.taps = size.reshape(*size.shape[:2], -1)
        kernels = self.taps.sum(2)
        self.down = kernels / kernels.sum(0)  # [out, in], columns sum to 1
        self.up = kernels / kernels.sum(1, keepdims=True)
        self.first = first

    def scalar(self, row: int, column: int, rng: np.random.Generator) -> int:
        """A tap of a kernel, as the index of its weight in the net."""
        taps = self.taps[row, column]
        tap = 0 if taps.size == 1 else int(rng.choice(taps.size, p=taps / taps.sum()))
        return self.first + int((row * self.taps.shape[1] + column) * taps.size) + tap

    def forward(self, unit: int, rng: np.random.Generator) -> tuple[int, int]:
        """The next channel of a walk from a column, and the weight on the way."""
        row = int(rng.choice(len(self.down), p=self.down[:, unit]))
        return row, self.scalar(row, unit, rng)

    def backward(self, unit: int, rng: np.random.Generator) -> tuple[int, int]:
        """The next channel of a walk from a row, and the weight on the way."""
        column = int(rng.choice(self.up.shape[1], p=self.up[unit]))
        return column, self.scalar(unit, column, rng)


class Listed(Layer):
    """The same with shares in lists, and a mask that walks set."""

    def __init__(self, weight: Tensor, first: int) -> None:
        super().__init__(weight, first)
        self.mask = torch.zeros(self.taps.shape)
        self.by_column, self.by_row = self.down.T.tolist(), self.up.tolist()

    def forward(self, unit: int, rng: np.random.Generator) -> tuple[int, int]:
        """The next channel of a walk from a column, and the weight on the way."""
        row = int(rng.choice(list(range(len(self.by_row))), 1, p=self.by_column[unit])[0])
        return row, self._set(row, unit, rng)

    def backward(self, unit: int, rng: np.random.Generator) -> tuple[int, int]:
        """The next channel of a walk from a row, and the weight on the way."""
        column = int(rng.choice(list(range(len(self.by_column))), 1, p=self.by_row[unit])[0])
        return column, self._set(unit, column, rng)

    def _set(self, row: int, column: int, rng: np.random.Generator) -> int:
        scalar = self.scalar(row, column, rng)
        self.mask[row, column, (scalar - self.first) % self.taps.shape[2]] = 1
        return scalar


class Plain:
    """The published procedure on a chain of layers and residual blocks, in its lean form."""

    layer: type[Layer] = Layer

    def __init__(self, net: nn.Module) -> None:
        start = time.process_time()
        weights = prunable(net)
        firsts = np.cumsum([0, *(x.numel() for x in weights.values())])
        self.n_weights = int(firsts[-1])
        layers = {
            id(x): self.layer(x, int(first))
            for x, first in zip(weights.values(), firsts, strict=False)
        }
        self.layers = list(layers.values())
        self.stages: list[tuple[list[Layer], list[Layer]] | Layer] = []
        for part in net.children():
            if isinstance(part, ResidualBlock):
                inside = [x for x in part.residual if isinstance(x, nn.Conv2d)]
                around = [x for x in part.shortcut if isinstance(x, nn.Conv2d)]
                branches = [[layers[id(x.weight)] for x in chain] for chain in (inside, around)]
                self.stages.append((branches[0], branches[1]))
            elif isinstance(part, nn.Conv2d | nn.Linear):
                self.stages.append(layers[id(part.weight)])
        self.n_inputs = self._end(0).down.shape[1]
        self.n_outputs = len(self._end(-1).down)
        self.seconds = time.process_time() - start  # to compute shares

    def _end(self, index: int) -> Layer:
        stage = self.stages[index]
        assert isinstance(stage, Layer)
        return stage

    def walk(self, number: int, rng: np.random.Generator) -> list[int]:
        """The weights on a walk; even walks run forward, odd ones backward."""
        on = number % 2 == 0
        unit = number // 2 % (self.n_inputs if on else self.n_outputs)
        passed = []
        for stage in self.stages if on else self.stages[::-1]:
            hops = [stage] if isinstance(stage, Layer) else stage[int(rng.integers(2))]
            for layer in hops if on else hops[::-1]:
                unit, scalar = layer.forward(unit, rng) if on else layer.backward(unit, rng)
                passed.append(scalar)
        return passed

    def mask(
        self, density: float, seed: int, at_most: float = np.inf
    ) -> tuple[NDArray[np.bool_], int, bool]:
        """The kept weights, the number of walks, and whether there was time for all."""
        rng, kept = np.random.default_rng(seed), np.zeros(self.n_weights, bool)
        wanted, count, number = int(density * self.n_weights), 0, 0
        start = time.process_time()
        while count < wanted:
            for scalar in self.walk(number, rng):
                count += not kept[scalar]
                kept[scalar] = True
            number += 1
            if time.process_time() - start > at_most:
                return kept, number, False
        return kept, number, True


class AsPublished(Plain):
    """The same, counting all masks after every walk, as the authors' code does."""

    layer = Listed

    def seconds_a_walk(self, density: float, seed: int, at_most: float) -> float:
        """Seconds of a walk and of the count after it."""
        rng, number, wanted = np.random.default_rng(seed), 0, int(density * self.n_weights)
        start = time.process_time()
        while self._count() < wanted and time.process_time() - start < at_most:
            self.walk(number, rng)
            number += 1
        return (time.process_time() - start) / max(number, 1)

    def _count(self) -> float:
        return float(sum(x.mask.sum() for x in self.layers if isinstance(x, Listed)))


def shares_in_a_loop(net: nn.Module, at_most: float) -> float:
    """Seconds to compute shares kernel by kernel, extrapolated if there are too many."""
    weights = [x.detach().reshape(*x.shape[:2], -1) for x in prunable(net).values()]
    n_kernels = sum(len(x) * x.shape[1] for x in weights)
    start, done = time.process_time(), 0
    for weight in weights:
        sums, (n_rows, width) = torch.zeros(weight.shape[:2]), weight.shape[:2]
        for row in range(n_rows):
            for column in range(width):
                sums[row, column] = weight[row, column].abs().sum()
            done += width
            if time.process_time() - start > at_most:
                return (time.process_time() - start) * n_kernels / done
        _ = [(x / x.sum()).tolist() for x in (*sums, *sums.T)]
    return time.process_time() - start


@dataclass(frozen=True)
class Traced:
    """The ways of a net, and the seconds and memory to find them."""

    graph: WalkGraph
    seconds: float


def traced(net: nn.Module, n_inputs: int) -> Traced:
    """The walk graph of a net."""
    start = time.perf_counter()
    graph = walk_graph(net, torch.zeros(1, n_inputs), prunable(net)).graph
    return Traced(graph, time.perf_counter() - start)


def fastest(run: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of the fastest of five runs (or of 0.2 s), and the result."""
    begun, least, result, times = time.perf_counter(), np.inf, None, 0
    while times < 5 or time.perf_counter() - begun < 0.2:
        start = time.perf_counter()
        value = run()
        seconds = time.perf_counter() - start
        if seconds < least:
            least, result = seconds, value
        times += 1
    return least, result


def compiling() -> float:
    """Seconds of the first walks in this process: to compile, or to load what is compiled."""
    graph = traced(initial_net(SMALL, rng=0), SMALL.n_inputs).graph
    start = time.perf_counter()
    walk(graph, 1, rng=0)
    return time.perf_counter() - start


def memory() -> float:
    """Peak memory of this process, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def same_masks(n_seeds: int) -> str:
    """Test that both sides keep each weight equally often; stop if they do not."""
    net = initial_net(SMALL, rng=0)
    graph, plain = traced(net, SMALL.n_inputs).graph, Plain(net)
    n_kept = int(SMALL_DENSITY * graph.n_scalars)
    ours = np.array([walk(graph, n_kept, rng=seed).kept for seed in range(n_seeds)], float)
    theirs = np.array([plain.mask(SMALL_DENSITY, seed)[0] for seed in range(n_seeds)], float)
    both, rng = np.concatenate([ours, theirs]), np.random.default_rng(0)
    spread = both.std(0)
    both = both[:, spread > 0] / spread[spread > 0]
    total = both.sum(0)

    def difference(chosen: NDArray[np.int64]) -> float:
        return float(((2 * both[chosen].sum(0) - total) ** 2).sum())

    observed = difference(np.arange(n_seeds))
    chance = [difference(rng.permutation(2 * n_seeds)[:n_seeds]) for _ in range(PERMUTATIONS)]
    p = (1 + sum(x >= observed for x in chance)) / (1 + PERMUTATIONS)
    apart = np.abs(ours.mean(0) - theirs.mean(0)).max()
    text = (
        f"masks: how often {both.shape[1]} weights are kept, {n_seeds} seeds per side, differs by "
        f"{apart:.3f} at most; permutation p {p:.2f}"
    )
    if p < SAME:
        raise SystemExit(f"{text}: not the same method")
    return text


def measure(name: str, at_most: float, table: Table) -> list[str]:
    """A row per density, and the other measurements."""
    spec = NETS[name]
    net = initial_net(spec, rng=0)
    published = AsPublished(net)
    each = published.seconds_a_walk(max(DENSITIES), 0, at_most / 4)
    start_of_published = published.seconds
    del published
    plain = Plain(net)
    before = memory()
    trace = traced(net, spec.n_inputs)
    after = memory()
    tables = [fastest(lambda n=n: walk_tables(trace.graph, n))[0] for n in JOBS]  # type: ignore[misc]
    made = walk_tables(trace.graph)
    per_walk: list[float] = []
    for density in DENSITIES[::-1]:
        n_kept = int(density * trace.graph.n_scalars)
        start = time.process_time()
        _, n_walks, finished = plain.mask(density, 0, at_most)
        seconds = time.process_time() - start
        per_walk.append(seconds / n_walks)
        kept = None
        for jobs in JOBS:
            run = partial(walk, n_kept=n_kept, rng=0, jobs=jobs)
            whole, ours = fastest(lambda run=run: run(trace.graph))  # type: ignore[misc]
            again, _ = fastest(lambda run=run: run(trace.graph, tables=made))  # type: ignore[misc]
            if kept is not None and not np.array_equal(kept, ours.kept):
                raise SystemExit(f"{jobs} threads make another mask than one")
            kept = ours.kept
            total = plain.seconds + (seconds if finished else per_walk[-1] * ours.n_walks)
            theirs = start_of_published + each * ours.n_walks
            row = (name, f"{density:g}", f"{ours.n_walks:,}") if jobs == JOBS[0] else ("", "", "")
            table.add_row(
                *row,
                f"{jobs}",
                f"{whole * 1e3:,.2f}",
                f"{again * 1e3:,.2f}",
                f"{theirs:,.2f} *",
                f"{theirs / whole:,.0f}",
                f"{each * ours.n_walks / again:,.0f}",
                f"{total:,.2f}{'' if finished else ' *'}",
                f"{total / whole:,.0f}",
                f"{(total - plain.seconds) / again:,.0f}",
            )
    table.add_section()
    return [
        f"{name}: traced in {trace.seconds:.2f} s, tables in {tables[0] * 1e3:.2f} ms on one core, "
        f"{tables[1] * 1e3:.2f} on {JOBS[1]} (the loop's shares {start_of_published * 1e3:.1f} ms "
        f"as published, {plain.seconds * 1e3:.1f} lean; kernel by kernel in Python "
        f"{shares_in_a_loop(net, at_most / 4):.2f} s); a walk takes the "
        f"loop {each * 1e3:.2f} ms as published, {per_walk[-1] * 1e3:.2f} ms lean; "
        f"peak memory {before:,.0f} MiB before tracing, {after:,.0f} after, {memory():,.0f} last"
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a row per net and density, then whether the masks agree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="ResNet-20, ten seconds per row")
    parser.add_argument("--seconds", type=float, default=AT_MOST, help="of the plain loop, per row")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    lines = [f"first walks of the process, compiled or loaded: {compiling():.2f} s"]
    table = Table(
        *("network", "density", "walks", "cores", "whole ms", "walks ms", "as published s"),
        *("whole ×", "walks ×", "lean s", "whole ×", "walks ×"),
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for name in list(NETS)[:1] if options.quick else NETS:
        lines += measure(
            name, min(10.0, options.seconds) if options.quick else options.seconds, table
        )
    lines.append(same_masks(SEEDS // 4 if options.quick else SEEDS))
    console = Console(width=140)
    console.print(table)
    console.print("* reckoned from as many walks as the time allowed")
    for line in lines:
        console.print(line, soft_wrap=True)


if __name__ == "__main__":
    main()
