"""An example of a net's inputs: positional or by name, nested in lists and dictionaries."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.utils import _pytree

from netsculpt.core.errors import GraphError

__all__ = ["Example"]


@dataclass(frozen=True, eq=False)
class Example:
    """What a net is called with; iterating over it gives its tensors, in order."""

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]  # in the order of the net's parameters

    @classmethod
    def of(cls, net: nn.Module, example: Any) -> Example:
        """The example that a tensor, a tuple of inputs, or a dictionary of named inputs is.

        >>> import torch
        >>> from torch import nn
        >>> net = nn.Bilinear(2, 3, 4)
        >>> one, two = torch.zeros(1, 2), torch.zeros(1, 3)
        >>> example = Example.of(net, {"input2": two, "input1": one})
        >>> [list(tensor.shape) for tensor in example]
        [[1, 2], [1, 3]]
        """
        if isinstance(example, Example):
            return example
        if isinstance(example, Tensor | str) or not isinstance(example, Mapping | Sequence):
            example = (example,)
        signature = inspect.signature(net.forward)
        made = cls(tuple(example), {}) if isinstance(example, Sequence) else cls((), dict(example))
        named_well = any(name in signature.parameters for name in made.kwargs)
        if made.kwargs and not named_well and not _binds(signature, made):
            made = cls((dict(example),), {})  # one input that is a dictionary
        made._check()
        if not _binds(signature, made):
            raise GraphError(
                f"the example has {made._words()}, which does not fit forward{signature} of "
                f"{type(net).__name__}: give its inputs in order, or a dictionary of them by name "
                "(on the command line --example input_ids=1,128:int64, once per input)"
            )
        named = [x for x in signature.parameters if x in made.kwargs]
        order = [*named, *(x for x in made.kwargs if x not in named)]
        return cls(made.args, {name: made.kwargs[name] for name in order})

    def __iter__(self) -> Iterator[Tensor]:
        """Its tensors, in the order in which `torch.export` names them."""
        values = _pytree.tree_leaves((self.args, dict(self.kwargs)))
        return (x for x in values if isinstance(x, Tensor))

    def filled(self, tensors: Sequence[Tensor]) -> Example:
        """The example with other tensors."""
        values, form = _pytree.tree_flatten((self.args, dict(self.kwargs)))
        left = iter(tensors)
        args, kwargs = _pytree.tree_unflatten(
            [next(left) if isinstance(x, Tensor) else x for x in values], form
        )
        return Example(args, kwargs)

    def run(self, net: nn.Module) -> Any:
        """What the net returns."""
        return net(*self.args, **self.kwargs)

    def _check(self) -> None:
        tensors = list(self)
        for value in _pytree.tree_leaves((self.args, dict(self.kwargs))):
            if not isinstance(value, Tensor | bool | int | float | str | None):
                raise GraphError(
                    f"example holds a {type(value).__name__}: tensors are needed, batch first, in "
                    "tuples, lists and dictionaries; or plain values such as use_cache=False"
                )
        if not tensors:
            raise GraphError("example has no tensor: give one for each input, batch first")
        dims = 2 if len(tensors) == 1 else 1  # a number per sample, such as a time
        for tensor in tensors:
            if tensor.ndim < dims or not tensor.numel():
                raise GraphError(
                    f"example is {list(tensor.shape)}: a tensor whose first dimension is the batch "
                    "is needed; example.unsqueeze(0) makes a batch of one"
                )

    def _words(self) -> str:
        named = f" and {', '.join(self.kwargs)}" if self.kwargs else ""
        return f"{len(self.args)} inputs by position{named}"


def _binds(signature: inspect.Signature, example: Example) -> bool:
    try:
        signature.bind(*example.args, **example.kwargs)
    except TypeError:
        return False
    return True
