"""Masks that keep a network connected: pruned weights come back, weak ones go for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netsculpt.nets.masks import masks_of
from netsculpt.nets.prunable import prunable
from netsculpt.training.pruning.walks.of_net import ways_of
from netsculpt.training.pruning.walks.ways import Feed, Ways

__all__ = ["Repaired", "repaired"]

Bits = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Repaired:
    """Masks under which every output, and every layer, is on an input→output path."""

    masks: dict[str, Tensor]
    n_restored: int  # weights that came back
    n_removed: int  # weak weights that went for them

    @property
    def overshoot(self) -> int:
        """Weights that came back while no weight could go without killing a unit."""
        return self.n_restored - self.n_removed

    def summary(self) -> dict[str, Any]:
        """Plain numbers, JSON-able."""
        return {
            "restored": self.n_restored,
            "removed": self.n_removed,
            "overshoot": self.overshoot,
        }


def repaired(
    net: nn.Module,
    masks: Mapping[str, Tensor],
    example: Tensor | tuple[Tensor, ...],
    *,
    scores: Mapping[str, Tensor] | None = None,
) -> Repaired:
    """Give every output, and then every layer, that no path reaches a path of pruned weights.

    Of all paths from an input that with the fewest pruned weights comes back, and of those that
    whose weights rank highest. A layer gets one through one of its units. What no path reaches in
    the unpruned net either stays as it is. For every weight that comes back the weakest one goes
    that no live unit needs: beside it both its units keep another one that lies on a path. Where
    there are too few of those, more weights are kept than before.

    Parameters
    ----------
    net
        Any net that `netsculpt.trace` follows; left as it is. What its own masks have pruned is 0,
        and would come back as 0: give it as it was before pruning.
    masks
        As `prune` gives them. Weights without a mask are kept.
    example
        An input, batch first; only its shape matters.
    scores
        What is strong; by default the size of the weights.

    Notes
    -----
    Cost O(weights · log weights), and memory some 100 bytes a weight.

    Examples
    --------
    >>> net = nn.Linear(2, 2, bias=False)
    >>> _ = net.weight.data.copy_(torch.tensor([[3.0, 2.0], [0.5, 1.0]]))
    >>> masks = {"weight": torch.tensor([[True, True], [False, False]])}
    >>> repaired(net, masks, torch.zeros(1, 2)).masks["weight"].tolist()
    [[True, False], [False, True]]
    """
    weights, given = prunable(net), {**masks_of(net), **masks}
    numbered = ways_of(net, example, weights)
    sizes = {name: x.detach().abs() for name, x in weights.items()} if scores is None else scores
    kept = _flat(weights, lambda name, like: given.get(name, torch.ones_like(like))) > 0
    free = _flat(weights, lambda name, like: torch.full_like(like, name in masks)) > 0
    strength = _flat(weights, lambda name, _: sizes[name])
    wiring = _wiring(numbered.ways)
    back = _restored(wiring, kept, strength)
    gone = _removed(wiring, kept | back, free & ~back, strength, int(back.sum()))
    after = numbered.by_weight((kept | back) & ~gone)
    found = {name: after[name].to(mask.device) for name, mask in masks.items()}
    return Repaired(found, int(back.sum()), int(gone.sum()))


def _flat(weights: Mapping[str, Tensor], of: Callable[[str, Tensor], Tensor]) -> Floats:
    """One number a scalar, one weight after the other."""
    parts = [of(name, x.detach()).detach().cpu().double().flatten() for name, x in weights.items()]
    flat: Floats = torch.cat(parts).numpy()
    return flat


@dataclass(frozen=True, eq=False)
class _Wiring:
    """Every way from a unit to a unit, ordered by where it leads."""

    source: Ints  # [wires]
    target: Ints  # [wires]
    scalar: Ints  # [wires] the weight that it is a way through; −1: always there
    bounds: Ints  # first unit of each layer, and one past the last
    starts: Ints  # units where paths begin
    ends: Ints  # units where paths end

    def turned(self) -> _Wiring:
        """The same from the outputs to the inputs: the last unit is the first."""
        last = self.bounds[-1] - 1
        order = np.argsort(-self.source, kind="stable")
        return _Wiring(
            last - self.target[order],
            last - self.source[order],
            self.scalar[order],
            self.bounds[-1] - self.bounds[::-1],
            last - self.ends,
            last - self.starts,
        )


def _wiring(ways: Ways) -> _Wiring:
    parts = [_wires_of(feed, ways.scalars_of(feed)) for feed in ways.feeds]
    parts.append((ways.wires[:, 0], ways.wires[:, 1], np.full(len(ways.wires), -1)))
    source, target, scalar = (np.concatenate(x) for x in zip(*parts, strict=True))
    scalar[scalar >= ways.n_scalars] = -1
    order = np.argsort(target, kind="stable")
    n_units = ways.layer_of.size
    bounds = np.append(np.flatnonzero(np.diff(ways.layer_of, prepend=-1)), n_units)
    return _Wiring(source[order], target[order], scalar[order], bounds, ways.inputs, ways.outputs)


def _wires_of(feed: Feed, own: NDArray[np.integer]) -> tuple[Ints, Ints, Ints]:
    """From every unit that a column takes, through each scalar of the column."""
    n_out, width, taps = feed.shape
    groups, n_rows = feed.groups, n_out // feed.groups
    columns = own.reshape(groups, n_rows, width, taps).transpose(0, 2, 1, 3)
    scalar = columns.reshape(groups * width, n_rows * taps)[feed.column]
    rows = np.repeat(feed.rows.reshape(groups, n_rows), taps, axis=1)[feed.column // width]
    return np.repeat(feed.unit, n_rows * taps), rows.ravel(), scalar.ravel().astype(np.int64)


def _costs(wiring: _Wiring, cost: Floats) -> Floats:
    """What the cheapest way from a start to each unit costs [U], by the cost of each scalar."""
    found = np.full(int(wiring.bounds[-1]), np.inf)
    found[wiring.starts] = 0.0
    first = np.searchsorted(wiring.target, np.arange(found.size + 1))
    for begin, end in pairwise(wiring.bounds.tolist()):
        taken = slice(first[begin], first[end])
        through = found[wiring.source[taken]] + _of_wires(wiring.scalar[taken], cost)
        fed = begin + np.flatnonzero(np.diff(first[begin : end + 1]))
        if fed.size:
            least = np.minimum.reduceat(through, first[fed] - first[begin])
            found[fed] = np.minimum(found[fed], least)
    return found


def _of_wires(scalar: Ints, cost: Floats) -> Floats:
    return np.where(scalar < 0, 0.0, cost[scalar])


def _cheapest(wiring: _Wiring, cost: Floats, costs: Floats, unit: int) -> list[int]:
    """Pruned scalars on the cheapest way to a unit."""
    scalars = []
    while costs[unit] > 0:  # 0: reached by what is kept
        first, stop = np.searchsorted(wiring.target, [unit, unit + 1])
        through = costs[wiring.source[first:stop]] + _of_wires(wiring.scalar[first:stop], cost)
        at = int(first + np.argmin(through))
        scalar, unit = int(wiring.scalar[at]), int(wiring.source[at])
        if scalar >= 0 and cost[scalar] > 0:
            scalars.append(scalar)
    return scalars


def _restored(wiring: _Wiring, kept: Bits, strength: Floats) -> Bits:
    """Scalars that come back: for outputs that nothing reaches, then layer by layer."""
    ranks = np.empty(kept.size)
    ranks[np.argsort(-strength, kind="stable")] = np.arange(kept.size) / kept.size
    cost = np.where(kept, 0.0, 1 + ranks / wiring.bounds.size)  # ranks of a path: less than 1
    back = np.zeros(kept.size, dtype=bool)

    def restore(scalars: Iterable[int]) -> None:
        for scalar in scalars:
            back[scalar], cost[scalar] = True, 0.0

    costs = _costs(wiring, cost)
    lost = [unit for unit in wiring.ends.tolist() if 0 < costs[unit] < np.inf]
    paths = [_cheapest(wiring, cost, costs, unit) for unit in lost]
    restore(chain.from_iterable(paths))
    turned, last = wiring.turned(), int(wiring.bounds[-1]) - 1
    while True:
        costs, onwards = _costs(wiring, cost), _costs(turned, cost)
        through = costs + onwards[::-1]
        least = np.minimum.reduceat(through, wiring.bounds[:-1])
        cut_off = np.flatnonzero((least > 0) & np.isfinite(least))
        if not cut_off.size:
            return back
        begin, end = wiring.bounds[cut_off[0] : cut_off[0] + 2].tolist()
        unit = begin + int(np.argmin(through[begin:end]))
        before = _cheapest(wiring, cost, costs, unit)
        restore([*before, *_cheapest(turned, cost, onwards, last - unit)])


def _removed(wiring: _Wiring, kept: Bits, free: Bits, strength: Floats, n_gone: int) -> Bits:
    """The weakest scalars that no live unit needs, at most so many."""
    cost = np.where(kept, 0.0, np.inf)
    reached = _costs(wiring, cost) + _costs(wiring.turned(), cost)[::-1]
    live = np.isfinite(reached)
    used = live[wiring.source] & live[wiring.target] & (_of_wires(wiring.scalar, cost) == 0)
    source, target, scalar = wiring.source[used], wiring.target[used], wiring.scalar[used]
    leaving = np.bincount(source, minlength=live.size)
    arriving = np.bincount(target, minlength=live.size)
    needed = scalar[(leaving[source] < 2) | (arriving[target] < 2)]
    free = free & kept
    free[needed[needed >= 0]] = False
    order = np.argsort(scalar, kind="stable")
    source, target, scalar = source[order], target[order], scalar[order]
    gone = np.zeros(kept.size, dtype=bool)
    candidates = np.flatnonzero(free)
    for weakest in candidates[np.argsort(strength[candidates], kind="stable")].tolist():
        if n_gone == 0:
            break
        own = slice(*np.searchsorted(scalar, [weakest, weakest + 1]))
        np.subtract.at(leaving, source[own], 1)
        np.subtract.at(arriving, target[own], 1)
        if (leaving[source[own]] < 1).any() or (arriving[target[own]] < 1).any():
            np.add.at(leaving, source[own], 1)
            np.add.at(arriving, target[own], 1)
        else:
            gone[weakest], n_gone = True, n_gone - 1
    return gone
