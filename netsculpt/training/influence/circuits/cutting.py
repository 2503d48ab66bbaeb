"""Cut channels, those of lowest score first, while the loss stays low enough."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.progress import Progress, silent

__all__ = ["Cut", "cuts"]

Bits = NDArray[np.bool_]
Loss = Callable[[Bits], float]


@dataclass(frozen=True, eq=False)
class Cut:
    """Channels that are left, and what they do."""

    kept: Bits  # [n]
    loss: float
    reached: bool  # whether the loss is as low as was asked for


def cuts(
    scores: NDArray[np.float64], loss_of: Loss, losses: Sequence[float], progress: Progress = silent
) -> list[Cut]:
    """A small set of channels for each of some losses, which come in ascending order.

    First, of the sets of highest scores (all channels, 2^(−1/2) of them, half, …) the smallest
    whose loss is low enough. Then its channels are tried from the lowest score on: what can be
    missed is cut, several at once as long as that goes well. Each set is cut out of the one
    before it. Where no set of highest scores is good enough, the one of lowest loss is returned.

    About as many evaluations as twice the channels that are left.

    >>> needed = np.array([False, True, False, True])
    >>> loss_of = lambda kept: float((needed & ~kept).sum())
    >>> [x.kept.tolist() for x in cuts(np.arange(4.0), loss_of, [0.0, 1.0])]
    [[False, True, False, True], [False, False, False, True]]
    """
    order = np.argsort(scores, kind="stable")
    heads = [(head, loss_of(head)) for head in _heads(order)]
    found: list[Cut] = []
    for bound in losses:
        if found and found[-1].reached:
            kept, loss = found[-1].kept, found[-1].loss
        else:
            enough = [x for x in heads if x[1] <= bound]
            kept, loss = enough[-1] if enough else min(heads, key=lambda x: x[1])
        reached = loss <= bound
        if reached:
            kept, loss = _greedy(kept, loss, order, loss_of, bound, progress)
        found.append(Cut(kept, loss, reached))
    return found


def _heads(order: NDArray[np.intp]) -> Iterator[Bits]:
    """All channels, then fewer and fewer of the highest scores, down to one."""
    n = len(order)
    steps = range(2 * math.ceil(math.log2(n)) + 1 if n > 1 else 1)
    for size in sorted({max(1, round(n * 2 ** (-k / 2))) for k in steps}, reverse=True):
        head = np.zeros(n, dtype=np.bool_)
        head[order[n - size :]] = True
        yield head


def _greedy(
    kept: Bits,
    loss: float,
    order: NDArray[np.intp],
    loss_of: Loss,
    bound: float,
    progress: Progress,
) -> tuple[Bits, float]:
    tried = order[kept[order]]
    place, size = 0, max(1, len(tried) // 8)
    while place < len(tried):
        chosen = tried[place : place + size]
        fewer = kept.copy()
        fewer[chosen] = False
        without = loss_of(fewer)
        if without <= bound:
            kept, loss, place, size = fewer, without, place + len(chosen), 2 * size
        elif len(chosen) == 1:
            place += 1
        else:
            size = len(chosen) // 2
        progress("cutting", place, len(tried))
    return kept, loss
