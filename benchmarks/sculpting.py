"""Networks sculpted per core-minute: netsculpt's stacked replicas against a plain PyTorch loop.

Run ``python benchmarks/sculpting.py``, with ``--quick`` for the smallest network alone. Both sides
run the published method on one core in one process: unit pruning, then edge pruning, one gradient
pair per seed. The total time is divided by the number of networks whose dense net solved the task.
A rank test checks that both sides keep about as many weights, Fisher's test that as many dense nets
solve the task: if not, they are not the same method, and it stops.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from scipy.stats import fisher_exact, mannwhitneyu
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from netsculpt.nets.families import MLP
from netsculpt.training.fitting.recipe import Recipe
from netsculpt.training.sculpting.retraining import SCULPTING
from netsculpt.training.sculpting.sculpt import sculpt
from netsculpt.training.tasks import Task, task

PUBLISHED_SECONDS = 2.2  # the authors' code, 4-24-4, warm process, no loader workers, one core
REPLICAS = (1, 10, 100, 1_000)
PEER_SEEDS = range(24)
AT_LEAST_SEEDS = 10  # sculpted per measurement: small batches are repeated
SAME = 0.01  # p below which the sides differ


@dataclass(frozen=True)
class Case:
    """A published experiment: a net, its task, and its sculpting."""

    widths: tuple[int, ...]
    task: str
    settings: Recipe
    unit_gradient: float
    edge_gradient: float

    @property
    def name(self) -> str:
        """Widths."""
        return "-".join(map(str, self.widths))


def _recipe(epochs: int, batch_size: int, rate: float) -> Recipe:
    return replace(SCULPTING, epochs=epochs, batch_size=batch_size, learning_rate=rate)


CASES = (
    Case((4, 24, 4), "input-separable", _recipe(15, 8, 0.05), 70.0, 2.5),
    Case((4, 36, 36, 4), "input-separable", _recipe(10, 8, 0.05), 60.0, 2.5),
    Case((6, 24, 24, 3), "input-separable-reused", _recipe(10, 32, 0.05), 70.0, 2.5),
    Case((4, 24, 24, 16), "reused", _recipe(40, 8, 0.1), 55.0, 2.0),
)


@dataclass(frozen=True)
class Measured:
    """Results of a number of seeds."""

    seconds: float
    n_seeds: int
    kept: list[int]  # weights of each sculpted network

    @property
    def seconds_each(self) -> float:
        """Mean seconds per sculpted network."""
        return self.seconds / len(self.kept)


def with_netsculpt(case: Case, n_replicas: int, device: str) -> Measured:
    """Stacks of `n_replicas` networks."""
    data = task(case.task)
    n_stacks = math.ceil(AT_LEAST_SEEDS / n_replicas)
    kept: list[int] = []
    start = time.perf_counter()
    for stack in range(n_stacks):
        sculpted = sculpt(
            MLP(case.widths),
            data,
            case.settings,
            seeds=range(stack * n_replicas, (stack + 1) * n_replicas),
            unit_gradients=[case.unit_gradient],
            edge_gradients=[case.edge_gradient],
            device=device,
        )
        kept += sculpted.replicas.n_kept()[sculpted.solved].tolist()
    return Measured(time.perf_counter() - start, n_stacks * n_replicas, kept)


def with_plain_torch(case: Case, seeds: Sequence[int]) -> Measured:
    """One network after another."""
    data = task(case.task)
    start = time.perf_counter()
    n_kept = [Plain(case, data, seed).sculpted() for seed in seeds]
    seconds = time.perf_counter() - start
    return Measured(seconds, len(seeds), [n for n in n_kept if n > 0])


class Plain:
    """One network sculpted as its definition reads: a module, an optimizer, a loader."""

    def __init__(self, case: Case, data: Task, seed: int) -> None:
        self.case, self.data = case, data
        self.rng = torch.Generator().manual_seed(seed)
        samples = TensorDataset(data.inputs, data.targets)
        self.training = DataLoader(
            samples, case.settings.batch_size, shuffle=True, generator=self.rng
        )
        self.linears = [nn.Linear(*pair) for pair in pairwise(case.widths)]
        self.relus = [nn.ReLU() for _ in self.linears[1:]]
        for linear in self.linears:
            nn.init.kaiming_normal_(linear.weight, nonlinearity="relu", generator=self.rng)
            nn.init.zeros_(linear.bias)
        layers: list[nn.Module] = [self.linears[0]]
        for relu, linear in zip(self.relus, self.linears[1:], strict=True):
            layers += [relu, linear]
        self.net = nn.Sequential(*layers)
        self.masks = [torch.ones_like(values) for values in self.net.parameters()]

    def sculpted(self) -> int:
        """Number of weights kept; 0 if the dense net does not solve the task."""
        if self.train() < 1:
            return 0
        self.prune(self.unit_scores, self.keep_units, 0.0, self.case.unit_gradient)
        accepted = self.saved()
        if self.train() < 1:
            self.restore(accepted)
        pruned = 100 * (1 - self.n_kept() / self.edge_scores().numel())
        self.prune(self.edge_scores, self.keep_edges, pruned, self.case.edge_gradient)
        return self.n_kept()

    def prune(
        self,
        scores: Callable[[], Tensor],
        keep: Callable[[Tensor], None],
        percent: float,
        step: float,
    ) -> None:
        """Raise the percentage while the task stays solved; halve the step where it does not."""
        least = 100 / scores().numel()
        while percent < 100:
            step = max(step, least)
            accepted = self.saved()
            values = scores()
            keep(values > np.percentile(values.numpy(), min(percent + step, 100)))
            if self.train() == 1:
                percent += step
            else:
                self.restore(accepted)
                if step == least:
                    return
                step /= 2

    def train(self) -> float:
        """Train, restore the best epoch, and return its accuracy."""
        settings, best = self.case.settings, (-1.0, 0.0)
        optimizer = torch.optim.Adam(
            self.net.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
        )
        for _ in range(settings.epochs):
            for inputs, targets in self.training:
                noise = torch.randn(inputs.shape, generator=self.rng)
                optimizer.zero_grad()
                self.loss(inputs + settings.noise * noise, targets).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                self.apply_masks()
            with torch.no_grad():
                logits = self.net(self.data.inputs)
                right = ((logits > 0) == (self.data.targets > 0)).double().mean()
                loss = functional.binary_cross_entropy_with_logits(logits, self.data.targets)
            if (float(right), -float(loss)) > best:
                best, kept = (float(right), -float(loss)), self.saved()
        self.restore(kept)
        return best[0]

    def loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Binary cross-entropy, averaged over samples and outputs."""
        return functional.binary_cross_entropy_with_logits(self.net(inputs), targets)

    def unit_scores(self) -> Tensor:
        """Mean of |activation × gradient| over the samples, one at a time."""
        activations: list[Tensor] = []

        def keep_gradient(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            output.retain_grad()
            activations.append(output)

        hooks = [relu.register_forward_hook(keep_gradient) for relu in self.relus]
        total = torch.zeros(sum(self.case.widths[1:-1]))
        for inputs, targets in zip(self.data.inputs, self.data.targets, strict=True):
            activations.clear()
            self.loss(inputs[None], targets[None]).backward()  # type: ignore[no-untyped-call]
            products = [(a * a.grad).abs()[0] for a in activations if a.grad is not None]
            total += torch.cat(products).detach()
        for hook in hooks:
            hook.remove()
        return total / len(self.data.inputs)

    def edge_scores(self) -> Tensor:
        """Magnitudes of all weights."""
        return torch.cat([linear.weight.detach().abs().flatten() for linear in self.linears])

    def keep_units(self, keep: Tensor) -> None:
        """Clear the rows, columns and biases of the other hidden units."""
        for index, layer in enumerate(torch.split(keep, list(self.case.widths[1:-1]))):
            self.masks[2 * index] *= layer[:, None]
            self.masks[2 * index + 1] *= layer
            self.masks[2 * index + 2] *= layer
        self.apply_masks()

    def keep_edges(self, keep: Tensor) -> None:
        """Clear the other weights, and the biases of units without an incoming one."""
        sizes = [linear.weight.numel() for linear in self.linears]
        for index, layer in enumerate(torch.split(keep, sizes)):
            self.masks[2 * index] *= layer.reshape(self.masks[2 * index].shape)
            self.masks[2 * index + 1] *= self.masks[2 * index].any(1)
        self.apply_masks()

    def apply_masks(self) -> None:
        """Set pruned parameters to 0."""
        with torch.no_grad():
            for values, mask in zip(self.net.parameters(), self.masks, strict=True):
                values.mul_(mask)

    def n_kept(self) -> int:
        """Number of weights kept."""
        return int(sum(mask.sum() for mask in self.masks if mask.ndim == 2))

    def saved(self) -> list[Tensor]:
        """Copies of parameters and masks."""
        return [values.detach().clone() for values in (*self.net.parameters(), *self.masks)]

    def restore(self, saved: list[Tensor]) -> None:
        """Restore parameters and masks."""
        half = len(self.masks)
        with torch.no_grad():
            for values, before in zip(self.net.parameters(), saved[:half], strict=True):
                values.copy_(before)
        self.masks = [mask.clone() for mask in saved[half:]]


def agreement(case: Case, ours: Measured, plain: Measured) -> str:
    """Report the medians of both sides; stop if they are not the same method."""
    if len(plain.kept) < AT_LEAST_SEEDS:
        raise SystemExit(f"{case.name}: {len(plain.kept)} networks of the peer are too few")
    weights = mannwhitneyu(ours.kept, plain.kept).pvalue
    counts = np.array([[len(x.kept), x.n_seeds - len(x.kept)] for x in (ours, plain)])
    solved = fisher_exact(counts).pvalue
    text = (
        f"{case.name}: median weights {np.median(ours.kept):g}, peer {np.median(plain.kept):g} "
        f"(p {weights:.2f}); dense solved {len(ours.kept)}/{ours.n_seeds}, "
        f"peer {len(plain.kept)}/{plain.n_seeds} (p {solved:.2f})"
    )
    if min(weights, solved) < SAME:
        raise SystemExit(f"{text}: not the same method")
    return text


def main() -> None:
    """Print one row per network and number of replicas, then how well the sides agree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="4-24-4 in stacks of up to 100")
    parser.add_argument("--device", default="cpu", help="of netsculpt; the peer stays on the CPU")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cases, replicas = (CASES[:1], REPLICAS[:-1]) if arguments.quick else (CASES, REPLICAS)
    table = Table("network", "replicas", "ms/network", "per core-minute", "× peer", "× published")
    for column in table.columns[1:]:
        column.justify = "right"
    with_netsculpt(CASES[0], 1, arguments.device)  # warm up both sides
    with_plain_torch(CASES[0], [0])
    lines = []
    for case in cases:
        plain = with_plain_torch(case, PEER_SEEDS)
        rows = {"peer": plain}
        for n in replicas:
            rows[f"{n:,}"] = with_netsculpt(case, n, arguments.device)
        for name, measured in rows.items():
            each = measured.seconds_each
            table.add_row(
                case.name,
                name,
                f"{each * 1e3:,.2f}",
                f"{60 / each:,.0f}",
                f"{plain.seconds_each / each:,.1f}",
                f"{PUBLISHED_SECONDS / each:,.1f}",
            )
        table.add_section()
        lines.append(agreement(case, measured, plain))
    console = Console()
    console.print(table)
    console.print(f"× published: {PUBLISHED_SECONDS} s, that of 4-24-4, for every network")
    for line in lines:
        console.print(line, soft_wrap=True)


if __name__ == "__main__":
    main()
