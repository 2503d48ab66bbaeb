"""Ordinary networks: trained on the bundled digits, pruned by magnitude, traced."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn

from netsculpt.graph.graph import NetGraph
from netsculpt.nets.families import MLP, ResNet
from netsculpt.tracing import trace
from netsculpt.training import Recipe, fit, prune, sparse_net, task

__all__ = ["ORDINARY", "ordinary"]


class _Transformer(nn.Module):
    """Two encoder layers over the eight rows of an image."""

    def __init__(self) -> None:
        super().__init__()
        self.embedded = nn.Linear(8, 24)
        layer = nn.TransformerEncoderLayer(24, 4, 48, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.read_out = nn.Linear(24, 10)

    def forward(self, images: Tensor) -> Tensor:
        rows: Tensor = self.encoder(self.embedded(images.reshape(-1, 8, 8)))
        logits: Tensor = self.read_out(rows.mean(dim=1))
        return logits


ORDINARY: Mapping[str, tuple[Callable[[], nn.Module], int, float]] = MappingProxyType(
    {  # net, epochs, density
        "MLP 64-60-30-10, dense": (lambda: MLP((64, 60, 30, 10)).build(), 15, 1.0),
        "MLP 64-60-30-10, 20 % kept": (lambda: MLP((64, 60, 30, 10)).build(), 15, 0.2),
        "MLP 64-100-100-50-10, 20 % kept": (
            lambda: MLP((64, 100, 100, 50, 10)).build(),
            15,
            0.2,
        ),
        "MLP 64-100-100-50-10, 5 % kept": (
            lambda: MLP((64, 100, 100, 50, 10)).build(),
            15,
            0.05,
        ),
        "ResNet-20, 8-16-32 channels, 20 % kept": (
            lambda: ResNet((1, 8, 8), 10, (8, 16, 32)).build(),
            3,
            0.2,
        ),
        "transformer, 2 layers, 20 % kept": (_Transformer, 5, 0.2),
    }
)


def ordinary(name: str, seed: int) -> NetGraph:
    """The live part of a trained and pruned network; the transformer counts features, not rows."""
    torch.set_num_threads(1)
    make, epochs, density = ORDINARY[name]
    torch.manual_seed(seed)
    net = fit(make(), task("digits", rng=seed), Recipe(epochs=epochs), rng=seed).net
    if density < 1:
        net = sparse_net(net, prune(net, method="magnitude", density=density)).net
    return trace(net.eval(), torch.zeros(1, 64)).live()
