"""Traced suite: convolutional nets and transformer layers with planted groups of channels.

Every weight inside a group exists, and a share of those between groups. Graphs come from
`netsculpt.tracing.trace`. A net without weights between groups falls into components: these are the
modules of all its units, those of attention patterns and residual sums included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from scipy.sparse.csgraph import connected_components
from torch import Tensor, nn

from modbench1.network import Network, drawn, shuffled
from netsculpt.core.errors import GraphError
from netsculpt.graph.partition import Partition
from netsculpt.tracing import trace

__all__ = ["FAMILIES", "networks"]

_GROUPS, _EACH = 3, 6  # channels of a group
_CHANNELS = _GROUPS * _EACH
_ENDS = 2 * _GROUPS  # input channels and outputs of convolutional nets
_BETWEEN = 0.25  # share of the weights between groups that exist
_SIDE, _TOKENS = 5, 4


class _Convolutions(nn.Module):
    """Three convolutions, the last two in residual branches if asked for, and a linear layer."""

    def __init__(self, residual: bool) -> None:
        super().__init__()
        widths = (_ENDS, _CHANNELS, _CHANNELS)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(width, _CHANNELS, 3, padding=1) for width in widths
        )
        self.last = nn.Linear(_CHANNELS, _ENDS)
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        for number, convolution in enumerate(self.convolutions):
            branch = torch.relu(convolution(x))
            x = x + branch if self.residual and number else branch
        out: Tensor = self.last(x.mean((2, 3)))
        return out


class _Heads(nn.Module):
    """A transformer layer with a head for each group of residual channels."""

    def __init__(self) -> None:
        super().__init__()
        self.read = nn.ModuleList(nn.Linear(_CHANNELS, _CHANNELS) for _ in range(3))
        self.write = nn.Linear(_CHANNELS, _CHANNELS)
        self.up, self.down = (
            nn.Linear(_CHANNELS, 2 * _CHANNELS),
            nn.Linear(2 * _CHANNELS, _CHANNELS),
        )

    def forward(self, x: Tensor) -> Tensor:
        n, tokens, _ = x.shape
        query, key, value = (
            layer(x).view(n, tokens, _GROUPS, _EACH).transpose(1, 2) for layer in self.read
        )
        pattern = torch.softmax(query @ key.transpose(-1, -2) / _EACH**0.5, -1)
        x = x + self.write((pattern @ value).transpose(1, 2).reshape(n, tokens, _CHANNELS))
        out: Tensor = x + self.down(torch.relu(self.up(x)))
        return out


_IMAGE = (1, _ENDS, _SIDE, _SIDE)
FAMILIES: Mapping[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = MappingProxyType(
    {  # net, and shape of an example
        "grouped convolutions": (lambda: _Convolutions(False), _IMAGE),
        "residual groups": (lambda: _Convolutions(True), _IMAGE),
        "head blocks": (_Heads, (1, _TOKENS, _CHANNELS)),
    }
)


def networks(suite: str, family: str, indices: Iterable[int]) -> Iterator[Network]:
    """Networks of a family."""
    torch.set_num_threads(1)
    build, shape = FAMILIES[family]
    for index in indices:
        rng = drawn(suite, family, index)
        net = build()
        between = _draw_weights(net, rng)
        example = torch.from_numpy(rng.standard_normal(shape).astype(np.float32))
        graph = trace(net, example)
        for parameter, mask in between:
            parameter.data[mask] = 0
        apart = trace(net, example)
        if [x.n_units for x in apart.layers] != [x.n_units for x in graph.layers]:
            raise GraphError(f"the groups of {family} {index} have other units than the whole net")
        n_groups, group = connected_components(apart.weights, directed=False)
        if n_groups != _GROUPS:
            raise GraphError(f"{family} {index} falls into {n_groups} parts, not {_GROUPS} groups")
        yield shuffled(Network(graph, Partition(group)), rng)


def _draw_weights(net: nn.Module, rng: np.random.Generator) -> list[tuple[Tensor, Tensor]]:
    """Draw all weights; return each with the mask of its entries between groups."""
    between: list[tuple[Any, Tensor]] = []
    for parameter in net.parameters():
        values = rng.standard_normal(parameter.shape).astype(np.float32)
        if parameter.ndim == 1:
            parameter.data.zero_()
            continue
        parameter.data = torch.from_numpy(values) * (2 / parameter[0].numel()) ** 0.5
        targets, sources = (np.arange(n) * _GROUPS // n for n in parameter.shape[:2])
        outside = targets[:, None] != sources
        parameter.data[torch.from_numpy(outside & (rng.random(outside.shape) > _BETWEEN))] = 0
        between.append((parameter, torch.from_numpy(outside)))
    return between
