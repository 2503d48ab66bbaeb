"""From a masked net to one with sparse layers, and back."""

from __future__ import annotations

import torch
from torch import nn

from netsculpt.core.errors import FormatError
from netsculpt.nets.copies import copy_of
from netsculpt.nets.masking import layer_parameters
from netsculpt.nets.masks import mask_net
from netsculpt.nets.sparse.layer import SparseLinear

__all__ = ["dense_net", "sparse_net"]


def sparse_net(net: nn.Module) -> nn.Module:
    """A copy of a net whose masked linear layers store and compute kept weights only.

    Layers without a mask stay. The net computes the same, up to rounding; convolutions with masks
    are refused, as a layer that the net uses twice is.

    >>> from netsculpt.nets.families import MLP
    >>> net = MLP((4, 3, 2)).build()
    >>> mask_net(net, {"fc1.weight": torch.eye(3, 4) > 0})
    >>> sparse_net(net).fc1
    SparseLinear(in_features=4, out_features=3, n_weights=3, bias=True)
    """
    made = copy_of(net)
    made._forward_pre_hooks.clear()
    made._state_dict_pre_hooks.clear()
    made._load_state_dict_post_hooks.clear()
    for entry in list(layer_parameters(made)):
        mask = entry.mask
        if mask is None:
            continue
        if not isinstance(entry.layer, nn.Linear) or entry.leaf != "weight":
            raise FormatError(
                f"{entry.name!r} is masked and not the weight of a linear layer: sparse layers are "
                "linear ones; leave its mask out"
            )
        _put(made, entry.name.rpartition(".")[0], _sparse(entry.layer, mask))
    return made


def dense_net(net: nn.Module) -> nn.Module:
    """A copy of a net with sparse layers as dense ones with masks.

    >>> net = nn.Sequential(SparseLinear(4, 3, n_weights=5, rng=0))
    >>> int((dense_net(net)[0].weight != 0).sum())
    5
    """
    made, masks = copy_of(net), {}
    for name, layer in list(made.named_modules()):
        if isinstance(layer, SparseLinear):
            linear = nn.Linear(
                layer.in_features, layer.out_features, bias=layer.bias is not None
            ).to(layer.values.dtype)
            with torch.no_grad():
                linear.weight.copy_(layer.dense_weight())
                if layer.bias is not None:
                    linear.bias.copy_(layer.bias)
            mask = torch.zeros(linear.weight.numel(), dtype=torch.bool)
            mask[layer.flat] = True
            masks[f"{name}.weight" if name else "weight"] = mask.view(linear.weight.shape)
            made = _put(made, name, linear)
    mask_net(made, masks)
    return made


def _sparse(linear: nn.Linear, mask: torch.Tensor) -> SparseLinear:
    flat = mask.reshape(-1).nonzero().squeeze(1)
    layer = SparseLinear(
        linear.in_features,
        linear.out_features,
        n_weights=len(flat),
        bias=linear.bias is not None,
        rng=0,
    ).to(linear.weight.dtype)
    with torch.no_grad():
        layer.replace(flat, linear.weight.reshape(-1)[flat])
        if linear.bias is not None and layer.bias is not None:
            layer.bias.copy_(linear.bias)
    return layer


def _put(net: nn.Module, name: str, layer: nn.Module) -> nn.Module:
    """Replace a layer of a net; return the net, or the layer if it is all of it."""
    if not name:
        return layer
    parent, _, leaf = name.rpartition(".")
    setattr(net.get_submodule(parent), leaf, layer)
    return net
