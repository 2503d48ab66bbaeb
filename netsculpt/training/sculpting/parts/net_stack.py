"""Stacks of nets of any kind, which compute one by one."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from netsculpt.core.errors import FormatError
from netsculpt.nets.families import NetSpec
from netsculpt.nets.masks import mask_net, plain_state
from netsculpt.training.sculpting.parts.parts import Parts
from netsculpt.training.sculpting.stack import Stack

__all__ = ["NetStack", "stacked"]


@dataclass(frozen=True, eq=False)
class NetStack(Stack):
    """R nets of the same shape, with what can be cut in each.

    Next to the parameters it has the buffers of each net, such as the statistics of batch norms.
    """

    parts: Parts

    def net_of(self, row: int) -> nn.Module:
        """One of the nets, with its masks; a copy."""
        net = copy.deepcopy(self.net)
        own = dict(net.named_parameters()) | dict(net.named_buffers())
        with torch.no_grad():
            for name, values in self.parameters.items():
                own[name].copy_(values[row])
        pruned = {name: self.masks[name][row] for name in self.parts.layout.shapes}
        mask_net(net, {name: mask for name, mask in pruned.items() if not mask.all()})
        return net

    def with_nets(self, nets: Sequence[nn.Module]) -> NetStack:
        """The stack with the parameters and buffers of trained nets, one for each row."""
        states = [net.state_dict() for net in nets]
        trained = {name: torch.stack([x[name] for x in states]) for name in self.parameters}
        return replace(self, parameters={x: y.to(self.device) for x, y in trained.items()})

    def entries(self) -> Tensor:
        """Kept entries of the parameters [R, P]."""
        return self.parts.layout.flat(self.masks)

    def with_entries(self, kept: Tensor) -> NetStack:
        """The stack with everything outside of some entries [R, P] pruned."""
        masks = self.parts.layout.split(kept.to(self.device))
        return self.masked(self.masks | masks)

    def state(self, row: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The state dict of one net and the masks of its parameters, shared ones by one name."""
        state, masks = plain_state(self.net_of(row))
        own = {name: mask for name, mask in masks.items() if name in self.masks}
        return {name: x.detach() for name, x in state.items()}, own


def stacked(spec: NetSpec, nets: Sequence[nn.Module], parts: Parts) -> NetStack:
    """Dense nets of a spec as a stack.

    Raises
    ------
    FormatError
        If a net has other parameters or buffers than the first.
    """
    saved = set(nets[0].state_dict())
    names = [name for name, _ in nets[0].named_parameters()]
    names += [name for name, _ in nets[0].named_buffers() if name in saved]
    states = [net.state_dict() for net in nets]
    for state in states:
        if any(name not in state or state[name].shape != states[0][name].shape for name in names):
            raise FormatError("nets of a stack have different shapes: build them from one spec")
    parameters = {name: torch.stack([x[name].detach() for x in states]) for name in names}
    masks = {name: torch.ones_like(x, dtype=torch.bool) for name, x in parameters.items()}
    net = copy.deepcopy(nets[0]).eval()
    return NetStack(spec, net, parameters, masks, parts)
