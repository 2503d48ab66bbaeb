"""The plain loop: a forward pass without each weight."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from netsculpt.core.progress import Progress, silent
from netsculpt.nets.frozen import double, frozen_copy
from netsculpt.nets.prunable import layer_weights
from netsculpt.training.fitting.batches import Batches

__all__ = ["ablation_loop"]

_STAGE = "ablation"


@torch.no_grad()
def ablation_loop(
    net: nn.Module, batches: Batches, *, progress: Progress | None = None
) -> dict[str, Tensor]:
    r"""Change of the mean loss without each weight, by a forward pass for each.

    What `netsculpt.training.ablation.ablation` does for any net; here nothing is shared between
    weights. One forward pass of all samples per kept weight, in float64 and eval mode.

    Parameters
    ----------
    net
        Any net; left as it is.
    batches
        Samples, and their mean loss.
    progress
        Called with weights done and all weights.

    Returns
    -------
    By parameter, float64 of its shape: :math:`L(w - w_q e_q) - L(w)`; 0 where pruned.

    Examples
    --------
    >>> net = nn.Linear(2, 1, bias=False)
    >>> _ = net.weight.data.copy_(torch.tensor([[1.0, 2.0]]))
    >>> one = [(torch.eye(2), torch.tensor([[1.0], [2.0]]))]
    >>> ablation_loop(net, Batches(one, torch.nn.functional.mse_loss))["weight"].tolist()
    [[0.5, 2.0]]
    """
    report, still = progress or silent, frozen_copy(net)
    pairs = [(x.double(), double(y)) for x, y in batches]

    def loss() -> float:
        shares = [len(inputs) / batches.n_samples for inputs, _ in pairs]
        losses = [float(batches.loss(still(inputs), targets)) for inputs, targets in pairs]
        return sum(a * b for a, b in zip(shares, losses, strict=True))

    before, changes, done = loss(), {}, 0
    entries = layer_weights(still)
    total = sum(entry.parameter.numel() for entry in entries)
    for entry in entries:
        weight = entry.parameter.data
        found = torch.zeros_like(weight)
        for index in range(weight.numel()):
            value = float(weight.view(-1)[index])
            if value != 0:
                weight.view(-1)[index] = 0
                found.view(-1)[index] = loss() - before
                weight.view(-1)[index] = value
            done += 1
            report(_STAGE, done, total)
        changes[entry.name] = found
    return changes
