"""Turn a JSON graph and its tensors into a `Program`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from netsculpt.core.errors import TopologyError
from netsculpt.loading.programs.exported.arguments import argument
from netsculpt.loading.programs.exported.claims import DTYPES
from netsculpt.loading.programs.exported.fields import field, only, size_in
from netsculpt.loading.programs.exported.functional import functional
from netsculpt.loading.programs.exported.node import NO_RULE, ExportedNode
from netsculpt.loading.programs.exported.nodes import nodes
from netsculpt.loading.programs.exported.operations import allowed
from netsculpt.loading.programs.exported.renamed import renamed
from netsculpt.loading.programs.exported.shapes import check_shapes
from netsculpt.loading.programs.exported.signature import signature_in
from netsculpt.loading.programs.exported.tensors import StoredTensor
from netsculpt.tracing.program import Program, inputs_of

__all__ = ["open_sizes", "program_in"]


def program_in(
    document: Mapping[str, Any], tensors: Mapping[str, StoredTensor], *, max_bytes: int, where: str
) -> Program:
    """The functional program, without what its outputs do not need; every shape is checked."""
    module = field(document, "graph_module", dict)
    graph, signature = field(module, "graph", dict), field(module, "signature", dict)
    metas, sizes = field(graph, "tensor_values", dict), field(graph, "sym_int_values", dict)
    signed = signature_in(signature, tensors)

    def shape(name: str) -> tuple[int, ...]:
        sizes = field(metas[name], "sizes", list)
        return tuple(size_in(x, open_to=f"the shape of '{name}'") for x in sizes)

    inputs = {name: shape(name) for name in signed.inputs}
    _check_batches(inputs)
    called, outputs = functional(nodes(graph, sizes), _outputs(signature, sizes), signed.sharing)
    needed = _needed(called, outputs)
    ops = [op for index, node in enumerate(needed) for op in renamed(node, index, shape)]
    used = {name for op in ops for name in op.inputs}.union(inputs_of(outputs))
    ops = [op for op in ops if op.name != "getitem" or op.output in used]
    program = Program(tuple(ops), signed.constants, inputs, outputs, signed.parameters)
    _check_names(program)
    dtypes = {name: DTYPES[field(metas[name], "dtype", int)] for name in inputs}
    check_shapes(program, dtypes, max_bytes=max_bytes, where=where)
    return program


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


def _outputs(signature: Mapping[str, Any], sizes: Mapping[str, Any]) -> tuple[Any, ...]:
    specs = [only(x) for x in field(signature, "output_specs", list)]
    outputs = [field(x, "arg", dict) for kind, x in specs if kind == "user_output"]
    return tuple(argument(x, sizes) for x in outputs)


def _needed(called: Sequence[ExportedNode], outputs: tuple[Any, ...]) -> list[ExportedNode]:
    """The nodes that outputs depend on."""
    names = set(inputs_of(outputs))
    needed = []
    for node in reversed(called):
        if names.isdisjoint(node.outputs):
            continue
        if node.name not in allowed():
            raise node.refusal(NO_RULE)
        names.update(inputs_of((node.args, node.kwargs)))
        needed.append(node)
    return needed[::-1]


def _check_batches(inputs: Mapping[str, tuple[int, ...]]) -> None:
    for name, shape in inputs.items():
        if len(shape) < 2 or not math.prod(shape):
            raise TopologyError(
                f"input '{name}' is {list(shape)}: tensors whose first dimension is the batch are "
                "needed. Export the net with a batch of one"
            )


def _check_names(program: Program) -> None:
    """Raise unless every value is made once, before it is used."""
    names = {*program.inputs, *program.constants}
    for op in program.ops:
        if op.output in names or not names.issuperset(op.inputs):
            raise ValueError(f"{op.name} takes a value that is not made, or makes one again")
        names.add(op.output)
    if not names.issuperset(inputs_of(program.outputs)):
        raise ValueError("an output that nothing makes")
