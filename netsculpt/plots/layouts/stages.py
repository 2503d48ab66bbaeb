"""Stages of a deep network: columns next to each other whose names begin alike."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

__all__ = ["Stage", "stages"]

_NUMBERS = re.compile(r"^([0-9]+\.)+(?=[^0-9])|(?<=[^0-9])(\.[0-9]+)+$")  # around a name


@dataclass(frozen=True)
class Stage:
    """Columns first … stop − 1 of a drawing."""

    name: str  # of the stage: "block1_1", "h.0"
    first: int
    stop: int
    inner: tuple[str, ...]  # names of its columns inside the stage; "" for the stage itself


def stages(names: Sequence[str]) -> tuple[Stage, ...]:
    """Group columns by the parts of their dotted names that say where in the network they are.

    Names are cut after the first part that tells columns apart: no more than half of the columns
    begin alike up to there, or nothing more can be cut. A column that shares its beginning with
    neither neighbour is a stage of its own, without what most columns begin with. A column of
    several layers, "b.0.conv1, downsample", goes by its first, and keeps all names. Numbers in
    front or behind that tell nothing apart inside a stage are left out.

    >>> [(x.name, x.inner) for x in stages(["input", "b.0.conv", "b.0.add", "b.1.conv", "fc"])]
    [('input', ('',)), ('b.0', ('conv', 'add')), ('1.conv', ('',)), ('fc', ('',))]
    """
    parts = [name.split(",")[0].split(".") for name in names]
    others = [name[len(name.split(",")[0]) :] for name in names]  # of layers in the same column
    depth = 1
    longest = max(map(len, parts), default=1)
    while depth < longest:
        shared = Counter(tuple(part[:depth]) for part in parts)
        if 2 * max(shared.values()) <= len(names):
            break
        depth += 1
    depth = min(depth, max(longest - 1, 1))
    begin = Counter(tuple(part[: depth - 1]) for part in parts).most_common(1)
    lead = begin[0][0] if begin else ()
    found, first = [], 0
    for key, group in groupby(parts, key=lambda part: tuple(part[:depth])):
        inside = list(group)
        stop = first + len(inside)
        if len(inside) == 1:
            found.append(Stage(_without(lead, names[first]), first, stop, ("",)))
        else:
            rest = zip(inside, others[first:stop], strict=True)
            inner = [".".join(part[depth:]) + other for part, other in rest]
            found.append(Stage(_short(key), first, stop, _numberless(inner)))
        first = stop
    return tuple(found)


def _numberless(names: Sequence[str]) -> tuple[str, ...]:
    """The names without numbers as first or last parts, if they stay different.

    >>> _numberless(["0.conv1, downsample.0", "0.add"]), _numberless(["0.add", "1.add"])
    (('conv1, downsample', 'add'), ('0.add', '1.add'))
    """
    each = {part for name in names for part in name.split(", ")}
    plain = {part: _NUMBERS.sub("", part) for part in each}
    if len(set(plain.values())) < len(plain):
        return tuple(names)
    return tuple(", ".join(plain[part] for part in name.split(", ")) for name in names)


def _without(lead: tuple[str, ...], name: str) -> str:
    """A name without its first parts, if they are these or begin like them."""
    parts = name.split(".")
    n_same = 0
    while n_same < min(len(lead), len(parts) - 1) and parts[n_same] == lead[n_same]:
        n_same += 1
    return ".".join(parts[n_same:])


def _short(key: tuple[str, ...]) -> str:
    """The last part, with the one before it if it is a number."""
    return ".".join(key[-2:]) if key[-1].isdigit() else key[-1]
