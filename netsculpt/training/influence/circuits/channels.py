"""The channels of a transformer in one row, as sets of them are cut and scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from netsculpt.nets.gpt.net import GPT
from netsculpt.training.influence.circuits.ablating import fills_of

__all__ = ["Channels", "channels_of"]

Bits = NDArray[np.bool_]


@dataclass(frozen=True)
class Channels:
    """How many channels each place has, by its name."""

    sizes: dict[str, int]

    @property
    def n(self) -> int:
        """Channels at all places."""
        return sum(self.sizes.values())

    def joined(self, values: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """Values [channels] of each place, in one row [n]."""
        return np.concatenate([values[name] for name in self.sizes])

    def apart(self, row: Bits) -> dict[str, Bits]:
        """A row [n] as [channels] of each place.

        >>> Channels({"a": 1, "b": 2}).apart(np.array([True, False, True]))["b"].tolist()
        [False, True]
        """
        parts = np.split(row, np.cumsum(list(self.sizes.values()))[:-1])
        return dict(zip(self.sizes, parts, strict=True))


def channels_of(net: GPT, inputs: torch.Tensor) -> Channels:
    """The channels of a net, from one of its inputs."""
    zeros = fills_of(net, "zero", inputs[:1], np.random.default_rng(0))
    return Channels({name: x.shape[-1] for name, x in zeros.items()})
