"""A live net as a list of operations, by `torch.export`."""

from __future__ import annotations

import gc
import io
import itertools
import logging
import operator
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind, OutputKind, TensorArgument
from torch.fx import config as fx_config
from torch.utils import _pytree

from netsculpt.core.errors import TopologyError, first_line
from netsculpt.nets.masks import masks_of
from netsculpt.tracing.example import Example
from netsculpt.tracing.names import constant_of, is_binary, plain
from netsculpt.tracing.program import Constant, Op, Program, Ref, leaves, mapped
from netsculpt.tracing.remedies import refuse_what_cannot_be_exported, remedy
from netsculpt.tracing.sparse import DenseOnly, dense_stand_ins

__all__ = ["evaluating", "exported"]


def exported(net: nn.Module, example: Any) -> Program:
    """The operations that `net` runs on `example` in evaluation mode."""
    refuse_what_cannot_be_exported(net)
    given = Example.of(net, example)
    apart = given.filled([x.clone() for x in given])  # the same tensor twice would be one input
    with evaluating(net), _quietly(), dense_stand_ins(net) as stored:
        try:
            with DenseOnly(net):
                program = torch.export.export(net, apart.args, dict(apart.kwargs), strict=False)
            program = program.run_decompositions({})
        except TopologyError:  # sparse tensors
            raise
        except Exception as error:
            observed = _one_path(net, apart)
            if observed is None:
                own = _own_error(net, apart)
                what = f"torch.export cannot follow {type(net).__name__} ({first_line(error)})"
                if own is not None:
                    what = f"{type(net).__name__} itself fails on this example ({first_line(own)})"
                raise TopologyError(f"{what}: {remedy(error, net, own)}") from error
            whole = _program(observed, net, given, stored)
            return replace(whole.needed(), one_path=True)  # without what decides branches
        return _program(program, net, given, stored)


def _one_path(net: nn.Module, example: Example) -> ExportedProgram | None:
    """The path that a net with branches takes on the values of its example."""
    # draft_export logs to a file that it leaves open: here, in a folder that is deleted.
    with TemporaryDirectory() as folder, patch.dict(os.environ, {"TORCH_DTRACE": folder}):
        try:
            with DenseOnly(net):
                observed = torch.export.draft_export(
                    net, example.args, dict(example.kwargs), strict=False
                )
            program: ExportedProgram = observed.run_decompositions({})
        except TopologyError:
            raise
        except Exception:
            return None
        finally:
            gc.collect()  # closes the file while warnings are off
        return program


def _own_error(net: nn.Module, example: Example) -> Exception | None:
    """What the net raises on its example without `torch.export`; None: nothing."""
    try:
        with torch.no_grad(), DenseOnly(net):
            net(*example.args, **example.kwargs)
    except TopologyError:
        raise
    except Exception as error:
        return error
    return None


@contextmanager
def _quietly() -> Iterator[None]:
    """Silence torch's messages about its own code, weights made in hooks, and branches.

    Nor does it note for each operation where it was called, which takes a twentieth of the time.
    """
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    unnoted = patch.object(fx_config, "do_not_emit_stack_traces", True, create=True)
    try:
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()), unnoted:
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


@contextmanager
def evaluating(net: nn.Module) -> Iterator[None]:
    """Put a net into evaluation mode, without fused attention, for the length of a block."""
    training = [layer for layer in net.modules() if layer.training]
    fused = torch.backends.mha.get_fastpath_enabled()
    net.eval()
    torch.backends.mha.set_fastpath_enabled(False)  # no rule handles its operations
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
        for layer in training:
            layer.training = True


def _program(
    traced: ExportedProgram,
    net: nn.Module,
    example: Example,
    stored: Mapping[str, Tensor],
) -> Program:
    signature = traced.graph_signature
    given = [x.arg for x in signature.input_specs if x.kind == InputKind.USER_INPUT]
    inputs = [str(x.name) for x in given if isinstance(x, TensorArgument)]
    named = dict(net.named_parameters(remove_duplicate=False))
    buffers = frozenset(name for name, _ in net.named_buffers(remove_duplicate=False))
    first = {id(x): name for name, x in reversed(named.items())}
    masks = {**masks_of(net), **stored}
    constants = {}
    for spec in signature.input_specs:
        if spec.kind == InputKind.PARAMETER:
            tensor = named[str(spec.target)]
            name = first[id(tensor)]
            value, mask = tensor.detach().cpu(), masks.get(name)
            keep = None if mask is None else mask.cpu()
            trained = tensor.requires_grad
            constants[spec.arg.name] = constant_of(value, keep, name, buffers, trained=trained)
        elif spec.kind in (InputKind.BUFFER, InputKind.CONSTANT_TENSOR):
            name, state = str(spec.target), traced.state_dict
            value = (state if name in state else traced.constants)[name].detach().cpu()
            if f"{name}_orig" in named and f"{name}_mask" in buffers:  # pruned, its hook unused
                keep = net.get_buffer(f"{name}_mask").bool().cpu()
                constants[spec.arg.name] = Constant(value, keep, name)
            elif name in stored:
                constants[spec.arg.name] = Constant(value, stored[name].cpu())
            else:
                constants[spec.arg.name] = Constant(value, is_mask=is_binary(value))
    (last,) = [node for node in traced.graph.nodes if node.op == "output"]
    calls = [node for node in traced.graph.nodes if node.op == "call_function"]
    outputs = zip(signature.output_specs, last.args[0], strict=True)
    return Program(
        tuple(op for op in map(_op, calls) if not op.name.startswith("_assert")),
        constants,
        {name: tuple(x.shape) for name, x in zip(inputs, example, strict=True)},
        tuple(_neutral(x) for spec, x in outputs if spec.kind == OutputKind.USER_OUTPUT),
        frozenset(plain(name, buffers) for name in named),
        whole=frozenset(
            name
            for name, x in zip(inputs, example, strict=True)
            if not (x.is_floating_point() or x.is_complex())
        ),
        output_names=_output_names(traced),
    )


def _output_names(traced: ExportedProgram) -> tuple[str, ...]:
    """The keys of what a net returns, "aux.0" for a list in a dictionary; "": it has none."""
    form = traced.call_spec.out_spec
    if form is None:
        return ()
    returned = _pytree.tree_unflatten(list(range(form.num_leaves)), form)
    names = []
    for path, _ in _pytree.tree_flatten_with_path(returned)[0]:
        keyed = itertools.dropwhile(lambda key: isinstance(key, _pytree.SequenceKey), path)
        names.append(".".join(_key(key) for key in keyed))
    return tuple(names)


def _key(key: Any) -> str:
    """One key of a path: of a dictionary, a list, or an attribute of a dataclass."""
    for attribute in ("key", "idx", "name"):
        if hasattr(key, attribute):
            return str(getattr(key, attribute))
    return str(key)


def _op(node: torch.fx.Node) -> Op:
    target: Any = node.target
    packet = getattr(target, "overloadpacket", None)
    name = target.__name__ if packet is None else packet.__name__
    space = target.__module__ if packet is None else target.namespace
    if target is not operator.getitem and space != "aten":
        name = f"{space}.{name}"  # of another library, even if the name is ATen's
    stack: Mapping[str, tuple[str, Any]] = node.meta.get("nn_module_stack", {})
    layers = [path for path, _ in stack.values()]
    value = next(leaves(node.meta.get("val")), None)
    shape = tuple(value.shape) if isinstance(value, Tensor) else ()
    args = tuple(node.args)
    if name == "rms_norm" and isinstance(value, Tensor):
        args = _with_epsilon(args, value.dtype)
    return Op(
        name,
        _neutral(args),
        _neutral(node.kwargs),
        node.name,
        shape,
        layers[-1] if layers else "",
    )


def _with_epsilon(args: tuple[Any, ...], dtype: torch.dtype) -> tuple[Any, ...]:
    """The arguments of an RMS norm with its ε: by default that of the type it computes in."""
    filled = (*args, *[None] * (4 - len(args)))
    computed = torch.promote_types(dtype, torch.float32)
    return (*filled[:3], torch.finfo(computed).eps if filled[3] is None else filled[3])


def _neutral(arguments: Any) -> Any:
    return mapped(arguments, lambda x: Ref(x.name) if isinstance(x, torch.fx.Node) else x)
