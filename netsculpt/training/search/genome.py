"""The genome of a weight agnostic network: its units, and a gene per connection."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netsculpt.graph.activations import WANN_ACTIVATIONS
from netsculpt.training.search.depths import longest_paths
from netsculpt.training.search.topology import Topology

__all__ = ["Genome", "expressed", "expressed_as_published", "first_genome"]


@dataclass(frozen=True, eq=False)
class Genome:
    """Units and C connection genes, of which some are disabled. No weights.

    A unit's number is its own in the whole search: 0 is the bias, then come inputs, outputs and
    hidden units. A gene keeps its place while it is disabled, so that it can be enabled again; the
    graph of all genes is acyclic, that of the enabled ones too.
    """

    n_inputs: int  # bias included
    n_outputs: int
    hidden: NDArray[np.int32]  # [H] numbers of the hidden units, ascending
    activations: NDArray[np.int8]  # [F + H] of bias, inputs, outputs, then of the hidden units
    innovations: NDArray[np.int32]  # [C] number of each gene, unique in the search
    sources: NDArray[np.int32]  # [C] number of the unit that it leaves
    targets: NDArray[np.int32]  # [C] number of the unit that it leads to
    enabled: NDArray[np.bool_]  # [C]

    @property
    def n_fixed(self) -> int:
        """F: bias, inputs and outputs."""
        return self.n_inputs + self.n_outputs

    @property
    def n_units(self) -> int:
        """F + H."""
        return self.activations.size

    def places(self, numbers: NDArray[np.int32]) -> NDArray[np.int32]:
        """Place of units in ``activations``, by their numbers."""
        hidden = self.n_fixed + np.searchsorted(self.hidden, numbers)
        return np.where(numbers < self.n_fixed, numbers, hidden).astype(np.int32)

    def depths(self) -> NDArray[np.int32]:
        """Depth of each unit [F + H]: 0 for inputs, and outputs deepest of all.

        That of a hidden unit is the longest path to it, along disabled genes too: a connection to
        a greater depth closes no cycle, whatever is enabled later. Cost O(C) per level.
        """
        depths: NDArray[np.int32] = longest_paths(
            self.n_units, self.places(self.sources), self.places(self.targets)
        )
        hidden = depths[self.n_fixed :]
        depths[self.n_inputs : self.n_fixed] = hidden.max(initial=0) + 1
        return depths


def first_genome(
    n_inputs: int, n_outputs: int, *, enabled: float, activation: int, rng: np.random.Generator
) -> Genome:
    """A genome without hidden units: a gene from every input to every output.

    Parameters
    ----------
    n_inputs
        Inputs, the bias among them.
    n_outputs
        Outputs.
    enabled
        Chance of each gene to be enabled, 0 … 1.
    activation
        Activation of the outputs: index into `WANN_ACTIVATIONS`.
    rng
        Generator.
    """
    n_genes = n_inputs * n_outputs
    activations = np.full(n_inputs + n_outputs, WANN_ACTIVATIONS.index("identity"), np.int8)
    activations[n_inputs:] = activation
    return Genome(
        n_inputs,
        n_outputs,
        hidden=np.zeros(0, np.int32),
        activations=activations,
        innovations=np.arange(n_genes, dtype=np.int32),
        sources=np.tile(np.arange(n_inputs, dtype=np.int32), n_outputs),
        targets=np.repeat(np.arange(n_inputs, n_inputs + n_outputs, dtype=np.int32), n_inputs),
        enabled=rng.random(n_genes) < enabled,
    )


def expressed(genome: Genome) -> Topology:
    """The network of the enabled genes."""
    return _topology(genome, genome.enabled)


def expressed_as_published(genome: Genome) -> Topology:
    """The network that the published code evaluates.

    It sorts the hidden units by a matrix of their connections that is a view of the weights, and
    writes 1 for each gene there: disabled genes between hidden units count as enabled. So none of
    the published networks has one.
    """
    hidden = (genome.sources >= genome.n_fixed) & (genome.targets >= genome.n_fixed)
    return _topology(genome, genome.enabled | hidden)


def _topology(genome: Genome, kept: NDArray[np.bool_]) -> Topology:
    outputs = np.arange(genome.n_inputs, genome.n_fixed)
    hidden = genome.n_fixed + np.argsort(genome.depths()[genome.n_fixed :], kind="stable")
    order = np.concatenate([np.arange(genome.n_inputs), hidden, outputs])
    place = np.empty(genome.n_units, np.int32)
    place[order] = np.arange(genome.n_units)
    sources = place[genome.places(genome.sources[kept])]
    targets = place[genome.places(genome.targets[kept])]
    by_target = np.lexsort((sources, targets))
    n_incoming = np.bincount(targets, minlength=genome.n_units)
    return Topology(
        genome.n_inputs,
        genome.n_outputs,
        indptr=np.concatenate([[0], np.cumsum(n_incoming)]).astype(np.int32),
        sources=sources[by_target],
        activations=genome.activations[order],
    )
