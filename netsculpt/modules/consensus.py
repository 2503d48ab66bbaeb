"""What many runs of a detector agree on, and how far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import combinations
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt.core.errors import GraphError
from netsculpt.core.parallel import for_threads, in_parallel
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.partition import NO_MODULE, Partition
from netsculpt.modules._information import ami, overlap, vi
from netsculpt.modules.comparison import matching, overlaps
from netsculpt.modules.quality import quality

__all__ = ["Consensus", "Detector", "consensus"]


class Detector(Protocol):
    """Anything that finds modules: every function in ``netsculpt.modules.detectors``."""

    def __call__(self, graph: NetGraph, *, rng: RNG = None) -> Partition:
        """The modules of `graph` [U]."""
        ...


@dataclass(frozen=True, eq=False)
class Consensus:
    """What the runs of a detector agree on."""

    partition: Partition  # the consensus; quality is its layer-aware Q
    agreement: csr_array  # [U, U] on the network's edges: share of runs with both ends in a module
    stability: float  # mean AMI over all pairs of runs: 1 = always the same, 0 = chance
    variation: float  # mean variation of information over all pairs, nats: 0 = always the same
    runs: tuple[Partition, ...]  # [n_seeds]

    @cached_property
    def confidence(self) -> NDArray[np.float64]:
        """Share of runs that put each unit into its module [U]; NaN where it has none.

        Those in which it is in the module matched to its own, by the largest summed Jaccard index.
        """
        labels = self.partition.labels
        agreeing = np.zeros(labels.size)
        for run in self.runs:
            both = (labels != NO_MODULE) & (run.labels != NO_MODULE)
            mine, theirs = labels[both], run.labels[both]
            rows, columns, _ = matching(overlaps(mine, theirs))
            partner = np.full(self.partition.n_modules, NO_MODULE)
            partner[rows] = columns
            agreeing[both] += partner[mine] == theirs
        return np.where(labels == NO_MODULE, np.nan, agreeing / len(self.runs))

    def summary(self) -> dict[str, Any]:
        """Plain numbers, JSON-able."""
        placed = self.confidence[~np.isnan(self.confidence)]
        return {
            "n_modules": self.partition.n_modules,
            "quality": self.partition.quality,
            "stability": self.stability,
            "variation": self.variation,
            "mean_confidence": float(placed.mean()) if placed.size else None,
            "n_runs": len(self.runs),
        }


def consensus(
    graph: NetGraph,
    detector: Detector,
    *,
    n_seeds: int = 20,
    rng: RNG = None,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Consensus:
    """Run a detector many times and find what the runs agree on.

    A detector that draws gives another answer every time. How alike they are tells whether the
    answer means anything; the consensus is better than a run. The consensus is one more run of the
    detector, on the network whose weights are replaced by the share of runs in which both ends of
    an edge were in one module. So it knows layers if the detector does, and needs no matrix of all
    pairs of units.

    Parameters
    ----------
    graph
        The network. Weights enter as the detector takes them.
    detector
        ``layered`` or any other ``(graph, *, rng) -> Partition``; give it parameters with
        `functools.partial`.
    n_seeds
        Runs, at least 2; 20 or more for a number to publish.
    rng
        Seed or generator. Run i depends on the seed and i alone.
    jobs
        Workers that share the runs; −1 = one a core. The result is the same. They are threads if
        the detector is marked for them (see `netsculpt.core.parallel`), as ``layered`` is, or else
        processes.
    progress
        Called with (runs done, n_seeds) after each.

    Raises
    ------
    GraphError
        If `n_seeds` is below 2.

    Notes
    -----
    Cost: n_seeds + 1 runs, O(n_seeds E), and n_seeds² / 2 comparisons of O(U log U), 1 to 10 ms
    each for 50,000 units. One round of Lancichinetti and Fortunato, Sci. Rep. 2, 336 (2012),
    doi:10.1038/srep00336, on the network's own edges; more rounds found planted modules no better.

    Examples
    --------
    >>> from netsculpt.modules import layered
    >>> from netsculpt.graph.synthetic import planted
    >>> graph, _ = planted([8, 8, 8], 2, 1.0, 0.0, rng=0)
    >>> found = consensus(graph.pattern, layered, n_seeds=5, rng=0)
    >>> found.partition.n_modules, found.stability, float(found.confidence.min())
    (2, 1.0, 1.0)
    """
    if n_seeds < 2:
        raise GraphError(f"n_seeds is {n_seeds}: at least 2 runs are needed to agree")
    seed = root_seed(rng)
    found_runs = []
    for run in in_parallel(partial(_run, graph, detector, seed), n_seeds, jobs):
        found_runs.append(run)
        if progress is not None:
            progress(len(found_runs), n_seeds)
    runs = tuple(found_runs)
    sources, targets = graph.sources, graph.weights.indices
    together = np.zeros(graph.n_edges)
    for run in runs:
        here = run.labels[sources]
        together += (here == run.labels[targets]) & (here != NO_MODULE)
    agreed = graph.with_weights(together / n_seeds)
    labels = detector(agreed, rng=stream(seed, "consensus")).labels
    found = Partition(labels, "consensus", quality(graph, Partition(labels)))
    pairs = (overlap(a.labels, b.labels) for a, b in combinations(runs, 2))
    stability, variation = np.transpose([(ami(pair), vi(pair)) for pair in pairs]).mean(axis=1)
    return Consensus(found, agreed.weights, float(stability), float(variation), runs)


@for_threads
def _run(graph: NetGraph, detector: Detector, seed: int, at: int) -> Partition:
    return detector(graph, rng=stream(seed, "run", at))
