"""How much the gradient changes along a step: the local Lipschitz constant."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

__all__ = ["FRACTIONS", "local_lipschitz"]

Values = Mapping[str, Tensor]

FRACTIONS = tuple(n / 10 for n in range(1, 10))  # of the step


def local_lipschitz(
    gradient: Callable[[Values], Values],
    parameters: Values,
    step: Values,
    fractions: Sequence[float] = FRACTIONS,
) -> Tensor:
    r"""Largest :math:`\|\nabla L(w + \gamma d) - \nabla L(w)\| / \|\gamma d\|` along a step d.

    Lee, Ajanthan, Torr and Jaggi, arXiv:2003.11316, section 4; γ as in their code.

    Parameters
    ----------
    gradient
        Function from parameters [R, …] to the gradients [R, …] of R nets.
    parameters
        w of each net, by name.
    step
        d of each net, of the same shapes.
    fractions
        γ, numbers above 0.

    Returns
    -------
    Tensor
        One number ≥ 0 for each net [R]; NaN where the step is 0. Cost: one gradient for each γ,
        and one more.

    Examples
    --------
    >>> curvature = torch.tensor([1.0, 3.0])
    >>> along = {"w": torch.tensor([[1.0, 0.0], [0.0, 1.0]])}
    >>> zero = {"w": torch.zeros(2, 2)}
    >>> local_lipschitz(lambda p: {"w": curvature * p["w"]}, zero, along)
    tensor([1., 3.])
    """
    at_start, length = gradient(parameters), _norms(step)
    ratios = []
    for fraction in fractions:
        moved = {name: values + fraction * step[name] for name, values in parameters.items()}
        there = gradient(moved)
        change = _norms({name: there[name] - at_start[name] for name in there})
        ratios.append(change / (fraction * length))
    return torch.stack(ratios).amax(0)


def _norms(values: Values) -> Tensor:
    """Euclidean norm of all parameters of each net [R]."""
    return torch.stack([x.flatten(1).square().sum(1) for x in values.values()]).sum(0).sqrt()
