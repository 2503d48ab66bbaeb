"""Published architectures in plain PyTorch, of any width."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ["dense_net", "lenet5", "mobile_net", "resnet20", "resnet50", "u_net", "vgg19"]


def lenet5() -> nn.Sequential:
    """LeCun, Bottou, Bengio and Haffner 1998, with all maps connected; for inputs [1, 32, 32]."""
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10)),
    )


def vgg19(width: int = 64) -> nn.Sequential:
    """arXiv:1409.1556 with batch norm and one linear layer; for inputs [3, 32, 32]."""
    layers: list[nn.Module] = []
    n_in = 3
    for times, n_convs in ((1, 2), (2, 2), (4, 4), (8, 4), (8, 4)):
        for _ in range(n_convs):
            n_out = times * width
            conv = nn.Conv2d(n_in, n_out, 3, padding=1, bias=False)
            layers += [conv, nn.BatchNorm2d(n_out), nn.ReLU(inplace=True)]
            n_in = n_out
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(n_in, 10))


def _normed(n_in: int, n_out: int, size: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(n_in, n_out, size, stride, size // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(n_out))


class Residual(nn.Module):
    """A body of convolutions, and a shortcut around it."""

    def __init__(self, body: Sequence[nn.Module], shortcut: nn.Module, last: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*body)
        self.shortcut = shortcut
        self.last = last

    def forward(self, x: Tensor) -> Tensor:
        """Their sum."""
        out: Tensor = self.last(self.body(x) + self.shortcut(x))
        return out


def _shortcut(n_in: int, n_out: int, stride: int) -> nn.Module:
    same = n_in == n_out and stride == 1
    return nn.Identity() if same else _normed(n_in, n_out, 1, stride)


def resnet20(width: int = 16) -> nn.Sequential:
    """arXiv:1512.03385, section 4.2, with projection shortcuts; for inputs [3, 32, 32]."""
    layers: list[nn.Module] = [_normed(3, width, 3), nn.ReLU(inplace=True)]
    n_in = width
    for stage in range(3):
        for block in range(3):
            n_out, stride = width << stage, 2 if stage and not block else 1
            body = [
                _normed(n_in, n_out, 3, stride),
                nn.ReLU(inplace=True),
                _normed(n_out, n_out, 3),
            ]
            layers.append(Residual(body, _shortcut(n_in, n_out, stride), nn.ReLU(inplace=True)))
            n_in = n_out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(n_in, 10))


def resnet50(width: int = 64, n_classes: int = 1000) -> nn.Sequential:
    """arXiv:1512.03385, table 1; for inputs [3, 224, 224]."""
    stem = (_normed(3, width, 7, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1))
    layers: list[nn.Module] = [*stem]
    n_in = width
    for stage, n_blocks in enumerate((3, 4, 6, 3)):
        for block in range(n_blocks):
            middle, stride = width << stage, 2 if stage and not block else 1
            body = [
                *(_normed(n_in, middle, 1), nn.ReLU(inplace=True)),
                *(_normed(middle, middle, 3, stride), nn.ReLU(inplace=True)),
                _normed(middle, 4 * middle, 1),
            ]
            layers.append(
                Residual(body, _shortcut(n_in, 4 * middle, stride), nn.ReLU(inplace=True))
            )
            n_in = 4 * middle
    head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(n_in, n_classes))
    return nn.Sequential(*layers, *head)


def mobile_net(width: int = 8, expansion: int = 6) -> nn.Sequential:
    """Inverted residuals around depthwise convolutions, arXiv:1801.04381; for any image."""

    def inverted(n_in: int, n_out: int, stride: int) -> nn.Module:
        wide = expansion * n_in
        body = [
            *(_normed(n_in, wide, 1), nn.ReLU6(inplace=True)),
            *(_normed(wide, wide, 3, stride, wide), nn.ReLU6(inplace=True)),
            _normed(wide, n_out, 1),
        ]
        if n_in != n_out or stride > 1:
            return nn.Sequential(*body)
        return Residual(body, nn.Identity(), nn.Identity())

    return nn.Sequential(
        *(_normed(3, width, 3, 2), nn.ReLU6(inplace=True)),
        *(inverted(width, width, 1), inverted(width, 2 * width, 2)),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(), nn.Linear(2 * width, 10)),
    )


class _Dense(nn.Module):
    def __init__(self, n_in: int, growth: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(n_in)
        self.conv = nn.Conv2d(n_in, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.conv(torch.relu(self.norm(x)))], 1)


def dense_net(growth: int = 12, n_layers: int = 4) -> nn.Sequential:
    """Two dense blocks and a transition, arXiv:1608.06993; for images of even size."""
    layers: list[nn.Module] = [nn.Conv2d(3, 2 * growth, 3, padding=1, bias=False)]
    width = 2 * growth
    for block in range(2):
        for _ in range(n_layers):
            layers.append(_Dense(width, growth))
            width += growth
        layers += [nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        if not block:
            half = width // 2
            layers += [nn.Conv2d(width, half, 1, bias=False), nn.AvgPool2d(2)]
            width = half
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10))


class UNet(nn.Module):
    """Down, up, and the skip connections between them."""

    def __init__(self, width: int, *, transposed: bool) -> None:
        super().__init__()
        self.down1 = nn.Conv2d(3, width, 3, padding=1)
        self.down2 = nn.Conv2d(width, 2 * width, 3, padding=1)
        self.up: nn.Module = (
            nn.ConvTranspose2d(2 * width, width, 2, stride=2)
            if transposed
            else nn.Sequential(
                nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(2 * width, width, 1)
            )
        )
        self.last = nn.Conv2d(2 * width, width, 3, padding=1)
        self.head = nn.Conv2d(width, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """An image of the same size."""
        one = torch.relu(self.down1(x))
        two = torch.relu(self.down2(nn.functional.max_pool2d(one, 2)))
        joined = torch.cat([one, self.up(two)], 1)
        out: Tensor = self.head(torch.relu(self.last(joined)))
        return out


def u_net(width: int = 16, *, transposed: bool = True) -> UNet:
    """A U-Net of one level, arXiv:1505.04597, with a transposed convolution or upsampling."""
    return UNet(width, transposed=transposed)
