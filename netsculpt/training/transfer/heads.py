"""The head of a net: its last layer, which a transfer replaces; and the features that feed it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from netsculpt.core.errors import FormatError, TopologyError, first_line
from netsculpt.core.numbers import checked_whole
from netsculpt.core.random import RNG, root_seed
from netsculpt.nets.copies import copy_of
from netsculpt.nets.masking import hook_masks
from netsculpt.nets.masks import masks_of
from netsculpt.nets.prunable import layer_weights

__all__ = ["Head", "features", "head_of", "with_head"]

_AT_ONCE = 1024  # samples


@dataclass(frozen=True)
class Head:
    """The linear layer whose output is what a net returns."""

    name: str  # in the net, "fc3"
    n_features: int  # numbers that feed it, for a sample
    n_outputs: int


def head_of(net: nn.Module, example: Tensor) -> Head:
    """Find the layer whose output a net returns, by running it: neither by index nor by name.

    Parameters
    ----------
    net
        Any net; left as it is.
    example
        Inputs, batch first.

    Raises
    ------
    FormatError
        If the net does not take the example.
    TopologyError
        If no layer returns what the net returns, as where a softmax follows; if the layer is not a
        `torch.nn.Linear`; or if it runs more than once, or on more than a vector for each sample.

    Examples
    --------
    >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> head_of(net, torch.zeros(1, 4))
    Head(name='2', n_features=8, n_outputs=2)
    """
    still = copy_of(net).eval()
    weighted = {id(weight.layer) for weight in layer_weights(still)}
    calls: list[tuple[str, nn.Module, Tensor, Tensor]] = []

    def remember(name: str, layer: nn.Module, inputs: tuple[Tensor, ...], output: object) -> None:
        if isinstance(output, Tensor):
            calls.append((name, layer, inputs[0], output.clone()))

    for name, layer in still.named_modules():
        if id(layer) in weighted or isinstance(layer, nn.Linear):
            layer.register_forward_hook(
                lambda layer, inputs, output, name=name: remember(name, layer, inputs, output)
            )
    try:
        with torch.no_grad():
            returned = still(example)
    except RuntimeError as error:
        raise FormatError(
            f"the net does not take inputs {list(example.shape)} ({first_line(error)}): a task "
            "with inputs of the size that it was made for is needed"
        ) from None
    last = next((call for call in reversed(calls) if _same(call[3], returned)), None)
    if last is None:
        raise TopologyError(
            "the net does not return the output of one of its layers: a head is found where "
            "nothing follows it; take a softmax or a scaling behind it out of the net"
        )
    name, layer, inputs, _ = last
    if not isinstance(layer, nn.Linear) or inputs.ndim != 2:
        raise TopologyError(
            f"the last layer {name!r} is a {type(layer).__name__} on {list(inputs.shape)}: a "
            "Linear on [n, features] is needed, which a new one can replace"
        )
    if sum(other is layer for _, other, _, _ in calls) > 1:
        raise TopologyError(
            f"the last layer {name!r} runs more than once: a head that only makes the output is "
            "needed"
        )
    return Head(name, layer.in_features, layer.out_features)


@torch.no_grad()
def features(net: nn.Module, inputs: Tensor, head: Head | None = None) -> Tensor:
    """What feeds the head [n, features], in evaluation mode; the net is left as it is.

    >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> features(net, torch.zeros(5, 4)).shape
    torch.Size([5, 8])
    """
    wanted = head or head_of(net, inputs[:1])
    still = copy_of(net).eval()
    parts: list[Tensor] = []
    still.get_submodule(wanted.name).register_forward_pre_hook(
        lambda _layer, given: parts.append(given[0].clone())
    )
    for part in torch.split(inputs, _AT_ONCE):
        still(part)
    return torch.cat(parts)


def with_head(net: nn.Module, head: Head, n_outputs: int, *, rng: RNG = None) -> nn.Module:
    """Copy of a net with a new, dense head; everything else stays as it is, masks included.

    Its weights are drawn as torch draws those of a Linear, from `rng` alone.

    >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> with_head(net, head_of(net, torch.zeros(1, 4)), 5, rng=0)[2]
    Linear(in_features=8, out_features=5, bias=True)
    """
    checked_whole(n_outputs, "n_outputs", least=1)
    if not head.name:
        raise FormatError("the net is its head alone: put it into a Sequential, to replace it")
    made = copy_of(net)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(root_seed(rng) % 2**63)
        new = nn.Linear(head.n_features, n_outputs)
    old = made.get_submodule(head.name)
    new.to(next(old.parameters()))
    parent, _, leaf = head.name.rpartition(".")
    setattr(made.get_submodule(parent), leaf, new)
    if masks_of(made):
        hook_masks(made)  # of the layers that it has now
    return made


def _same(output: Tensor, returned: object) -> bool:
    return isinstance(returned, Tensor) and torch.equal(output, returned)
