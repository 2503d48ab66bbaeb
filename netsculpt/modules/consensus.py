"""Consensus of many runs of a detector, and how far they agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import combinations
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt.core.declared import is_own_weights
from netsculpt.core.errors import GraphError
from netsculpt.core.numbers import checked_whole
from netsculpt.core.parallel import for_threads, in_parallel
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.partition import NO_MODULE, Partition
from netsculpt.modules._information import ami, overlap, vi
from netsculpt.modules.comparison import matching, overlaps
from netsculpt.modules.quality import quality

__all__ = ["Consensus", "Detector", "consensus"]


class Detector(Protocol):
    """A function that finds modules: all of ``netsculpt.modules.detectors``."""

    def __call__(self, graph: NetGraph, *, rng: RNG = None) -> Partition:
        """Return the modules of `graph` [U]."""
        ...


@dataclass(frozen=True, eq=False)
class Consensus:
    """Consensus of a detector's runs."""

    partition: Partition  # the consensus; quality is its layer-aware Q
    agreement: csr_array  # [U, U] of each edge: share of runs with both ends in one module
    stability: float  # mean AMI over all pairs of runs: 1 = always the same, 0 = chance
    variation: float  # mean variation of information over all pairs, nats: 0 = always the same
    runs: tuple[Partition, ...]  # [n_seeds]

    @cached_property
    def confidence(self) -> NDArray[np.float64]:
        """Share of runs that put each unit into its module [U]; NaN where it has none.

        As `confidence_in` for the consensus itself.
        """
        return self.confidence_in(self.partition)

    def confidence_in(self, partition: Partition) -> NDArray[np.float64]:
        """Share of runs that put each unit into its module of `partition` [U]; NaN without one.

        A run's modules are matched to those of the partition by the largest summed Jaccard index.
        Raises `GraphError` if the partition is of another number of units.
        """
        labels = partition.labels
        if labels.shape != self.partition.labels.shape:
            raise GraphError(
                f"the partition has {labels.size} labels, the runs {self.partition.labels.size}: "
                "pass one of the network that they were run on"
            )
        agreeing = np.zeros(labels.size)
        for run in self.runs:
            both = (labels != NO_MODULE) & (run.labels != NO_MODULE)
            here, there = labels[both], run.labels[both]
            rows, columns, _ = matching(overlaps(here, there))
            match = np.full(partition.n_modules, NO_MODULE)
            match[rows] = columns
            agreeing[both] += match[here] == there
        return np.where(labels == NO_MODULE, np.nan, agreeing / len(self.runs))

    def stability_of(self, partition: Partition) -> float:
        """Mean AMI of the runs with each other, or with a partition [U] if that is less.

        All runs may agree on something else than the partition of one more run.
        """
        with_runs = [ami(overlap(partition.labels, run.labels)) for run in self.runs]
        return min(self.stability, float(np.mean(with_runs)))

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
    """Run a detector many times and form the consensus of the runs.

    A random detector gives another answer in every run. How similar they are shows whether they
    mean anything, and the consensus is better than a single run: it is one more run of the
    detector, on the network whose weights are replaced by the share of runs in which both ends of
    an edge were in one module; an edge of weight 0 stays 0. So it respects layers if the detector
    does, and needs no matrix of all pairs of units. Runs that are all the same are the consensus
    themselves. A detector that reads a network's own weights
    (`netsculpt.core.declared.on_own_weights`) would miss their signs in these shares: the consensus
    is then the run that agrees most with the others, by mean AMI.

    Parameters
    ----------
    graph
        The network. Weights enter as the detector uses them.
    detector
        ``layered`` or any other ``(graph, *, rng) -> Partition``; set parameters by
        `functools.partial`.
    n_seeds
        Number of runs, at least 2; 20 or more for a published value.
    rng
        Seed or generator. Run i depends on the seed and i alone.
    jobs, progress
        As in `netsculpt.core.parallel.in_parallel`: workers that share the runs, threads for
        ``layered``.

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
    >>> result = consensus(graph.pattern, layered, n_seeds=5, rng=0)
    >>> result.partition.n_modules, result.stability, float(result.confidence.min())
    (2, 1.0, 1.0)
    """
    checked_whole(n_seeds, "n_seeds")
    if n_seeds < 2:
        raise GraphError(f"n_seeds is {n_seeds}: at least 2 runs are needed to compare")
    seed = root_seed(rng)
    runs = tuple(in_parallel(partial(_run, graph, detector, seed), n_seeds, jobs, progress))
    sources, targets = graph.sources, graph.weights.indices
    together = np.zeros(graph.n_edges)
    for run in runs:
        here = run.labels[sources]
        together += (here == run.labels[targets]) & (here != NO_MODULE)
    agreed = graph.with_weights(together / n_seeds)
    pairs = (overlap(a.labels, b.labels) for a, b in combinations(runs, 2))
    amis, variations = np.transpose([(ami(pair), vi(pair)) for pair in pairs])
    if is_own_weights(detector) or all(np.array_equal(x.labels, runs[0].labels) for x in runs):
        labels = runs[_most_alike(amis, n_seeds)].labels
    else:
        carrying = graph.with_weights(np.where(graph.weights.data == 0, 0.0, agreed.weights.data))
        labels = detector(carrying, rng=stream(seed, "consensus")).labels
    partition = Partition(labels, "consensus", quality(graph, Partition(labels)))
    stability, variation = float(amis.mean()), float(variations.mean())
    return Consensus(partition, agreed.weights, stability, variation, runs)


def _most_alike(amis: NDArray[np.float64], n_runs: int) -> int:
    """The run with the largest summed AMI with the others; the first of several."""
    sums = np.zeros(n_runs)
    for pair, value in zip(combinations(range(n_runs), 2), amis, strict=True):
        sums[list(pair)] += np.nan_to_num(value)  # NaN: no unit in common
    return int(sums.argmax())


@for_threads
def _run(graph: NetGraph, detector: Detector, seed: int, index: int) -> Partition:
    return detector(graph, rng=stream(seed, "run", index))
