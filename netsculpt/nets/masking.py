"""The parameters of a net with their masks, and the hook that keeps pruned entries at 0."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

__all__ = ["LayerParameter", "MaskHook", "hook_masks", "layer_parameters"]

_TRANSPOSED = nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d


@dataclass(frozen=True, eq=False)
class LayerParameter:
    """A parameter of a net and the layer that has it; its mask is a buffer of that layer."""

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
    def is_current(self) -> bool:
        """Whether the layer still has this parameter, not one that replaces it during a call."""
        return dict(self.layer.named_parameters(recurse=False)).get(self.leaf) is self.parameter

    @property
    def is_transposed(self) -> bool:
        """Whether the weight is [in, out / groups, …], as transposed convolutions have it."""
        return isinstance(self.layer, _TRANSPOSED)

    @property
    def n_groups(self) -> int:
        """Groups of a convolution; 1 for other layers."""
        return int(getattr(self.layer, "groups", 1))

    def set_mask(self, mask: Tensor) -> None:
        """Set the mask, in place where there is one."""
        present = self.mask
        if present is None:
            self.layer.register_buffer(f"{self.leaf}_mask", mask.to(self.parameter.device).clone())
        else:
            present.copy_(mask)

    def zero_pruned(self) -> None:
        """Set pruned entries to 0, NaN included."""
        mask = self.mask
        if mask is not None:
            _zero(self.parameter, mask)

    def mask_gradient(self) -> None:
        """Set the gradient of pruned entries to 0."""
        mask, gradient = self.mask, self.parameter.grad
        if mask is not None and gradient is not None:
            gradient.masked_fill_(~mask, 0)


def layer_parameters(net: nn.Module) -> Iterator[LayerParameter]:
    """Every parameter once, in the net's order; a shared one comes with its first layer."""
    seen: set[int] = set()
    for prefix, layer in net.named_modules():
        for leaf, parameter in layer.named_parameters(recurse=False):
            if id(parameter) not in seen:
                seen.add(id(parameter))
                name = f"{prefix}.{leaf}" if prefix else leaf
                yield LayerParameter(name, layer, leaf, parameter)


class MaskHook:
    """Sets pruned entries of one net to 0 before it runs and before it is saved.

    It holds the net's own parameters and masks, so that what `torch.func.functional_call` puts in
    their place is left alone. A deep copy of the net gets a copy of the hook with its own ones.
    """

    masked: list[tuple[LayerParameter, Tensor]]

    def __call__(self, *_: object) -> None:
        """Set pruned entries to 0, unless the net is being exported, which must not see it."""
        if torch.compiler.is_exporting():
            return
        for index, (entry, mask) in enumerate(self.masked):
            if mask.device == entry.parameter.device:
                _zero(entry.parameter, mask)
            else:  # the net was moved: its parameters are the same objects, its masks are not
                self._zero_moved(index)

    def attach(self, net: nn.Module, *_: object) -> None:
        """Look up the net's parameters again: loading may have replaced them."""
        masks = [(entry, entry.mask) for entry in layer_parameters(net)]
        found = [(entry, mask) for entry, mask in masks if mask is not None]
        if not self._holds(found):  # a list that stays spares compiled nets a compilation
            self.masked = found
        self()

    def _holds(self, found: list[tuple[LayerParameter, Tensor]]) -> bool:
        present = getattr(self, "masked", [])
        return len(present) == len(found) and all(
            mask is other and entry.parameter is one.parameter and entry.layer is one.layer
            for (entry, mask), (one, other) in zip(present, found, strict=True)
        )

    def _zero_moved(self, index: int) -> None:
        entry, mask = self.masked[index]
        current = entry.mask if entry.is_current else None
        if current is None:
            _zero(entry.parameter, mask.to(entry.parameter.device))
        else:
            self.masked[index] = entry, current
            _zero(entry.parameter, current)


def hook_masks(net: nn.Module) -> None:
    """Keep the net's pruned entries at 0 from now on."""
    for hook in net._forward_pre_hooks.values():
        if isinstance(hook, MaskHook):
            hook.attach(net)
            return
    hook = MaskHook()
    hook.attach(net)
    net.register_forward_pre_hook(hook)
    net.register_state_dict_pre_hook(hook)  # type: ignore[no-untyped-call]
    net.register_load_state_dict_post_hook(hook.attach)  # type: ignore[no-untyped-call]


def _zero(parameter: Tensor, mask: Tensor) -> None:
    """Unseen by autograd: where entries are 0 already, nothing that it saved has changed."""
    parameter.data.masked_fill_(~mask, 0)
