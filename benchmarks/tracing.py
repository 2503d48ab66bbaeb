"""Architectures as graphs: size, time and memory, with torch.export alone and plain loops.

Run ``python benchmarks/tracing.py``, with names of architectures for those alone. Each is pruned at
random to a tenth of its weights (VGG-19 with a unit for each element: to a hundredth) and traced
in its own process, on one thread. "trace" is the whole call, "export" the part of it in
which PyTorch lists the operations; the peak is that of the process, next to its memory before.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import architectures
import networkx as nx
import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from netsculpt.nets.masks import mask_net
from netsculpt.tracing import trace
from netsculpt.tracing.export import exported

MIB = 1024  # ru_maxrss is in KiB


def transformer() -> nn.Module:
    """Twelve encoder layers, 768 wide, 12 heads."""
    layer = nn.TransformerEncoderLayer(768, 12, 3072, batch_first=True)
    return nn.TransformerEncoder(layer, 12, enable_nested_tensor=False)


@dataclass(frozen=True)
class Case:
    """A net and the arguments of its trace."""

    net: Callable[[], nn.Module]
    shape: tuple[int, ...]
    density: float = 0.1
    options: dict[str, Any] = field(default_factory=dict)


CASES = {
    "LeNet-5": Case(architectures.lenet5, (1, 32, 32)),
    "VGG-19": Case(architectures.vgg19, (3, 32, 32)),
    "VGG-19, spatial": Case(architectures.vgg19, (3, 32, 32), 0.01, {"granularity": "spatial"}),
    "ResNet-20": Case(architectures.resnet20, (3, 32, 32)),
    "ResNet-50": Case(architectures.resnet50, (3, 224, 224)),
    "MobileNet-like": Case(architectures.mobile_net, (3, 32, 32)),
    "DenseNet-like": Case(architectures.dense_net, (3, 32, 32)),
    "U-Net-like": Case(architectures.u_net, (3, 64, 64)),
    "transformer 12 × 768": Case(transformer, (128, 768)),
}


@dataclass(frozen=True)
class Measured:
    """Size, time and memory of a trace."""

    units: int
    edges: int
    seconds: float
    export_seconds: float
    before: float  # MiB
    peak: float


def pruned(case: Case) -> nn.Module:
    """The net, with random masks."""
    generator = torch.Generator().manual_seed(0)
    net = case.net()
    masks = {
        name: torch.rand(x.shape, generator=generator) < case.density
        for name, x in net.named_parameters()
        if x.ndim > 1
    }
    mask_net(net, masks)
    return net


def measured(name: str) -> Measured:
    """One architecture, in this process."""
    torch.set_num_threads(1)
    case = CASES[name]
    net, example = pruned(case), torch.zeros(1, *case.shape)
    trace(nn.Linear(2, 2), torch.zeros(1, 2))  # the first call imports everything
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB
    start = perf_counter()
    exported(net, (example,))
    middle = perf_counter()
    graph = trace(net, example, **case.options)
    stop = perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB
    return Measured(graph.n_units, graph.n_edges, stop - middle, middle - start, before, peak)


def table(names: list[str]) -> Table:
    """One row per architecture."""
    shown = Table("", "units", "edges", "trace s", "export s", "MiB before", "peak MiB")
    spawn = multiprocessing.get_context("spawn")
    for name in names:
        with spawn.Pool(1) as pool:
            measures = pool.apply(measured, (name,))
        numbers = f"{measures.units:,}", f"{measures.edges:,}", f"{measures.seconds:.2f}"
        more = f"{measures.export_seconds:.2f}", f"{measures.before:.0f}", f"{measures.peak:.0f}"
        shown.add_row(name, *numbers, *more)
    return shown


def by_loops(net: nn.Sequential) -> nx.DiGraph[tuple[int, int]]:
    """A chain of convolutions and linear layers, converted by plain loops."""
    graph: nx.DiGraph[tuple[int, int]] = nx.DiGraph()
    weights = [x.weight.detach() for x in net if isinstance(x, nn.Conv2d | nn.Linear)]
    for layer, weight in enumerate(weights):
        for out in range(weight.shape[0]):
            for source in range(weight.shape[1]):
                scalars = weight[out, source]
                strength = float(scalars.abs().sum() if scalars.ndim else scalars)
                if strength:
                    graph.add_edge((layer, source), (layer + 1, out), weight=strength)
    return graph


def beside_loops() -> str:
    """A narrow VGG-19 converted by both, which must agree."""
    torch.set_num_threads(1)
    net = architectures.vgg19(16)
    trace(nn.Linear(2, 2), torch.zeros(1, 2))  # the first call imports everything
    start = perf_counter()
    plain = by_loops(net)
    middle = perf_counter()
    graph = trace(net, torch.zeros(1, 3, 32, 32), fold_norms=False)
    stop = perf_counter()
    weights = sorted(nx.get_edge_attributes(plain, "weight").values())
    if not np.allclose(weights, np.sort(graph.weights.data), rtol=1e-5):
        raise SystemExit("the graphs differ")
    return (
        f"VGG-19, a quarter as wide, {graph.n_edges:,} edges: loops and networkx "
        f"{middle - start:.2f} s, trace {stop - middle:.2f} s, ratio "
        f"{(middle - start) / (stop - middle):.1f}"
    )


def main() -> None:
    """Measure all architectures, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(CASES))
    names = parser.parse_args().names or list(CASES)
    unknown = set(names) - set(CASES)
    if unknown:
        parser.error(f"{', '.join(unknown)} found, one of {', '.join(CASES)} needed")
    console = Console()
    console.print(table(names))
    console.print(beside_loops())


if __name__ == "__main__":
    main()
