"""Dense and sparse phases of a training, in epochs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from types import MappingProxyType
from typing import Final

from netsculpt.core.catalog import near
from netsculpt.core.errors import FormatError

__all__ = ["PUBLISHED", "boundaries", "from_epochs", "phases_of", "scaled"]
__dir__ = __all__.copy

PUBLISHED: Final = MappingProxyType(
    {
        "resnet50": "d10 (s5 d5)*6 s5 d10 s15",  # 100 epochs; MobileNetV1 as well
        "resnet50-150": "d10 (s5 d5)*11 s5 d10 s15",
        "wrn28": "d10 (s20 d13)*5 s50",  # CIFAR-100, 225 epochs
        "resnet20": "d10 (s20 d20)*4 s30",  # CIFAR-10, 200 epochs, memorisation
    }
)
"""Phases of AC/DC as published: Peste et al., arXiv:2106.12379, and the settings of its code."""

_MOST = 1_000_000  # phases, and epochs of one
_PART = re.compile(r"\s*(?:\(([^()]*)\)\s*[*x×]\s*(\d{1,6})|([ds]\d{1,6}))")
_PHASE = re.compile(r"([ds])(\d{1,6})")


def phases_of(text: str) -> tuple[tuple[str, int], ...]:
    """Phases from text: d or s with a number of epochs, and groups that are repeated.

    Neighbours of a kind are one phase. Names of `PUBLISHED` are text too.

    >>> phases_of("d6 (s3 d3)*2 s12")
    (('d', 6), ('s', 3), ('d', 3), ('s', 3), ('d', 3), ('s', 12))
    """
    wanted = PUBLISHED.get(text, text)
    found: list[tuple[str, int]] = []
    place = 0
    while place < len(wanted.rstrip()):
        part = _PART.match(wanted, place)
        if part is None:
            raise _unreadable(text)
        group, times, single = part.groups()
        items = [single] if single else group.split()
        parsed = [_PHASE.fullmatch(item) for item in items]
        if not all(parsed) or len(found) + len(items) * int(times or 1) > _MOST:
            raise _unreadable(text)
        found += [(x[1], int(x[2])) for x in parsed if x is not None] * int(times or 1)
        place = part.end()
    joined: list[tuple[str, int]] = []
    for kind, epochs in found:
        if epochs and joined and joined[-1][0] == kind:
            joined[-1] = kind, joined[-1][1] + epochs
        elif epochs:
            joined.append((kind, epochs))
    if len(joined) < 2 or joined[0][0] != "d" or joined[-1][0] != "s":
        raise _unreadable(text)
    return tuple(joined)


def boundaries(phases: Iterable[tuple[str, int]], steps_per_epoch: int) -> tuple[int, ...]:
    """Optimizer steps after which one phase ends and the next begins, as `ac_dc` takes them.

    >>> boundaries(phases_of("d6 (s3 d3)*1 s12"), 10)
    (60, 90, 120)
    """
    ends, done = [], 0
    for _, epochs in phases:
        done += epochs * steps_per_epoch
        ends.append(done)
    return tuple(ends[:-1])


def scaled(epochs: int) -> str:
    """Phases like those of ResNet-50, for that many epochs: as text.

    A tenth dense, then phases of a twentieth, the last dense one a tenth and the last sparse one
    the rest; all at least one epoch.

    >>> scaled(100), scaled(20)
    ('d10 (s5 d5)*6 s5 d10 s15', 'd2 (s1 d1)*6 s1 d2 s3')
    """
    unit = max(round(epochs / 20), 1)
    first = 2 * unit
    times = (epochs - 2 * first - 4 * unit) // (2 * unit)
    if times < 0:
        raise FormatError(
            f"{epochs} epochs are too few for dense and sparse phases in turn: 8 or more are "
            "needed, or give the phases, such as d2 s4"
        )
    last = epochs - 2 * first - unit - times * 2 * unit
    middle = f"(s{unit} d{unit})*{times} " if times else ""
    return f"d{first} {middle}s{unit} d{first} s{last}"


def from_epochs(
    prune: Sequence[int], restore: Sequence[int], epochs: int
) -> tuple[tuple[str, int], ...]:
    """Phases from the epochs at whose start a net is compressed, and decompressed.

    >>> from_epochs([10, 20], [15], 30)
    (('d', 10), ('s', 5), ('d', 5), ('s', 10))
    """
    kinds = {**dict.fromkeys(restore, "d"), **dict.fromkeys(prune, "s")}
    kind, found = "d", list[tuple[str, int]]()
    for epoch in range(epochs):
        kind = kinds.get(epoch, kind)
        if found and found[-1][0] == kind:
            found[-1] = kind, found[-1][1] + 1
        else:
            found.append((kind, 1))
    return tuple(found)


def _unreadable(text: str) -> FormatError:
    return FormatError(
        f"phases are {text!r:.80}: numbers of epochs are needed, dense first and sparse at the "
        f"end, such as 'd6 (s3 d3)*6 s12', or a published name; {near(text, PUBLISHED)}"
    )
