"""How the loss would change without a weight, if the others of its unit made up for it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from netsculpt.core.declared import varies_with
from netsculpt.core.random import RNG
from netsculpt.nets.prunable import layer_weights
from netsculpt.training.fitting.batches import Batches
from netsculpt.training.pruning.scores._measured import measured_copy, shares
from netsculpt.training.pruning.scores._scored import needed

__all__ = ["compensated", "woodfisher"]

_BLOCK = 256  # weights of a unit that can make up for each other
_AT_ONCE = 64  # samples
_DAMPING = 1e-7


@varies_with("unit scales", "input scales")
def woodfisher(
    net: nn.Module,
    batches: Batches | None = None,
    *,
    rng: RNG = None,  # noqa: ARG001 - scores share a signature
) -> dict[str, Tensor]:
    r"""Loss after compensation, :math:`w_q^2 / (2 [\hat F^{-1}]_{qq})`.

    Not what a removal alone costs: the other weights move to make up for it.
    :math:`\hat F = \lambda I + \frac1m \sum_i \nabla\ell_i \nabla\ell_i^T` is the empirical Fisher
    information of the weights of a unit, in blocks of 256. Small where other weights of the unit
    can do the same. The damping :math:`\lambda = 10^{-7}` is a length of weights: scales of units
    change the score through it.

    Notes
    -----
    Eval mode, float64. One backward pass a sample; memory 256 numbers a weight. Singh and Alistarh,
    arXiv:2004.14340, equation 8 and section 3.2; Kurtic et al., arXiv:2203.07259, equation 4.

    Examples
    --------
    >>> net = nn.Linear(2, 1, bias=False)  # two inputs that are always equal: either can go
    >>> batches = Batches([(torch.ones(3, 2), torch.arange(3.0)[:, None])], nn.functional.mse_loss)
    >>> bool(woodfisher(net, batches)["weight"].max() < 1e-6)
    True
    """
    batches = needed(batches, "woodfisher")
    with measured_copy(net) as made:
        entries = layer_weights(made)
        weights = [x.parameter for x in entries]
        fisher: dict[tuple[int, int], Tensor] = {}
        for _, inputs, targets in shares(batches):
            for at in range(0, len(inputs), _AT_ONCE):
                each = [
                    torch.autograd.grad(
                        batches.loss(made(inputs[i : i + 1]), targets[i : i + 1]),
                        weights,
                        materialize_grads=True,
                    )
                    for i in range(at, min(at + _AT_ONCE, len(inputs)))
                ]
                for number, entry in enumerate(entries):
                    stacked = torch.stack([gradients[number] for gradients in each])
                    if entry.mask is not None:
                        stacked = stacked * entry.mask
                    _add_outer(fisher, number, stacked.flatten(2))
        scores = {}
        for number, entry in enumerate(entries):
            flat = entry.parameter.detach().flatten(1)
            parts = [
                compensated(part, fisher[number, index] / batches.n_samples)
                for index, part in enumerate(torch.split(flat, _BLOCK, dim=1))
            ]
            scores[entry.name] = torch.cat(parts, dim=1).view_as(entry.parameter)
        return scores


def _add_outer(fisher: dict[tuple[int, int], Tensor], number: int, gradients: Tensor) -> None:
    """Add the outer products of gradients [samples, units, in], block by block."""
    parts = torch.split(gradients.transpose(0, 1), _BLOCK, dim=2)
    for index, part in enumerate(parts):
        outer = part.transpose(1, 2) @ part
        known = fisher.get((number, index))
        fisher[number, index] = outer if known is None else known + outer


def compensated(weights: Tensor, curvature: Tensor, *, damping: float = _DAMPING) -> Tensor:
    r"""Optimal brain surgeon: :math:`w_q^2 / (2 [H^{-1}]_{qq})` of weights [units, n].

    The increase of :math:`\tfrac12 w^T H w` when w_q becomes 0 and the others the best they can.
    `curvature` [units, n, n] is H, to whose diagonal `damping` is added. Hassibi and Stork 1992,
    equation 5.

    >>> h = torch.tensor([[[2.0, 1.0], [1.0, 2.0]]])
    >>> compensated(torch.tensor([[1.0, 2.0]]), h, damping=0.0).tolist()
    [[0.75, 3.0]]
    """
    damped = curvature + damping * torch.eye(curvature.shape[-1], dtype=curvature.dtype)
    inverse = torch.linalg.inv(damped).diagonal(dim1=1, dim2=2)
    scores: Tensor = weights.square() / (2 * inverse)
    return scores
