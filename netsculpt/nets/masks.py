"""Masks over any net: boolean buffers next to the weights, True = kept.

The mask of ``fc1.weight`` is the buffer ``fc1.weight_mask`` of the same layer. So it is saved and
loaded with the state dict, copied with the net, and moved with it to a device; the parameters keep
their names and stay the objects that an optimizer holds. Pruned entries are 0: a masked net sets
them to 0 before every call and before it returns its state dict, whatever an optimizer did.

After ``backward`` the gradient of a masked parameter is the dense one, from which pruned weights
can be chosen to grow again. Calling `mask_gradients` before every step of the optimizer keeps the
optimizer's moments at 0 there too; `netsculpt.training.fit` does so by itself. If moments from
before the pruning have moved pruned weights, call `zero_pruned` before reading the weights.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from netsculpt.core.errors import FormatError
from netsculpt.files.model import Model
from netsculpt.nets.families import initial_net, net_from_spec
from netsculpt.nets.masking import hook_masks, layer_parameters

__all__ = [
    "mask_gradients",
    "mask_net",
    "masks_of",
    "net_from_model",
    "plain_state",
    "zero_pruned",
]


def mask_net(net: nn.Module, masks: Mapping[str, Tensor]) -> None:
    """Set the masks of some parameters of a net, in place.

    A new mask replaces the old one: bits may be set again. Entries that were pruned before or are
    pruned now become 0; the others keep their values. Other parameters are left as they are.
    `torch.func.functional_call` runs with the tensors passed to it, masked or not.

    Parameters
    ----------
    net
        Any net. Afterwards train, copy or save this net, not a part of it.
    masks
        Boolean tensors by the names of `net.named_parameters()`, of their shapes. True = kept.

    Raises
    ------
    FormatError
        If a mask does not fit a parameter; then nothing is changed.

    Examples
    --------
    >>> from netsculpt.nets.families import MLP
    >>> net = MLP((3, 2)).build()
    >>> mask_net(net, {"fc1.weight": torch.tensor([[True, False, True], [False, False, True]])})
    >>> int((net.fc1.weight != 0).sum())
    3
    """
    entries = {entry.name: entry for entry in layer_parameters(net)}
    for name, mask in masks.items():
        entry = entries.get(name)
        if entry is None:
            raise FormatError(
                f"there is a mask of {name!r:.80}, but the net's parameters are "
                f"{', '.join(entries)}: name masks as net.named_parameters() does"
            )
        if mask.dtype != torch.bool or mask.shape != entry.parameter.shape:
            raise FormatError(
                f"mask of {name!r} is {mask.dtype} {list(mask.shape)}, the parameter is "
                f"{list(entry.parameter.shape)}: a boolean mask of that shape is needed"
            )
        if entry.mask is None and hasattr(entry.layer, f"{entry.leaf}_mask"):
            raise FormatError(
                f"the layer of {name!r} has something else called '{entry.leaf}_mask': rename it"
            )
    for name, mask in masks.items():
        entries[name].zero_pruned()
        entries[name].set_mask(mask)
    hook_masks(net)


def masks_of(net: nn.Module) -> dict[str, Tensor]:
    """The masks of a net by the names of the parameters: its own buffers, not copies."""
    masks = {entry.name: entry.mask for entry in layer_parameters(net)}
    return {name: mask for name, mask in masks.items() if mask is not None}


def zero_pruned(net: nn.Module) -> None:
    """Set pruned entries to 0 now, as a masked net does before its next call."""
    for entry in layer_parameters(net):
        entry.zero_pruned()


def mask_gradients(net: nn.Module) -> None:
    """Set the gradients of pruned entries to 0, so that optimizers gather no moments there."""
    for entry in layer_parameters(net):
        entry.mask_gradient()


def plain_state(net: nn.Module) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """State and masks of a net, as `netsculpt.files.model.write_model` expects them.

    Pruned entries are 0. The tensors are the net's own, not copies.

    >>> from netsculpt.nets.families import MLP
    >>> net = MLP((2, 2)).build()
    >>> mask_net(net, {"fc1.weight": torch.eye(2) > 0})
    >>> state, masks = plain_state(net)
    >>> list(state), list(masks)
    (['fc1.weight', 'fc1.bias'], ['fc1.weight'])
    """
    zero_pruned(net)
    masks = {id(x.parameter): x.mask for x in layer_parameters(net) if x.mask is not None}
    named = dict(net.named_parameters(remove_duplicate=False))
    buffers = {id(mask) for mask in masks.values()}
    left_out = {name for name, x in net.named_buffers(remove_duplicate=False) if id(x) in buffers}
    state = {name: x for name, x in net.state_dict().items() if name not in left_out}
    return state, {name: masks[id(x)] for name, x in named.items() if id(x) in masks}


def net_from_model(model: Model) -> nn.Module:
    """Rebuild the net of a ``model.pt``, with its masks.

    Raises
    ------
    FormatError
        If its family is unknown, or its state does not fit its spec.
    """
    spec = net_from_spec(model.net)
    mismatch = f"the state is of another net than its spec {dict(model.net)!r:.200}"
    remedy = "write the model again, with the spec that the net was built from"
    with torch.device("meta"):  # sizes only: a file may describe a net that fits into no memory
        n_needed = sum(x.numel() for x in spec.build().state_dict().values())
    if n_needed > sum(x.numel() for x in model.state.values()):
        raise FormatError(f"{mismatch}, which has {n_needed} parameters: {remedy}")
    net = initial_net(spec, rng=0)
    try:
        net.load_state_dict(dict(model.state))
    except RuntimeError as error:
        raise FormatError(f"{mismatch} ({error}): {remedy}") from None
    mask_net(net, _by_first_name(net, model.masks))
    return net


def _by_first_name(net: nn.Module, masks: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Masks without the further names of tied parameters, as `plain_state` lists them."""
    named = dict(net.named_parameters(remove_duplicate=False))
    first = {id(parameter): name for name, parameter in net.named_parameters()}
    found: dict[str, Tensor] = {}
    for name, mask in masks.items():
        one = first[id(named[name])] if name in named else name
        if one in found and not torch.equal(found[one], mask):
            raise FormatError(
                f"{one!r} and {name!r} are one parameter with two masks: give it one of them"
            )
        found[one] = mask
    return found
