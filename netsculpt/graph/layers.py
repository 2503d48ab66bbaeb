"""Layers of units, and the blocks of edges between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from netsculpt.core.errors import GraphError

__all__ = ["WIRING", "Block", "Layer", "Role", "check_layers"]

Role = Literal["input", "hidden", "output", "junction", "state"]

WIRING: Final = "wiring"  # kind of a block of identity edges, which hold no parameters


@dataclass(frozen=True)
class Layer:
    """A contiguous range of units."""

    name: str
    role: Role
    shape: tuple[int, ...]  # of the activation in the model, batch removed: (64,) or (C, H, W)
    start: int  # first unit
    stop: int  # one past the last unit

    @property
    def n_units(self) -> int:
        """Units in the layer."""
        return self.stop - self.start

    @property
    def units(self) -> slice:
        """The layer's part of any array [U]."""
        return slice(self.start, self.stop)


@dataclass(frozen=True)
class Block:
    """A connected pair of layers."""

    source: str
    target: str
    parameter: str | None  # name of the weight in the model
    kind: str  # "linear", "conv", …; "wiring" = identity edges without parameters
    size: int  # scalar parameters before masking that no block before it has; 0 for wiring, buffers


def check_layers(layers: Sequence[Layer]) -> None:
    """Raise unless layers have different names, and follow each other from unit 0 on."""
    names = [layer.name for layer in layers]
    if len(set(names)) < len(names):
        raise GraphError(f"layer names are {names}: each must be different")
    stop = 0
    for layer in layers:
        if layer.start != stop or layer.stop < layer.start:
            raise GraphError(
                f"layer {layer.name!r} has units {layer.start} … {layer.stop}: layers are "
                f"contiguous, so it must start at {stop}"
            )
        stop = layer.stop
