"""Whether operations normalise what they take, by running them on random activations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from netsculpt.tracing.norms.normalisation import run_parts
from netsculpt.tracing.program import Constant, Op

__all__ = ["measured"]

_SCALE = 1e3  # of the activations: ε is negligible, and their squares fit in float16
_DRAWS = 3
_CLOSE = 1e-5  # relative; casts to float32 between the operations round


def measured(
    parts: Sequence[Op],
    base: str,
    shape: Sequence[int],
    dims: Sequence[int],
    constants: Mapping[str, Constant],
) -> tuple[str, float] | None:
    r"""The kind of a normalisation, and its root mean square; None if it is not one.

    It is one if :math:`y = (x - m) s` with numbers :math:`m, s > 0` that are the same along `dims`,
    :math:`y(2x) = y(x)` and :math:`y(-x) = -y(x)`. The last two leave out products with a gate or a
    mean, softmax, and shares of a sum. The root mean square of y over `dims` is a property of the
    kind: 1 in layer and RMS norm, :math:`1/\sqrt n` for vectors of length 1. Where it depends on x,
    as after division by the largest element, 1 is returned.
    """
    generator = torch.Generator().manual_seed(0)
    fixed = {name: constant.value for name, constant in constants.items()}
    dims = list(dims)

    def run(value: Tensor) -> Tensor:
        y: Tensor = run_parts(tuple(parts), {base: value, **fixed})[parts[-1].output]
        return y

    levels, centred = [], True
    for _ in range(_DRAWS):
        x = torch.randn(tuple(shape), generator=generator, dtype=torch.float64) + 0.3
        x = x * _SCALE
        try:
            y, again, opposite = run(x), run(2 * x), run(-x)
        except (RuntimeError, NotImplementedError):  # it needs a type that these numbers have not
            return None
        size = y.abs().amax(dims, keepdim=True)
        if not bool(torch.isfinite(y).all()) or not bool((size > 0).all()):
            return None
        apart = torch.maximum((again - y).abs(), (opposite + y).abs())
        if bool((apart > _CLOSE * size).any()) or not _is_line(x, y, dims, _CLOSE * size):
            return None
        levels.append(y.square().mean(dims).sqrt().flatten())
        centred &= bool((y.mean(dims, keepdim=True).abs() < _CLOSE * size).all())
    every = torch.cat(levels)
    level = float(every.mean())
    if bool(((every - level).abs() > _CLOSE * level).any()):
        return "other", 1.0
    return "layer" if centred else "rms", 1.0 if abs(level - 1) < _CLOSE else level


def _is_line(x: Tensor, y: Tensor, dims: list[int], close: Tensor) -> bool:
    """Whether y = (x − m) s with s > 0, and m and s that are the same along dimensions."""
    away, apart = x - x.mean(dims, keepdim=True), y - y.mean(dims, keepdim=True)
    slope = (away * apart).sum(dims, keepdim=True) / away.square().sum(dims, keepdim=True)
    return bool((slope > 0).all() and ((apart - slope * away).abs() <= close).all())
