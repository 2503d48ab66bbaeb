"""Convolutional nets for images, volumes and sets of boxes."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from families.model import Family, Model, net_of, numbers

__all__ = ["FAMILIES"]


def lenet() -> Model:
    """LeCun et al. 1998: convolutions, mean pooling and three linear layers."""
    net = nn.Sequential(
        *(nn.Conv2d(1, 4, 3), nn.Tanh(), nn.AvgPool2d(2)),
        *(nn.Conv2d(4, 6, 3), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten()),
        *(nn.Linear(24, 12), nn.Tanh(), nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 5)),
    )
    return Model(net, (numbers(1, 1, 14, 14),), 0.4)


def alexnet() -> Model:
    """Krizhevsky et al. 2012: overlapping pools, response normalisation, groups, dropout."""
    net = nn.Sequential(
        *(nn.Conv2d(3, 6, 5, 2, 2), nn.LeakyReLU(), nn.LocalResponseNorm(3), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(6, 8, 3, padding=1, groups=2), nn.LeakyReLU(), nn.AdaptiveAvgPool2d(2)),
        *(nn.Flatten(), nn.Dropout(), nn.Linear(32, 10), nn.LeakyReLU(), nn.Linear(10, 5)),
    )
    return Model(net, (numbers(1, 3, 12, 12),), 0.3)


def vgg() -> Model:
    """arXiv:1409.1556 with batch norm: pairs of 3 x 3 convolutions and maximum pooling."""
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise((3, 4, 6, 8)):
        layers += [*_normed(n_in, n_out, 3), nn.LeakyReLU(), nn.MaxPool2d(2)]
    return Model(nn.Sequential(*layers, nn.Flatten(), nn.Linear(8, 5)), (numbers(1, 3, 8, 8),), 0.4)


def resnet18() -> Model:
    """arXiv:1512.03385: two basic blocks, of which one has a projection."""
    net = nn.Sequential(
        *(*_normed(3, 5, 3), nn.LeakyReLU()),
        _residual(_basic(5, 5, 1)),
        _residual(_basic(5, 7, 2), nn.Sequential(*_normed(5, 7, 1, 2))),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(7, 5)),
    )
    return Model(net, (numbers(1, 3, 8, 8),), 0.35)


def resnet50() -> Model:
    """arXiv:1512.03385: two bottleneck blocks, of which one has a projection."""
    return Model(_bottlenecks(1), (numbers(1, 3, 8, 8),), 0.35)


def resnext() -> Model:
    """arXiv:1611.05431: bottleneck blocks whose middle convolution has groups."""
    return Model(_bottlenecks(2), (numbers(1, 3, 8, 8),), 0.35)


def densenet() -> Model:
    """arXiv:1608.06993: layers whose outputs are appended to their inputs, and a transition."""

    def forward(self: Any, x: Tensor) -> Any:
        for layer in self.layers:
            x = torch.cat([x, layer(x)], 1)
        return self.last(x)

    layers = nn.ModuleList(
        nn.Sequential(
            *(nn.BatchNorm2d(n), nn.LeakyReLU(), nn.Conv2d(n, 4, 1, bias=False)),
            *(nn.BatchNorm2d(4), nn.LeakyReLU(), nn.Conv2d(4, 2, 3, padding=1, bias=False)),
        )
        for n in (3, 5, 7)
    )
    last = nn.Sequential(nn.Conv2d(9, 5, 1), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(45, 4))
    return Model(net_of(forward, layers=layers, last=last), (numbers(1, 3, 6, 6),), 0.25)


def inception() -> Model:
    """arXiv:1409.4842: convolutions of three sizes and a pool, side by side."""

    def forward(self: Any, x: Tensor) -> Any:
        return self.last(torch.cat([branch(x) for branch in self.branches], 1))

    branches = nn.ModuleList(
        [
            nn.Sequential(nn.Conv2d(4, 2, 1), nn.LeakyReLU()),
            nn.Sequential(nn.Conv2d(4, 3, 1), nn.LeakyReLU(), nn.Conv2d(3, 2, 3, padding=1)),
            nn.Sequential(nn.Conv2d(4, 3, 1), nn.LeakyReLU(), nn.Conv2d(3, 2, 5, padding=2)),
            nn.Sequential(nn.MaxPool2d(3, 1, 1), nn.Conv2d(4, 2, 1)),
        ]
    )
    last = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))
    return Model(net_of(forward, branches=branches, last=last), (numbers(1, 4, 6, 6),), 0.3)


def squeezenet() -> Model:
    """arXiv:1602.07360: a squeeze of 1 x 1, an expansion of 1 x 1 and 3 x 3, no linear layer."""

    def fire(self: Any, x: Tensor) -> Any:
        x = functional.leaky_relu(self.squeeze(x))
        return functional.leaky_relu(torch.cat([self.one(x), self.three(x)], 1))

    def made(n_in: int) -> Any:
        three = nn.Conv2d(3, 3, 3, padding=1)
        return net_of(fire, squeeze=nn.Conv2d(n_in, 3, 1), one=nn.Conv2d(3, 3, 1), three=three)

    ends = (nn.Conv2d(6, 5, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return Model(nn.Sequential(made(4), made(6), *ends), (numbers(1, 4, 6, 6),), 0.4)


def shufflenet() -> Model:
    """arXiv:1807.11164: half of the channels pass, the others are convolved; then a shuffle."""

    def forward(self: Any, x: Tensor) -> Any:
        kept, taken = x.chunk(2, 1)
        x = torch.cat([kept, self.branch(taken)], 1)
        batch, n, height, width = x.shape
        x = x.view(batch, 2, n // 2, height, width).transpose(1, 2)
        return x.reshape(batch, n, height, width)

    def made() -> Any:
        branch = nn.Sequential(
            *(*_normed(4, 4, 1), nn.LeakyReLU(), *_normed(4, 4, 3, groups=4)),
            *(*_normed(4, 4, 1), nn.LeakyReLU()),
        )
        return net_of(forward, branch=branch)

    return Model(nn.Sequential(made(), made(), nn.Conv2d(8, 5, 1)), (numbers(1, 8, 5, 5),), 0.35)


def mobilenet_v2() -> Model:
    """arXiv:1801.04381: inverted residual blocks with a linear bottleneck."""
    blocks = (_residual(_inverted(4, nn.ReLU6, None), last=nn.Identity()) for _ in range(2))
    ends = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
    return Model(nn.Sequential(*_normed(3, 4, 3, 2), *blocks, *ends), (numbers(1, 3, 8, 8),), 0.4)


def mobilenet_v3() -> Model:
    """arXiv:1905.02244: the same with hard swish, and channels gated by hard sigmoids."""
    gate = _squeeze_excite(8, nn.LeakyReLU(), nn.Hardsigmoid())
    block = _residual(_inverted(4, nn.Hardswish, gate), last=nn.Identity())
    ends = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
    return Model(nn.Sequential(*_normed(3, 4, 3, 2), block, *ends), (numbers(1, 3, 8, 8),), 0.3)


def efficientnet() -> Model:
    """arXiv:1905.11946: MBConv with SiLU, squeeze and excitation."""
    gate = _squeeze_excite(8, nn.SiLU(), nn.Sigmoid())
    block = _residual(_inverted(4, nn.SiLU, gate), last=nn.Identity())
    ends = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
    return Model(nn.Sequential(*_normed(3, 4, 3, 2), block, *ends), (numbers(1, 3, 8, 8),), 0.3)


def convnext() -> Model:
    """arXiv:2201.03545: 7 x 7 depthwise, layer norm over channels, layer scale."""

    def block(self: Any, x: Tensor) -> Any:
        y = self.depthwise(x).permute(0, 2, 3, 1)
        y = self.scale * self.project(functional.gelu(self.expand(self.norm(y))))
        return x + y.permute(0, 3, 1, 2)

    made = net_of(
        block,
        depthwise=nn.Conv2d(4, 4, 7, padding=3, groups=4),
        norm=nn.LayerNorm(4),
        expand=nn.Linear(4, 8),
        project=nn.Linear(8, 4),
        scale=nn.Parameter(torch.full((4,), 0.5)),
    )
    return Model(nn.Sequential(nn.Conv2d(3, 4, 2, 2), made), (numbers(1, 3, 8, 8),), 0.4)


def senet_cbam() -> Model:
    """arXiv:1807.06521: channels gated by pooled channels, then positions by pooled positions."""

    def forward(self: Any, x: Tensor) -> Any:
        x = self.first(x)
        pooled = self.shared(x.mean((2, 3))) + self.shared(x.amax((2, 3)))
        x = x * pooled.sigmoid()[:, :, None, None]
        maps = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)
        return x * self.spatial(maps).sigmoid()

    shared = nn.Sequential(nn.Linear(4, 2), nn.LeakyReLU(), nn.Linear(2, 4))
    parts = {"first": nn.Conv2d(3, 4, 1), "shared": shared, "spatial": nn.Conv2d(2, 1, 3, 1, 1)}
    return Model(net_of(forward, **parts), (numbers(1, 3, 5, 5),), 0.6)


def u_net() -> Model:
    """arXiv:1505.04597: two levels, transposed convolutions, skips by concatenation."""

    def forward(self: Any, x: Tensor) -> Any:
        fine = functional.leaky_relu(self.fine(x))
        coarse = functional.leaky_relu(self.coarse(functional.max_pool2d(fine, 2)))
        return self.last(torch.cat([fine, self.up(coarse)], 1))

    parts = {
        "fine": nn.Conv2d(2, 4, 3, padding=1),
        "coarse": nn.Conv2d(4, 6, 3, padding=1),
        "up": nn.ConvTranspose2d(6, 4, 2, 2),
        "last": nn.Conv2d(8, 3, 1),
    }
    return Model(net_of(forward, **parts), (numbers(1, 2, 8, 8),), 0.3)


def feature_pyramid() -> Model:
    """arXiv:1612.03144: a top-down path by nearest upsampling, a head at each scale."""

    def forward(self: Any, x: Tensor) -> Any:
        fine = functional.leaky_relu(self.fine(x))
        coarse = functional.leaky_relu(self.coarse(fine))
        top = self.side_coarse(coarse)
        merged = self.side_fine(fine) + functional.interpolate(
            top, scale_factor=2.0, mode="nearest"
        )
        return self.head(merged), self.head(top)

    parts = {
        "fine": nn.Conv2d(3, 4, 3, 2, 1),
        "coarse": nn.Conv2d(4, 6, 3, 2, 1),
        "side_fine": nn.Conv2d(4, 4, 1),
        "side_coarse": nn.Conv2d(6, 4, 1),
        "head": nn.Conv2d(4, 3, 3, padding=1),
    }
    return Model(net_of(forward, **parts), (numbers(1, 3, 8, 8),), 0.35)


def deeplab() -> Model:
    """arXiv:1706.05587: dilated convolutions side by side, image pooling, bilinear upsampling."""

    def forward(self: Any, x: Tensor) -> Any:
        x = functional.leaky_relu(self.stem(x))
        pooled = self.pooled(functional.adaptive_avg_pool2d(x, 1)).expand(-1, -1, *x.shape[2:])
        x = torch.cat([*(branch(x) for branch in self.dilated), pooled], 1)
        return functional.interpolate(
            self.last(x), scale_factor=2, mode="bilinear", align_corners=False
        )

    dilated = nn.ModuleList(nn.Conv2d(4, 2, 3, padding=d, dilation=d) for d in (1, 2))
    parts = {"stem": nn.Conv2d(3, 4, 3, 2, 1), "dilated": dilated, "pooled": nn.Conv2d(4, 2, 1)}
    return Model(net_of(forward, **parts, last=nn.Conv2d(6, 3, 1)), (numbers(1, 3, 8, 8),), 0.35)


def super_resolution() -> Model:
    """arXiv:1609.05158 (ESPCN): channels are rearranged to pixels at the end."""
    net = nn.Sequential(
        *(nn.Conv2d(3, 6, 3, padding=1), nn.Tanh(), nn.Conv2d(6, 12, 3, padding=1)),
        nn.PixelShuffle(2),
    )
    return Model(net, (numbers(1, 3, 5, 5),), 0.3)


def volumes() -> Model:
    """arXiv:1412.0767 (C3D): three-dimensional convolutions and pooling."""
    net = nn.Sequential(
        *(nn.Conv3d(2, 4, 3, padding=1), nn.LeakyReLU(), nn.MaxPool3d(2)),
        *(nn.Conv3d(4, 5, 3, padding=1), nn.LeakyReLU(), nn.AdaptiveAvgPool3d(1)),
        *(nn.Flatten(), nn.Linear(5, 4)),
    )
    return Model(net, (numbers(1, 2, 4, 4, 4),), 0.35)


def spatial_transformer() -> Model:
    """arXiv:1506.02025: the image is sampled where an affine map, computed from it, says."""

    def forward(self: Any, x: Tensor) -> Any:
        affine = self.localise(x).view(-1, 2, 3) * 0.1 + self.identity
        grid = functional.affine_grid(affine, list(x.shape), align_corners=False)
        return self.last(functional.grid_sample(x, grid, align_corners=False))

    localise = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Tanh(), nn.Flatten(), nn.Linear(48, 6))
    last = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Flatten(), nn.Linear(48, 4))
    identity = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    net = net_of(forward, localise=localise, last=last, identity=identity)
    return Model(net, (numbers(1, 1, 6, 6),), 0.5)


def capsules() -> Model:
    """arXiv:1710.09829: capsules squashed to length, routed by agreement in two steps."""

    def squash(x: Tensor) -> Tensor:
        square = (x * x).sum(-1, keepdim=True)
        return x * square / (1 + square) / (square + 1e-8).sqrt()

    def forward(self: Any, x: Tensor) -> Any:
        primary = squash(self.primary(x).view(x.shape[0], 4, -1).transpose(1, 2))  # [N, 9, 4]
        votes = torch.einsum("nic,iocd->niod", primary, self.votes)  # [N, 9, 3, 2]
        logits = torch.zeros(x.shape[0], 9, 3)
        out = squash((logits.softmax(2)[..., None] * votes).sum(1))
        logits = logits + (votes * out[:, None]).sum(-1)
        return squash((logits.softmax(2)[..., None] * votes).sum(1))

    votes = nn.Parameter(torch.randn(9, 3, 4, 2))
    net = net_of(forward, primary=nn.Conv2d(1, 4, 3, 2), votes=votes)
    return Model(net, (numbers(1, 1, 7, 7),), 0.6)


def _normed(
    n_in: int, n_out: int, size: int, stride: int = 1, groups: int = 1
) -> tuple[nn.Module, ...]:
    conv = nn.Conv2d(n_in, n_out, size, stride, size // 2, groups=groups, bias=False)
    return conv, nn.BatchNorm2d(n_out)


def _residual(
    body: nn.Module, shortcut: nn.Module | None = None, last: nn.Module | None = None
) -> Any:
    def forward(self: Any, x: Tensor) -> Any:
        return self.last(self.body(x) + self.shortcut(x))

    shortcut = nn.Identity() if shortcut is None else shortcut
    return net_of(forward, body=body, shortcut=shortcut, last=last or nn.LeakyReLU())


def _basic(n_in: int, n_out: int, stride: int) -> nn.Module:
    return nn.Sequential(
        *_normed(n_in, n_out, 3, stride), nn.LeakyReLU(), *_normed(n_out, n_out, 3)
    )


def _bottlenecks(groups: int) -> nn.Module:
    def body(n_in: int, stride: int) -> nn.Module:
        return nn.Sequential(
            *(*_normed(n_in, 4, 1), nn.LeakyReLU()),
            *(*_normed(4, 4, 3, stride, groups), nn.LeakyReLU(), *_normed(4, 8, 1)),
        )

    return nn.Sequential(
        *(*_normed(3, 4, 3), nn.LeakyReLU()),
        _residual(body(4, 2), nn.Sequential(*_normed(4, 8, 1, 2))),
        _residual(body(8, 1)),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)),
    )


def _inverted(n: int, activation: type[nn.Module], gate: nn.Module | None) -> nn.Module:
    gates = () if gate is None else (gate,)
    return nn.Sequential(
        *(*_normed(n, 2 * n, 1), activation()),
        *(*_normed(2 * n, 2 * n, 3, groups=2 * n), activation(), *gates),
        *_normed(2 * n, n, 1),
    )


def _squeeze_excite(n: int, activation: nn.Module, gate: nn.Module) -> Any:
    def forward(self: Any, x: Tensor) -> Any:
        return x * self.gates(functional.adaptive_avg_pool2d(x, 1))

    gates = nn.Sequential(nn.Conv2d(n, n // 4, 1), activation, nn.Conv2d(n // 4, n, 1), gate)
    return net_of(forward, gates=gates)


FAMILIES: Final[Mapping[str, Family]] = MappingProxyType(
    {
        "LeNet-5": lenet,
        "AlexNet": alexnet,
        "VGG": vgg,
        "ResNet-18": resnet18,
        "ResNet-50": resnet50,
        "ResNeXt": resnext,
        "DenseNet": densenet,
        "Inception": inception,
        "SqueezeNet": squeezenet,
        "ShuffleNet v2": shufflenet,
        "MobileNet v2": mobilenet_v2,
        "MobileNet v3": mobilenet_v3,
        "EfficientNet": efficientnet,
        "ConvNeXt": convnext,
        "CBAM": senet_cbam,
        "U-Net": u_net,
        "feature pyramid": feature_pyramid,
        "DeepLab v3": deeplab,
        "ESPCN": super_resolution,
        "C3D": volumes,
        "spatial transformer": spatial_transformer,
        "capsules": capsules,
    }
)
