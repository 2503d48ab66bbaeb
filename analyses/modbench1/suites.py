"""The suites of ModBench 1: families of networks, and how many there are of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from modbench1 import compiled, planted, published, sculpted, traced, transformers, wired
from modbench1.network import Network, digest

__all__ = ["PUBLISHED", "SUITES", "Suite", "core_digest", "networks_of", "published_suite"]

PUBLISHED = "published"
_MOST_PUBLISHED = 10  # of an experiment


@dataclass(frozen=True)
class Suite:
    """Families of networks that are made in the same way."""

    families: Mapping[str, int]  # and the number of networks of each
    at_once: int  # networks of a cell
    tested: tuple[str, ...] = ()  # families whose networks are compared with null networks


def _families(names: Iterable[str], n: int) -> Mapping[str, int]:
    return MappingProxyType(dict.fromkeys(names, n))


SUITES: Mapping[str, Suite] = MappingProxyType(
    {
        "planted": Suite(
            _families(planted.FAMILIES, 20), 4, ("medium", "strengths", "in weights only")
        ),
        "module-free": Suite(_families(planted.FREE, 20), 2, tuple(planted.FREE)),
        "compiled": Suite(_families(compiled.FAMILIES, 20), 5),
        "wired": Suite(_families(wired.FAMILIES, 16), 4),
        "sculpted": Suite(_families(sculpted.FAMILIES, 10), 10),
        "traced": Suite(_families(traced.FAMILIES, 10), 5),
        "transformers": Suite(_families(transformers.FAMILIES, len(transformers.SIZES)), 3),
    }
)
_MAKERS: Mapping[str, Callable[[str, str, Iterable[int]], Iterator[Network]]] = MappingProxyType(
    {
        "planted": planted.networks,
        "module-free": planted.networks,
        "compiled": compiled.networks,
        "wired": wired.networks,
        "sculpted": sculpted.networks,
        "traced": traced.networks,
        "transformers": transformers.networks,
    }
)


def networks_of(
    suite: str, family: str, indices: Iterable[int], folder: Path | None = None
) -> Iterator[Network]:
    """Networks of a family by their numbers; those of `PUBLISHED` are read from `folder`."""
    if suite == PUBLISHED:
        assert folder is not None
        return published.networks(folder, family, indices)
    return _MAKERS[suite](suite, family, indices)


def published_suite(folder: Path) -> Suite:
    """At most ten networks of each experiment in a folder."""
    counts = {name: min(len(x), _MOST_PUBLISHED) for name, x in published.families(folder).items()}
    return Suite(MappingProxyType(counts), _MOST_PUBLISHED)


def core_digest() -> str:
    """Digest of the first two networks of each family that is drawn without training.

    It is part of the version: other networks need another one. Trained networks may differ in the
    last bits from machine to machine; the digest of each network is in the results.
    """
    first = range(2)
    networks = [
        network
        for suite, families in (("planted", planted.FAMILIES), ("module-free", planted.FREE))
        for family in families
        for network in planted.networks(suite, family, first)
    ]
    for family in compiled.FAMILIES:
        if family not in compiled.TRAINED:
            nets = (compiled.disguised("compiled", family, index) for index in first)
            networks += [net.network(compiled.functions_of(text)) for text, net in nets]
    return digest(networks)
