"""A net and an example of its inputs, as the command line is given them."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from netsculpt.core.errors import LimitError, TopologyError

__all__ = ["Given", "first_line", "given_example", "given_net"]


@dataclass(frozen=True, eq=False)
class Given:
    """A net to trace, and on what."""

    net: nn.Module
    example: tuple[Tensor, ...]


def given_net(found: object, name: str) -> nn.Module:
    """The net that `found` is, or makes when it is called without arguments; on the CPU.

    >>> given_net(nn.Identity, "torch.nn:Identity")
    Identity()
    """
    if isinstance(found, nn.Module):
        return found.cpu()
    if not callable(found):
        raise TopologyError(
            f"{name} is of type {type(found).__name__}: a function or a class that makes a "
            "torch.nn.Module, or one itself, is needed"
        )
    needed = _needed(found)
    if needed:
        raise TopologyError(
            f"{name} needs the arguments {', '.join(needed)}: it is called without any. Write a "
            "function that makes the net with those that it had when it was trained, and name that"
        )
    try:
        net = found()
    except (Exception, SystemExit) as error:
        raise TopologyError(
            f"{name}() raised {first_line(error)}. It has to make the net when it is "
            "called without arguments; netsculpt --debug shows where it stopped"
        ) from error
    if not isinstance(net, nn.Module):
        raise TopologyError(
            f"{name}() gives a {type(net).__name__}: a torch.nn.Module is needed. Name a function "
            "that returns the net alone"
        )
    return net.cpu()


def given_example(shapes: Sequence[Sequence[int]], dtypes: Sequence[str]) -> tuple[Tensor, ...]:
    """Zeros of some shapes, each of its type.

    >>> given_example([(1, 3)], ["int64"])
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


def first_line(error: BaseException) -> str:
    """What an error says, in short."""
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]:.200}"


def _needed(factory: object) -> list[str]:
    """The arguments without a default, for a call."""
    try:
        parameters = inspect.signature(factory).parameters.values()  # type: ignore[arg-type]
    except (TypeError, ValueError):  # written in C
        return []
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [x.name for x in parameters if x.default is x.empty and x.kind not in variadic]
