"""Steps to a result of many draws: one stack against one training after another.

    python benchmarks/parallelism.py [--quick]

Both sides train 64-32-10 on digits with the same draws of learning rate and momentum, initial
weights, masks and orders of samples; they check the same steps, and stop a draw at the goal. The
peer is the usual loop: a module, `torch.optim.SGD`, one draw after another. Seconds are of the
processor, on one thread. Rounding may move single arrivals: if fewer than nine draws in ten take
the same steps on both sides, it stops.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from torch import optim
from torch.nn.functional import cross_entropy

from netsculpt.nets import MLP, initial_net, mask_gradients, mask_net
from netsculpt.training import prune
from netsculpt.training.parallelism import Draws, NetWorkload, Stopping, draws, steps_to_result
from netsculpt.training.tasks import task

N_DRAWS = 64
MOST_STEPS = 400
GOAL = 0.08
CASES = tuple((density, size) for density in (1.0, 0.3) for size in (1, 16, 256))
SAME = 0.9  # of the draws


def workload(density: float, n_draws: int) -> NetWorkload:
    """Dense nets, or nets with random masks."""
    nets = [initial_net(MLP((64, 32, 10)), rng=draw) for draw in range(n_draws)]
    if density < 1:
        for draw, net in enumerate(nets):
            pruned = prune(net, method="random", density=density, allocation="erk", rng=draw)
            mask_net(net, pruned.masks)
    return NetWorkload(task("digits", rng=0), nets)


def one_by_one(
    work: NetWorkload, chosen: Draws, size: int, stopping: Stopping
) -> NDArray[np.float64]:
    """Steps of each draw, by the usual loop."""
    return np.array([_one(work, chosen, draw, size, stopping) for draw in range(chosen.n_draws)])


def _one(work: NetWorkload, chosen: Draws, draw: int, size: int, stopping: Stopping) -> float:
    net, samples, held_out = copy.deepcopy(work.nets[draw]), work.task, work.task.validation
    rate, momentum = float(chosen.learning_rates[draw]), float(chosen.momenta[draw])
    optimizer = optim.SGD(net.parameters(), rate, momentum)
    epochs, upcoming = work.order(draw, samples.n_samples), torch.empty(0, dtype=torch.int64)
    for step in range(1, stopping.most_steps + 1):
        while len(upcoming) < size:
            upcoming = torch.cat([upcoming, torch.from_numpy(next(epochs))])
        rows, upcoming = upcoming[:size], upcoming[size:]
        optimizer.zero_grad()
        loss = cross_entropy(net(samples.inputs[rows]), samples.targets[rows, 0])
        loss.backward()  # type: ignore[no-untyped-call]
        mask_gradients(net)
        optimizer.step()
        if stopping.is_checked(step):
            with torch.no_grad():
                logits = net(held_out.inputs)
                wrong = (logits.argmax(1) != held_out.targets[:, 0]).double().mean()
            if not bool(logits.isfinite().all()):
                return math.inf
            if float(wrong) <= stopping.goal:
                return step
    return math.inf


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a row per density and batch size."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="fewer draws and steps")
    quick = parser.parse_args(arguments).quick
    torch.set_num_threads(1)
    n, most = (16, 100) if quick else (N_DRAWS, MOST_STEPS)
    table = Table("density", "batch", "draws", "complete", "stack s", "one by one s", "×", "alike")
    for column in table.columns:
        column.justify = "right"
    chosen = draws("momentum", n, learning_rates=(1e-3, 1.0), momenta=(0.5, 0.99))
    stopping = Stopping(GOAL, most)
    steps_to_result(workload(1.0, n), chosen, 16, Stopping(GOAL, 5))  # warm up
    for density, size in CASES:
        work = workload(density, n)
        start = time.process_time()
        ours = steps_to_result(work, chosen, size, stopping).steps
        middle = time.process_time()
        theirs = one_by_one(work, chosen, size, stopping)
        end = time.process_time()
        alike = float((ours == theirs).mean())
        table.add_row(
            f"{density:g}",
            f"{size}",
            f"{n}",
            f"{np.isfinite(ours).sum()}",
            f"{middle - start:.2f}",
            f"{end - middle:.2f}",
            f"{(end - middle) / (middle - start):.1f}",
            f"{alike:.2f}",
        )
        if alike < SAME:
            raise SystemExit(f"density {density}, batch {size}: only {alike:.0%} of draws alike")
    Console().print(table)


if __name__ == "__main__":
    main()
