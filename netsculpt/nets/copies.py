"""Copies of any net, also of one whose layers compute their weights before every call."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from netsculpt.nets.masks import mask_net

__all__ = ["copy_of", "with_own_masks"]


def copy_of(net: nn.Module) -> nn.Module:
    """A deep copy.

    `torch.nn.utils.prune` and the older `weight_norm` keep a computed weight in the layer, which
    `copy.deepcopy` refuses; here the copy has its value until it is called.

    >>> net = nn.Linear(2, 1)
    >>> _ = prune.l1_unstructured(net, "weight", amount=1)
    >>> made = copy_of(net)
    >>> torch.equal(made(torch.ones(1, 2)), net(torch.ones(1, 2))), made.weight is net.weight
    (True, False)
    """
    held = (value for layer in net.modules() for value in vars(layer).values())
    computed = [x for x in held if isinstance(x, Tensor) and not x.is_leaf]
    return copy.deepcopy(net, {id(x): x.detach().clone() for x in computed})


def with_own_masks(net: nn.Module) -> nn.Module:
    """A copy in which masks of `torch.nn.utils.prune` are masks of netsculpt, under plain names.

    >>> net = nn.Linear(2, 1)
    >>> _ = prune.l1_unstructured(net, "weight", amount=1)
    >>> list(dict(net.named_parameters())), list(dict(with_own_masks(net).named_parameters()))
    (['bias', 'weight_orig'], ['bias', 'weight'])
    >>> int(with_own_masks(net).weight_mask.sum())
    1
    """
    made, masks = copy_of(net), dict[str, Tensor]()
    for prefix, layer in made.named_modules():
        for hook in list(layer._forward_pre_hooks.values()):
            if isinstance(hook, prune.BasePruningMethod):
                leaf = hook._tensor_name
                mask = torch.as_tensor(getattr(layer, f"{leaf}_mask")) != 0
                prune.remove(layer, leaf)  # type: ignore[no-untyped-call]
                masks[f"{prefix}.{leaf}" if prefix else leaf] = mask
    if masks:
        mask_net(made, masks)
    return made
