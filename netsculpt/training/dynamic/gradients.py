"""The dense gradient and momentum that scores need."""

from __future__ import annotations

import torch
from torch import Tensor

from netsculpt.core.errors import FormatError
from netsculpt.training.dynamic.entries import Entries

__all__ = ["gradient_of", "momentum_of"]

_EPSILON = 1e-8


def gradient_of(entries: Entries) -> Tensor:
    """The gradient; raises if there was no backward pass."""
    if entries.gradient is None:
        raise FormatError(
            f"{entries.name!r} has no gradient at an update: call loss.backward() before "
            "sparsifier.step(optimizer), and zero_grad() after it; name weights that the loss does "
            "not depend on in dense="
        )
    return entries.gradient


def momentum_of(entries: Entries) -> Tensor:
    r"""What the optimizer steps along: :math:`v`, or :math:`m / (\sqrt v + 10^{-8})` of Adam."""
    known = {name: _precise(value) for name, value in entries.moments.items()}
    if "exp_avg" in known and "exp_avg_sq" in known:
        return known["exp_avg"] / (known["exp_avg_sq"].sqrt() + _EPSILON)
    for name in ("momentum_buffer", "exp_avg"):
        if name in known:
            return known[name]
    raise FormatError(
        f"the optimizer has no momentum of {entries.name!r} at an update: use one with momentum, "
        "such as SGD(momentum=0.9) or Adam, and let it step once before"
    )


def _precise(value: Tensor) -> Tensor:
    """In float32 at least: in float16 the small constant of the quotient is 0."""
    return value.to(torch.promote_types(value.dtype, torch.float32))
