"""Operations with one weight as products, row by row: source and target units of each row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from netsculpt.tracing.engine.edges import Ints
from netsculpt.tracing.engine.rows import distinct
from netsculpt.tracing.program import Op
from netsculpt.tracing.rules.conv import OPS as CONVOLUTIONS

__all__ = ["CONVOLUTIONS", "OPERANDS", "Form", "form", "on_channels"]

OPERANDS = {  # indices of the two operands
    **dict.fromkeys(("linear", "matmul", "mm", *CONVOLUTIONS), (0, 1)),
    "addmm": (1, 2),
}


@dataclass(frozen=True, eq=False)
class Form:
    """An operation whose rows are independent products."""

    before: Callable[[Tensor], Tensor]  # its input as rows [R, K]
    after: Callable[[Tensor], Tensor]  # its output as rows [R, M]
    back: Callable[[Tensor, torch.Size], Tensor]  # rows [R, M] as its output

    def groups(self, taken: Tensor, made: Tensor) -> Iterator[tuple[Ints, Ints, Ints]]:
        """Indices of rows with the same units, their source units, and their target units."""
        sources, targets = self.before(taken).numpy(), self.after(made).numpy()
        first, place = distinct(np.concatenate([sources, targets], axis=1))
        ends = np.cumsum(np.bincount(place))[:-1]
        for row, alike in zip(first, np.split(np.argsort(place, kind="stable"), ends), strict=True):
            yield alike, sources[row], targets[row]


def form(op: Op, kernel: torch.Size, *, spatial: bool, left: bool) -> Form | None:
    """The form of an operation, whose matrix may be on the left.

    None if it sums over positions of a channel.
    """
    if left:
        return Form(
            lambda x: x.movedim(-2, -1).reshape(-1, x.shape[-2]),
            lambda y: y.movedim(-2, -1).reshape(-1, y.shape[-2]),
            lambda rows, shape: rows.view(*shape[:-2], shape[-1], shape[-2]).movedim(-1, -2),
        )
    if op.name not in CONVOLUTIONS:
        return Form(
            lambda x: x.reshape(-1, x.shape[-1]),
            lambda y: y.reshape(-1, y.shape[-1]),
            lambda rows, shape: rows.reshape(shape),
        )
    if spatial:
        return Form(
            lambda x: x.flatten(1), lambda y: y.flatten(1), lambda rows, shape: rows.view(shape)
        )
    n_dims = len(kernel) - 2
    padding = op.each_dim(4, "padding", 0, n_dims)
    padded = any(x not in (0, "same", "valid") for x in padding)  # one tap: words pad nothing
    if "transpose" in op.name or any(n != 1 for n in kernel[2:]) or padded:
        return None
    steps = op.each_dim(3, "stride", 1, n_dims)
    strided: Any = (..., *(slice(None, None, n) for n in steps))
    return Form(
        lambda x: x[strided].movedim(1, -1).flatten(0, -2),
        lambda y: y.movedim(1, -1).flatten(0, -2),
        lambda rows, shape: rows.view(shape[0], *shape[2:], shape[1]).movedim(-1, 1),
    )


def on_channels(op: Op, channels: Tensor, kernel: Tensor) -> Tensor:
    """The value of a convolution of stride 1 on uniform channels [positions, out].

    Padding would change nothing if it were circular, so there is none.
    """
    transposed = "transpose" in op.name
    n = kernel.ndim - 2
    apart = op.each_dim(7 if transposed else 5, "dilation", 1, n)
    reach = [step * (taps - 1) for step, taps in zip(apart, kernel.shape[2:], strict=True)]
    wide = channels.view(1, -1, *[1] * n).expand(-1, -1, *(x + 2 for x in reach)).contiguous()
    groups, ones, zeros = op.arg(6, "groups", 1), [1] * n, [0] * n
    run: Any = getattr(torch.ops.aten, op.name)
    if transposed:
        value = run(wide, kernel, None, ones, zeros, zeros, groups, apart)
        for dim, size in enumerate(reach):
            value = value.narrow(dim + 2, size, 2)  # where every tap arrives
    else:
        value = run(wide, kernel, None, ones, zeros, apart, groups)
    rows: Tensor = value.movedim(1, -1).flatten(0, -2)
    return rows
