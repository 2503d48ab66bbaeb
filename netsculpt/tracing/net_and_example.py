"""A net and an example of its inputs, from what the command line names."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from netsculpt.core.errors import LimitError, TopologyError, first_line

__all__ = ["NetAndExample", "net_from", "zeros_example"]


@dataclass(frozen=True, eq=False)
class NetAndExample:
    """A net, and the example to trace it on."""

    net: nn.Module
    example: tuple[Tensor, ...]


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


def _needed(factory: object) -> list[str]:
    """Names of the arguments without a default."""
    try:
        parameters = inspect.signature(factory).parameters.values()  # type: ignore[arg-type]
    except (TypeError, ValueError):  # written in C
        return []
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [x.name for x in parameters if x.default is x.empty and x.kind not in variadic]
