"""Memory of a dense BERT-base and GPT-2 small as graphs, against what they cannot do without.

    python benchmarks/memory.py [bert] [gpt2] [matrices] [--density .1]

Each is measured in a process of its own: what PyTorch and netsculpt need once imported, the net,
the peak while it becomes a graph, and the peak of `live`. The least is imports, net and 8 bytes per
edge, 12 where edges share scalars; the last column is the ratio to it. "matrices" are ten of 3,163
× 3,163, 10⁸ edges. The nets are written in plain PyTorch, with random weights.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

NETS = ("bert", "gpt2", "matrices")
WIDTH, LAYERS = 768, 12


@dataclass(frozen=True)
class Measured:
    """MiB of the process, each the peak so far."""

    imports: float
    net: float
    peak: float
    live: float
    graph: float  # of its arrays
    n_edges: int
    seconds: float  # of one core


def peak() -> float:
    """MiB that this process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def net_of(name: str, density: float) -> tuple[Any, Any]:
    """A net and its example."""
    import torch
    from torch import nn

    torch.set_num_threads(1)
    torch.manual_seed(0)

    class Net(nn.Module):
        """Tokens and positions, an encoder, and a head."""

        def __init__(self) -> None:
            super().__init__()
            gpt = name == "gpt2"
            self.words = nn.Embedding(50_257 if gpt else 30_522, WIDTH)
            self.positions = nn.Embedding(1024 if gpt else 512, WIDTH)
            self.norm = nn.LayerNorm(WIDTH)
            layer = nn.TransformerEncoderLayer(
                WIDTH, WIDTH // 64, 4 * WIDTH, 0.0, "gelu", batch_first=True, norm_first=gpt
            )
            self.encoder = nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)
            self.head = nn.Linear(WIDTH, 50_257 if gpt else 2, bias=False)
            if gpt:
                self.head.weight = self.words.weight

        def forward(self, words: Any) -> Any:
            n = words.shape[1]
            x = self.words(words) + self.positions(torch.arange(n))
            if name == "bert":
                return self.head(self.encoder(self.norm(x))[:, 0])
            unseen = torch.ones(n, n, dtype=torch.bool).triu(1)
            return self.head(self.norm(self.encoder(x, mask=unseen)))

    net = Net()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for row in (row for x in net.parameters() if x.ndim > 1 and density < 1 for row in x):
            row.mul_(torch.rand(row.shape, generator=generator) < density)
    return net, torch.zeros(1, 8, dtype=torch.int64)


def traced(name: str, density: float) -> Measured:
    """A net, in this process."""
    import torch
    from torch import nn

    from netsculpt.tracing import trace

    trace(nn.Linear(2, 2), torch.zeros(1, 2))  # the first call imports everything
    imports = peak()
    net, example = net_of(name, density)
    size = sum(x.numel() * x.element_size() for x in net.parameters()) / 2**20
    start = time.process_time()
    graph = trace(net, example, max_edges=2**31 - 1)
    return finished(graph, imports, size, time.process_time() - start)


def stacked(density: float) -> Measured:
    """Matrices, in this process."""
    from netsculpt.graph.matrices import from_matrices

    imports, rng = peak(), np.random.default_rng(0)
    matrices = [rng.standard_normal((3163, 3163), dtype=np.float32) for _ in range(10)]
    for row in (row for x in matrices for row in x if density < 1):
        np.multiply(row, rng.random(row.size) < density, out=row)
    start = time.process_time()
    graph = from_matrices(matrices)
    seconds = time.process_time() - start
    return finished(graph, imports, sum(x.nbytes for x in matrices) / 2**20, seconds)


def finished(graph: Any, imports: float, net: float, seconds: float) -> Measured:
    """What was measured, and the peak of `live`."""
    at_most = peak()
    arrays = [graph.weights.data, graph.weights.indices, graph.multiplicity, graph.scalars]
    size = sum(x.nbytes for x in arrays if x is not None) / 2**20
    graph.live()
    return Measured(imports, net, at_most, peak(), size, graph.n_edges, seconds)


def measured(name: str, density: float) -> Measured:
    """One line of the table, in this process."""
    return stacked(density) if name == "matrices" else traced(name, density)


def main() -> None:
    """Measure all, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NETS))
    parser.add_argument("--density", type=float, default=1.0, help="kept fraction of weights")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(NETS)
    if unknown:
        parser.error(f"{', '.join(unknown)} found, one of {', '.join(NETS)} needed")
    columns = ("edges", "s", "imports", "net", "graph", "peak MiB", "of live", "peak ∕ least")
    shown = Table("", *columns)
    for name in arguments.names or NETS:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            x = pool.apply(measured, (name, arguments.density))
        least = x.imports + x.net + x.graph
        sizes = (f"{y:,.0f}" for y in (x.imports, x.net, x.graph, x.peak, x.live))
        shown.add_row(name, f"{x.n_edges:,}", f"{x.seconds:.1f}", *sizes, f"{x.peak / least:.2f}")
    Console(width=100).print(shown)


if __name__ == "__main__":
    main()
