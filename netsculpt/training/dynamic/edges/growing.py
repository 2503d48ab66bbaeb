"""Places that come in a sparse layer: ``(layer, batches, n, generator) -> flat indices``."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from netsculpt.core.errors import FormatError
from netsculpt.nets.sparse import SparseLinear
from netsculpt.training.dynamic.selection import highest

__all__ = ["Batch", "largest_gradients", "random_places"]

Batch = tuple[Tensor, Tensor]  # inputs [n, in] and gradient of the outputs [n, out]

_BLOCK = 1 << 22  # entries of the dense gradient at a time


def random_places(
    layer: SparseLinear, batches: Sequence[Batch], n: int, generator: torch.Generator
) -> Tensor:
    """N different places that are not kept, each set of n as likely as any other.

    Drawn again where a place is kept or came twice: O(n log edges) as long as the layer is sparse.
    """
    del batches
    size = layer.in_features * layer.out_features
    _require_room(layer, n)
    kept, found = layer.flat, torch.zeros(0, dtype=torch.int64)
    while len(found) < n:
        more = torch.randint(size, (2 * (n - len(found)) + 16,), generator=generator)
        place = torch.searchsorted(kept, more).clamp_(max=max(len(kept) - 1, 0))
        free = more[kept[place] != more] if len(kept) else more
        found = torch.unique(torch.cat([found, free]))
    return found[torch.randperm(len(found), generator=generator)[:n]]


def largest_gradients(
    layer: SparseLinear, batches: Sequence[Batch], n: int, generator: torch.Generator
) -> Tensor:
    """The n places that are not kept and have the largest dense gradient.

    The gradient is computed block by block of rows, and only the largest of each are kept: memory
    O(n), time that of one dense product.
    """
    if not batches:
        raise FormatError(
            "no backward pass has come to the sparse layers before an update: call loss.backward() "
            "before sparsifier.step(optimizer)"
        )
    _require_room(layer, n)
    width = layer.in_features
    rows = max(_BLOCK // max(width, 1), 1)
    kept = layer.flat
    scores, places = torch.zeros(0, dtype=layer.values.dtype), torch.zeros(0, dtype=torch.int64)
    for first in range(0, layer.out_features, rows):
        last = min(first + rows, layer.out_features)
        block = sum(above[:, first:last].t() @ inputs for inputs, above in batches)
        sizes = torch.as_tensor(block).abs().reshape(-1)
        inside = kept[
            torch.searchsorted(kept, first * width) : torch.searchsorted(kept, last * width)
        ]
        sizes[inside - first * width] = -1
        best = highest(sizes, min(n, len(sizes)), generator=generator)
        scores = torch.cat([scores, sizes[best]])
        places = torch.cat([places, best + first * width])
        chosen = highest(scores, min(n, len(scores)), generator=generator)
        scores, places = scores[chosen], places[chosen]
    return places


def _require_room(layer: SparseLinear, n: int) -> None:
    free = layer.in_features * layer.out_features - layer.n_weights
    if n > free:
        raise FormatError(
            f"{n} weights are to come, {free} places are free: exchange a smaller fraction"
        )
