"""What one mutation does to a genome; where it is impossible, the genome stays as it is.

Every function has the signature ``(genome, numbers, activations, rng) -> Genome``, where
`activations` are those that hidden units may have. Source: Gaier and Ha 2019 (arXiv:1906.04358),
section 3, after NEAT (Stanley and Miikkulainen 2002).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from netsculpt.training.search.genome import Genome

__all__ = ["Numbers", "add_connection", "add_unit", "change_activation", "enable_connection"]


@dataclass
class Numbers:
    """The next free numbers of a search: they count up, and no two genes share one."""

    unit: int
    innovation: int


def add_connection(
    genome: Genome, numbers: Numbers, _activations: NDArray[np.int8], rng: np.random.Generator
) -> Genome:
    """Connect two units that no gene connects, disabled ones included, to a greater depth.

    Sources are tried in random order; the first that has a possible target takes one at random.
    """
    depths = genome.depths()
    sources, targets = genome.places(genome.sources), genome.places(genome.targets)
    for source in rng.permutation(genome.n_units):
        possible = depths > depths[source]
        possible[targets[sources == source]] = False
        if possible.any():
            target = rng.choice(np.flatnonzero(possible))
            return _with_gene(genome, numbers, _number(genome, source), _number(genome, target))
    return genome


def add_unit(
    genome: Genome, numbers: Numbers, activations: NDArray[np.int8], rng: np.random.Generator
) -> Genome:
    """Put a hidden unit into an enabled connection, whose own gene is disabled."""
    enabled = np.flatnonzero(genome.enabled)
    if not enabled.size:
        return genome
    split = rng.choice(enabled)
    still_enabled = genome.enabled.copy()
    still_enabled[split] = False
    new, numbers.unit = numbers.unit, numbers.unit + 1
    with_unit = replace(
        genome,
        hidden=np.append(genome.hidden, np.int32(new)),
        activations=np.append(genome.activations, rng.choice(activations)),
        enabled=still_enabled,
    )
    to_new = _with_gene(with_unit, numbers, genome.sources[split], new)
    return _with_gene(to_new, numbers, new, genome.targets[split])


def enable_connection(
    genome: Genome, _numbers: Numbers, _activations: NDArray[np.int8], rng: np.random.Generator
) -> Genome:
    """Enable one of the disabled genes."""
    disabled = np.flatnonzero(~genome.enabled)
    if not disabled.size:
        return genome
    enabled = genome.enabled.copy()
    enabled[rng.choice(disabled)] = True
    return replace(genome, enabled=enabled)


def change_activation(
    genome: Genome, _numbers: Numbers, activations: NDArray[np.int8], rng: np.random.Generator
) -> Genome:
    """Give a hidden unit another activation."""
    if not genome.hidden.size:
        return genome
    place = genome.n_fixed + rng.integers(genome.hidden.size)
    others = activations[activations != genome.activations[place]]
    if not others.size:
        return genome
    changed = genome.activations.copy()
    changed[place] = rng.choice(others)
    return replace(genome, activations=changed)


def _with_gene(genome: Genome, numbers: Numbers, source: int, target: int) -> Genome:
    innovation, numbers.innovation = numbers.innovation, numbers.innovation + 1
    return replace(
        genome,
        innovations=np.append(genome.innovations, np.int32(innovation)),
        sources=np.append(genome.sources, np.int32(source)),
        targets=np.append(genome.targets, np.int32(target)),
        enabled=np.append(genome.enabled, True),
    )


def _number(genome: Genome, place: int) -> int:
    return int(place if place < genome.n_fixed else genome.hidden[place - genome.n_fixed])
