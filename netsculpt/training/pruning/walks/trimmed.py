"""As many weights as were asked for, where no unit needs those that are too many."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order

from netsculpt.training.pruning.walks.ways import Walked, Ways

__all__ = ["trimmed"]

Ints = NDArray[np.int64]


def trimmed(ways: Ways, walked: Walked, n_kept: int) -> NDArray[np.bool_]:
    """Leave out what the last walk has added beyond `n_kept`, weak ones first [n_scalars].

    Only a scalar beside which its live units keep another that leads from or to a live unit, so
    that no unit dies; there may be too few of those. Cost O(kept log kept).
    """
    kept = walked.kept.copy()
    source, target, scalar = _edges(ways, kept)
    live = _live(ways, source, target)
    alive = live[source] & live[target]
    source, target, scalar = source[alive], target[alive], scalar[alive]
    arrives, leaves = (np.bincount(x, minlength=live.size) for x in (target, source))
    too_many = max(int(kept.sum()) - n_kept, 0)
    for weak in walked.last[np.argsort(ways.strength[walked.last], kind="stable")].tolist():
        if not too_many:
            break
        own = np.flatnonzero(scalar == weak)
        fewer = [np.bincount(x[own], minlength=live.size) for x in (target, source)]
        touched = [x > 0 for x in fewer]
        if (arrives - fewer[0])[touched[0]].all() and (leaves - fewer[1])[touched[1]].all():
            kept[weak] = False
            arrives, leaves = arrives - fewer[0], leaves - fewer[1]
            too_many -= 1
    return kept


def _edges(ways: Ways, kept: NDArray[np.bool_]) -> tuple[Ints, Ints, Ints]:
    """Source, target and scalar of every edge that is kept, also of those that are not counted."""
    present = np.append(kept, np.ones(ways.strength.size - kept.size, bool))
    found = [np.zeros((3, 0), np.int64)]
    for feed in ways.feeds:
        scalars = ways.scalars_of(feed)
        row, local, tap = np.nonzero(present[scalars])
        column = row // (feed.shape[0] // feed.groups) * feed.shape[1] + local
        order = np.argsort(feed.column, kind="stable")
        begin = np.searchsorted(feed.column[order], column)
        times = np.searchsorted(feed.column[order], column, side="right") - begin
        entry = np.repeat(np.arange(column.size), times)
        place = np.arange(entry.size) + np.repeat(begin - np.cumsum(times) + times, times)
        units = feed.unit[order[place]], feed.rows[row[entry]]
        found.append(np.stack([*units, scalars[row, local, tap][entry]]))
    source, target, scalar = np.concatenate(found, axis=1)
    return source, target, scalar


def _live(ways: Ways, source: Ints, target: Ints) -> NDArray[np.bool_]:
    """Units on paths from inputs to outputs [U]."""
    n_units = ways.layer_of.size
    one = np.concatenate([source, ways.wires[:, 0], np.full(ways.inputs.size, n_units)])
    two = np.concatenate([target, ways.wires[:, 1], ways.inputs])
    forward = _reached(one, two, n_units)
    one = np.concatenate([target, ways.wires[:, 1], np.full(ways.outputs.size, n_units)])
    two = np.concatenate([source, ways.wires[:, 0], ways.outputs])
    return forward & _reached(one, two, n_units)


def _reached(source: Ints, target: Ints, start: int) -> NDArray[np.bool_]:
    """Units behind the one that is called `start`, which comes after all others."""
    pairs = coo_array((np.ones(source.size, bool), (source, target)), (start + 1, start + 1))
    found = np.zeros(start + 1, bool)
    found[breadth_first_order(pairs.tocsr(), start, return_predecessors=False)] = True
    return found[:start]
