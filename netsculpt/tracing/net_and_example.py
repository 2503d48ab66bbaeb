"""A net and an example of its inputs, from what the command line names."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from netsculpt.core.errors import LimitError, TopologyError, first_line

__all__ = ["InputText", "NetAndExample", "example_from", "net_from", "zeros_example"]


@dataclass(frozen=True, eq=False)
class NetAndExample:
    """A net, and the example to trace it on."""

    net: nn.Module
    example: Any  # as `netsculpt.trace` takes it


def net_from(source: object, name: str) -> nn.Module:
    """The net that `source` is, or returns when called without arguments; on the CPU.

    >>> net_from(nn.Identity, "torch.nn:Identity")
    Identity()
    """
    if isinstance(source, nn.Module):
        return source.cpu()
    if not callable(source):
        raise TopologyError(
            f"{name} is of type {type(source).__name__}: a torch.nn.Module, or a function or "
            "class that makes one, is needed"
        )
    needed = _needed(source)
    if needed:
        raise TopologyError(
            f"{name} needs the arguments {', '.join(needed)}, and is called without any. Write "
            "a function that makes the net with the arguments it was trained with, and name that"
        )
    try:
        net = source()
    except (Exception, SystemExit) as error:
        raise TopologyError(
            f"{name}() raised {first_line(error)}. It has to make the net when "
            "called without arguments; netsculpt --debug shows where it stopped"
        ) from error
    if not isinstance(net, nn.Module):
        raise TopologyError(
            f"{name}() returns a {type(net).__name__}: a torch.nn.Module is needed. Name a "
            "function that returns the net alone"
        )
    return net.cpu()


def zeros_example(shapes: Sequence[Sequence[int]], dtypes: Sequence[str]) -> tuple[Tensor, ...]:
    """Zeros of these shapes and types.

    >>> zeros_example([(1, 3)], ["int64"])
    (tensor([[0, 0, 0]]),)
    """
    try:
        return tuple(
            torch.zeros(tuple(shape), dtype=getattr(torch, dtype))
            for shape, dtype in zip(shapes, dtypes, strict=True)
        )
    except RuntimeError as error:
        raise LimitError(
            f"no memory for an example of {' and '.join(str(list(x)) for x in shapes)} "
            f"({error}): give smaller shapes; a batch of 1 is enough"
        ) from None


@dataclass(frozen=True)
class InputText:
    """One input as the command line names it."""

    name: str  # "" for an input by position; "batch.x" is in a dictionary
    shape: tuple[int, ...] = ()
    dtype: str = "float32"
    value: Any = None  # a plain value, for an input without a shape


def example_from(inputs: Sequence[InputText]) -> Any:
    """A tuple of the inputs by position, or a dictionary of those by name.

    Tensors are zeros, but ones where the name says that they are masks: nothing is padding.

    >>> example_from([InputText("batch.x", (1, 2)), InputText("mask", (1, 2), "bool")])
    {'batch': {'x': tensor([[0., 0.]])}, 'mask': tensor([[True, True]])}
    """
    made = zeros_example([x.shape for x in inputs], [x.dtype for x in inputs])
    named: dict[str, Any] = {}
    by_position = []
    for given, zeros in zip(inputs, made, strict=True):
        value: Any = zeros if given.shape else given.value
        *outer, name = given.name.split(".")
        if given.shape and "mask" in name:
            value = torch.ones_like(zeros)
        if not given.name:
            by_position.append(value)
            continue
        inside = named
        for part in outer:
            inside = inside.setdefault(part, {})
        inside[name] = value
    if by_position and named:
        raise TopologyError(
            f"{len(by_position)} inputs have no name and {', '.join(named)} have one: name all of "
            "them, as the net's forward does, or none"
        )
    return named or tuple(by_position)


def _needed(factory: object) -> list[str]:
    """Names of the arguments without a default."""
    try:
        parameters = inspect.signature(factory).parameters.values()  # type: ignore[arg-type]
    except (TypeError, ValueError):  # written in C
        return []
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [x.name for x in parameters if x.default is x.empty and x.kind not in variadic]
