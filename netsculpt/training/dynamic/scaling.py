"""Steps of an optimizer, also in mixed precision."""

from __future__ import annotations

import torch
from torch import Tensor, optim

from netsculpt.core.errors import FormatError

__all__ = ["is_finite", "take_step", "unscaled"]


def unscaled(scaler: torch.amp.GradScaler, optimizer: optim.Optimizer) -> bool:
    """Unscale the gradients unless that is done already; whether all of them are finite.

    Gradients are unscaled before they are clipped, so the caller may have done it.
    """
    if not scaler.is_enabled():
        return True
    try:
        scaler.unscale_(optimizer)
    except RuntimeError as error:
        if "already been called" not in str(error):
            raise
    gradients = (x.grad for group in optimizer.param_groups for x in group["params"])
    return all(x is None or is_finite(x) for x in gradients)


def is_finite(values: Tensor) -> bool:
    """Whether all values are finite: by the least and the largest, faster than one by one.

    >>> is_finite(torch.tensor([1.0, torch.nan])), is_finite(torch.zeros(0))
    (False, True)
    """
    if not values.numel():
        return True
    return all(bool(torch.isfinite(x)) for x in torch.aminmax(values))


def take_step(optimizer: optim.Optimizer, scaler: torch.amp.GradScaler | None = None) -> None:
    """Let the optimizer step; raises if it needs a closure, as LBFGS does."""
    try:
        if scaler is None:
            optimizer.step()
        else:
            scaler.step(optimizer)
    except TypeError as error:
        if "argument: 'closure'" not in str(error):
            raise
        raise FormatError(
            f"{type(optimizer).__name__} computes the loss several times in a step, for weights "
            "between which masks would change: use an optimizer whose step needs no closure, such "
            "as SGD or AdamW"
        ) from None
