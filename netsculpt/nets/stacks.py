"""Many nets of one shape as one net, computed in one batch."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from netsculpt.core.errors import FormatError, LimitError
from netsculpt.nets.masking import LayerParameter, hook_masks, layer_parameters
from netsculpt.nets.masks import mask_net, plain_state

__all__ = ["Stack"]

_RANDOM = "called random operation"  # in the text of torch.func.vmap


class Stack(nn.Module):
    """R nets of the same shape: parameters [R, …] and masks [R, …] under the names of one net.

    Inputs are [R, n, …], outputs [R, n, …]: the r-th net answers the r-th batch. For the same batch
    to all, pass ``inputs.expand(R, *inputs.shape)``. A loss summed over the nets gives each its own
    gradient. A step of small nets is mostly overhead; a stack has it once.

    Parameters
    ----------
    nets
        Of one shape, masked or not; copied. Nets that keep statistics, such as those of batch
        norms, cannot be stacked; nor can nets that draw random numbers, such as dropout does in
        training mode.

    Examples
    --------
    >>> from netsculpt.nets.families import MLP, initial_net
    >>> stack = Stack([initial_net(MLP((4, 3, 2)), rng=seed) for seed in range(5)])
    >>> stack.fc1.weight.shape, stack(torch.zeros(5, 8, 4)).shape
    (torch.Size([5, 3, 4]), torch.Size([5, 8, 2]))
    """

    def __init__(self, nets: Sequence[nn.Module]) -> None:
        super().__init__()
        if not nets:
            raise FormatError("no nets are given to stack: give at least one")
        states, masks = zip(*(plain_state(net) for net in nets), strict=True)
        _require_alike(nets[0], states)
        inner = _unmasked(nets[0])
        for entry in list(layer_parameters(inner)):
            values = torch.stack([state[entry.name] for state in states]).clone()
            learns = entry.parameter.requires_grad
            setattr(entry.layer, entry.leaf, nn.Parameter(values, requires_grad=learns))
        for name, child in inner.named_children():
            self.add_module(name, child)
        self.n_nets = len(nets)
        self._inner = (inner,)  # in a tuple, or its parameters would be counted twice
        masked = {name for each in masks for name in each}
        mask_net(
            self,
            {
                name: torch.stack([_mask(m, s, name) for m, s in zip(masks, states, strict=True)])
                for name in sorted(masked)
            },
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs [R, n, …] of inputs [R, n, …].

        Raises
        ------
        FormatError
            If there is not one batch for each net.
        LimitError
            If the nets draw random numbers.
        """
        if inputs.ndim < 2 or len(inputs) != self.n_nets:
            raise FormatError(
                f"inputs are {list(inputs.shape)} for {self.n_nets} nets: one batch for each is "
                "needed, [R, n, …]; for the same batch, pass inputs.expand(R, *inputs.shape)"
            )
        (inner,) = self._inner
        parameters = dict(self.named_parameters())
        try:
            outputs: Tensor = vmap(lambda p, x: functional_call(inner, p, (x,)))(parameters, inputs)
        except RuntimeError as error:
            if _RANDOM not in str(error):
                raise
            raise LimitError(
                "the nets draw random numbers while they compute, as dropout does in training "
                "mode, which a stack cannot do: call net.eval() first, or leave the dropout out"
            ) from None
        return outputs

    def take(self, rows: Tensor) -> Stack:
        """Copies of some of the nets, in the order of `rows` [r], which are indices."""
        made = deepcopy(self)
        for entry in list(layer_parameters(made)):
            mask = entry.mask
            if mask is not None:
                setattr(entry.layer, _mask_name(entry), mask[rows])
            values = entry.parameter.detach()[rows]
            learns = entry.parameter.requires_grad
            setattr(entry.layer, entry.leaf, nn.Parameter(values, requires_grad=learns))
        made.n_nets = len(rows)
        hook_masks(made)
        return made

    def net(self, row: int) -> nn.Module:
        """A copy of one of the nets, with its masks."""
        made, masks = deepcopy(self._inner[0]), {}
        for entry in list(layer_parameters(made)):
            mask = entry.mask
            if mask is not None:
                masks[entry.name] = mask[row]
                delattr(entry.layer, _mask_name(entry))
            values = entry.parameter.detach()[row].clone()
            learns = entry.parameter.requires_grad
            setattr(entry.layer, entry.leaf, nn.Parameter(values, requires_grad=learns))
        mask_net(made, masks)
        return made


def _require_alike(net: nn.Module, states: Sequence[dict[str, Tensor]]) -> None:
    entries = {x.name: x for x in layer_parameters(net)}
    others = [name for name in states[0] if name not in entries]
    if others:
        raise LimitError(
            f"{', '.join(map(repr, others))} of the net are not parameters of their own: nets with "
            "running statistics or shared parameters cannot be stacked; train them one by one"
        )
    if any(x.layer is net for x in entries.values()):
        raise LimitError("the net itself has parameters: put it into nn.Sequential to stack it")
    for row, state in enumerate(states):
        shapes = {name: x.shape for name, x in state.items()}
        if shapes != {name: x.parameter.shape for name, x in entries.items()}:
            raise FormatError(f"net {row} has other weights than net 0: stack nets of one shape")


def _unmasked(net: nn.Module) -> nn.Module:
    """A copy without masks and without the hooks that keep them."""
    made = deepcopy(net)
    for entry in list(layer_parameters(made)):
        if entry.mask is not None:
            delattr(entry.layer, _mask_name(entry))
    made._forward_pre_hooks.clear()
    made._state_dict_pre_hooks.clear()
    made._load_state_dict_post_hooks.clear()
    return made


def _mask_name(entry: LayerParameter) -> str:
    return f"{entry.leaf}_mask"


def _mask(masks: dict[str, Tensor], state: dict[str, Tensor], name: str) -> Tensor:
    mask = masks.get(name)
    return torch.ones_like(state[name], dtype=torch.bool) if mask is None else mask
