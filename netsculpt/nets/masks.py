"""Masks over any net: boolean buffers beside the weights, True = kept.

The mask of ``fc1.weight`` is the buffer ``fc1.weight_mask`` of the same layer. So it is saved and
loaded with the state dict, copied with the net, and moves with it to a device; the parameters keep
their names and stay the objects that an optimizer knows. Pruned entries are 0: a masked net makes
them so before every call and before it gives its state dict, whichever optimizer has moved them.

After ``backward`` the gradient of a masked parameter is the dense one, by which pruned weights are
chosen to grow again. `mask_gradients` before every step of the optimizer, as
`netsculpt.training.fit` calls it, keeps its moments at 0 there too. After a step that moved
pruned weights, by moments from before they were pruned, `zero_pruned` is for who reads weights
before the next call.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from netsculpt.core.errors import FormatError
from netsculpt.files.checkpoint import Model
from netsculpt.nets.families import initial_net, net_from_spec
from netsculpt.nets.held import hold, places

__all__ = [
    "mask_gradients",
    "mask_net",
    "masks_of",
    "plain_state",
    "restored",
    "zero_pruned",
]


def mask_net(net: nn.Module, masks: Mapping[str, Tensor]) -> None:
    """Set the masks of some parameters of a net, in place.

    A new mask replaces the old one: bits may be set again. Entries that were not kept before, or
    are not now, become 0; the others stay. Parameters that are not named stay as they are.
    `torch.func.functional_call` runs with the tensors that it is given, masked or not.

    Parameters
    ----------
    net
        Any net. What is trained, copied or saved afterwards is this net, not a part of it.
    masks
        Boolean, by the names of `net.named_parameters()` and of their shapes. True = kept.

    Raises
    ------
    FormatError
        If a mask fits no parameter; then nothing is changed.

    Examples
    --------
    >>> from netsculpt.nets.families import MLP
    >>> net = MLP((3, 2)).build()
    >>> mask_net(net, {"fc1.weight": torch.tensor([[True, False, True], [False, False, True]])})
    >>> int((net.fc1.weight != 0).sum())
    3
    """
    found = {place.name: place for place in places(net)}
    for name, mask in masks.items():
        place = found.get(name)
        if place is None:
            raise FormatError(
                f"mask of {name!r:.80} found, the net's parameters are {', '.join(found)}: masks "
                "go by the names of net.named_parameters()"
            )
        if mask.dtype != torch.bool or mask.shape != place.parameter.shape:
            raise FormatError(
                f"mask of {name!r} is {mask.dtype} {list(mask.shape)}, the parameter is "
                f"{list(place.parameter.shape)}: a boolean mask of that shape is needed"
            )
        if place.mask is None and hasattr(place.layer, f"{place.leaf}_mask"):
            raise FormatError(
                f"the layer of {name!r} has something else called '{place.leaf}_mask': rename it"
            )
    for name, mask in masks.items():
        found[name].settle()
        found[name].put(mask)
    hold(net)


def masks_of(net: nn.Module) -> dict[str, Tensor]:
    """The masks of a net by the names of the parameters: its own buffers, not copies."""
    found = {place.name: place.mask for place in places(net)}
    return {name: mask for name, mask in found.items() if mask is not None}


def zero_pruned(net: nn.Module) -> None:
    """Make pruned entries 0 at once, as a masked net does before its next call."""
    for place in places(net):
        place.settle()


def mask_gradients(net: nn.Module) -> None:
    """Make the gradients of pruned entries 0, so that optimizers gather no moments there."""
    for place in places(net):
        place.mask_gradient()


def plain_state(net: nn.Module) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """State and masks as `netsculpt.files.checkpoint.write_model` takes them.

    Pruned entries are 0. The tensors are the net's own, not copies.

    >>> from netsculpt.nets.families import MLP
    >>> net = MLP((2, 2)).build()
    >>> mask_net(net, {"fc1.weight": torch.eye(2) > 0})
    >>> state, masks = plain_state(net)
    >>> list(state), list(masks)
    (['fc1.weight', 'fc1.bias'], ['fc1.weight'])
    """
    zero_pruned(net)
    masks = {id(x.parameter): x.mask for x in places(net) if x.mask is not None}
    named = dict(net.named_parameters(remove_duplicate=False))
    buffers = {id(mask) for mask in masks.values()}
    apart = {name for name, x in net.named_buffers(remove_duplicate=False) if id(x) in buffers}
    state = {name: x for name, x in net.state_dict().items() if name not in apart}
    return state, {name: masks[id(x)] for name, x in named.items() if id(x) in masks}


def restored(model: Model) -> nn.Module:
    """The net that a ``model.pt`` holds, with its masks.

    Raises
    ------
    FormatError
        If its family is unknown, or its state is of another net than its spec.
    """
    spec = net_from_spec(model.net)
    with torch.device("meta"):  # sizes alone: a file may name a net that no memory holds
        n_needed = sum(x.numel() for x in spec.build().parameters())
    if n_needed > sum(x.numel() for x in model.state.values()):
        raise FormatError(
            f"the state is of another net than its spec {dict(model.net)!r:.200}, which has "
            f"{n_needed} parameters: write the model again, with the spec that the net was built "
            "from"
        )
    net = initial_net(spec, rng=0)
    try:
        net.load_state_dict(dict(model.state))
    except RuntimeError as error:
        raise FormatError(
            f"the state is of another net than its spec {dict(model.net)!r:.200} ({error}): write "
            "the model again, with the spec that the net was built from"
        ) from None
    mask_net(net, model.masks)
    return net
