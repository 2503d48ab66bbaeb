"""Recurrent nets, convolutions over time, state space models, and nets of sound."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from families.attention import attention, mlp, pre_norm
from families.model import Family, Model, ids, net_of, numbers

__all__ = ["AUDIO", "RECURRENT", "STATE_SPACE"]

N, LENGTH, WORDS = 6, 4, 9


def elman() -> Model:
    """Elman 1990: a simple recurrent layer, the last state is read."""

    def forward(self: Any, x: Tensor) -> Any:
        return self.head(self.layer(x)[0][:, -1])

    net = net_of(forward, layer=nn.RNN(3, N, batch_first=True), head=nn.Linear(N, 3))
    return Model(net, (numbers(1, LENGTH, 3),), 0.3, LENGTH)


def lstm_tagger() -> Model:
    """arXiv:1508.01991: two directions over word vectors, a tag at each position."""

    def forward(self: Any, words: Tensor) -> Any:
        return self.head(self.layer(self.words(words))[0])

    layer = nn.LSTM(N, N, batch_first=True, bidirectional=True)
    net = net_of(forward, words=nn.Embedding(WORDS, N), layer=layer, head=nn.Linear(2 * N, 3))
    return Model(net, (ids(WORDS, 1, LENGTH),), 0.3, LENGTH)


def gru_translator() -> Model:
    """arXiv:1406.1078: the encoder's last state is the decoder's first."""

    def forward(self: Any, source: Tensor, target: Tensor) -> Any:
        _, state = self.encoder(source)
        return self.head(self.decoder(target, state)[0])

    layers = {name: nn.GRU(3, N, batch_first=True) for name in ("encoder", "decoder")}
    net = net_of(forward, **layers, head=nn.Linear(N, 3))
    return Model(net, (numbers(1, LENGTH, 3), numbers(1, LENGTH, 3)), 0.3, LENGTH)


def attention_translator() -> Model:
    """arXiv:1409.0473: cells of the decoder look at the encoder's states."""

    def forward(self: Any, source: Tensor, target: Tensor) -> Any:
        states, last = self.encoder(source)
        state, outs = last[0], []
        for step in range(target.shape[1]):
            scores = (states @ self.match(state)[:, :, None]).softmax(1)
            seen = (scores * states).sum(1)
            state = self.cell(torch.cat([target[:, step], seen], -1), state)
            outs.append(self.head(state))
        return torch.stack(outs, 1)

    net = net_of(
        forward,
        encoder=nn.GRU(3, N, batch_first=True),
        match=nn.Linear(N, N),
        cell=nn.GRUCell(3 + N, N),
        head=nn.Linear(N, 3),
    )
    return Model(net, (numbers(1, LENGTH, 3), numbers(1, 2, 3)), 0.4, LENGTH)


def conv_lstm() -> Model:
    """arXiv:1506.04214: the gates of an LSTM are convolutions; three steps."""

    def forward(self: Any, x: Tensor) -> Any:  # [N, T, C, H, W]
        hidden = cell = torch.zeros_like(x[:, 0, :1]).expand(-1, 4, -1, -1)
        for step in range(3):
            gates = self.gates(torch.cat([x[:, step], hidden], 1))
            i, f, o, g = gates.chunk(4, 1)
            cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
            hidden = o.sigmoid() * cell.tanh()
        return self.head(hidden)

    net = net_of(forward, gates=nn.Conv2d(6, 16, 3, padding=1), head=nn.Conv2d(4, 2, 1))
    return Model(net, (numbers(1, 3, 2, 4, 4),), 0.3)


def neural_ode() -> Model:
    """arXiv:1806.07366: three fixed steps of Euler through one field."""

    def forward(self: Any, x: Tensor) -> Any:
        for step in range(3):
            time = torch.full_like(x[:, :1], step / 3)
            x = x + self.field(torch.cat([x, time], 1)) / 3
        return self.head(x)

    field = nn.Sequential(nn.Linear(N + 1, 8), nn.Tanh(), nn.Linear(8, N))
    return Model(net_of(forward, field=field, head=nn.Linear(N, 3)), (numbers(1, N),), 0.2)


def spiking() -> Model:
    """Leaky integrate and fire, three steps; a spike has no derivative."""

    def forward(self: Any, x: Tensor) -> Any:
        current = self.first(x)
        voltage, total = torch.zeros_like(current), torch.zeros_like(current)
        for _ in range(3):
            voltage = 0.9 * voltage + current
            spike = (voltage > 0.3).to(x.dtype)
            voltage = voltage - 0.3 * spike
            total = total + spike
        return self.last(total)

    return Model(net_of(forward, first=nn.Linear(6, 8), last=nn.Linear(8, 3)), (numbers(1, 6),))


def tcn() -> Model:
    """arXiv:1803.01271: causal dilated convolutions with residual sums."""

    def forward(self: Any, x: Tensor) -> Any:
        for dilation, conv in zip((1, 2), self.convs, strict=True):
            x = x + functional.leaky_relu(conv(functional.pad(x, (2 * dilation, 0))))
        return self.head(x[:, :, -1])

    convs = nn.ModuleList(nn.Conv1d(N, N, 3, dilation=d) for d in (1, 2))
    return Model(net_of(forward, convs=convs, head=nn.Linear(N, 3)), (numbers(1, N, 8),), 0.25)


def wavenet() -> Model:
    """arXiv:1609.03499: gated causal convolutions, residual sums, and skips that are summed."""

    def forward(self: Any, x: Tensor) -> Any:
        x, total = self.first(x), torch.zeros(1)
        for dilation, gates, skip, out in zip(
            (1, 2), self.gates, self.skips, self.outs, strict=True
        ):
            a, b = gates(functional.pad(x, (dilation, 0))).chunk(2, 1)
            y = a.tanh() * b.sigmoid()
            total = total + skip(y)
            x = x + out(y)
        return self.last(functional.leaky_relu(total))

    net = net_of(
        forward,
        first=nn.Conv1d(2, N, 1),
        gates=nn.ModuleList(nn.Conv1d(N, 2 * N, 2, dilation=d) for d in (1, 2)),
        skips=nn.ModuleList(nn.Conv1d(N, N, 1) for _ in range(2)),
        outs=nn.ModuleList(nn.Conv1d(N, N, 1) for _ in range(2)),
        last=nn.Conv1d(N, 3, 1),
    )
    return Model(net, (numbers(1, 2, 8),), 0.3)


def whisper() -> Model:
    """arXiv:2212.04356: two convolutions over time, sinusoids, an encoder and a text decoder."""

    def forward(self: Any, sound: Tensor, words: Tensor) -> Any:
        x = (
            functional.gelu(self.conv_2(functional.gelu(self.conv_1(sound)))).transpose(1, 2)
            + self.positions
        )
        memory = self.encoder(x)
        y = self.words(words)
        y = y + self.own(self.norm_1(y))
        y = y + self.cross(self.norm_2(y), memory)
        return functional.linear(y + self.feed(self.norm_3(y)), self.words.weight)

    n = 8
    angles = torch.arange(4.0)[:, None] * 10.0 ** -torch.arange(n // 2)
    net = net_of(
        forward,
        conv_1=nn.Conv1d(3, n, 3, padding=1),
        conv_2=nn.Conv1d(n, n, 3, 2, 1),
        positions=torch.cat([angles.sin(), angles.cos()], 1),
        encoder=pre_norm(n, attention(n, 2), mlp(n, 12), nn.LayerNorm),
        words=nn.Embedding(WORDS, n),
        own=attention(n, 2, is_causal=True),
        cross=attention(n, 2),
        feed=mlp(n, 12),
        norm_1=nn.LayerNorm(n),
        norm_2=nn.LayerNorm(n),
        norm_3=nn.LayerNorm(n),
    )
    return Model(net, (numbers(1, 3, 8), ids(WORDS, 1, 3)))


def wav2vec() -> Model:
    """arXiv:2006.11477: strided convolutions with group norm, grouped positions, an encoder."""

    def forward(self: Any, x: Tensor) -> Any:
        x = self.features(x)
        x = x + functional.gelu(self.positions(x))
        return self.head(self.block(x.transpose(1, 2)))

    features = nn.Sequential(
        *(nn.Conv1d(1, 8, 4, 2), nn.GroupNorm(8, 8), nn.GELU(), nn.Conv1d(8, 8, 3, 2), nn.GELU())
    )
    net = net_of(
        forward,
        features=features,
        positions=nn.Conv1d(8, 8, 3, padding=1, groups=2),
        block=pre_norm(8, attention(8, 2), mlp(8, 12), nn.LayerNorm),
        head=nn.Linear(8, 3),
    )
    return Model(net, (numbers(1, 1, 20),))


def conformer() -> Model:
    """arXiv:2005.08100: half feeds around attention and a gated depthwise convolution."""

    def forward(self: Any, x: Tensor) -> Any:
        x = x + 0.5 * self.feed_1(x)
        x = x + self.mixer(self.norm(x))
        y = functional.glu(self.up(x.transpose(1, 2)), 1)
        y = self.down(functional.silu(self.batch_norm(self.depthwise(y)))).transpose(1, 2)
        return x + y + 0.5 * self.feed_2(x + y)

    net = net_of(
        forward,
        feed_1=mlp(8, 12, nn.SiLU()),
        feed_2=mlp(8, 12, nn.SiLU()),
        norm=nn.LayerNorm(8),
        mixer=attention(8, 2),
        up=nn.Conv1d(8, 16, 1),
        depthwise=nn.Conv1d(8, 8, 3, padding=1, groups=8),
        batch_norm=nn.BatchNorm1d(8),
        down=nn.Conv1d(8, 8, 1),
    )
    return Model(net, (numbers(1, 5, 8),))


def mamba() -> Model:
    """arXiv:2312.00752: a selective scan, written as a loop over positions."""

    def forward(self: Any, x: Tensor) -> Any:
        u, gate = self.up(x).chunk(2, -1)
        u = functional.silu(self.conv(functional.pad(u.transpose(1, 2), (2, 0))).transpose(1, 2))
        delta = functional.softplus(self.delta(u))
        b, c = self.b(u), self.c(u)
        decay = torch.exp(delta[..., None] * -self.log_a.exp())  # [N, T, C, S]
        driven = (delta * u)[..., None] * b[:, :, None]
        state, outs = torch.zeros_like(driven[:, 0]), []
        for step in range(x.shape[1]):
            state = decay[:, step] * state + driven[:, step]
            outs.append((state * c[:, step, None]).sum(-1))
        return self.down((torch.stack(outs, 1) + self.d * u) * functional.silu(gate))

    n, n_states = 6, 2
    net = net_of(
        forward,
        up=nn.Linear(4, 2 * n, bias=False),
        conv=nn.Conv1d(n, n, 3, groups=n),
        delta=nn.Linear(n, n),
        b=nn.Linear(n, n_states, bias=False),
        c=nn.Linear(n, n_states, bias=False),
        log_a=nn.Parameter(torch.randn(n, n_states)),
        d=nn.Parameter(torch.ones(n)),
        down=nn.Linear(n, 4, bias=False),
    )
    return Model(net, (numbers(1, LENGTH, 4),), 0.6)


def s4d() -> Model:
    """arXiv:2206.11893: a diagonal state space, whose kernel is a convolution by Fourier."""

    def forward(self: Any, x: Tensor) -> Any:  # [N, C, T]
        length = x.shape[-1]
        powers = torch.exp(-self.decay.exp()[..., None] * torch.arange(length, dtype=x.dtype))
        kernel = (self.c[..., None] * powers).sum(1)
        y = torch.fft.irfft(
            torch.fft.rfft(x, n=2 * length) * torch.fft.rfft(kernel, n=2 * length), n=2 * length
        )[..., :length]
        return self.out(functional.gelu(y + self.d[:, None] * x))

    net = net_of(
        forward,
        decay=nn.Parameter(torch.randn(4, 3)),
        c=nn.Parameter(torch.randn(4, 3)),
        d=nn.Parameter(torch.ones(4)),
        out=nn.Conv1d(4, 4, 1),
    )
    return Model(net, (numbers(1, 4, LENGTH),))


def hyena() -> Model:
    """arXiv:2302.10866: gates around a long convolution by Fourier."""

    def forward(self: Any, x: Tensor) -> Any:  # [N, T, C]
        length = x.shape[1]
        q, k, v = self.up(x).transpose(1, 2).chunk(3, 1)
        spectrum = torch.fft.rfft(k * v, n=2 * length) * torch.fft.rfft(self.kernel, n=2 * length)
        y = torch.fft.irfft(spectrum, n=2 * length)[..., :length]
        return self.down((q * y).transpose(1, 2))

    kernel = nn.Parameter(torch.randn(4, LENGTH))
    net = net_of(forward, up=nn.Linear(4, 12), kernel=kernel, down=nn.Linear(4, 4))
    return Model(net, (numbers(1, LENGTH, 4),), 0.6)


def rwkv() -> Model:
    """arXiv:2305.13048: decayed sums of exponentials, shifted tokens, squared ReLU."""

    def forward(self: Any, x: Tensor) -> Any:
        shifted = functional.pad(x, (0, 0, 1, -1))
        mixed = x * self.mix + shifted * (1 - self.mix)
        k, v, r = self.key(mixed), self.value(mixed), self.receptance(mixed).sigmoid()
        above, below, outs = torch.zeros_like(k[:, 0]), torch.zeros_like(k[:, 0]), []
        for step in range(x.shape[1]):
            now = torch.exp(self.bonus + k[:, step])
            outs.append((above + now * v[:, step]) / (below + now))
            decay, now = torch.exp(-self.decay.exp()), torch.exp(k[:, step])
            above, below = decay * above + now * v[:, step], decay * below + now
        x = x + self.out(r * torch.stack(outs, 1))
        return x + self.down(functional.leaky_relu(self.up(x)).square())

    n = 5
    net = net_of(
        forward,
        **{x: nn.Linear(n, n, bias=False) for x in ("key", "value", "receptance", "out")},
        **{x: nn.Parameter(torch.rand(n)) for x in ("mix", "bonus", "decay")},
        up=nn.Linear(n, 8, bias=False),
        down=nn.Linear(8, n, bias=False),
    )
    return Model(net, (numbers(1, LENGTH, n),))


def retnet() -> Model:
    """arXiv:2307.08621: products of queries and keys times a decay, without a softmax."""

    def forward(self: Any, x: Tensor) -> Any:
        steps = torch.arange(x.shape[1], dtype=x.dtype)
        decay = torch.tril(0.8 ** (steps[:, None] - steps))
        scores = self.q(x) @ self.k(x).transpose(1, 2) * decay
        return self.out(functional.silu(self.gate(x)) * (scores @ self.v(x)))

    parts = {x: nn.Linear(N, N, bias=False) for x in ("q", "k", "v", "gate", "out")}
    return Model(net_of(forward, **parts), (numbers(1, LENGTH, N),))


RECURRENT: Final[Mapping[str, Family]] = MappingProxyType(
    {
        "Elman": elman,
        "LSTM tagger": lstm_tagger,
        "GRU translator": gru_translator,
        "attention translator": attention_translator,
        "ConvLSTM": conv_lstm,
        "neural ODE": neural_ode,
        "spiking": spiking,
        "TCN": tcn,
    }
)
AUDIO: Final[Mapping[str, Family]] = MappingProxyType(
    {"WaveNet": wavenet, "Whisper": whisper, "wav2vec 2.0": wav2vec, "Conformer": conformer}
)
STATE_SPACE: Final[Mapping[str, Family]] = MappingProxyType(
    {"Mamba": mamba, "S4D": s4d, "Hyena": hyena, "RWKV": rwkv, "RetNet": retnet}
)
