"""Lesions, interchange and decoding of a sculpted net, lesions of a CNN; and plain loops.

    python benchmarks/lesions.py [--quick]

Two comparisons in one process, in processor seconds on one thread, so that other programs do not
slow them:

- **A sculpted net** of 8 inputs: lesions of every module by three ablations, alone, in pairs and in
  all sets, interchange of every module for every function over all 65 536 pairs, decoding, each
  against 100 random sets of units. The loop runs the net once for each pair of inputs, module and
  function, and once for each lesion, as one would write it first; it is timed on a part and
  extrapolated.
- **A CNN on digits**: lesions of six modules of channels and units on ten classes, by three
  ablations, each against 100 random sets. The loop runs the net with hooks, once for each lesion
  and draw, all samples together; it is timed on a part and extrapolated.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import islice, product

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from netsculpt import Partition, parse_circuit, trace
from netsculpt.graph.circuits import Circuit, forced_outputs, function_values, truth_table
from netsculpt.nets.families import CNN, MLP
from netsculpt.training import SCULPTING, Recipe, fit, sculpt, task
from netsculpt.training.influence.decoding import decodings
from netsculpt.training.influence.interchange import interchanges
from netsculpt.training.influence.intervening import Intervenable, LayeredNet, intervenable
from netsculpt.training.influence.lesions import lesions, pair_lesions, shapley_lesions
from netsculpt.training.tasks import boolean

TEXT = "\n".join(
    (
        "left = a ^ b",
        "middle = (c & d) | e",
        "right = f ^ g",
        "y1 = left & middle",
        "y2 = middle | right",
        "y3 = right & h",
        "y4 = left | h",
    )
)
N_MODULES = 6
N_FUNCTIONS = 7
N_RUNS_OF_LESIONS = N_MODULES * 102 * 6  # modules, sets, draws of three ablations


def main() -> None:
    """Print two tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="fewer random sets, shorter training")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    out = Console()
    out.print(sculpted(quick=quick))
    out.print(digits(quick=quick))


def seconds(work: Callable[[], object]) -> float:
    """Processor seconds, the second time."""
    work()
    start = time.process_time()
    work()
    return time.process_time() - start


def random_modules(net: Intervenable, n: int) -> Partition:
    """Hidden units in n modules at random: how long it takes does not depend on the modules."""
    hidden = net.hidden
    return Partition(np.where(hidden, np.random.default_rng(0).integers(n, size=hidden.size), -1))


def row(table: Table, name: str, ours: float, loop: float) -> None:
    """One line of a table."""
    table.add_row(name, f"{ours:.2f}", f"{loop:,.1f}", f"{loop / ours:,.0f}")


# ------------------------------------------------------------------------------ a sculpted net


def sculpted(*, quick: bool) -> Table:
    """The table of the sculpted net."""
    n_random, circuit, bits = 10 if quick else 100, parse_circuit(TEXT), boolean(TEXT)
    recipe = replace(SCULPTING, epochs=60)
    done = sculpt(MLP((8, 24, 24, 4)), bits, recipe, seeds=range(4))
    found = done.sparsest()
    if not found:
        raise SystemExit("no net learned the task: give it more epochs")
    net = intervenable(done.replicas.take(torch.tensor([int(found[0])])))
    assert isinstance(net, LayeredNet)
    partition = random_modules(net, N_MODULES)
    table = Table("report", "seconds", "loop", "ratio", title=f"{net.graph}")
    parts: dict[str, tuple[Callable[[], object], float]] = {
        "lesions": (
            lambda: lesions(net, partition, bits, n_random=n_random, rng=0),
            lesion_loop(net, bits.inputs, partition) * N_RUNS_OF_LESIONS * n_random / 100,
        ),
        "pairs and all sets": (
            lambda: [f(net, partition, bits, rng=0) for f in (pair_lesions, shapley_lesions)],
            lesion_loop(net, bits.inputs, partition) * (21 + 64),
        ),
        "interchange": (
            lambda: interchanges(net, partition, circuit, n_random=n_random, rng=0),
            interchange_loop(net, circuit, partition),
        ),
        "decoding": (
            lambda: decodings(net, partition, circuit, n_random=n_random, rng=0),
            probe_loop(net, circuit) * N_MODULES * (101 + n_random) * N_FUNCTIONS,
        ),
    }
    total = 0.0
    for name, (work, loop) in parts.items():
        ours = seconds(work)
        total += ours
        row(table, name, ours, loop)
    table.add_row("all", f"{total:.2f}", "", "")
    return table


def lesion_loop(net: LayeredNet, inputs: Tensor, partition: Partition) -> float:
    """Seconds for one lesion, with one run of the net for each input."""
    silenced = torch.from_numpy(partition.labels == 0)
    start = time.process_time()
    for x in inputs:
        by_hand(net, x.double(), silenced, torch.zeros(silenced.numel()).double())
    return time.process_time() - start


def interchange_loop(net: LayeredNet, circuit: Circuit, partition: Partition) -> float:
    """Seconds for all pairs, modules and functions, from 2000 of them."""
    rows, _ = truth_table(circuit)
    inputs = torch.from_numpy(rows.astype(np.float64))
    functions = [name for name, origin in circuit.origins.items() if name == origin]
    swapped = torch.from_numpy(partition.labels == 0)
    values = function_values(circuit, rows)
    n, n_right, pairs = 0, 0, product(range(len(rows)), range(len(rows)))
    start = time.process_time()
    for x, donor in islice(pairs, 0, None, 33):
        natural = by_hand(net, inputs[donor], torch.zeros_like(swapped), inputs[donor])
        answers = by_hand(net, inputs[x], swapped, natural)[-net.n_outputs :] > 0
        name = functions[n % len(functions)]
        expected = forced_outputs(circuit, rows[x : x + 1], name, value=bool(values[name][donor]))
        n_right += int((expected[0] == answers.numpy()).all())
        n += 1
        if n == 2000:
            break
    each = (time.process_time() - start) / n
    return each * len(rows) ** 2 * N_MODULES * len(functions)


def probe_loop(net: LayeredNet, circuit: Circuit) -> float:
    """Seconds for one probe of one function: least squares, then every threshold in turn."""
    rows, outputs = truth_table(circuit)
    activations = net.activations(torch.from_numpy(rows.astype(np.float32))).numpy()
    design, labels = np.column_stack([activations[:, 8:12], np.ones(len(rows))]), outputs[:, 0]
    start = time.process_time()
    fitted = design @ np.linalg.lstsq(design, labels.astype(float), rcond=None)[0]
    for cut in fitted:
        for guess in (fitted >= cut, fitted < cut):
            np.mean([np.mean(guess[labels == value] == value) for value in (False, True)])
    return time.process_time() - start


def by_hand(net: LayeredNet, x: Tensor, chosen: Tensor, values: Tensor) -> Tensor:
    """Activations of all units in one sample."""
    parts, start = [], 0
    for layer in range(len(net.weights) + 1):
        here = slice(start, start + x.numel())
        if chosen[here].any():
            x = torch.where(chosen[here], values[here], x)
        parts.append(x)
        start += x.numel()
        if layer < len(net.weights):
            x = net.weights[layer] @ x + net.biases[layer]
            x = x if layer == len(net.weights) - 1 else net.activation(x)
    return torch.cat(parts)


# --------------------------------------------------------------------------------------- a CNN


def digits(*, quick: bool) -> Table:
    """The table of the CNN."""
    n_random, images = 10 if quick else 100, task("digits", rng=0)
    untrained = CNN((1, 8, 8), (8, 16), (32,), 10).build()
    net = fit(untrained, images, Recipe(epochs=2 if quick else 8), rng=0).net
    sample = images.inputs[:1]
    graph = trace(net, sample)
    able = intervenable(net, graph=graph, example=sample)
    partition = random_modules(able, N_MODULES)
    table = Table("lesions", "seconds", "loop", "ratio", title=f"{graph}, 359 images")
    ours = seconds(lambda: lesions(able, partition, images, n_random=n_random, rng=0))
    loop = hook_loop(net, images.validation.inputs) * N_RUNS_OF_LESIONS * n_random / 100
    row(table, f"{N_MODULES} modules × 10 classes", ours, loop)
    return table


@torch.no_grad()
def hook_loop(net: nn.Module, inputs: Tensor) -> float:
    """Seconds for one lesion of some channels and units by hooks, of 50."""

    def silence(_: nn.Module, __: object, value: Tensor) -> Tensor:
        value = value.clone()
        value[:, ::6] = 0.0
        return value

    layers = [x for x in net.modules() if isinstance(x, nn.ReLU)]
    start = time.process_time()
    for _ in range(50):
        hooks = [layer.register_forward_hook(silence) for layer in layers]
        net(inputs)
        for hook in hooks:
            hook.remove()
    return (time.process_time() - start) / 50


if __name__ == "__main__":
    main()
