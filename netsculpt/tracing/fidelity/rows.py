"""Operations with one weight as products, row by row: which units each row takes and gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netsculpt.tracing.program import Op
from netsculpt.tracing.rules.conv import OPS as CONVOLUTIONS

__all__ = ["CONVOLUTIONS", "OPERANDS", "Form", "argument", "form", "on_channels"]

Ints = NDArray[np.int64]

# where the operands stand
OPERANDS = {
    **dict.fromkeys(("linear", "matmul", "mm", *CONVOLUTIONS), (0, 1)),
    "addmm": (1, 2),
}


@dataclass(frozen=True, eq=False)
class Form:
    """An operation whose rows are independent products."""

    taken: Callable[[Tensor], Tensor]  # what it takes as rows [R, K]
    given: Callable[[Tensor], Tensor]  # what it gives as rows [R, M]
    back: Callable[[Tensor, torch.Size], Tensor]  # rows [R, M] as what it gives

    def groups(self, units: Tensor, found: Tensor) -> Iterator[tuple[Ints, Ints, Ints]]:
        """Which rows are alike, the units that they take, and those that they give."""
        rows = np.concatenate([self.taken(units).numpy(), self.given(found).numpy()], axis=1)
        width = rows.shape[1] - self.given(found).shape[1]
        if (rows == rows[0]).all():
            yield np.arange(len(rows)), rows[0, :width], rows[0, width:]
            return
        # a random sum for each row: sorting whole rows would take their square in time
        salt = np.random.default_rng(0).integers(1 << 62, size=rows.shape[1])
        _, first, place = np.unique(rows @ salt, return_index=True, return_inverse=True)
        order = np.argsort(place, kind="stable")
        for at, alike in zip(
            first, np.split(order, np.cumsum(np.bincount(place))[:-1]), strict=True
        ):
            yield alike, rows[at, :width], rows[at, width:]


def form(op: Op, kernel: torch.Size, *, spatial: bool, left: bool) -> Form | None:
    """The form of an operation; none where it sums over positions of a channel.

    A matrix may stand to the left of what it multiplies.
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
    steps, around = (_each(argument(op, at, n, d), kernel) for at, n, d in _STEPS)
    if "transpose" in op.name or any(n != 1 for n in kernel[2:]) or any(around):
        return None
    at: Any = (..., *(slice(None, None, n) for n in steps))
    return Form(
        lambda x: x[at].movedim(1, -1).flatten(0, -2),
        lambda y: y.movedim(1, -1).flatten(0, -2),
        lambda rows, shape: rows.view(shape[0], *shape[2:], shape[1]).movedim(-1, 1),
    )


def on_channels(op: Op, channels: Tensor, kernel: Tensor) -> Tensor:
    """A convolution of stride 1, on channels that are the same everywhere [positions, out].

    Padding would change nothing if it were circular, so there is none.
    """
    transposed = "transpose" in op.name
    n = kernel.ndim - 2
    apart = _each(argument(op, 7 if transposed else 5, "dilation", 1), kernel.shape)
    reach = [step * (taps - 1) for step, taps in zip(apart, kernel.shape[2:], strict=True)]
    given = channels.view(1, -1, *[1] * n).expand(-1, -1, *(x + 2 for x in reach)).contiguous()
    groups, ones, zeros = argument(op, 6, "groups", 1), [1] * n, [0] * n
    run: Any = getattr(torch.ops.aten, op.name)
    if transposed:
        found = run(given, kernel, None, ones, zeros, zeros, groups, apart)
        for dim, x in enumerate(reach):
            found = found.narrow(dim + 2, x, 2)  # where every tap arrives
    else:
        found = run(given, kernel, None, ones, zeros, apart, groups)
    rows: Tensor = found.movedim(1, -1).flatten(0, -2)
    return rows


def argument(op: Op, at: int, name: str, default: Any) -> Any:
    """An argument by place or by name."""
    return op.args[at] if len(op.args) > at else op.options.get(name, default)


_STEPS = ((3, "stride", 1), (4, "padding", 0))


def _each(given: Any, kernel: torch.Size) -> list[int]:
    """A number for each dimension; words for padding as numbers that are 0 only if they say so."""
    n = len(kernel) - 2
    if isinstance(given, str):
        return [int(given == "same" and taps > 1) for taps in kernel[2:]]
    listed = list(given) if isinstance(given, list | tuple) else [given]
    return listed * n if len(listed) == 1 else listed
