"""Units with the entries of parameters that belong to them, and edges."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from netsculpt.training.sculpting.parts.layout import Layout

__all__ = ["Belonging", "Parts"]


@dataclass(frozen=True, eq=False)
class Belonging:
    """Pairs of a unit and an entry that belongs to it, each once."""

    unit: Tensor  # int64 [N]
    entry: Tensor  # int64 [N]

    def sums(self, values: Tensor, n_units: int) -> Tensor:
        """Sums of values [n, P] over the entries of each unit [n, n_units]."""
        sums = values.new_zeros(len(values), n_units)
        return sums.index_add_(1, self.unit, values[:, self.entry])


@dataclass(frozen=True, eq=False)
class Parts:
    """What can be cut in a net of P entries of parameters.

    A unit is all that can only be cut together: a channel of a convolution, a neuron, a head of
    attention, a channel of the residual stream in all layers that write or read it, the four gates
    of a hidden unit of an LSTM. Units after the first `n_units` cannot be cut: inputs and outputs.

    An edge is what the graph of the net has as an edge: all entries of one weight between two
    units of the graph, such as a kernel. An entry that is used twice counts where it is used first.
    """

    layout: Layout
    names: tuple[str, ...]  # of the units that can be cut: the first layer of each, and its place
    edge_of: Tensor  # int64 [P] edge of each entry; −1: no edge
    n_edges: int
    writes: Belonging  # weights of edges into a unit
    reads: Belonging  # weights of edges that leave a unit
    constants: Belonging  # biases, factors of norms, and all else that is added to or scales a unit

    @property
    def n_units(self) -> int:
        """Units that can be cut."""
        return len(self.names)

    @property
    def n_all(self) -> int:
        """Units, and inputs and outputs."""
        return 1 + max(int(x.unit.max()) for x in (self.writes, self.reads) if len(x.unit))

    @property
    def weights(self) -> Tensor:
        """Entries that are weights of edges."""
        return (self.edge_of >= 0).nonzero()[:, 0]

    def without_units(self, keep: Tensor) -> Tensor:
        """Entries [R, P] that stay without all units but `keep` [R, n_units]."""
        stays = torch.ones(len(keep), self.layout.n_entries, dtype=torch.bool)
        for row, kept in zip(stays, keep.cpu(), strict=True):
            for entries in (self.writes, self.reads, self.constants):
                can_be_cut = entries.unit < self.n_units
                unit, entry = entries.unit[can_be_cut], entries.entry[can_be_cut]
                row[entry[~kept[unit]]] = False
        return stays

    def without_edges(self, masks: Tensor, keep: Tensor) -> Tensor:
        """Entries [R, P] of masks that stay without all edges but `keep` [R, n_edges].

        Constants of a unit that no weight writes to any more go with the last one.
        """
        stays, weights = masks.cpu().clone(), self.weights
        stays[:, weights] &= keep.cpu()[:, self.edge_of[weights]]
        n_all = self.n_all
        written = self.writes.sums(torch.ones(1, self.layout.n_entries), n_all)[0] > 0
        fed = self.writes.sums(stays.float(), n_all) > 0
        for row, of_row in zip(stays, fed, strict=True):
            unit, entry = self.constants.unit, self.constants.entry
            row[entry[(written & ~of_row)[unit]]] = False
        return stays

    def kept_edges(self, masks: Tensor) -> Tensor:
        """Edges with an entry in masks [R, P], bool [R, n_edges]."""
        return self.edge_sums(masks.cpu().float()) > 0

    def edge_sums(self, values: Tensor) -> Tensor:
        """Sums of values [n, P] over the entries of each edge [n, n_edges]."""
        weights = self.weights
        sums = values.new_zeros(len(values), self.n_edges)
        return sums.index_add_(1, self.edge_of[weights], values[:, weights])
