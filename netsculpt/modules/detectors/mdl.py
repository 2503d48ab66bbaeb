"""Modules by their evidence: are there any, how many, and which feed which."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from math import exp, log
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.declared import slow_from, varies_with, with_evidence, without_weights
from netsculpt.core.parallel import for_threads
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.graph.graph import NetGraph, live_units
from netsculpt.graph.partition import NO_MODULE, Partition
from netsculpt.modules.verdict import DECISIVE

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ModuleEvidence", "mdl", "module_evidence"]

_RESOLUTIONS = (0.5, 0.7, 1.0, 1.4, 2.0)  # γ of the proposals
_OPTIMA = 2  # at each
_LARGE, _FEWER = 200_000, (1.0,)  # edges, from which on there is one


@dataclass(frozen=True, eq=False)
class ModuleEvidence:
    """What speaks for modules in a network, and the modules that explain it best."""

    partition: Partition  # [U] likeliest module of each live unit; one module if not accepted
    evidence: float  # nats: ln of the odds of modules against none, if both are as likely before
    accepted: bool  # the evidence is at least ln 100: `netsculpt.modules.verdict.DECISIVE`
    memberships: NDArray[np.float64]  # [U, B] probability of each module; zeros for dead units
    feeds: NDArray[np.bool_]  # [B, B] edges from module (row) to module are likelier than others
    n_modules: NDArray[np.int64]  # [R] numbers of modules that were described, rising
    path: NDArray[np.float64]  # [R] nats: evidence of the best description found with each
    n_edges: int  # E, between live units and of nonzero weight: those that are described

    @property
    def probability(self) -> float:
        """Probability that there are modules, if before it was one half."""
        odds = exp(min(max(self.evidence, -700.0), 700.0))
        return odds / (1 + odds)

    @property
    def bits_per_edge(self) -> float:
        """Bits by which modules shorten the description of an edge; below 0 if they cost more."""
        return self.evidence / log(2) / max(self.n_edges, 1)

    def table(self) -> pd.DataFrame:
        """One row per number of modules."""
        import pandas as pd

        return pd.DataFrame({"n_modules": self.n_modules, "evidence": self.path})

    def summary(self) -> dict[str, Any]:
        """Plain numbers, JSON-able."""
        return {
            "n_modules": self.partition.n_modules,
            "evidence": self.evidence,
            "bits_per_edge": self.bits_per_edge,
            "needed": DECISIVE,
            "probability": self.probability,
            "accepted": self.accepted,
            "feeds": self.feeds.tolist(),
            "path": dict(zip(self.n_modules.tolist(), self.path.tolist(), strict=True)),
        }


@for_threads
def module_evidence(graph: NetGraph, *, rng: RNG = None) -> ModuleEvidence:
    r"""Evidence for modules, how many there are, and which of them feed which.

    Without modules, all networks with the same degrees in each block (connected layer pair) are
    equally likely: the null model of `netsculpt.nulls.rewire`, here with expected degrees, so that
    an edge has the probability :math:`\pi_{ij} = \theta_i \phi_j / (1 + \theta_i \phi_j)`. With
    modules, its odds are multiplied by one factor inside modules and by another outside; both are
    fitted in each block, or their ratio in all. The evidence is

    .. math:: \ln \frac{\sum_c P(c)\, P(\text{edges} \mid c)}{P(\text{edges} \mid \text{none})}

    with labels c summed over, not chosen: units that are hard to place cost nothing. Both
    probabilities are conditional on the degrees, unit by unit: that modules make the degrees
    likelier, to which the probabilities were fitted, does not count for them, and that they make
    them less likely does not either. (For labels
    that leave no doubt, and in sparse networks, it is `netsculpt.modules.gain`, a two-part
    description length.) The sum is computed in two ways and the larger result counts: a lower bound
    by coordinate ascent on independent beliefs (variational Bayes) from partitions that `layered`
    proposes at several resolutions, three times below 5,000 edges where modules are accepted; and,
    where that does not decide and there are at most 50,000 edges, an unbiased estimate by
    annealed importance sampling, which may exceed the sum. The estimate is the mean over runs: one
    for each of 16 settings, or eight where the first leave the odds even or better. Each fitted
    factor costs ½ ln E nats.

    Modules are accepted at an evidence of ln 100 = 4.6 nats: odds of 100 to 1, "decisive" on
    Jeffreys' scale of Bayes factors. In networks without modules the exponential of either
    estimate has a mean of about 1, so that the larger exceeds 100 in two of 100 at most (Markov's
    inequality). The mean is approximate: what modules gain by the degrees alone is subtracted as if
    the degrees of units were independent. Measured, it is much rarer: see docs/modules.md.

    Where the evidence is near the limit, another seed may be on its other side. Averaged over
    eight runs it still varies by half a nat or so from seed to seed.

    Modules may feed each other: if a pattern ``feeds`` [B, B] other than "each feeds itself"
    explains more than it costs, it is returned; then a chain of modules, one after the other in
    depth, is several modules, where modularity can only see one or cut edges. It is sought up to
    20,000 edges. A module that feeds all modules after it alike cannot be told from chance, and
    which of two modules in a chain a layer between them belongs to may be open.

    Parameters
    ----------
    graph
        The network. Weights do not enter, but edges of weight 0 are left out.
    rng
        Seed or generator: proposals and annealing are random.

    Returns
    -------
    ModuleEvidence
        The partition is `mdl`'s.

    Notes
    -----
    Variational bound: Daudin, Picard and Robin, Stat. Comput. 18, 173 (2008),
    doi:10.1007/s11222-007-9046-7. Odds and modularity: Newman, Phys. Rev. E 94, 052315 (2016),
    doi:10.1103/PhysRevE.94.052315, arXiv:1606.02319. Annealing: Neal (2001),
    arXiv:physics/9803008.

    Examples
    --------
    >>> from netsculpt.graph.synthetic import planted
    >>> graph, _ = planted([20, 20, 20], 2, 0.6, 0.1, rng=0)
    >>> result = module_evidence(graph, rng=0)
    >>> result.accepted, result.partition.n_modules, round(result.probability, 6)
    (True, 2, 1.0)
    """
    from netsculpt.modules.detectors._mdl.network import network_of
    from netsculpt.modules.detectors._mdl.searching import explained

    seed = root_seed(rng)
    live = live_units(graph)
    network = network_of(graph, live)
    proposals = partial(_proposals, graph, live, seed)
    best = explained(network, proposals, stream(seed, "annealing"))
    accepted = best.evidence >= DECISIVE and best.shares.shape[1] > 1
    shares = best.shares if accepted else np.ones((int(live.sum()), 1))
    feeds = best.feeds if accepted else np.ones((1, 1))
    labels = np.full(graph.n_units, NO_MODULE, dtype=np.int64)
    labels[live] = shares.argmax(axis=1)
    # Modules in the order in which a partition numbers them, those that are nobody's first left out
    order = list(dict.fromkeys(labels[live].tolist()))
    memberships = np.zeros((graph.n_units, len(order)))
    memberships[live] = shares[:, order]
    return ModuleEvidence(
        Partition(labels, "mdl", best.evidence if accepted else 0.0),
        best.evidence,
        accepted,
        memberships,
        feeds[np.ix_(order, order)] > 0,
        np.array(list(best.path), dtype=np.int64),
        np.array(list(best.path.values())),
        int(network.ends_out.size),
    )


@for_threads
@slow_from(2_000)
@varies_with("seed")
@without_weights
@with_evidence(module_evidence)
def mdl(graph: NetGraph, *, rng: RNG = None) -> Partition:
    """Find the modules that explain a network best, and one module if none are worth it.

    Other detectors always propose modules, in random networks too. This one compares a network
    with modules to one where only degrees matter, by the probability of the edges under either:
    see `module_evidence`, which returns all that is known, and says by what rule modules are
    accepted and how far that depends on the seed. No null networks are drawn.

    The pattern alone enters, without weights: edges of weight 0 are left out.

    Parameters
    ----------
    graph
        The network.
    rng
        Seed or generator.

    Returns
    -------
    Partition
        Modules of the live units, −1 for the others; ``quality`` is the evidence in nats, 0 for
        one module.

    Notes
    -----
    Cost: `layered` at five resolutions, two starts each (one of each above 200,000 edges), and
    O(E · modules) for each of some twenty sweeps: a tenth of a second for 350 edges, or a second
    where the evidence is near the limit; 1 to 5 s for 1,000 to 20,000, some 10 s for 10⁶. Nothing
    changes if units are rescaled, as no weight enters.

    Examples
    --------
    >>> from netsculpt.graph.synthetic import planted
    >>> graph, _ = planted([20, 20, 20], 2, 0.6, 0.1, rng=0)
    >>> mdl(graph, rng=0).n_modules
    2
    >>> graph, _ = planted([20, 20, 20], 1, 0.35, 0.35, rng=0)
    >>> mdl(graph, rng=0)
    Partition(mdl: 1 modules, quality 0.0000)
    """
    return module_evidence(graph, rng=rng).partition


def _proposals(
    graph: NetGraph, live: NDArray[np.bool_], seed: int, start: int
) -> Iterator[NDArray[np.integer]]:
    """Labels of the live units [n] that maximise modularity at several resolutions.

    Other ones in every `start`, of which the first is 0.
    """
    from netsculpt.modules.detectors._layered.searching import best_of, effort_for
    from netsculpt.modules.detectors._layered.units import live_level

    pattern = graph.with_weights((graph.weights.data != 0).astype(np.float32))
    level, total = live_level(pattern, live)
    if total == 0:
        return
    n_edges = level.indices.size // 2
    effort = effort_for(n_edges, begun=False)
    # Climbing improves them: two optima each are enough, and none need be derived.
    effort = effort._replace(n_begun=min(effort.n_begun, _OPTIMA), n_scattered=0, n_more=0)
    for gamma in _RESOLUTIONS if n_edges <= _LARGE else _FEWER:
        alone = np.arange(level.alone.size, dtype=np.int32)
        yield best_of(level, gamma, total, effort, alone, stream(seed, f"γ = {gamma}", start))
