"""The operations that a file may call: they are run on shapes, and on its constants.

Others can read and write files, draw random numbers or allocate any amount of memory.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import torch

from netsculpt.loading.programs.exported.renamed import OTHER_NAMES
from netsculpt.tracing.rules import rules

__all__ = ["FACTORIES", "allowed", "parsed", "schema_of"]

_TARGET = re.compile(r"torch\.ops\.aten\.(\w+)\.(\w+)", re.ASCII)
FACTORIES = frozenset(("arange", "full", "ones", "scalar_tensor", "zeros"))
_ON_CONSTANTS = frozenset(
    {
        *("_weight_norm", "_weight_norm_interface", "bitwise_and", "bitwise_not", "bitwise_or"),
        *("bmm", "ceil", "cumsum", "eq", "floor", "full_like", "ge", "gt", "index_select", "le"),
        *("lift_fresh_copy", "linalg_vector_norm", "logical_and", "logical_not", "logical_or"),
        *("lt", "masked_fill", "max", "maximum", "min", "minimum", "ne", "new_full", "new_ones"),
        *("new_zeros", "norm", "norm_except_dim", "ones_like", "round", "tril", "triu", "where"),
        *("zeros_like", "type_as"),
    }
)


@cache
def allowed() -> frozenset[str]:
    """Names of the operations that a file may call, which are all functional."""
    return frozenset(rules()) | FACTORIES | _ON_CONSTANTS | OTHER_NAMES


def parsed(target: str) -> tuple[str, str] | None:
    """Name and overload of an ATen operation; None for those of other libraries."""
    match = _TARGET.fullmatch(target)
    return None if match is None else (match[1], match[2])


def schema_of(name: str, overload: str) -> torch.FunctionSchema:
    """The signature of an operation that files may call, in place or not."""
    packet: Any = getattr(torch.ops.aten, name)
    if overload not in packet.overloads():
        raise ValueError(f"{name} has no overload {overload:.80}")
    schema: torch.FunctionSchema = getattr(packet, overload)._schema
    if any(x.is_out for x in schema.arguments):
        raise ValueError(f"{name}.{overload} writes into an argument")
    return schema
