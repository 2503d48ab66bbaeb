"""Residual nets as used on CIFAR."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from netsculpt.nets.families._layers import Mean, Reshape
from netsculpt.nets.families._spec import Stored, check, count, halvings, image_shape, size, sizes

__all__ = ["ResNet", "ResidualBlock"]


class ResidualBlock(nn.Module):
    """Two 3 × 3 convolutions whose result is added to their input.

    Where the shape changes, the shortcut is a strided 1 × 1 convolution with batch norm.
    """

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            OrderedDict(
                conv1=nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=False),
                norm1=nn.BatchNorm2d(n_out),
                relu1=nn.ReLU(),
                conv2=nn.Conv2d(n_out, n_out, 3, padding=1, bias=False),
                norm2=nn.BatchNorm2d(n_out),
            )
        )
        self.shortcut = nn.Sequential()
        if stride != 1 or n_in != n_out:
            self.shortcut.add_module("conv", nn.Conv2d(n_in, n_out, 1, stride=stride, bias=False))
            self.shortcut.add_module("norm", nn.BatchNorm2d(n_out))
        self.relu = nn.ReLU()

    def forward(self, activation: Tensor) -> Tensor:
        """Activation [n, n_in, height, width] to [n, n_out, …], as small as the stride says."""
        joined: Tensor = self.relu(self.residual(activation) + self.shortcut(activation))
        return joined


@dataclass(frozen=True)
class ResNet(Stored):
    """A 3 × 3 convolution, stages of residual blocks, the mean over positions, a linear layer.

    Every stage but the first begins with a stride of 2. ``ResNet((3, 32, 32), 10)`` is ResNet-20;
    other depths are 2 · stages · blocks + 2. Inputs [n, n_inputs] are read as images.

    He, Zhang, Ren and Sun, arXiv:1512.03385, section 4.2, with projection shortcuts (option B).

    >>> ResNet(image=(3, 32, 32), n_outputs=10).depth
    20
    """

    family: ClassVar = "resnet"

    image: tuple[int, int, int]  # channels, height, width
    n_outputs: int
    widths: tuple[int, ...] = (16, 32, 64)  # channels of each stage
    blocks: int = 3  # in each stage

    def __post_init__(self) -> None:
        check(
            self,
            image=image_shape(self.image),
            n_outputs=size(self.n_outputs),
            widths=sizes(self.widths, least=1, most=1 + halvings(self.image)),
            blocks=count(self.blocks),
        )

    @property
    def n_inputs(self) -> int:
        """Channels · height · width."""
        return math.prod(self.image)

    @property
    def depth(self) -> int:
        """Layers with weights on the longest path."""
        return 2 * len(self.widths) * self.blocks + 2

    def build(self) -> nn.Sequential:
        """The net, with torch's own initial weights."""
        n_in = self.widths[0]
        layers: list[tuple[str, nn.Module]] = [
            ("image", Reshape(self.image)),
            ("conv", nn.Conv2d(self.image[0], n_in, 3, padding=1, bias=False)),
            ("norm", nn.BatchNorm2d(n_in)),
            ("relu", nn.ReLU()),
        ]
        for stage, width in enumerate(self.widths, start=1):
            for block in range(1, self.blocks + 1):
                stride = 2 if block == 1 and stage > 1 else 1
                layers.append((f"block{stage}_{block}", ResidualBlock(n_in, width, stride)))
                n_in = width
        layers += [("mean", Mean()), ("fc", nn.Linear(n_in, self.n_outputs))]
        return nn.Sequential(OrderedDict(layers))
