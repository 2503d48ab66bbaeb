"""Weight agnostic networks: milliseconds per network, compared with the published way in NumPy.

Run ``python benchmarks/wann.py``, with ``--quick`` for fewer networks. Both sides run in one
process on one core, on the same networks and samples, and it stops unless their results agree.

"Samples": networks of 115 units and 250 edges, 64 inputs and 10 outputs, hidden units of all
activations that classifiers may have, outputs for 1000 samples with each of 6 shared weights. The
published code multiplies the values of all units by one dense column after another, for one weight
after another. It is written here from its description, in float64, as there. With ``--jobs`` it
also says how much faster several threads are.

"Roll-outs": the network published for the swing-up, of 29 units and 52 edges, 1000 steps. The peers
are a loop in Python with the same dense columns, and netsculpt with one roll-out at a time.

All times are processor seconds, the least of several runs, so that other programs slow them less.
"""

from __future__ import annotations

import argparse
import importlib
import math
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from netsculpt.graph.activations import WANN_ACTIVATIONS
from netsculpt.training.search.engine import outputs
from netsculpt.training.search.tasks.swing_up import SwingUp, drawn_starts
from netsculpt.training.search.topology import Topology

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))
topologies = importlib.import_module("topologies")  # of the tests: the published network

WEIGHTS = np.array([-2.0, -1.0, -0.5, 0.5, 1.0, 2.0])
N_INPUTS, N_HIDDEN, N_OUTPUTS, N_EDGES = 65, 40, 10, 250
N_SAMPLES = 1000
LARGEST = 1e-3  # median difference of outputs that is allowed: sines of sines amplify rounding
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "identity": lambda x: x,
    "step": lambda x: 1.0 * (x > 0),
    "sin": lambda x: np.sin(np.pi * x),
    "gaussian": lambda x: np.exp(-(x * x) / 2),
    "tanh": np.tanh,
    "sigmoid": lambda x: (np.tanh(x / 2) + 1) / 2,
    "negative": lambda x: -x,
    "abs": np.abs,
    "relu": lambda x: np.maximum(0, x),
    "cos": lambda x: np.cos(np.pi * x),
}


def networks(n: int) -> list[Topology]:
    """Random networks of the sizes above, every unit fed by at least one."""
    rng = np.random.default_rng(0)
    kinds = [name for name in FUNCTIONS if name != "step"]
    made = []
    for _ in range(n):
        n_sources = N_INPUTS + N_HIDDEN
        units = range(N_INPUTS, n_sources + N_OUTPUTS)
        possible = [(s, u) for u in units for s in range(min(u, n_sources))]
        first = {(int(rng.integers(min(u, n_sources))), u) for u in units}
        rest = [possible[k] for k in rng.permutation(len(possible)) if possible[k] not in first]
        edges = sorted(first | set(rest[: N_EDGES - len(first)]))
        fed = [
            (
                str(rng.choice(kinds)) if u < n_sources else "identity",
                [s for s, target in edges if target == u],
            )
            for u in units
        ]
        made.append(topologies.topology(N_INPUTS, N_OUTPUTS, fed))
    return made


def dense(net: Topology) -> tuple[NDArray[np.float64], list[Callable[[Any], Any]]]:
    """The matrix [U, U] of a network, row = source, and the function of each unit."""
    matrix = np.zeros((net.n_units, net.n_units))
    targets = np.repeat(np.arange(net.n_units), np.diff(net.indptr))
    matrix[net.sources, targets] = 1
    return matrix, [FUNCTIONS[WANN_ACTIVATIONS[kind]] for kind in net.activations]


def column_sweep(
    matrix: NDArray[np.float64],
    functions: Sequence[Callable[[Any], Any]],
    n_inputs: int,
    n_outputs: int,
    inputs: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Outputs [S, O]: one column of the matrix after another, all units in the product."""
    values = np.zeros((len(inputs), len(matrix)))
    values[:, 0] = 1
    values[:, 1:n_inputs] = inputs
    for unit in range(n_inputs, len(matrix)):
        values[:, unit] = functions[unit](values @ matrix[:, unit])
    return values[:, -n_outputs:]


def roll_out(
    matrix: NDArray[np.float64],
    functions: Sequence[Callable[[Any], Any]],
    start: NDArray[np.float64],
) -> float:
    """Total reward of the swing-up, in Python."""
    x, speed, angle, spin = start
    total = 0.0
    for _ in range(1000):
        c, s = math.cos(angle), math.sin(angle)
        shown = np.array([[x, speed, c, s, spin]])
        action = column_sweep(matrix, functions, 6, 1, shown)[0, 0]
        push = 10 * min(1.0, max(-1.0, float(action))) - 0.1 * speed
        inertia = 4 - 1.5 * c * c
        whirl = 0.3 * spin * spin * s
        faster = (4 * push - 2 * whirl + 1.5 * 9.82 * s * c) / inertia
        turned = (6 * push * c - 3 * whirl * c + 6 * 9.82 * s) / (0.6 * inertia)
        x, angle = x + 0.01 * speed, angle + 0.01 * spin
        speed, spin = speed + 0.01 * faster, spin + 0.01 * turned
        total += (math.cos(angle) + 1) / 2 * math.cos(math.pi * x / 4.8)
        if abs(x) >= 2.4:
            break
    return total


def fastest(run: Callable[[], Any], times: int = 5) -> tuple[float, Any]:
    """Processor seconds of the fastest run, and its result."""
    least, result = math.inf, None
    for _ in range(times):
        start = time.process_time()
        result = run()
        least = min(least, time.process_time() - start)
    return least, result


def of_samples(n: int, table: Table) -> None:
    """Outputs of n networks for 1000 samples and 6 weights."""
    nets = networks(n)
    inputs = np.random.default_rng(1).uniform(size=(N_SAMPLES, N_INPUTS - 1))
    matrices = [dense(net) for net in nets[: max(2, n // 16)]]
    outputs(nets[:1], inputs, WEIGHTS)  # compiles

    def published() -> NDArray[np.float64]:
        return np.array(
            [
                [
                    column_sweep(weight * matrix, functions, N_INPUTS, N_OUTPUTS, inputs)
                    for weight in WEIGHTS
                ]
                for matrix, functions in matrices
            ]
        )

    theirs, expected = fastest(published, 2)
    ours, found = fastest(lambda: outputs(nets, inputs, WEIGHTS))
    apart = float(np.median(np.abs(found[: len(matrices)] - expected)))
    if apart > LARGEST:
        raise SystemExit(f"outputs differ by {apart} in the median: the two sides do not agree")
    theirs, ours = theirs / len(matrices), ours / n
    table.add_row("samples", "dense columns, NumPy", *_row(ours, theirs))


def of_roll_outs(quick: bool, table: Table) -> None:
    """Roll-outs of the published network with six shared weights, from three starts each."""
    net, _ = topologies.published_swing_up()
    swing = SwingUp()
    starts = drawn_starts(3, np.random.default_rng(0))
    swing.totals([net], [1.0], starts)  # compiles
    n = WEIGHTS.size * len(starts)
    ours, found = fastest(lambda: swing.totals([net], WEIGHTS, starts))
    single, alone = fastest(
        lambda: [swing.totals([net], [w], starts[[r]]).item() for w in WEIGHTS for r in range(3)]
    )
    if not np.array_equal(found.ravel(), alone):
        raise SystemExit("roll-outs side by side differ from single ones")
    matrix, functions = dense(net)
    some = [(w, r) for w in range(6) for r in range(3)][:: 9 if quick else 3]
    theirs, expected = fastest(
        lambda: [roll_out(WEIGHTS[w] * matrix, functions, starts[r]) for w, r in some], 1
    )
    of_some = np.array([found[0, w, r] for w, r in some])
    if not np.allclose(of_some, expected, rtol=0.15):  # chaotic, in float32 and float64
        raise SystemExit(f"rewards are {of_some}, those of the loop {expected}")
    table.add_row("roll-outs", "dense columns, NumPy", *_row(ours / n, theirs / len(some)))
    table.add_row("roll-outs", "one at a time, compiled", *_row(ours / n, single / n))
    many = drawn_starts(100, np.random.default_rng(1))
    hundred, _ = fastest(lambda: swing.totals([net], [0.8], many))
    table.add_row("100 roll-outs", "one at a time, compiled", *_row(hundred / 100, single / n))


def of_threads(n: int, jobs: int) -> str:
    """How much faster several threads are, by the clock on the wall."""
    nets = networks(n)
    inputs = np.random.default_rng(1).uniform(size=(N_SAMPLES, N_INPUTS - 1))
    seconds = []
    for threads in (1, jobs):
        start = time.perf_counter()
        outputs(nets, inputs, WEIGHTS, threads=threads)
        seconds.append(time.perf_counter() - start)
    return f"{jobs} threads: {seconds[0] / seconds[1]:.2f} × as fast as one, by the wall clock"


def _row(ours: float, theirs: float) -> tuple[str, str, str]:
    return f"{ours * 1e3:.3f}", f"{theirs * 1e3:.3f}", f"{theirs / ours:.1f} ×"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a row per comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="16 networks, few roll-outs")
    parser.add_argument("--jobs", type=int, default=1, help="threads to compare with one")
    options = parser.parse_args(arguments)
    n = 16 if options.quick else 128
    table = Table("what", "peer", "netsculpt, ms each", "peer, ms each", "ratio")
    of_samples(n, table)
    of_roll_outs(options.quick, table)
    Console(width=120).print(table)
    if options.jobs > 1:
        Console().print(of_threads(n, options.jobs))


if __name__ == "__main__":
    main()
