"""How large a weight is for the two units that it joins."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from netsculpt.core.declared import varies_with
from netsculpt.core.random import RNG
from netsculpt.nets.prunable import layer_weights
from netsculpt.training.fitting.batches import Batches

__all__ = ["relative_importance"]


@varies_with("unit scales", "input scales")
def relative_importance(
    net: nn.Module,
    batches: Batches | None = None,  # noqa: ARG001 - scores share a signature
    *,
    rng: RNG = None,  # noqa: ARG001
) -> dict[str, Tensor]:
    r"""Share of :math:`|w|` in its row plus that in its column, 0 … 2, without data.

    .. math:: \frac{|w_{ij}|}{\sum_j |w_{ij}|} + \frac{|w_{ij}|}{\sum_i |w_{ij}|}

    A row is what enters a unit or channel, a column what one feeds. Zhang et al. 2024,
    Plug-and-play: an efficient post-training pruning method for large language models, ICLR, whose
    relative importance it is, without activations.

    >>> net = nn.Linear(2, 2)
    >>> _ = net.weight.data.copy_(torch.tensor([[1.0, -1.0], [3.0, 0.0]]))
    >>> relative_importance(net)["weight"].tolist()
    [[0.75, 1.5], [1.75, 0.0]]
    """
    scores = {}
    for entry in layer_weights(net):
        size = entry.parameter.detach().double().abs()
        if entry.mask is not None:
            size = size * entry.mask
        grouped = size.reshape(entry.n_groups, -1, size.shape[1], size[0, 0].numel())
        rows, columns = grouped.sum(dim=(2, 3), keepdim=True), grouped.sum(dim=(1, 3), keepdim=True)
        share = _ratio(grouped, rows) + _ratio(grouped, columns)
        scores[entry.name] = share.view_as(size)
    return scores


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    """0 of 0 is 0."""
    return torch.where(whole > 0, part / whole.clamp_min(torch.finfo(whole.dtype).tiny), 0.0)
