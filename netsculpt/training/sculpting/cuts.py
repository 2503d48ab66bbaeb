"""Prune units or edges that score low, and what cannot work without them."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor

from netsculpt.training.sculpting.replicas import Replicas

__all__ = ["above_percentile", "without_edges", "without_units"]


def without_units(replicas: Replicas, keep: Tensor) -> Replicas:
    """Prune all hidden units but `keep` [R, hidden units], with their rows, columns and biases."""
    masks, first = dict(replicas.masks), 0
    for name, following in pairwise(replicas.weights):
        n_units = replicas.parameters[name].shape[1]
        layer = keep[:, first : first + n_units]
        bias = name.replace(".weight", ".bias")
        masks[name] = masks[name] & layer[:, :, None]
        masks[bias] = masks[bias] & layer
        masks[following] = masks[following] & layer[:, None, :]
        first += n_units
    return replicas.masked(masks)


def without_edges(replicas: Replicas, keep: Tensor) -> Replicas:
    """Prune all weights but `keep` [R, weights], and the bias of units without incoming weights."""
    masks, first = dict(replicas.masks), 0
    for name in replicas.weights:
        like = replicas.masks[name]
        size = like[0].numel()
        masks[name] = like & keep[:, first : first + size].reshape(like.shape)
        bias = name.replace(".weight", ".bias")
        masks[bias] = masks[bias] & masks[name].any(2)
        first += size
    return replicas.masked(masks)


def above_percentile(scores: Tensor, percent: Tensor) -> Tensor:
    """Mask of scores [R, n] above the percentile [R] of their row, linearly interpolated."""
    ordered = scores.double().sort(dim=1).values
    place = percent.clamp(0, 100) / 100 * (scores.shape[1] - 1)
    below = place.floor().long()[:, None]
    above = place.ceil().long()[:, None]
    low, high = ordered.gather(1, below), ordered.gather(1, above)
    return scores.double() > low + (high - low) * (place[:, None] - below)
