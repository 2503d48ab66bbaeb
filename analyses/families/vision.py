"""Transformers and mixers of image patches, and of images with text."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from families.attention import attention, mlp, post_norm, pre_norm
from families.model import Family, Model, ids, net_of, numbers

__all__ = ["FAMILIES"]

N, HEADS = 8, 2
IMAGE = (1, 2, 4, 4)  # four patches


def vit() -> Model:
    """arXiv:2010.11929: patches and a class token, learned positions, pre-norm."""

    def forward(self: Any, x: Tensor) -> Any:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.positions
        return self.head(self.norm(self.block(x))[:, 0])

    return Model(net_of(forward, **_parts(1), head=nn.Linear(N, 3)), (numbers(*IMAGE),))


def deit() -> Model:
    """arXiv:2012.12877: a second token for distillation; the mean of two heads."""

    def forward(self: Any, x: Tensor) -> Any:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.positions
        x = self.norm(self.block(x))
        return (self.head(x[:, 0]) + self.head_dist(x[:, 1])) / 2

    heads = {"head": nn.Linear(N, 3), "head_dist": nn.Linear(N, 3)}
    return Model(net_of(forward, **_parts(2), **heads), (numbers(*IMAGE),))


def swin() -> Model:
    """arXiv:2103.14030: attention in shifted windows with a bias by distance, patch merging."""
    side, window, shift = 4, 2, 1

    def windows(x: Tensor) -> Tensor:
        x = x.view(x.shape[0], side // window, window, side // window, window, N)
        return x.transpose(2, 3).reshape(-1, window * window, N)

    def block(self: Any, x: Tensor) -> Any:  # [N, H, W, C]
        y = windows(torch.roll(self.norm_1(x), (-shift, -shift), (1, 2)))
        added = self.bias[self.index.view(-1)].view(window**2, window**2, HEADS).permute(2, 0, 1)
        y = self.mixer(y, None, added[None] + self.mask[:, None])
        y = y.view(-1, side // window, side // window, window, window, N).transpose(2, 3)
        x = x + torch.roll(y.reshape(-1, side, side, N), (shift, shift), (1, 2))
        return x + self.feed(self.norm_2(x))

    def forward(self: Any, x: Tensor) -> Any:
        x = self.block(self.patches(x).permute(0, 2, 3, 1))
        merged = torch.cat([x[:, i::2, j::2] for j in (0, 1) for i in (0, 1)], -1)
        return self.head(self.reduction(self.norm(merged)).mean((1, 2)))

    steps = torch.arange(window)
    at = torch.stack(torch.meshgrid(steps, steps, indexing="ij")).flatten(1)
    distance = at[:, :, None] - at[:, None] + window - 1
    made = net_of(
        block,
        norm_1=nn.LayerNorm(N),
        norm_2=nn.LayerNorm(N),
        mixer=attention(N, HEADS, by_hand=True),
        feed=mlp(N, 12),
        bias=nn.Parameter(torch.randn((2 * window - 1) ** 2, HEADS)),
        index=distance[0] * (2 * window - 1) + distance[1],
        mask=_shifted_mask(side, window, shift),
    )
    parts = {"patches": nn.Conv2d(2, N, 1), "norm": nn.LayerNorm(4 * N)}
    net = net_of(
        forward,
        **parts,
        block=made,
        reduction=nn.Linear(4 * N, N, False),
        head=nn.Linear(N, 3),
    )
    return Model(net, (numbers(*IMAGE),))


def mlp_mixer() -> Model:
    """arXiv:2105.01601: one MLP over patches, one over channels."""

    def forward(self: Any, x: Tensor) -> Any:
        x = x + self.tokens(self.norm_1(x).transpose(1, 2)).transpose(1, 2)
        return x + self.channels(self.norm_2(x))

    norms = {"norm_1": nn.LayerNorm(N), "norm_2": nn.LayerNorm(N)}
    net = net_of(forward, tokens=mlp(4, 6), channels=mlp(N, 12), **norms)
    return Model(net, (numbers(1, 4, N),), 0.3)


def res_mlp() -> Model:
    """arXiv:2105.03404: affine factors in place of norms, one linear layer over patches."""

    def forward(self: Any, x: Tensor) -> Any:
        y = self.tokens((self.scale * x + self.shift).transpose(1, 2)).transpose(1, 2)
        x = x + self.gain * y
        return x + self.channels(x)

    factors = {name: nn.Parameter(torch.ones(N)) for name in ("scale", "shift", "gain")}
    net = net_of(forward, tokens=nn.Linear(4, 4), channels=mlp(N, 12), **factors)
    return Model(net, (numbers(1, 4, N),), 0.3)


def g_mlp() -> Model:
    """arXiv:2105.08050: half of the channels gate the others after mixing positions."""

    def forward(self: Any, x: Tensor) -> Any:
        u, v = functional.gelu(self.up(self.norm(x))).chunk(2, -1)
        return x + self.down(u * self.mix(self.norm_v(v)))

    net = net_of(
        forward,
        norm=nn.LayerNorm(N),
        up=nn.Linear(N, 12),
        norm_v=nn.LayerNorm(6),
        mix=nn.Conv1d(4, 4, 1),
        down=nn.Linear(6, N),
    )
    return Model(net, (numbers(1, 4, N),), 0.4)


def clip() -> Model:
    """arXiv:2103.00020: a tower of images and one of text, cosines of their vectors."""

    def forward(self: Any, image: Tensor, words: Tensor) -> Any:
        seen = self.seen(self.patches(image).flatten(2).transpose(1, 2)).mean(1)
        text = self.text(self.words(words))[:, -1]
        one, two = (
            functional.normalize(self.to_seen(seen), dim=-1),
            functional.normalize(self.to_text(text), dim=-1),
        )
        return self.scale.exp() * (one * two).sum(-1, keepdim=True)

    net = net_of(
        forward,
        patches=nn.Conv2d(2, N, 2, 2),
        words=nn.Embedding(9, N),
        seen=pre_norm(N, attention(N, HEADS), mlp(N, 12), nn.LayerNorm),
        text=pre_norm(N, attention(N, HEADS, is_causal=True), mlp(N, 12), nn.LayerNorm),
        to_seen=nn.Linear(N, 4, False),
        to_text=nn.Linear(N, 4, False),
        scale=nn.Parameter(torch.zeros(())),
    )
    return Model(net, (numbers(*IMAGE), ids(9, 1, 3)))


def detr() -> Model:
    """arXiv:2005.12872: convolutions, an encoder, and queries that are decoded to boxes."""

    def forward(self: Any, x: Tensor) -> Any:
        memory = self.encoder(self.conv(x).flatten(2).transpose(1, 2) + self.positions)
        queries = self.queries.expand(x.shape[0], -1, -1)
        found = queries + self.cross(queries, memory)
        return self.classes(found), self.boxes(found).sigmoid()

    net = net_of(
        forward,
        conv=nn.Conv2d(2, N, 2, 2),
        positions=nn.Parameter(torch.randn(1, 4, N)),
        queries=nn.Parameter(torch.randn(1, 3, N)),
        encoder=post_norm(N, attention(N, HEADS), mlp(N, 12)),
        cross=attention(N, HEADS),
        classes=nn.Linear(N, 3),
        boxes=nn.Linear(N, 4),
    )
    return Model(net, (numbers(*IMAGE),))


def _parts(n_tokens: int) -> dict[str, Any]:
    return {
        "patches": nn.Conv2d(2, N, 2, 2),
        "token": nn.Parameter(torch.randn(1, n_tokens, N)),
        "positions": nn.Parameter(torch.randn(1, 4 + n_tokens, N)),
        "block": pre_norm(N, attention(N, HEADS), mlp(N, 12), nn.LayerNorm),
        "norm": nn.LayerNorm(N),
    }


def _shifted_mask(side: int, window: int, shift: int) -> Tensor:
    """What is added to scores between positions that were no neighbours before the shift."""
    part = torch.zeros(side)
    part[side - window : side - shift], part[side - shift :] = 1, 2
    region = part[:, None] * 3 + part
    n = side // window
    region = region.view(n, window, n, window).transpose(1, 2).reshape(n * n, window * window)
    return (region[:, None] - region[:, :, None]).ne(0) * -1e9


FAMILIES: Final[Mapping[str, Family]] = MappingProxyType(
    {
        "ViT": vit,
        "DeiT": deit,
        "Swin": swin,
        "MLP-Mixer": mlp_mixer,
        "ResMLP": res_mlp,
        "gMLP": g_mlp,
        "CLIP": clip,
        "DETR": detr,
    }
)
