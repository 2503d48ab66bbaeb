"""Gradients in mixed precision."""

from __future__ import annotations

import torch
from torch import optim

__all__ = ["unscaled"]


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
    return all(x is None or bool(torch.isfinite(x).all()) for x in gradients)
