"""How the loss would change without a weight, to second order, others apart."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from netsculpt.core.declared import varies_with
from netsculpt.core.numbers import checked_whole
from netsculpt.core.random import RNG
from netsculpt.nets.frozen import twice_differentiable
from netsculpt.nets.prunable import prunable
from netsculpt.training.fitting.batches import Batches
from netsculpt.training.pruning.scores._measured import measured_copy, shares
from netsculpt.training.pruning.scores._scored import needed

__all__ = ["obd"]


@varies_with("seed")
def obd(
    net: nn.Module, batches: Batches | None = None, *, rng: RNG = None, n_draws: int = 32
) -> dict[str, Tensor]:
    r"""Optimal brain damage: signed :math:`-w g + \tfrac12 w^2 h_{ww}`, h estimated by draws.

    The diagonal of the Hessian is Hutchinson's estimate, in units of the weights: for signs z drawn
    at random and :math:`v = w \odot z`, the mean of :math:`v \odot H v` is :math:`w^2 h_{ww}`. So
    no scale of a unit or an input changes it. The gradient is kept: a trained net is rarely at a
    minimum. `netsculpt.training.importance.obd_exact` draws nothing.

    Parameters
    ----------
    net, batches, rng
        As for every score.
    n_draws
        Products with the Hessian; the error falls with their square root.

    Notes
    -----
    Eval mode, float64. LeCun, Denker and Solla 1989, Optimal brain damage, equation 6; Bekas,
    Kokiopoulou and Saad 2007, doi:10.1016/j.apnum.2007.01.003, for the estimate.

    Examples
    --------
    >>> net = nn.Linear(2, 1, bias=False)  # L = (w₁² + w₂²) / 4: exact, as h is diagonal
    >>> _ = net.weight.data.copy_(torch.tensor([[2.0, 4.0]]))
    >>> one = [(torch.eye(2), torch.zeros(2, 1))]
    >>> batches = Batches(one, lambda f, y: (f - y).square().mean() / 2)
    >>> obd(net, batches, rng=0)["weight"].tolist()
    [[-1.0, -4.0]]
    """
    batches = needed(batches, "obd")
    checked_whole(n_draws, "n_draws", least=1)
    generator = np.random.default_rng(rng)
    with measured_copy(net) as made, twice_differentiable():
        weights = list(prunable(made).values())
        signs = [
            [torch.from_numpy(generator.choice([-1.0, 1.0], x.shape)) for x in weights]
            for _ in range(n_draws)
        ]
        total = [torch.zeros_like(x.data) for x in weights]
        for share, inputs, targets in shares(batches):
            loss = share * batches.loss(made(inputs), targets)
            gradients = torch.autograd.grad(
                loss, weights, create_graph=True, materialize_grads=True
            )
            _add(total, [-w * g for w, g in zip(weights, gradients, strict=True)])
            for drawn in signs:
                along = [(w * z).detach() for w, z in zip(weights, drawn, strict=True)]
                product = torch.stack(
                    [(g * v).sum() for g, v in zip(gradients, along, strict=True)]
                ).sum()
                curved = torch.autograd.grad(
                    product, weights, retain_graph=True, materialize_grads=True
                )
                _add(total, [v * x / (2 * n_draws) for v, x in zip(along, curved, strict=True)])
        return dict(zip(prunable(made), total, strict=True))


def _add(total: list[Tensor], terms: list[Tensor]) -> None:
    for sum_, term in zip(total, terms, strict=True):
        sum_.add_(term.detach())
