"""Sizes that an exported program leaves open, like that of its batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netsculpt.tracing.program import Program

__all__ = ["open_sizes"]


def open_sizes(document: Mapping[str, Any], program: Program) -> dict[str, Any]:
    """For the provenance: the example's size in place of each open one, by input and dimension."""
    metas = document["graph_module"]["graph"]["tensor_values"]
    sizes = {
        name: {
            str(dim): shape[dim]
            for dim, size in enumerate(metas[name]["sizes"])
            if size.get("as_expr") is not None
        }
        for name, shape in program.inputs.items()
    }
    sizes = {name: of_input for name, of_input in sizes.items() if of_input}
    return {"open_sizes": sizes} if sizes else {}
