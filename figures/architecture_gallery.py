"""The gallery of architectures: a narrow, pruned net of each family, traced and drawn.

python figures/architecture_gallery.py [-o FOLDER]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils import prune

import netsculpt
from netsculpt.graph.graph import NetGraph
from netsculpt.plots import style

OUT = Path(__file__).parent / "architectures"
SEED = 0
IMAGE = (1, 3, 16, 16)


def conv(n_in: int, n_out: int, size: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """A convolution with its norm."""
    kernel = nn.Conv2d(n_in, n_out, size, stride, size // 2, groups=groups, bias=False)
    return nn.Sequential(kernel, nn.BatchNorm2d(n_out))


def head(n_in: int, n_out: int) -> nn.Sequential:
    """Global mean of each channel, then a linear layer."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(n_in, n_out))


class Residual(nn.Module):
    """Basic block of a ResNet (arXiv:1512.03385)."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        stride = 1 if n_in == n_out else 2
        self.one, self.two = conv(n_in, n_out, stride=stride), conv(n_out, n_out)
        self.short = nn.Identity() if n_in == n_out else conv(n_in, n_out, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Two convolutions and a shortcut."""
        y: Tensor = torch.relu(self.two(torch.relu(self.one(x))) + self.short(x))
        return y


class Dense(nn.Module):
    """Dense block (arXiv:1608.06993): each layer reads all before it."""

    def __init__(self, n_in: int, growth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([conv(n_in + n * growth, growth) for n in range(3)])

    def forward(self, x: Tensor) -> Tensor:
        """Everything so far, concatenated."""
        for layer in self.layers:
            x = torch.cat([x, torch.relu(layer(x))], 1)
        return x


class UNet(nn.Module):
    """One level of a U-Net (arXiv:1505.04597)."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.bottom = conv(3, 8), conv(8, 12)
        self.up = nn.ConvTranspose2d(12, 8, 2, 2, bias=False)
        self.join, self.out = conv(16, 8), nn.Conv2d(8, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Down, up, and the skip connection that joins both."""
        skip = torch.relu(self.down(x))
        low = torch.relu(self.bottom(nn.functional.max_pool2d(skip, 2)))
        y: Tensor = self.out(torch.relu(self.join(torch.cat([skip, self.up(low)], 1))))
        return y


class LSTM(nn.Module):
    """A classifier of sequences of tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.lstm = nn.Embedding(12, 6), nn.LSTM(6, 6, batch_first=True)
        self.out = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Logits after the last token."""
        y: Tensor = self.out(self.lstm(self.tokens(x))[0][:, -1])
        return y


class Transformer(nn.Module):
    """An encoder layer (arXiv:1706.03762) between an embedding and a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(12, 8)
        self.layer = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True)
        self.out = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Logits from the mean over tokens."""
        y: Tensor = self.out(self.layer(self.tokens(x)).mean(1))
        return y


class ViT(nn.Module):
    """A vision transformer (arXiv:2010.11929) of one layer."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, 4)
        self.token = nn.Parameter(torch.zeros(1, 1, 8))
        self.layer = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True, norm_first=True)
        self.out = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Logits from the class token."""
        patches = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(len(x), -1, -1), patches], 1)
        y: Tensor = self.out(self.layer(tokens)[:, 0])
        return y


class Mixer(nn.Module):
    """An MLP-Mixer (arXiv:2105.01601) of one layer, on four patches."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 4, 8, 8)
        self.tokens = nn.Sequential(nn.Linear(4, 6), nn.GELU(), nn.Linear(6, 4))
        self.channels = nn.Sequential(nn.Linear(4, 6), nn.GELU(), nn.Linear(6, 4))
        self.out = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Mix tokens, then channels."""
        x = self.patches(x).flatten(2)
        x = (x + self.tokens(x)).transpose(1, 2)
        y: Tensor = self.out((x + self.channels(x)).mean(1))
        return y


def mlp() -> tuple[nn.Module, Tensor]:
    """A perceptron."""
    layers = [nn.Linear(8, 12), nn.ReLU(), nn.Linear(12, 12), nn.ReLU(), nn.Linear(12, 4)]
    return nn.Sequential(*layers), torch.zeros(1, 8)


def lenet() -> tuple[nn.Module, Tensor]:
    """Convolutions, a flatten, linear layers (LeCun et al. 1998)."""
    features = [nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 10, 5), nn.ReLU()]
    classes = [nn.MaxPool2d(2), nn.Flatten(), nn.Linear(40, 12), nn.ReLU(), nn.Linear(12, 5)]
    return nn.Sequential(*features, *classes), torch.zeros(1, 1, 20, 20)


def resnet() -> tuple[nn.Module, Tensor]:
    """An identity shortcut, then a strided 1×1 one."""
    blocks = [conv(3, 8), nn.ReLU(), Residual(8, 8), Residual(8, 12)]
    return nn.Sequential(*blocks, head(12, 4)), torch.zeros(IMAGE)


def densenet() -> tuple[nn.Module, Tensor]:
    """A dense block."""
    return nn.Sequential(conv(3, 6), nn.ReLU(), Dense(6, 4), head(18, 4)), torch.zeros(IMAGE)


def mobilenet() -> tuple[nn.Module, Tensor]:
    """Depthwise and pointwise convolutions (arXiv:1704.04861)."""
    layers = [conv(3, 8), conv(8, 8, groups=8), conv(8, 12, 1), conv(12, 12, groups=12)]
    relus = [part for layer in layers for part in (layer, nn.ReLU())]
    return nn.Sequential(*relus, conv(12, 12, 1), nn.ReLU(), head(12, 4)), torch.zeros(IMAGE)


def unet() -> tuple[nn.Module, Tensor]:
    """A skip connection around a bottleneck."""
    return UNet(), torch.zeros(IMAGE)


def lstm() -> tuple[nn.Module, Tensor]:
    """Gates and states of one step."""
    return LSTM(), torch.zeros(1, 5, dtype=torch.long)


def transformer() -> tuple[nn.Module, Tensor]:
    """Two heads, each with a pattern unit wired to the channels that it weights."""
    return Transformer(), torch.zeros(1, 5, dtype=torch.long)


def vit() -> tuple[nn.Module, Tensor]:
    """Patches, a class token, an encoder layer."""
    return ViT(), torch.zeros(IMAGE)


def mixer() -> tuple[nn.Module, Tensor]:
    """Once patches are mixed, each channel has a unit at every patch."""
    return Mixer(), torch.zeros(IMAGE)


FAMILIES: tuple[Callable[[], tuple[nn.Module, Tensor]], ...] = (
    *(mlp, lenet, resnet, densenet, mobilenet, unet),
    *(lstm, transformer, vit, mixer),
)


def traced(family: Callable[[], tuple[nn.Module, Tensor]]) -> NetGraph:
    """A family's graph, 60 % of its weights (90 % of kernels) pruned at random."""
    torch.manual_seed(SEED)
    net, example = family()
    for layer in list(net.modules()):
        for name, weight in list(layer.named_parameters(recurse=False)):
            if weight.ndim > 1 and not isinstance(layer, ViT):
                prune.random_unstructured(layer, name, 0.9 if weight.ndim > 2 else 0.6)  # type: ignore[no-untyped-call]
    return netsculpt.trace(net, example)


def main(out: Path = OUT) -> None:
    """Draw every family."""
    out.mkdir(parents=True, exist_ok=True)
    for family in FAMILIES:
        graph = traced(family)
        print(f"{family.__name__:12} {graph.n_units:4} units {graph.n_edges:5} edges")
        with style.paper("neurips"):
            figure = style.figure("neurips", 0.36)
            netsculpt.plots.network(graph, ax=figure.add_subplot())
            style.write_figure(figure, out / f"{family.__name__}.svg")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, default=OUT)
    main(parser.parse_args().out)
