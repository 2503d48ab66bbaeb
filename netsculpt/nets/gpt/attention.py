"""Attention to earlier positions, with sinks and sparse activations."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from netsculpt.nets.gpt.place import Place
from netsculpt.nets.gpt.shape import GPTShape

__all__ = ["Attention"]


class Sink(nn.Module):
    """A logit of each head that competes with those of the positions, and has no value.

    Its share of the attention goes nowhere: a head can attend to nothing.
    """

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.sink_logit = nn.Parameter(torch.zeros(heads))

    def reset_parameters(self) -> None:
        """Set the logits to 0."""
        nn.init.zeros_(self.sink_logit)

    def forward(self, logits: Tensor) -> Tensor:
        """Logits [n, heads, to, from] to shares of the same shape, which add up to below 1."""
        n, _, n_to, _ = logits.shape
        sink = self.sink_logit[None, :, None, None].expand(n, -1, n_to, 1)
        return torch.cat([logits, sink], dim=-1).softmax(dim=-1)[..., :-1]


class Attention(nn.Module):
    """Causal attention of several heads.

    A sequence reads itself and what is before it; `at` has the places of its activations.
    """

    def __init__(self, shape: GPTShape) -> None:
        super().__init__()
        inner = shape.heads * shape.head_channels
        self.heads = shape.heads
        self.c_attn = nn.Linear(shape.read_width, 3 * inner, bias=shape.bias)
        self.c_proj = nn.Linear(inner, shape.width, bias=shape.bias)
        self.attn_imp = Sink(shape.heads) if shape.sinks else nn.Softmax(dim=-1)
        names = ("attn_in", "attn_q", "attn_k", "attn_v", "attn_out")
        self.at = nn.ModuleDict({name: Place(shape.kept(name)) for name in names})

    def forward(self, stream: Tensor) -> Tensor:
        """What is read [n, t, read width] to what is written [n, t, width]."""
        parts = self.c_attn(self.at["attn_in"](stream)).chunk(3, dim=-1)
        query, key, value = (
            self._by_head(self.at[name](part))
            for name, part in zip(("attn_q", "attn_k", "attn_v"), parts, strict=True)
        )
        n_to = stream.shape[1]
        later = torch.ones(n_to, n_to, dtype=torch.bool, device=stream.device).triu(1)
        logits = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
        shares = self.attn_imp(logits.masked_fill(later, -math.inf))
        written = (shares @ value).transpose(1, 2).flatten(2)
        out: Tensor = self.at["attn_out"](self.c_proj(written))
        return out

    def _by_head(self, vectors: Tensor) -> Tensor:
        """Vectors [n, t, heads · channels] as [n, heads, t, channels]."""
        apart: Tensor = vectors.unflatten(-1, (self.heads, -1))  # type: ignore[no-untyped-call]
        return apart.transpose(1, 2)
