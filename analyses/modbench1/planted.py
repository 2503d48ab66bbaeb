"""Planted suite: random layered networks whose modules were drawn first, and module-free ones.

The pattern is that of `netsculpt.graph.synthetic.planted`; every edge gets a random sign and a
lognormal magnitude, so that weights are there but tell nothing. Families vary one thing each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from modbench1.network import Network, drawn, shuffled
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.partition import Partition
from netsculpt.graph.synthetic import planted

__all__ = ["FAMILIES", "FREE", "Family", "networks"]

_EVEN, _DENSITY = (24, 24, 24, 24), 0.2
_TAPERED = (64, 32, 20, 12)


@dataclass(frozen=True)
class Family:
    """What the networks of a family have in common; modules are many if p_in is above p_out."""

    p_in: float
    p_out: float
    widths: tuple[int, ...] = _EVEN
    k: int = 3
    degrees: float = 0.0  # σ of the lognormal propensities of units to have edges
    strengths: float = 0.0  # σ of the lognormal scale of each unit
    skips: float = 0.0  # density of blocks that skip a layer, as a share of the others
    noise: float = 0.5  # σ of the lognormal magnitudes
    weights_inside: float = 1.0  # factor of the weights inside modules


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "strong": Family(0.5, 0.05),
        "medium": Family(0.4, 0.1),
        "weak": Family(0.3, 0.15),
        "degrees": Family(0.6, 0.06, degrees=0.75),
        "strengths": Family(0.5, 0.05, strengths=1.0),
        "skips": Family(0.4, 0.05, skips=0.4),
        "tapered": Family(0.5, 0.05, _TAPERED),
        "in weights only": Family(0.35, 0.35, noise=0.3, weights_inside=3.0),
        "six modules": Family(0.5, 0.04, (30, 30, 30, 30), k=6),
        "10 layers": Family(0.45, 0.05, (12,) * 10),
        "20 layers": Family(0.45, 0.05, (9,) * 20),
    }
)
FREE: Mapping[str, Family] = MappingProxyType(
    {
        "homogeneous": Family(_DENSITY, _DENSITY),
        "degrees": Family(_DENSITY, _DENSITY, degrees=0.75),
        "strengths": Family(_DENSITY, _DENSITY, strengths=1.0),
        "skips": Family(0.15, 0.15, skips=0.5),
        "tapered": Family(_DENSITY, _DENSITY, _TAPERED),
        "narrow and deep": Family(0.35, 0.35, (8,) * 10),
    }
)


def networks(suite: str, family: str, indices: Iterable[int]) -> Iterator[Network]:
    """Networks of a family of `FAMILIES` (suite "planted") or of `FREE` (suite "module-free")."""
    kind = FAMILIES[family] if suite == "planted" else FREE[family]
    for index in indices:
        rng = drawn(suite, family, index)
        graph, modules = planted(
            kind.widths, kind.k, kind.p_in, kind.p_out, kind.degrees, kind.skips, rng=rng
        )
        graph = _weighted(graph, modules, kind, rng)
        if suite == "module-free":
            modules = Partition(np.zeros(graph.n_units, dtype=np.int64))
        yield shuffled(Network(graph, modules), rng)


def _weighted(
    graph: NetGraph, modules: Partition, kind: Family, rng: np.random.Generator
) -> NetGraph:
    source, target = graph.sources, graph.weights.indices
    weight = np.exp(kind.noise * rng.standard_normal(graph.n_edges))
    scale = np.exp(kind.strengths * rng.standard_normal(graph.n_units))
    inside = modules.labels[source] == modules.labels[target]
    weight *= scale[source] * scale[target] * np.where(inside, kind.weights_inside, 1.0)
    weight *= rng.choice([-1.0, 1.0], graph.n_edges)
    return graph.with_weights(weight.astype(np.float32))
