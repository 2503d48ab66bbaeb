"""Units whose output a norm makes constant, as its factor γ is 0."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt.loading.weights.edges import LayerEdges
from netsculpt.loading.weights.links import Link

__all__ = ["Chain", "without_constants"]


@dataclass(frozen=True, eq=False)
class Chain:
    """The edges of a chain of layers."""

    blocks: tuple[LayerEdges, ...]
    sizes: tuple[int, ...]  # scalars before masking
    n_constant: dict[str, int]  # units whose output is constant, by the parameter that feeds them


def without_constants(links: Sequence[Link], blocks: Sequence[LayerEdges]) -> Chain:
    """The edges without those out of units whose output is constant; into them, for outputs.

    What takes a constant turns it into a bias, which is not an edge. So these units are dead, as in
    a trace.
    """
    blocks, n_constant = list(blocks), {}
    sizes = [math.prod(link.weight.shape) for link in links]
    for place, link in enumerate(links):
        constant = np.any([norm.factor == 0 for norm in link.norms], axis=0)
        if not np.any(constant):
            continue
        n_constant[link.parameter] = int(constant.sum())
        if place + 1 == len(links):
            blocks[place] = _kept(blocks[place], ~constant[blocks[place].matrix.indices])
            continue
        matrix = blocks[place + 1].matrix
        rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
        blocks[place + 1] = _kept(blocks[place + 1], ~constant[rows])
        per_unit = sizes[place + 1] // matrix.shape[0]
        sizes[place + 1] -= per_unit * n_constant[link.parameter]
    return Chain(tuple(blocks), tuple(sizes), n_constant)


def _kept(edges: LayerEdges, keep: NDArray[np.bool_]) -> LayerEdges:
    matrix, counts = edges.matrix, edges.multiplicity
    before = np.concatenate([[0], np.cumsum(keep)])
    kept = csr_array((matrix.data[keep], matrix.indices[keep], before[matrix.indptr]), matrix.shape)
    return replace(edges, matrix=kept, multiplicity=None if counts is None else counts[keep])
