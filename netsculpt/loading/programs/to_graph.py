"""From a file that says itself how its layers are connected to a graph."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from netsculpt.core.errors import TopologyError
from netsculpt.files.arrays import SparseWeight, as_arrays
from netsculpt.files.torch import translated
from netsculpt.graph.graph import NetGraph
from netsculpt.loading.programs.masked import masked_parameters
from netsculpt.loading.weights.contents import Contents, with_masks
from netsculpt.loading.weights.state import State
from netsculpt.tracing.plan import Plan
from netsculpt.tracing.program import Constant, Program, refs
from netsculpt.tracing.trace import graph_of

__all__ = ["graph_of_program"]


def graph_of_program(contents: Contents, *, allow_nonfinite: bool) -> NetGraph:
    """The graph of a file's program, pruned further by a mask file."""
    program = _pruned(contents)
    weights = _weights(program)
    broken = {x.parameter or name: _nonfinite(x) for name, x in weights.items()}
    n_dropped = contents.n_dropped(broken, "weights", allowed=allow_nonfinite)
    if n_dropped:
        program = _with(program, {key: _finite(x) for key, x in weights.items()})
    with translated(contents.where):
        graph = graph_of(program, Plan())
    _check_open(graph, program, contents.content.details.get("open_sizes", {}))
    masked = masked_parameters(program)
    named = sorted({block.parameter for block in graph.blocks if block.parameter is not None})
    loaded = contents.step(
        "load",
        {x: "mask" if x in masked else "nonzero" for x in named},
        n_dropped=n_dropped,
        n_edges=graph.n_edges,
        topology="the file's own operations",
    )
    return replace(graph, provenance=(loaded, *graph.provenance))


def _pruned(contents: Contents) -> Program:
    """The program with the masks of a mask file, which go by the names of its parameters."""
    program: Program = contents.value
    if contents.mask is None:
        return program
    weights = _weights(program)
    named = {x.parameter: x for x in weights.values() if x.parameter is not None}
    values = {name: x.value for name, x in named.items()}
    arrays = as_arrays(values, max_bytes=contents.source.max_bytes, where=contents.where)
    own = {name: x.keep.numpy() for name, x in named.items() if x.keep is not None}
    masks = with_masks(State(arrays, own), contents).masks
    kept = {name: torch.tensor(_full(mask)) != 0 for name, mask in masks.items()}
    masked = {
        key: replace(x, keep=kept[x.parameter], is_mask=False)
        for key, x in weights.items()
        if x.parameter in kept
    }
    return _with(program, masked)


def _weights(program: Program) -> dict[str, Constant]:
    """Parameters that are no vectors, by the names that operations have for them."""
    named = program.constants.items()
    return {key: x for key, x in named if x.parameter is not None and x.value.ndim > 1}


def _with(program: Program, changed: dict[str, Constant]) -> Program:
    return replace(program, constants={**program.constants, **changed})


def _pattern(constant: Constant) -> Tensor:
    return constant.value != 0 if constant.keep is None else constant.keep


def _nonfinite(constant: Constant) -> int:
    return int((_pattern(constant) & ~_is_finite(constant.value)).sum())


def _is_finite(value: Tensor) -> Tensor:
    brief = value.dtype.itemsize == 1  # 8-bit floats, which torch does not ask
    return (value.float() if brief else value).isfinite()


def _finite(constant: Constant) -> Constant:
    finite = _is_finite(constant.value)
    if bool(finite.all()):
        return constant
    value = constant.value.where(finite, torch.zeros((), dtype=constant.value.dtype))
    return replace(constant, value=value, keep=_pattern(constant) & finite)


def _full(mask: Any) -> Any:
    dense = isinstance(mask, SparseWeight)
    return mask.matrix.toarray().reshape(mask.shape) if dense else mask


def _check_open(graph: NetGraph, program: Program, sizes: dict[str, dict[str, int]]) -> None:
    """Refuse inputs whose number of units depends on a size that the file leaves open."""
    layers = [layer for layer in graph.layers if layer.role == "input"]
    looked_up = {x.name for op in program.ops if op.name == "embedding" for x in refs(op.args)}
    for (name, shape), layer in zip(program.inputs.items(), layers, strict=True):
        open_ = sizes.get(name, {}).keys() - {"0"}
        fixed = math.prod(n for at, n in enumerate(shape) if at and str(at) not in open_)
        if open_ and name not in looked_up and layer.n_units > fixed:
            raise TopologyError(
                f"input '{name}' has as many units as sizes say that the file leaves open "
                f"(dimensions {', '.join(sorted(open_))}): export the net with fixed sizes, or "
                "with an open batch only"
            )
