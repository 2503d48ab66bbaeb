"""The inputs that an ONNX graph declares: fixed shapes, except for the batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from netsculpt.core.errors import FormatError, TopologyError
from netsculpt.files.words import quoted
from netsculpt.loading.programs.onnx.tensors import TYPES

__all__ = ["declared_inputs"]


def declared_inputs(protos: Sequence[Any], where: str) -> dict[str, Tensor]:
    """Tensors without data by name; a batch of any size becomes a batch of one."""
    return {
        x.name: torch.empty(_shape(x, where), dtype=_type(x, where), device="meta") for x in protos
    }


def _shape(proto: Any, where: str) -> tuple[int, ...]:
    tensor = proto.type.tensor_type
    dims = [x.dim_value if x.HasField("dim_value") else None for x in tensor.shape.dim]
    shape = [1 if dim == 0 and size is None else size for dim, size in enumerate(dims)]
    if not tensor.HasField("shape") or len(shape) < 2 or None in shape:
        stated = "unknown" if not tensor.HasField("shape") else [x or "any" for x in dims]
        raise TopologyError(
            f"input {quoted(proto.name)} of {where} has shape {stated}: a batch and fixed sizes "
            "after it are needed. Export the model with fixed shapes (without dynamic_axes or "
            "dynamic_shapes, except for the batch)"
        )
    if any(size is not None and size < 1 for size in shape):
        raise FormatError(
            f"input {quoted(proto.name)} of {where} has shape {shape}: sizes of 1 or more are "
            "needed; export the model again"
        )
    return tuple(int(size) for size in shape if size is not None)


def _type(proto: Any, where: str) -> torch.dtype:
    number = proto.type.tensor_type.elem_type
    if number not in TYPES:
        raise FormatError(
            f"input {quoted(proto.name)} of {where} is of ONNX type {number}: a tensor of numbers "
            "is needed"
        )
    return TYPES[number]
