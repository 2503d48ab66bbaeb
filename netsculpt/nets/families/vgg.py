"""Nets in the style of VGG: stages of 3 × 3 convolutions."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from netsculpt.nets.families._layers import Mean, Reshape, linear_layers
from netsculpt.nets.families._spec import (
    Requirement,
    Stored,
    check,
    halvings,
    image_shape,
    size,
    sizes,
)

__all__ = ["VGG"]


@dataclass(frozen=True)
class VGG(Stored):
    """Stages of 3 × 3 convolutions with batch norm and a 2 × 2 pooling, then linear layers.

    Inputs [n, n_inputs] are read as images. Convolutions are "conv1_1", "conv1_2", "conv2_1", …
    without biases, which the norms have; the output of the last stage is averaged over positions.
    VGG-19 as used on CIFAR-10 is ``VGG((3, 32, 32), ((64,) * 2, (128,) * 2, (256,) * 4,
    (512,) * 4, (512,) * 4), 10)``.

    Simonyan and Zisserman, arXiv:1409.1556, table 1; with batch norm, arXiv:1502.03167.

    >>> net = VGG(image=(3, 8, 8), stages=((8, 8), (16,)), n_outputs=10)
    >>> [tuple(x.shape) for x in net.build().parameters() if x.ndim > 1]
    [(8, 3, 3, 3), (8, 8, 3, 3), (16, 8, 3, 3), (10, 16)]
    """

    family: ClassVar = "vgg"

    image: tuple[int, int, int]  # channels, height, width
    stages: tuple[tuple[int, ...], ...]  # channels of each convolution of each stage
    n_outputs: int
    hidden: tuple[int, ...] = ()  # units of each hidden linear layer

    def __post_init__(self) -> None:
        check(
            self,
            image=image_shape(self.image),
            stages=_stages(self.stages, most=halvings(self.image)),
            n_outputs=size(self.n_outputs),
            hidden=sizes(self.hidden),
        )

    @property
    def n_inputs(self) -> int:
        """Channels · height · width."""
        return math.prod(self.image)

    def build(self) -> nn.Sequential:
        """The net, with torch's own initial weights."""
        layers: list[tuple[str, nn.Module]] = [("image", Reshape(self.image))]
        n_in = self.image[0]
        for stage, channels in enumerate(self.stages, start=1):
            for index, n_out in enumerate(channels, start=1):
                layers += [
                    (f"conv{stage}_{index}", nn.Conv2d(n_in, n_out, 3, padding=1, bias=False)),
                    (f"norm{stage}_{index}", nn.BatchNorm2d(n_out)),
                    (f"relu{stage}_{index}", nn.ReLU()),
                ]
                n_in = n_out
            layers.append((f"pool{stage}", nn.MaxPool2d(2)))
        layers += [("mean", Mean()), *linear_layers((n_in, *self.hidden, self.n_outputs))]
        return nn.Sequential(OrderedDict(layers))


def _stages(value: Any, *, most: int) -> Requirement:
    good = isinstance(value, tuple) and all(sizes(x, least=1)[0] for x in value)
    return good and 1 <= len(value) <= most, f"a tuple of 1 … {most} tuples of sizes"
