"""The product of a batch with a sparse weight, for autograd."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from netsculpt.core.errors import LimitError

__all__ = ["product"]

_KINDS = (torch.float32, torch.float64)


def product(inputs: Tensor, starts: Tensor, columns: Tensor, values: Tensor) -> Tensor:
    r"""Outputs :math:`X W^\top` [n, out] of inputs [n, in], for W [out, in] in rows of kept values.

    Cost and memory of the backward pass are those of the kept values: the gradient of pruned ones
    is never computed.

    Parameters
    ----------
    inputs
        [n, in], float32 or float64, on the CPU.
    starts, columns
        Where each row of W begins among its values, [out + 1], and their columns, [edges].
    values
        [edges], of the type of the inputs.

    Raises
    ------
    LimitError
        If the tensors are on another device, or of another type.
    """
    if inputs.device.type != "cpu" or inputs.dtype not in _KINDS:
        raise LimitError(
            f"sparse layers compute float32 and float64 on the CPU, these inputs are "
            f"{inputs.dtype} on {inputs.device}: use dense_net for a masked one"
        )
    outputs: Tensor = _Product.apply(  # type: ignore[no-untyped-call]
        inputs.to(values.dtype), starts, columns, values
    )
    return outputs


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, starts: Tensor, columns: Tensor, values: Tensor
    ) -> Tensor:
        from netsculpt.nets.sparse import _compiled

        across = inputs.detach().t().contiguous()
        outputs = _compiled.forward(*_arrays(starts, columns, values.detach(), across))
        ctx.save_for_backward(across, starts, columns, values)
        return torch.from_numpy(outputs).t()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, None, None, Tensor | None]:
        from netsculpt.nets.sparse import _compiled

        across, starts, columns, values = ctx.saved_tensors
        above = gradients[0].t().contiguous()
        for_inputs = for_values = None
        if ctx.needs_input_grad[0]:
            first, second, third, fourth = _arrays(starts, columns, values, above)
            found = _compiled.of_inputs(first, second, third, fourth, len(across))
            for_inputs = torch.from_numpy(found).t()
        if ctx.needs_input_grad[3]:
            for_values = torch.from_numpy(
                _compiled.of_values(*_arrays(starts, columns, across, above))
            )
        return for_inputs, None, None, for_values


def _arrays(*tensors: Tensor) -> list[Any]:
    return [x.detach().numpy() for x in tensors]
