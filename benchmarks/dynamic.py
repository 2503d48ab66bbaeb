"""Sparse training: an update of the masks, a step of a sparse layer, memory; and plain loops.

    python benchmarks/dynamic.py [--quick]

Three comparisons in one process, each the median of several repetitions in processor seconds, on
one thread, so that other programs do not slow them:

- **Updates** of 54 weights shaped as those of ResNet-50 (25.5 million) at a density of .1, by RigL
  and SET, against a loop written as the published program works: RigL ranks all weights of a layer
  twice by a full sort, with noise on all positions; SET sorts the dense weight and draws empty
  places one by one until enough are found (timed on a tenth of the layers' draws, extrapolated by
  their number). Sparsimony joins if it is installed. The last line relates an update every 100
  steps to a training step: forward and backward of the same convolutions, batch 8, times 4 for 32.
- **Steps** (forward and backward) of a layer 4096 → 4096, batch 128, of which a share is kept:
  `SparseLinear`, a masked dense layer, and SciPy's sparse matrices with the gradient of the kept
  weights gathered in blocks, as SET's sparse program does.
- **Memory**: a layer of a million inputs and outputs with ten million weights learns and is rewired
  by SET in a process of its own; the peak of that process.
"""

from __future__ import annotations

import argparse
import importlib.util
import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import scipy.sparse
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn, optim
from torch.nn.functional import conv2d, linear

from netsculpt.nets.masks import mask_gradients, mask_net
from netsculpt.nets.sparse import SparseLinear
from netsculpt.training import dynamic
from netsculpt.training.dynamic import edges

DENSITY, FRACTION, EVERY = 0.1, 0.3, 100
WIDTH, BATCH = 4096, 128
DENSITIES = (0.01, 0.05, 0.2)
WIDE, EDGES = 1_000_000, 10_000_000
BLOCK = 1 << 22  # gathered numbers at a time


def main() -> None:
    """Print three tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="small ones, within a minute")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    out = Console()
    out.print(updates(quick=quick))
    out.print(steps(quick=quick))
    out.print(memory(quick=quick))


def seconds(work: Callable[[], object], times: int) -> float:
    """Median of processor seconds, after a first run."""
    work()
    found = []
    for _ in range(times):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return statistics.median(found)


# ------------------------------------------------------------------------------- updates


def resnet50() -> Iterator[tuple[tuple[int, ...], int]]:
    """Shapes of the weights of ResNet-50, and the sizes of the images that come in."""
    yield (64, 3, 7, 7), 224
    channels, size = 64, 56
    for width, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for block in range(blocks):
            inner = size // 2 if block == 0 and width > 64 else size
            yield (width, channels, 1, 1), size
            yield (width, width, 3, 3), size
            yield (4 * width, width, 1, 1), inner
            if block == 0:
                yield (4 * width, channels, 1, 1), size
            channels, size = 4 * width, inner
    yield (1000, 2048), 1


def updates(quick: bool) -> Table:
    """Seconds of an update, against plain loops."""
    shapes = [shape for shape, _ in resnet50()][: 12 if quick else None]
    generator = torch.Generator().manual_seed(0)
    gradients = [torch.randn(shape, generator=generator) for shape in shapes]

    def made(method: str) -> tuple[nn.ParameterList, dynamic.Sparsifier, optim.Optimizer]:
        net = nn.ParameterList(
            nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes
        )
        settings = {"density": DENSITY, "end": 10**9, "every": 1, "fraction": FRACTION, "rng": 0}
        sparsifier: dynamic.Sparsifier = getattr(dynamic, method)(net, **settings)
        for weight, gradient in zip(net, gradients, strict=True):
            weight.grad = gradient.clone()
        return net, sparsifier, optim.SGD(net.parameters(), 0.0)

    times = 2 if quick else 5
    table = Table("update of ResNet-50's weights", "netsculpt", "published loop", "ratio")
    found = {}
    for method, plain in (("rigl", plain_rigl), ("set", plain_set)):
        net, sparsifier, optimizer = made(method)
        ours = found[method] = seconds(partial(update, sparsifier, optimizer), times)
        masks = list(sparsifier.masks.values())
        peer = plain([x.detach() for x in net], masks, gradients)
        table.add_row(method, f"{ours:.2f} s", f"{peer:.2f} s", f"{peer / ours:.1f}")
    if importlib.util.find_spec("sparsimony") is None:
        table.add_row("sparsimony", "", "not installed", "")
    step = training_step(shapes) * 4
    table.add_row(
        f"share of a step, every {EVERY}",
        f"{found['rigl'] / EVERY / step:.2%}",
        f"{step:.1f} s",
        "",
    )
    return table


def update(sparsifier: dynamic.Sparsifier, optimizer: optim.Optimizer) -> None:
    """One update, with the step that it follows, if it follows one."""
    sparsifier.step(optimizer)
    sparsifier.n_steps += sparsifier.timing.instead  # so that the next call is an update again


def plain_rigl(weights: list[Tensor], masks: list[Tensor], gradients: list[Tensor]) -> float:
    """Processor seconds of an update with two full sorts a layer."""

    def work() -> None:
        for weight, mask, gradient in zip(weights, masks, gradients, strict=True):
            flat = mask.reshape(-1).float()
            n_kept = int(flat.sum())
            n_gone = int(n_kept * FRACTION)
            score = (weight.reshape(-1) * flat).abs()
            score = score + 1e-5 * torch.randn(score.shape)
            order = score.sort(descending=True).indices
            first = torch.zeros_like(flat)
            first[order[: n_kept - n_gone]] = 1
            grown = gradient.reshape(-1).abs()
            lifted = torch.where(first == 1, grown.min() - 1, grown)
            order = lifted.sort(descending=True).indices
            second = torch.zeros_like(flat)
            second[order[:n_gone]] = 1
            (first + second).view(weight.shape)

    return seconds(work, 1)


def plain_set(weights: list[Tensor], masks: list[Tensor], gradients: list[Tensor]) -> float:
    """Processor seconds of an update that sorts dense weights and draws places one by one."""
    del gradients
    rng, sorting, drawing, wanted, drawn = np.random.default_rng(0), 0.0, 0.0, 0, 0
    for weight, mask in zip(weights, masks, strict=True):
        matrix = (weight * mask).flatten(1).numpy().copy()
        start = time.process_time()
        values = np.sort(matrix.ravel())
        low, high = np.searchsorted(values, 0, "left"), np.searchsorted(values, 0, "right")
        below = values[int((1 - FRACTION) * low)]
        above = values[min(int(high + FRACTION * (len(values) - high)), len(values) - 1)]
        kept = (matrix > above) | (matrix < below)
        sorting += time.process_time() - start
        n = int(mask.sum()) - int(kept.sum())
        wanted += n
        start = time.process_time()
        missing = max(n // 10, 1)
        drawn += missing
        while missing:
            row, column = rng.integers(kept.shape[0]), rng.integers(kept.shape[1])
            if not kept[row, column]:
                kept[row, column] = True
                missing -= 1
        drawing += time.process_time() - start
    return sorting + drawing * wanted / drawn


def training_step(shapes: list[tuple[int, ...]]) -> float:
    """Processor seconds of forward and backward of the convolutions, batch 8."""

    def work() -> None:
        for (shape, size), wanted in zip(resnet50(), shapes, strict=False):
            assert shape == wanted
            weight = torch.randn(shape, requires_grad=True)
            if len(shape) == 2:
                outputs = linear(torch.randn(8, shape[1], requires_grad=True), weight)
            else:
                inputs = torch.randn(8, shape[1], size, size, requires_grad=True)
                stride = 2 if shape[2] == 7 else 1
                outputs = conv2d(inputs, weight, stride=stride, padding=shape[2] // 2)
            outputs.sum().backward()  # type: ignore[no-untyped-call]

    return seconds(work, 1)


# --------------------------------------------------------------------------------- steps


def steps(quick: bool) -> Table:
    """Milliseconds of forward and backward of a wide layer."""
    width, times = (512, 3) if quick else (WIDTH, 7)
    inputs = torch.randn(BATCH, width)
    table = Table(
        f"step {width} → {width}, batch {BATCH}", "sparse", "masked dense", "SciPy", "ratios"
    )
    for density in DENSITIES:
        layer = SparseLinear(width, width, n_weights=int(density * width**2), rng=0)
        dense = nn.Linear(width, width)
        mask = torch.zeros(width**2, dtype=torch.bool)
        mask[layer.flat] = True
        mask_net(dense, {"weight": mask.view(width, width)})

        ours = seconds(partial(step, layer, inputs), times)
        found = [
            seconds(partial(step, dense, inputs), times),
            seconds(with_scipy(layer, inputs), times),
        ]
        milliseconds = (f"{x * 1e3:.1f} ms" for x in (ours, *found))
        ratios = " · ".join(f"{x / ours:.1f}" for x in found)
        table.add_row(f"density {density}", *milliseconds, ratios)
    return table


def step(layer: nn.Module, inputs: Tensor) -> None:
    """Forward and backward; gradients of pruned weights are set to 0."""
    given = inputs.clone().requires_grad_()
    layer(given).square().sum().backward()
    mask_gradients(layer)
    layer.zero_grad()


def with_scipy(layer: SparseLinear, inputs: Tensor) -> Callable[[], object]:
    """The same step with SciPy's products."""
    shape = layer.out_features, layer.in_features
    values, columns = layer.values.detach().numpy(), layer.columns.numpy()
    matrix = scipy.sparse.csr_array((values, columns, layer.starts.numpy()), shape=shape)
    rows = np.repeat(np.arange(shape[0]), np.diff(matrix.indptr))
    given = inputs.numpy()

    def work() -> object:
        outputs = (matrix @ given.T).T
        above = np.ascontiguousarray(2 * outputs)
        of_inputs = matrix.T @ above.T
        gradient, size = np.empty_like(values), max(BLOCK // len(given), 1)
        for first in range(0, len(values), size):
            part = slice(first, first + size)
            gradient[part] = np.einsum("ne,ne->e", given[:, columns[part]], above[:, rows[part]])
        return of_inputs, gradient

    return work


# -------------------------------------------------------------------------------- memory


def memory(quick: bool) -> Table:
    """Peak memory of a very wide layer that learns and is rewired."""
    width, n_weights = (10_000, 100_000) if quick else (WIDE, EDGES)
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        before, most = pool.apply(wide_layer, (width, n_weights))
    dense = width**2 * 5  # a float and a mask
    table = Table("a wide layer that learns", "peak, MiB", "bytes an edge", "dense and masked, MiB")
    mega = 2**20
    table.add_row(
        f"{width:,} → {width:,}, {n_weights:,} weights",
        f"{most / mega:,.0f} ({before / mega:,.0f} before)",
        f"{(most - before) / n_weights:.0f}",
        f"{dense / mega:,.0f}",
    )
    return table


def wide_layer(width: int, n_weights: int) -> tuple[int, int]:
    """Bytes at the start, and at the peak of two steps with momentum and an update between."""
    before = peak()
    layer = SparseLinear(width, width, n_weights=n_weights, rng=0)
    optimizer = optim.SGD(layer.parameters(), 0.1, momentum=0.9)
    sparsifier = edges.set(layer, end=10, every=1, rng=0)
    for _ in range(2):
        optimizer.zero_grad()
        layer(torch.ones(2, width)).square().mean().backward()
        sparsifier.step(optimizer)
    return before, peak()


def peak() -> int:
    """Most bytes that this process has held; `getrusage` counts its parent's on Linux."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    main()
