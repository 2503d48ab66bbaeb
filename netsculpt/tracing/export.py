"""A live net as a list of operations, by `torch.export`."""

from __future__ import annotations

import gc
import io
import logging
import operator
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind, OutputKind

from netsculpt.core.errors import TopologyError
from netsculpt.nets.masks import masks_of
from netsculpt.tracing.names import is_binary, plain
from netsculpt.tracing.program import Constant, Op, Program, Ref

__all__ = ["evaluating", "exported"]


def exported(net: nn.Module, example: tuple[Tensor, ...]) -> Program:
    """The operations that `net` runs on `example` when it evaluates."""
    apart = tuple(x.clone() for x in example)  # one tensor given twice would be one input
    with evaluating(net), _quietly():
        try:
            found = torch.export.export(net, apart, strict=False).run_decompositions({})
        except Exception as error:
            observed = _one_path(net, apart)
            if observed is None:
                raise TopologyError(
                    f"torch.export cannot follow {type(net).__name__} ({_first_line(error)}): "
                    f"{_remedy(error)}"
                ) from error
            return _program(observed, net, example).only_needed()
    return _program(found, net, example)


def _one_path(net: nn.Module, example: tuple[Tensor, ...]) -> ExportedProgram | None:
    """What a net that branches on values does with the values of its example."""
    # It keeps a log in a file that it leaves open: here in a folder that goes with it.
    with TemporaryDirectory() as folder, patch.dict(os.environ, {"TORCH_DTRACE": folder}):
        try:
            observed = torch.export.draft_export(net, example, strict=False)
            found: ExportedProgram = observed.run_decompositions({})
        except Exception:
            return None
        finally:
            gc.collect()  # closes the file while warnings are off
        return found


@contextmanager
def _quietly() -> Iterator[None]:
    """Without what torch tells of its own code, of weights made in a hook, and of branches."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


@contextmanager
def evaluating(net: nn.Module) -> Iterator[None]:
    """Put a net into evaluation, without fused attention, and back when the block ends."""
    training = [layer for layer in net.modules() if layer.training]
    fused = torch.backends.mha.get_fastpath_enabled()
    net.eval()
    torch.backends.mha.set_fastpath_enabled(False)  # no rule knows its operations
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
        for layer in training:
            layer.training = True


def _program(found: ExportedProgram, net: nn.Module, example: tuple[Tensor, ...]) -> Program:
    signature = found.graph_signature
    inputs = [str(x.arg.name) for x in signature.input_specs if x.kind == InputKind.USER_INPUT]
    named = dict(net.named_parameters(remove_duplicate=False))
    buffers = frozenset(name for name, _ in net.named_buffers(remove_duplicate=False))
    first = {id(x): name for name, x in reversed(named.items())}
    masks = masks_of(net)
    constants = {}
    for spec in signature.input_specs:
        if spec.kind == InputKind.PARAMETER:
            tensor = named[str(spec.target)]
            name = first[id(tensor)]
            value, mask = tensor.detach().cpu(), masks.get(name)
            keep = None if mask is None else mask.cpu()
            frozen = not tensor.requires_grad and keep is None and is_binary(value)
            constants[spec.arg.name] = Constant(value, keep, plain(name, buffers), frozen)
        elif spec.kind in (InputKind.BUFFER, InputKind.CONSTANT_TENSOR):
            held = found.state_dict if spec.target in found.state_dict else found.constants
            name, value = str(spec.target), held[str(spec.target)].detach().cpu()
            if f"{name}_orig" in named and f"{name}_mask" in buffers:  # pruned, and its hook unused
                keep = net.get_buffer(f"{name}_mask").bool().cpu()
                constants[spec.arg.name] = Constant(value, keep, name)
            else:
                constants[spec.arg.name] = Constant(value, is_mask=is_binary(value))
    (last,) = [node for node in found.graph.nodes if node.op == "output"]
    calls = [node for node in found.graph.nodes if node.op == "call_function"]
    given = zip(signature.output_specs, last.args[0], strict=True)
    return Program(
        tuple(op for op in map(_op, calls) if not op.name.startswith("_assert")),
        constants,
        {name: tuple(x.shape) for name, x in zip(inputs, example, strict=True)},
        tuple(_neutral(x) for spec, x in given if spec.kind == OutputKind.USER_OUTPUT),
        frozenset(plain(name, buffers) for name in named),
    )


def _op(node: torch.fx.Node) -> Op:
    target: Any = node.target
    packet = getattr(target, "overloadpacket", None)
    name = target.__name__ if packet is None else packet.__name__
    space = target.__module__ if packet is None else target.namespace
    if target is not operator.getitem and space != "aten":
        name = f"{space}.{name}"  # another library's, whatever it is called
    stack: Mapping[str, tuple[str, Any]] = node.meta.get("nn_module_stack", {})
    layers = [path for path, _ in stack.values()]
    value = node.meta.get("val")
    value = value[0] if isinstance(value, list | tuple) and value else value
    shape = tuple(value.shape) if isinstance(value, Tensor) else ()
    return Op(
        name,
        tuple(_neutral(x) for x in node.args),
        {key: _neutral(x) for key, x in node.kwargs.items()},
        node.name,
        shape,
        layers[-1] if layers else "",
    )


def _neutral(given: Any) -> Any:
    if isinstance(given, torch.fx.Node):
        return Ref(given.name)
    if isinstance(given, list | tuple):
        return type(given)(_neutral(x) for x in given)
    return given


def _remedy(error: Exception) -> str:
    if "scalar types: Long" in str(error):
        return (
            "a net that looks up tokens needs whole numbers as its example, such as "
            "torch.zeros(1, 10, dtype=torch.int64) (on the command line --example-dtype int64)"
        )
    return (
        "a net whose operations do not depend on the values of its inputs is needed. Trace the "
        "part without such branches, or build the graph with netsculpt.from_matrices"
    )


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]:.200}"
