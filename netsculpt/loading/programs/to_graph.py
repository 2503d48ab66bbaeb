"""Turn a file that states how its layers are connected into a graph."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from netsculpt.core.errors import TopologyError
from netsculpt.files.arrays import as_arrays, dense
from netsculpt.files.errors import file_errors
from netsculpt.graph.graph import NetGraph
from netsculpt.loading.weights.parsed_file import ParsedFile, with_masks
from netsculpt.loading.weights.state import State
from netsculpt.tracing.options import TraceOptions
from netsculpt.tracing.program import Constant, Program
from netsculpt.tracing.trace import graph_of

__all__ = ["graph_of_program"]

_APPLIES = frozenset(("mul", "where", "masked_fill"))
_COMPARES = frozenset(("eq", "ge", "gt", "le", "lt", "ne"))


def graph_of_program(file: ParsedFile, *, allow_nonfinite: bool) -> NetGraph:
    """The graph of a file's program, pruned further by a mask file."""
    program = _pruned(file)
    weights = _weights(program)
    broken = {x.parameter or name: _nonfinite(x) for name, x in weights.items()}
    n_dropped = file.n_dropped(broken, "weight", allowed=allow_nonfinite)
    if n_dropped:
        program = _with(program, {key: _finite(x) for key, x in weights.items()})
    with file_errors(file.where):
        graph = graph_of(program, TraceOptions())
    _check_open(graph, program, file.content.details.get("open_sizes", {}))
    masked = _masked_parameters(program)
    named = sorted({block.parameter for block in graph.blocks if block.parameter is not None})
    loaded = file.step(
        "load",
        {x: "mask" if x in masked else "nonzero" for x in named},
        n_dropped=n_dropped,
        n_edges=graph.n_edges,
        topology="the file's own operations",
    )
    return replace(graph, provenance=(loaded, *graph.provenance))


def _pruned(file: ParsedFile) -> Program:
    """The program with the masks of a mask file, which go by the names of its parameters."""
    program: Program = file.value
    if file.mask is None:
        return program
    weights = _weights(program)
    named = {x.parameter: x for x in weights.values() if x.parameter is not None}
    values = {name: x.value for name, x in named.items()}
    arrays = as_arrays(values, max_bytes=file.source.max_bytes, where=file.where)
    stored = {name: x.keep.numpy() for name, x in named.items() if x.keep is not None}
    masks = with_masks(State(arrays, stored), file).masks
    kept = {name: torch.tensor(dense(mask)) != 0 for name, mask in masks.items()}
    masked = {
        key: replace(x, keep=kept[x.parameter], is_mask=False)
        for key, x in weights.items()
        if x.parameter in kept
    }
    return _with(program, masked)


def _masked_parameters(program: Program) -> frozenset[str]:
    """Names of the parameters whose edges a mask decides, in the constants or in a product."""
    constants = program.constants.items()
    owners = {name: {x.parameter} - {None} for name, x in constants}
    masks = {name for name, x in constants if x.is_mask and x.value.ndim > 1}
    masked = {x.parameter for _, x in constants if x.keep is not None}
    for op in program.ops:
        taken = set(op.inputs)
        if not taken <= owners.keys():
            continue
        owners[op.output] = {x for name in taken - masks for x in owners[name]}
        if op.name in _COMPARES or (taken and taken <= masks):
            masks.add(op.output)
        elif op.name in _APPLIES and taken & masks:
            masked |= owners[op.output]
    return frozenset(x for x in masked if x is not None)


def _weights(program: Program) -> dict[str, Constant]:
    """Parameters other than vectors, by their names in operations."""
    named = program.constants.items()
    return {key: x for key, x in named if x.parameter is not None and x.value.ndim > 1}


def _with(program: Program, changed: dict[str, Constant]) -> Program:
    return replace(program, constants={**program.constants, **changed})


def _pattern(constant: Constant) -> Tensor:
    return constant.value != 0 if constant.keep is None else constant.keep


def _nonfinite(constant: Constant) -> int:
    return int((_pattern(constant) & ~_is_finite(constant.value)).sum())


def _is_finite(value: Tensor) -> Tensor:
    brief = value.dtype.itemsize == 1  # 8-bit floats, for which torch has no isfinite
    return (value.float() if brief else value).isfinite()


def _finite(constant: Constant) -> Constant:
    finite = _is_finite(constant.value)
    if bool(finite.all()):
        return constant
    value = constant.value.where(finite, torch.zeros((), dtype=constant.value.dtype))
    return replace(constant, value=value, keep=_pattern(constant) & finite)


def _check_open(graph: NetGraph, program: Program, sizes: dict[str, dict[str, int]]) -> None:
    """Raise if the number of units of an input depends on a size that the file leaves open."""
    layers = [layer for layer in graph.layers if layer.role == "input"]
    looked_up = {name for op in program.ops if op.name == "embedding" for name in op.inputs}
    for (name, shape), layer in zip(program.inputs.items(), layers, strict=True):
        open_ = sizes.get(name, {}).keys() - {"0"}
        fixed = math.prod(n for dim, n in enumerate(shape) if dim and str(dim) not in open_)
        if open_ and name not in looked_up and layer.n_units > fixed:
            raise TopologyError(
                f"input '{name}' has as many units as sizes that the file leaves open "
                f"(dimensions {', '.join(sorted(open_))}): export the net with fixed sizes, or "
                "with an open batch only"
            )
