"""What transformers are made of: heads, rotations, norms and gates."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from families.model import net_of

__all__ = ["Bias", "attention", "causal", "gated", "mlp", "post_norm", "pre_norm", "rotated"]

Bias = Tensor | None  # what is added to scores


def attention(
    n: int,
    n_heads: int,
    n_key_heads: int | None = None,
    *,
    rotary: bool = False,
    is_causal: bool = False,
    bias: bool = True,
    by_hand: bool = False,
) -> Any:
    """Attention with queries of x, and keys and values of another sequence or of x itself."""
    n_key_heads = n_heads if n_key_heads is None else n_key_heads
    size = n // n_heads

    def forward(self: Any, x: Tensor, other: Tensor | None = None, added: Bias = None) -> Any:
        other = x if other is None else other

        def heads(value: Tensor, n_of: int) -> Tensor:
            return value.view(value.shape[0], value.shape[1], n_of, size).transpose(1, 2)

        q, k = heads(self.q(x), n_heads), heads(self.k(other), n_key_heads)
        v = heads(self.v(other), n_key_heads)
        if rotary:
            q, k = rotated(q), rotated(k)
        if n_key_heads != n_heads:
            k = k.repeat_interleave(n_heads // n_key_heads, 1)
            v = v.repeat_interleave(n_heads // n_key_heads, 1)
        if by_hand:
            scores = q @ k.transpose(-2, -1) / size**0.5
            if added is not None:
                scores = scores + added
            if is_causal:
                scores = scores.masked_fill(~causal(x.shape[1]), float("-inf"))
            y = scores.softmax(-1) @ v
        else:
            y = functional.scaled_dot_product_attention(q, k, v, added, is_causal=is_causal)
        return self.out(y.transpose(1, 2).reshape(x.shape[0], x.shape[1], n))

    n_keys = n_key_heads * size
    parts = {"q": (n, n), "k": (n, n_keys), "v": (n, n_keys), "out": (n, n)}
    return net_of(forward, **{name: nn.Linear(*x, bias=bias) for name, x in parts.items()})


def rotated(x: Tensor) -> Tensor:
    """Rotary embedding (arXiv:2104.09864) of x [N, heads, T, C], in halves."""
    half = x.shape[-1] // 2
    angles = torch.arange(x.shape[-2])[:, None] * 10.0 ** -torch.arange(half)
    cos, sin = (torch.cat([f(angles), f(angles)], -1) for f in (torch.cos, torch.sin))
    turned = torch.cat([-x[..., half:], x[..., :half]], -1)
    return x * cos.to(x.dtype) + turned * sin.to(x.dtype)


def causal(n: int) -> Tensor:
    """Which positions each position may see [n, n]."""
    return torch.ones(n, n, dtype=torch.bool).tril()


def mlp(n: int, hidden: int, activation: nn.Module | None = None) -> nn.Module:
    """Two linear layers."""
    return nn.Sequential(nn.Linear(n, hidden), activation or nn.GELU(), nn.Linear(hidden, n))


def gated(n: int, hidden: int, activation: nn.Module) -> Any:
    """Two linear layers, of which the first is gated (arXiv:2002.05202)."""

    def forward(self: Any, x: Tensor) -> Any:
        return self.down(self.activation(self.gate(x)) * self.up(x))

    linear = {"gate": nn.Linear(n, hidden, False), "up": nn.Linear(n, hidden, False)}
    return net_of(forward, **linear, down=nn.Linear(hidden, n, False), activation=activation)


def pre_norm(n: int, mixer: nn.Module, feed: nn.Module, norm: type[nn.Module]) -> Any:
    """A block whose two parts each take a normalised sum, and add to it."""

    def forward(self: Any, x: Tensor) -> Any:
        x = x + self.mixer(self.norm_1(x))
        return x + self.feed(self.norm_2(x))

    make: Any = norm
    return net_of(forward, mixer=mixer, feed=feed, norm_1=make(n), norm_2=make(n))


def post_norm(n: int, mixer: nn.Module, feed: nn.Module) -> Any:
    """A block that normalises each sum."""

    def forward(self: Any, x: Tensor) -> Any:
        x = self.norm_1(x + self.mixer(x))
        return self.norm_2(x + self.feed(x))

    return net_of(forward, mixer=mixer, feed=feed, norm_1=nn.LayerNorm(n), norm_2=nn.LayerNorm(n))
