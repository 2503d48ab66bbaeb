"""Transformers of text, proteins and speech."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from families.attention import attention, gated, mlp, post_norm, pre_norm
from families.model import Family, Model, ids, net_of, numbers

__all__ = ["FAMILIES"]

N, HEADS, LENGTH, WORDS = 8, 2, 4, 9


def bert() -> Model:
    """arXiv:1810.04805: encoder of torch, learned positions and segments, head of the first."""

    def forward(self: Any, words: Tensor, segments: Tensor) -> Any:
        positions = torch.arange(words.shape[1])
        x = self.words(words) + self.segments(segments) + self.positions(positions)
        x = self.encoder(self.norm(x))
        return self.head(torch.tanh(self.pooler(x[:, 0])))

    layer = nn.TransformerEncoderLayer(N, HEADS, 12, 0.0, "gelu", batch_first=True)
    net = net_of(
        forward,
        words=nn.Embedding(WORDS, N),
        segments=nn.Embedding(2, N),
        positions=nn.Embedding(LENGTH, N),
        norm=nn.LayerNorm(N),
        encoder=nn.TransformerEncoder(layer, 1, enable_nested_tensor=False),
        pooler=nn.Linear(N, N),
        head=nn.Linear(N, 3),
    )
    return Model(net, (ids(WORDS, 1, LENGTH), ids(2, 1, LENGTH)))


def roberta() -> Model:
    """arXiv:1907.11692: no segments; positions are counted where the token is not padding."""

    def forward(self: Any, words: Tensor) -> Any:
        there = words.ne(1).int()
        positions = (torch.cumsum(there, 1) * there).long() + 1
        return self.head(self.block(self.words(words) + self.positions(positions)))

    net = net_of(
        forward,
        words=nn.Embedding(WORDS, N, padding_idx=1),
        positions=nn.Embedding(LENGTH + 2, N, padding_idx=1),
        block=post_norm(N, attention(N, HEADS), mlp(N, 12)),
        head=nn.Linear(N, 3),
    )
    return Model(net, (ids(WORDS, 1, LENGTH),))


def gpt2() -> Model:
    """Radford et al. 2019: pre-norm, causal, learned positions, tied embedding."""

    def forward(self: Any, words: Tensor) -> Any:
        x = self.words(words) + self.positions(torch.arange(words.shape[1]))
        return functional.linear(self.norm(self.block(x)), self.words.weight)

    mixer = attention(N, HEADS, is_causal=True, by_hand=True)
    return Model(_language_model(forward, pre_norm(N, mixer, mlp(N, 12), nn.LayerNorm)), _words())


def gpt_neox() -> Model:
    """arXiv:2204.06745: attention and MLP in parallel, rotary embedding."""

    def block(self: Any, x: Tensor) -> Any:
        return x + self.mixer(self.norm_1(x)) + self.feed(self.norm_2(x))

    made = net_of(
        block,
        mixer=attention(N, HEADS, rotary=True, is_causal=True),
        feed=mlp(N, 12),
        norm_1=nn.LayerNorm(N),
        norm_2=nn.LayerNorm(N),
    )
    return Model(_language_model(_headed, made), _words())


def llama() -> Model:
    """arXiv:2302.13971, 2307.09288: RMS norm, rotary embedding, SwiGLU, grouped queries."""
    return Model(_language_model(_headed, _llama_block(attention(N, 4, 2, **_ROTARY))), _words())


def mistral() -> Model:
    """arXiv:2310.06825: the same with a sliding window of two positions."""

    def forward(self: Any, x: Tensor) -> Any:
        steps = torch.arange(x.shape[1])
        distance = steps[:, None] - steps
        window = (distance >= 0) & (distance < 2)
        return self.mixer(x, None, torch.zeros(1).masked_fill(~window, float("-inf")))

    mixer = attention(N, 4, 2, rotary=True, bias=False, by_hand=True)
    return Model(_language_model(_headed, _llama_block(net_of(forward, mixer=mixer))), _words())


def gemma() -> Model:
    """arXiv:2403.08295: RMS norm by hand with 1 + γ, GeGLU, scaled tied embedding, soft cap."""

    def norm(self: Any, x: Tensor) -> Any:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * (1 + self.scale)

    def forward(self: Any, words: Tensor) -> Any:
        x = self.block(self.words(words) * math.sqrt(N))
        return 3 * torch.tanh(functional.linear(self.norm(x), self.words.weight) / 3)

    def made(n: int) -> Any:
        return net_of(norm, scale=nn.Parameter(torch.zeros(n)))

    kind: Any = made
    block = pre_norm(N, attention(N, 2, 1, **_ROTARY), gated(N, 12, nn.GELU("tanh")), kind)
    return Model(net_of(forward, words=nn.Embedding(WORDS, N), block=block, norm=made(N)), _words())


def mixtral() -> Model:
    """arXiv:2401.04088: each token takes two of four experts."""
    block = pre_norm(N, attention(N, 4, 2, **_ROTARY), _experts(4, 2), nn.RMSNorm)
    return Model(_language_model(_headed, block), _words())


def switch() -> Model:
    """arXiv:2101.03961: each token takes the best of three experts, densely computed."""
    return Model(_experts(3, 1), (numbers(1, LENGTH, N),), 0.3)


def soft_experts() -> Model:
    """Jacobs et al. 1991: the outputs of all experts, weighted by a softmax."""

    def forward(self: Any, x: Tensor) -> Any:
        gates = self.router(x).softmax(-1)
        outs = torch.stack([expert(x) for expert in self.experts], -1)
        return (outs * gates[:, None]).sum(-1)

    experts = nn.ModuleList(mlp(N, 6) for _ in range(3))
    return Model(net_of(forward, router=nn.Linear(N, 3), experts=experts), (numbers(1, N),), 0.3)


def t5() -> Model:
    """arXiv:1910.10683: a bias for each head and distance in place of positions."""

    def forward(self: Any, words: Tensor) -> Any:
        steps = torch.arange(words.shape[1])
        bucket = (steps - steps[:, None]).clamp(-2, 2) + 2
        added = self.bias(bucket).permute(2, 0, 1)[None]
        x = self.words(words)
        x = x + self.mixer(self.norm_1(x), None, added)
        return self.head(x + self.feed(self.norm_2(x)))

    net = net_of(
        forward,
        words=nn.Embedding(WORDS, N),
        bias=nn.Embedding(5, HEADS),
        mixer=attention(N, HEADS, bias=False, by_hand=True),
        feed=mlp(N, 12),
        norm_1=nn.RMSNorm(N),
        norm_2=nn.RMSNorm(N),
        head=nn.Linear(N, 3),
    )
    return Model(net, _words())


def bart() -> Model:
    """arXiv:1910.13461: encoder and decoder of torch, two sequences of tokens."""

    def forward(self: Any, source: Tensor, target: Tensor) -> Any:
        mask = nn.Transformer.generate_square_subsequent_mask(target.shape[1])
        x = self.words(target) + self.positions(torch.arange(target.shape[1]))
        memory = self.encoder(self.words(source) + self.positions(torch.arange(source.shape[1])))
        return self.head(self.decoder(x, memory, tgt_mask=mask.to(x.dtype)))

    form: dict[str, Any] = {"dropout": 0.0, "activation": "gelu", "batch_first": True}
    net = net_of(
        forward,
        words=nn.Embedding(WORDS, N),
        positions=nn.Embedding(LENGTH, N),
        encoder=nn.TransformerEncoderLayer(N, HEADS, 12, **form),
        decoder=nn.TransformerDecoderLayer(N, HEADS, 12, **form),
        head=nn.Linear(N, 3),
    )
    return Model(net, (ids(WORDS, 1, LENGTH), ids(WORDS, 1, 3)))


def esm() -> Model:
    """Lin et al. 2023 (ESM-2): rotary embedding, and the scores of heads tell contacts."""

    def forward(self: Any, words: Tensor) -> Any:
        x = self.block(self.words(words))
        pairs = (self.left(x)[:, :, None] * self.right(x)[:, None]).sum(-1)
        return self.head(x), pairs + pairs.transpose(1, 2)

    net = net_of(
        forward,
        words=nn.Embedding(WORDS, N),
        block=pre_norm(N, attention(N, HEADS, rotary=True), mlp(N, 12), nn.LayerNorm),
        left=nn.Linear(N, 4),
        right=nn.Linear(N, 4),
        head=nn.Linear(N, 3),
    )
    return Model(net, _words())


def transformer_xl() -> Model:
    """arXiv:1901.02860: keys and values of a memory, given as an input, and of the segment."""

    def forward(self: Any, words: Tensor, memory: Tensor) -> Any:
        x = self.words(words)
        seen = torch.cat([memory, x], 1)
        mask = torch.ones(x.shape[1], seen.shape[1]).tril(memory.shape[1]).bool()
        added = torch.zeros(1, dtype=x.dtype).masked_fill(~mask, float("-inf"))
        x = self.norm(x + self.mixer(x, seen, added))
        return self.head(x + self.feed(x))

    net = net_of(
        forward,
        words=nn.Embedding(WORDS, N),
        mixer=attention(N, HEADS, by_hand=True),
        norm=nn.LayerNorm(N),
        feed=mlp(N, 12),
        head=nn.Linear(N, 3),
    )
    return Model(net, (*_words(), numbers(1, 2, N)))


def perceiver() -> Model:
    """arXiv:2103.03206: learned latents attend to the inputs, then to each other."""

    def forward(self: Any, x: Tensor) -> Any:
        latents = self.latents.expand(x.shape[0], -1, -1)
        latents = latents + self.cross(latents, self.embed(x))
        return self.head(self.block(latents).mean(1))

    net = net_of(
        forward,
        embed=nn.Linear(3, N),
        latents=nn.Parameter(torch.randn(1, 3, N)),
        cross=attention(N, HEADS),
        block=pre_norm(N, attention(N, HEADS), mlp(N, 12), nn.LayerNorm),
        head=nn.Linear(N, 3),
    )
    return Model(net, (numbers(1, 6, 3),))


def linear_attention() -> Model:
    """arXiv:2006.16236: softmax is replaced by products of positive features."""

    def forward(self: Any, x: Tensor) -> Any:
        q, k = (functional.elu(part(x)) + 1 for part in (self.q, self.k))
        summed = torch.einsum("nti,ntj->nij", k, self.v(x))
        scale = 1 / torch.einsum("nti,ni->nt", q, k.sum(1))
        return self.out(torch.einsum("nti,nij,nt->ntj", q, summed, scale))

    parts = {name: nn.Linear(N, N) for name in ("q", "k", "v", "out")}
    return Model(net_of(forward, **parts), (numbers(1, LENGTH, N),))


def fnet() -> Model:
    """arXiv:2105.03824: a Fourier transform over positions and channels mixes."""

    def mix(_: Any, x: Tensor) -> Any:
        return torch.fft.fft(torch.fft.fft(x, dim=-1), dim=-2).real

    net = post_norm(N, net_of(mix), mlp(N, 12))
    return Model(net, (numbers(1, LENGTH, N),))


_ROTARY: Final[Mapping[str, Any]] = {"rotary": True, "is_causal": True, "bias": False}


def _words() -> tuple[Tensor, ...]:
    return (ids(WORDS, 1, LENGTH),)


def _llama_block(mixer: nn.Module) -> Any:
    return pre_norm(N, mixer, gated(N, 12, nn.SiLU()), nn.RMSNorm)


def _headed(self: Any, words: Tensor) -> Any:
    return self.head(self.norm(self.block(self.words(words))))


def _language_model(forward: Any, block: nn.Module) -> Any:
    return net_of(
        forward,
        words=nn.Embedding(WORDS, N),
        positions=nn.Embedding(LENGTH, N) if forward is not _headed else None,
        block=block,
        norm=nn.LayerNorm(N),
        head=nn.Linear(N, 3) if forward is _headed else None,
    )


def _experts(n_experts: int, n_best: int) -> Any:
    def forward(self: Any, x: Tensor) -> Any:
        best, which = self.router(x).topk(n_best, -1)
        gates = torch.zeros_like(self.router(x)).scatter(-1, which, best.softmax(-1))
        outs = torch.stack([expert(x) for expert in self.experts], -1)
        return (outs * gates.unsqueeze(-2)).sum(-1)

    experts = nn.ModuleList(gated(N, 6, nn.SiLU()) for _ in range(n_experts))
    return net_of(forward, router=nn.Linear(N, n_experts), experts=experts)


FAMILIES: Final[Mapping[str, Family]] = MappingProxyType(
    {
        "BERT": bert,
        "RoBERTa": roberta,
        "GPT-2": gpt2,
        "GPT-NeoX": gpt_neox,
        "Llama": llama,
        "Mistral": mistral,
        "Gemma": gemma,
        "T5": t5,
        "BART": bart,
        "ESM-2": esm,
        "Transformer-XL": transformer_xl,
        "Perceiver": perceiver,
        "linear attention": linear_attention,
        "FNet": fnet,
        "Mixtral": mixtral,
        "Switch": switch,
        "soft experts": soft_experts,
    }
)
