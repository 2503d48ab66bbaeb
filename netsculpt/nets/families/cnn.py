"""Small convolutional nets."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from torch import nn

from netsculpt.nets.families._layers import ACTIVATIONS, Reshape, linear_layers
from netsculpt.nets.families._spec import (
    Stored,
    check,
    halvings,
    image_shape,
    one_of,
    size,
    sizes,
)

__all__ = ["CNN"]


@dataclass(frozen=True)
class CNN(Stored):
    """Convolutions "conv1", …, each followed by 2 × 2 pooling, then linear layers "fc1", … .

    Inputs [n, n_inputs] are read as images, channel by channel and row by row.

    >>> net = CNN(image=(1, 8, 8), channels=(8, 16), hidden=(32,), n_outputs=10)
    >>> [tuple(x.shape) for x in net.build().parameters() if x.ndim > 1]
    [(8, 1, 3, 3), (16, 8, 3, 3), (32, 64), (10, 32)]
    """

    family: ClassVar = "cnn"

    image: tuple[int, int, int]  # channels, height, width
    channels: tuple[int, ...]  # of each convolution
    hidden: tuple[int, ...]  # units of each hidden linear layer
    n_outputs: int
    kernel: int = 3  # side, odd: the convolution keeps the image's size
    activation: str = "relu"

    def __post_init__(self) -> None:
        check(
            self,
            image=image_shape(self.image),
            channels=sizes(self.channels, least=1, most=halvings(self.image)),
            hidden=sizes(self.hidden),
            n_outputs=size(self.n_outputs),
            kernel=one_of(self.kernel, (1, 3, 5, 7, 9)),
            activation=one_of(self.activation, ACTIVATIONS),
        )

    @property
    def n_inputs(self) -> int:
        """Channels · height · width."""
        return math.prod(self.image)

    def build(self) -> nn.Sequential:
        """The net, with torch's own initial weights."""
        layers: list[tuple[str, nn.Module]] = [("image", Reshape(self.image))]
        for index, (n_in, n_out) in enumerate(pairwise((self.image[0], *self.channels)), start=1):
            layers += [
                (f"conv{index}", nn.Conv2d(n_in, n_out, self.kernel, padding=self.kernel // 2)),
                (f"conv{index}_{self.activation}", ACTIVATIONS[self.activation]()),
                (f"pool{index}", nn.MaxPool2d(2)),
            ]
        layers.append(("flatten", nn.Flatten()))
        _, height, width = self.image
        depth = len(self.channels)
        n_flat = self.channels[-1] * (height >> depth) * (width >> depth)
        layers += linear_layers((n_flat, *self.hidden, self.n_outputs), self.activation)
        return nn.Sequential(OrderedDict(layers))
