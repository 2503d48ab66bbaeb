"""The tensors of a live net as slots to fill, under plain names and without its pruning."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.nn.utils import parametrize, prune
from torch.nn.utils.weight_norm import WeightNorm, remove_weight_norm

from netsculpt.core.errors import TopologyError
from netsculpt.files.words import quoted
from netsculpt.loading.weights.state import mask_owner, plain_name
from netsculpt.nets.masks import mask_net, masks_of
from netsculpt.tracing.names import is_binary, plain

__all__ = ["Filling", "Slot", "fill", "slots_of", "undo_pruning"]

_STATISTICS = ("running_mean", "running_var")


@dataclass(frozen=True, eq=False)
class Slot:
    """A tensor of a net, and its names in files."""

    names: tuple[str, ...]  # plain, in the net's order; several if layers share it
    tensor: Tensor
    maskable: str | None  # its name for `mask_net`; None: a buffer
    needed: bool  # whether every state dict of the net contains it
    masks: str | None  # the parameter that the net's own code masks with it


@dataclass(frozen=True, eq=False)
class Filling:
    """The values and the mask from a file for a tensor of a net."""

    slot: Slot
    value: Tensor
    keep: Tensor | None  # True = kept; None: nonzero entries
    origin: str  # what defines the kept entries: "mask", "stored" or "nonzero"

    @property
    def is_weight(self) -> bool:
        """Whether it may hold edges: a parameter other than a vector."""
        return self.slot.maskable is not None and self.value.ndim >= 2

    @property
    def pattern(self) -> Tensor:
        """True = kept."""
        return self.value != 0 if self.keep is None else self.keep

    @property
    def n_nonfinite(self) -> int:
        """How many kept weights are NaN or infinite."""
        return self._n_nonfinite if self.is_weight else 0

    @property
    def n_unusable(self) -> int:
        """How many biases, scales or statistics of norms are NaN or infinite.

        Other buffers may be: masks of attention are −∞ where nothing is attended to.
        """
        matters = self.slot.maskable is not None or self.slot.names[0].endswith(_STATISTICS)
        return self._n_nonfinite if matters and not self.is_weight else 0

    @property
    def _n_nonfinite(self) -> int:
        return int((self.pattern & ~self.value.isfinite()).sum())

    def finite(self) -> Filling:
        """The filling with NaN and infinite weights pruned."""
        if not self.n_nonfinite:
            return self
        return replace(self, keep=self.pattern & self.value.isfinite())


def undo_pruning(net: nn.Module) -> None:
    """Replace pruned and parametrised weights by plain parameters of the same values, in place.

    Mask buffers that the net's own code multiplies by stay; those called ``…_mask`` become boolean,
    as `netsculpt.nets.masks` needs them.
    """
    for layer in list(net.modules()):
        for hook in list(layer._forward_pre_hooks.values()):
            if isinstance(hook, prune.BasePruningMethod):
                prune.remove(layer, hook._tensor_name)  # type: ignore[no-untyped-call]
            elif isinstance(hook, WeightNorm):
                remove_weight_norm(layer, hook.name)
        buffers = dict(layer.named_buffers(recurse=False))
        for leaf, parameter in layer.named_parameters(recurse=False):
            mask = buffers.get(f"{leaf}_mask")
            if mask is not None and mask.shape == parameter.shape and is_binary(mask):
                setattr(layer, f"{leaf}_mask", mask.bool())
        if parametrize.is_parametrized(layer):
            for leaf in list(layer.parametrizations):  # type: ignore[arg-type]
                parametrize.remove_parametrizations(layer, leaf, leave_parametrized=True)


def slots_of(net: nn.Module) -> dict[str, Slot]:
    """Every tensor of a net without pruning, by each of its plain names in order."""
    parameters = dict(net.named_parameters(remove_duplicate=False))
    buffers = dict(net.named_buffers(remove_duplicate=False))
    net_masks = {id(mask) for mask in masks_of(net).values()}
    everything = parameters | {name: x for name, x in buffers.items() if id(x) not in net_masks}
    called = {name: plain_name(plain(name, buffers)) for name in everything}
    owners = {called[name]: x for name, x in parameters.items()}
    saved = net.state_dict().keys()
    names: dict[int, list[str]] = {}
    for name, tensor in everything.items():
        names.setdefault(id(tensor), []).append(name)
    slots: dict[str, Slot] = {}
    for first, *others in names.values():
        tensor = everything[first]
        plain_names = tuple(called[name] for name in (first, *others))
        _check(plain_names, tensor, net, slots)
        is_parameter = first in parameters
        masks = None if is_parameter else _masked_parameter(plain_names[0], tensor, owners)
        counter = first.endswith("num_batches_tracked")  # torch < 0.4.1 did not save it
        needed = first in saved and masks is None and not counter
        slot = Slot(plain_names, tensor, first if is_parameter else None, needed, masks)
        slots |= dict.fromkeys(plain_names, slot)
    return {name: slots[name] for name in called.values()}


def fill(net: nn.Module, slots: Iterable[Slot], fillings: Iterable[Filling]) -> None:
    """Copy values into a net and set its masks, without a mask in the file to nonzero entries."""
    net_masks = masks_of(net)
    mask_net(net, {name: torch.ones_like(mask) for name, mask in net_masks.items()})
    filled = {name: filling for filling in fillings for name in filling.slot.names}
    with torch.no_grad():
        for slot in slots:
            if slot.masks is not None:
                slot.tensor.copy_(filled[slot.masks].pattern)
            elif slot.names[0] in filled:
                slot.tensor.copy_(filled[slot.names[0]].value)
    mask_net(
        net,
        {
            name: filling.pattern
            for filling in filled.values()
            if (name := filling.slot.maskable) and (filling.keep is not None or name in net_masks)
        },
    )


def _check(names: tuple[str, ...], tensor: Tensor, net: nn.Module, slots: dict[str, Slot]) -> None:
    if is_lazy(tensor) or tensor.is_meta:
        raise TopologyError(
            f"{quoted(names[0])} of the net has no values yet (a lazy layer, or the meta device): "
            "run the net once on an example, or build it on the CPU"
        )
    twice = next((name for name in names if name in slots or names.count(name) > 1), None)
    if twice is not None:
        raise TopologyError(
            f"two tensors of {type(net).__name__} are called {quoted(twice)} without the prefixes "
            "of wrappers: pass the net itself"
        )


def _masked_parameter(name: str, buffer: Tensor, owners: Mapping[str, Tensor]) -> str | None:
    """The parameter that a buffer masks; None if the buffer is not a mask."""
    owner = mask_owner(name, owners)
    fits = owner is not None and owners[owner].shape == buffer.shape and is_binary(buffer)
    return owner if fits else None
