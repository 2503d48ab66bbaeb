"""Where a net's masks are, and what keeps pruned entries at 0 whatever an optimizer does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

__all__ = ["Holder", "Place", "hold", "places"]


@dataclass(frozen=True, eq=False)
class Place:
    """A parameter of a net, where it stands; its mask is a buffer of the same layer."""

    name: str  # in the net, "fc1.weight"
    layer: nn.Module
    leaf: str  # in the layer, "weight"
    parameter: nn.Parameter

    @property
    def mask(self) -> Tensor | None:
        """True = kept; None: nothing was ever pruned here."""
        buffers = dict(self.layer.named_buffers(recurse=False))
        mask = buffers.get(f"{self.leaf}_mask")
        fits = mask is not None and mask.dtype == torch.bool and mask.shape == self.parameter.shape
        return mask if fits else None

    @property
    def stands(self) -> bool:
        """Whether the layer has this parameter, and not one put in its place for a call."""
        return dict(self.layer.named_parameters(recurse=False)).get(self.leaf) is self.parameter

    def put(self, mask: Tensor) -> None:
        """Set the mask, in place where there is one."""
        own = self.mask
        if own is None:
            self.layer.register_buffer(f"{self.leaf}_mask", mask.to(self.parameter.device).clone())
        else:
            own.copy_(mask)

    def settle(self) -> None:
        """Make pruned entries 0, whatever they hold: NaN too."""
        mask = self.mask
        if mask is not None:
            _zero(self.parameter, mask)

    def mask_gradient(self) -> None:
        """Make the gradient of pruned entries 0."""
        mask, gradient = self.mask, self.parameter.grad
        if mask is not None and gradient is not None:
            gradient.masked_fill_(~mask, 0)


def places(net: nn.Module) -> Iterator[Place]:
    """Every parameter once, in the net's order; one that two layers share is the first one's."""
    seen: set[int] = set()
    for prefix, layer in net.named_modules():
        for leaf, parameter in layer.named_parameters(recurse=False):
            if id(parameter) not in seen:
                seen.add(id(parameter))
                yield Place(f"{prefix}.{leaf}" if prefix else leaf, layer, leaf, parameter)


class Holder:
    """Settles the masked parameters of one net: called before it runs and before it is saved.

    It knows the net's own parameters and masks, so that what `torch.func.functional_call` puts in
    their places is left alone. A deep copy of the net has a copy of it that knows the copy.
    """

    held: list[tuple[Place, Tensor]]

    def __call__(self, *_: object) -> None:
        """Settle them, except while a net is being exported, which must not see it."""
        if torch.compiler.is_exporting():
            return
        for at, (place, mask) in enumerate(self.held):
            if mask.device == place.parameter.device:
                _zero(place.parameter, mask)
            else:  # the net was moved: its parameters are the same objects, its masks are not
                self._settle_moved(at)

    def adopt(self, net: nn.Module, *_: object) -> None:
        """Know the net's parameters, also those that loading has put in the place of others."""
        masks = [(place, place.mask) for place in places(net)]
        self.held = [(place, mask) for place, mask in masks if mask is not None]
        self()

    def _settle_moved(self, at: int) -> None:
        place, mask = self.held[at]
        standing = place.mask if place.stands else None
        if standing is None:
            _zero(place.parameter, mask.to(place.parameter.device))
        else:
            self.held[at] = place, standing
            _zero(place.parameter, standing)


def hold(net: nn.Module) -> None:
    """Let the net settle its masked parameters from now on."""
    for hook in net._forward_pre_hooks.values():
        if isinstance(hook, Holder):
            hook.adopt(net)
            return
    holder = Holder()
    holder.adopt(net)
    net.register_forward_pre_hook(holder)
    net.register_state_dict_pre_hook(holder)  # type: ignore[no-untyped-call]
    net.register_load_state_dict_post_hook(holder.adopt)  # type: ignore[no-untyped-call]


def _zero(parameter: Tensor, mask: Tensor) -> None:
    """Unknown to autograd: where entries are 0 already, nothing that it saved has changed."""
    parameter.data.masked_fill_(~mask, 0)
