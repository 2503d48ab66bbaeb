"""Masks that keep a network connected: pruned weights return, weak ones go in exchange."""

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
from netsculpt.training.pruning.walks.edges import all_edges
from netsculpt.training.pruning.walks.from_net import walk_graph
from netsculpt.training.pruning.walks.graph import WalkGraph

__all__ = ["Repaired", "repaired"]

Bits = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Repaired:
    """Masks under which every output, and every layer, is on an input→output path."""

    masks: dict[str, Tensor]
    n_restored: int  # pruned weights that returned
    n_removed: int  # weak weights that went in exchange

    @property
    def overshoot(self) -> int:
        """Returned weights for which none could go without killing a unit."""
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
    """Restore a path to every output, and then to every layer, that is cut off.

    Of all paths from an input the one with the fewest pruned weights returns, and among those the
    one whose weights rank highest; for a layer, a path through one of its units. What no path
    reaches in the unpruned net stays cut off. For every weight that returns the weakest one goes
    that no live unit needs: both its units keep another one on a path. If there are too few of
    those, more weights are kept than before.

    Parameters
    ----------
    net
        Any net that `netsculpt.trace` can trace; left as it is. What its own masks have pruned is
        0, and would return as 0: give it as it was before pruning.
    masks
        Those of `prune`. Weights without a mask are kept.
    example
        An input, batch first; only its shape matters.
    scores
        By which weights are ranked; by default their magnitudes.

    Notes
    -----
    Cost O(weights · log weights); memory about 100 bytes per weight.

    Examples
    --------
    >>> net = nn.Linear(2, 2, bias=False)
    >>> _ = net.weight.data.copy_(torch.tensor([[3.0, 2.0], [0.5, 1.0]]))
    >>> masks = {"weight": torch.tensor([[True, True], [False, False]])}
    >>> repaired(net, masks, torch.zeros(1, 2)).masks["weight"].tolist()
    [[True, False], [False, True]]
    """
    weights, known = prunable(net), {**masks_of(net), **masks}
    traced = walk_graph(net, example, weights)
    sizes = {name: x.detach().abs() for name, x in weights.items()} if scores is None else scores
    kept = _flat(weights, lambda name, like: known.get(name, torch.ones_like(like))) > 0
    free = _flat(weights, lambda name, like: torch.full_like(like, name in masks)) > 0
    strength = _flat(weights, lambda name, _: sizes[name])
    wiring = _wiring(traced.graph)
    back = _restored(wiring, kept, strength)
    gone = _removed(wiring, kept | back, free & ~back, strength, int(back.sum()))
    after = traced.by_weight((kept | back) & ~gone)
    on_device = {name: after[name].to(mask.device) for name, mask in masks.items()}
    return Repaired(on_device, int(back.sum()), int(gone.sum()))


def _flat(weights: Mapping[str, Tensor], of: Callable[[str, Tensor], Tensor]) -> Floats:
    """One number per scalar, one weight after the other."""
    parts = [of(name, x.detach()).detach().cpu().double().flatten() for name, x in weights.items()]
    flat: Floats = torch.cat(parts).numpy()
    return flat


@dataclass(frozen=True, eq=False)
class _Wiring:
    """Every connection of two units, ordered by its target."""

    source: Ints  # [wires]
    target: Ints  # [wires]
    scalar: Ints  # [wires] its weight; −1: always there
    bounds: Ints  # first unit of each layer, and one past the last
    starts: Ints  # units where paths begin
    ends: Ints  # units where paths end

    def turned(self) -> _Wiring:
        """The same from outputs to inputs: the last unit becomes the first."""
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


def _wiring(graph: WalkGraph) -> _Wiring:
    wires = graph.wires[:, 0], graph.wires[:, 1], np.full(len(graph.wires), -1)
    pairs = zip(all_edges(graph), wires, strict=True)
    source, target, scalar = (np.concatenate(pair) for pair in pairs)
    scalar[scalar >= graph.n_scalars] = -1
    order = np.argsort(target, kind="stable")
    bounds = np.append(np.flatnonzero(np.diff(graph.layer_of, prepend=-1)), graph.layer_of.size)
    return _Wiring(source[order], target[order], scalar[order], bounds, graph.inputs, graph.outputs)


def _costs(wiring: _Wiring, cost: Floats) -> Floats:
    """Cost of the cheapest path from a start to each unit [U], by the cost of each scalar."""
    costs = np.full(int(wiring.bounds[-1]), np.inf)
    costs[wiring.starts] = 0.0
    first = np.searchsorted(wiring.target, np.arange(costs.size + 1))
    for begin, end in pairwise(wiring.bounds.tolist()):
        taken = slice(first[begin], first[end])
        through = costs[wiring.source[taken]] + _of_wires(wiring.scalar[taken], cost)
        fed = begin + np.flatnonzero(np.diff(first[begin : end + 1]))
        if fed.size:
            least = np.minimum.reduceat(through, first[fed] - first[begin])
            costs[fed] = np.minimum(costs[fed], least)
    return costs


def _of_wires(scalar: Ints, cost: Floats) -> Floats:
    return np.where(scalar < 0, 0.0, cost[scalar])


def _cheapest(wiring: _Wiring, cost: Floats, costs: Floats, unit: int) -> list[int]:
    """Pruned scalars on the cheapest path to a unit."""
    scalars = []
    while costs[unit] > 0:  # 0: reached through kept weights
        first, stop = np.searchsorted(wiring.target, [unit, unit + 1])
        through = costs[wiring.source[first:stop]] + _of_wires(wiring.scalar[first:stop], cost)
        cheapest = int(first + np.argmin(through))
        scalar, unit = int(wiring.scalar[cheapest]), int(wiring.source[cheapest])
        if scalar >= 0 and cost[scalar] > 0:
            scalars.append(scalar)
    return scalars


def _restored(wiring: _Wiring, kept: Bits, strength: Floats) -> Bits:
    """Scalars that return: for outputs that are cut off, then layer by layer."""
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
    """The weakest scalars that no live unit needs, at most `n_gone`."""
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
