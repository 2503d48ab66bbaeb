"""Sizes that an exported program leaves open, as that of its batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netsculpt.tracing.program import Program

__all__ = ["open_sizes"]


def open_sizes(document: Mapping[str, Any], program: Program) -> dict[str, Any]:
    """For the provenance: by input and dimension, the example's size, which was taken."""
    metas = document["graph_module"]["graph"]["tensor_values"]
    taken = {
        name: {
            str(at): shape[at]
            for at, size in enumerate(metas[name]["sizes"])
            if size.get("as_expr") is not None
        }
        for name, shape in program.inputs.items()
    }
    found = {name: sizes for name, sizes in taken.items() if sizes}
    return {"open_sizes": found} if found else {}
