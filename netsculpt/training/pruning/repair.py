"""Masks that keep a network connected: pruned weights return, weak ones go in exchange."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netsculpt.nets.masks import masks_of
from netsculpt.nets.prunable import prunable
from netsculpt.training.pruning.walks.edges import dispensable, kept_edges, live_units
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
    weights, all_masks = prunable(net), {**masks_of(net), **masks}
    traced = walk_graph(net, example, weights)
    sizes = {name: x.abs() for name, x in weights.items()} if scores is None else scores
    kept = traced.flat(all_masks, missing=True)
    free = traced.flat({name: torch.ones_like(mask) for name, mask in masks.items()})
    strength = traced.flat({name: sizes[name].double() for name in weights})
    back = _restored(_wiring(traced.graph), kept, strength)
    gone = _removed(traced.graph, kept | back, free & ~back, strength, int(back.sum()))
    after = traced.by_weight((kept | back) & ~gone)
    on_device = {name: after[name].to(mask.device) for name, mask in masks.items()}
    return Repaired(on_device, int(back.sum()), int(gone.sum()))


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


def _wires(graph: WalkGraph, kept: Bits) -> tuple[Ints, Ints, Ints]:
    """Source, target and scalar of all that joins two units; −1: always there."""
    unweighted = graph.wires[:, 0], graph.wires[:, 1], np.full(len(graph.wires), -1)
    pairs = zip(kept_edges(graph, kept), unweighted, strict=True)
    source, target, scalar = (np.concatenate(pair) for pair in pairs)
    return source, target, np.where(scalar < graph.n_scalars, scalar, -1)


def _wiring(graph: WalkGraph) -> _Wiring:
    source, target, scalar = _wires(graph, np.ones(graph.n_scalars, bool))
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


def _removed(graph: WalkGraph, kept: Bits, free: Bits, strength: Floats, n_gone: int) -> Bits:
    """The weakest scalars that no live unit needs, at most `n_gone`."""
    source, target, scalar = _wires(graph, kept)
    live = live_units(graph, source, target)
    used = live[source] & live[target]
    candidates = np.flatnonzero(free & kept)
    weakest = candidates[np.argsort(strength[candidates], kind="stable")]
    gone = np.zeros(kept.size, dtype=bool)
    gone[dispensable(source[used], target[used], scalar[used], weakest, n_gone)] = True
    return gone
