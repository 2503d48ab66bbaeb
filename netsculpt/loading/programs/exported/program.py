"""A JSON graph and its tensors as a `Program`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from netsculpt.core.errors import TopologyError
from netsculpt.loading.programs.exported.arguments import argument
from netsculpt.loading.programs.exported.claims import DTYPES
from netsculpt.loading.programs.exported.fields import field, only, size_in
from netsculpt.loading.programs.exported.functional import functional
from netsculpt.loading.programs.exported.node import NO_RULE, Node
from netsculpt.loading.programs.exported.nodes import nodes
from netsculpt.loading.programs.exported.operations import known
from netsculpt.loading.programs.exported.renamed import renamed
from netsculpt.loading.programs.exported.shapes import check_shapes
from netsculpt.loading.programs.exported.signature import given_in
from netsculpt.loading.programs.exported.tensors import Held
from netsculpt.tracing.program import Op, Program, refs

__all__ = ["program_in"]


def program_in(
    document: Mapping[str, Any], tensors: Mapping[str, Held], *, max_bytes: int, where: str
) -> Program:
    """The program, functional, without what its outputs do not need; every shape is checked."""
    module = field(document, "graph_module", dict)
    graph, signature = field(module, "graph", dict), field(module, "signature", dict)
    metas, sizes = field(graph, "tensor_values", dict), field(graph, "sym_int_values", dict)
    given = given_in(signature, tensors)

    def shape(name: str) -> tuple[int, ...]:
        sizes = field(metas[name], "sizes", list)
        return tuple(size_in(x, open_to=f"the shape of '{name}'") for x in sizes)

    inputs = {name: shape(name) for name in given.inputs}
    _check_batches(inputs)
    called, outputs = functional(nodes(graph, sizes), _outputs(signature, sizes), given.together)
    needed = _needed(called, outputs)
    ops = [op for at, node in enumerate(needed) for op in renamed(node, at, shape)]
    program = Program(
        _without_idle(ops, outputs), given.constants, inputs, outputs, given.parameters
    )
    _check_names(program)
    dtypes = {name: DTYPES[field(metas[name], "dtype", int)] for name in inputs}
    check_shapes(program, dtypes, max_bytes=max_bytes, where=where)
    return program


def _outputs(signature: Mapping[str, Any], sizes: Mapping[str, Any]) -> tuple[Any, ...]:
    specs = [only(x) for x in field(signature, "output_specs", list)]
    given = [field(x, "arg", dict) for kind, x in specs if kind == "user_output"]
    return tuple(argument(x, sizes) for x in given)


def _needed(given: Sequence[Node], outputs: tuple[Any, ...]) -> list[Node]:
    """Operations that outputs depend on."""
    wanted = {ref.name for ref in refs(outputs)}
    found = []
    for node in reversed(given):
        if wanted.isdisjoint(node.outputs):
            continue
        if node.name not in known():
            raise node.refusal(NO_RULE)
        wanted.update(ref.name for ref in refs((node.args, node.options)))
        found.append(node)
    return found[::-1]


def _without_idle(ops: Sequence[Op], outputs: tuple[Any, ...]) -> tuple[Op, ...]:
    """Operations, less what is taken from several values for nothing."""
    taken = {ref.name for ref in refs((*((op.args, op.options) for op in ops), outputs))}
    return tuple(op for op in ops if op.name != "getitem" or op.output in taken)


def _check_batches(inputs: Mapping[str, tuple[int, ...]]) -> None:
    for name, shape in inputs.items():
        if len(shape) < 2 or not math.prod(shape):
            raise TopologyError(
                f"input '{name}' is {list(shape)}: tensors whose first dimension is the batch are "
                "needed. Export the net with a batch of one"
            )


def _check_names(program: Program) -> None:
    """Every value is made once, before it is taken."""
    there = {*program.inputs, *program.constants}
    for op in program.ops:
        if op.output in there or not {x.name for x in refs((op.args, op.options))} <= there:
            raise ValueError(f"{op.name} takes what is not there, or gives what is")
        there.add(op.output)
    if not {x.name for x in refs(program.outputs)} <= there:
        raise ValueError("an output that nothing makes")
