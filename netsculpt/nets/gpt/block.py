"""Blocks of attention and MLP on a residual stream."""

from __future__ import annotations

from torch import Tensor, cat, nn

from netsculpt.nets.gpt.attention import Attention
from netsculpt.nets.gpt.place import Place
from netsculpt.nets.gpt.shape import GPTShape

__all__ = ["Block", "norm_of"]

_ACTIVATIONS = {"gelu": nn.GELU, "relu": nn.ReLU, "identity": nn.Identity}


def norm_of(shape: GPTShape, channels: int) -> nn.Module:
    """A norm over channels."""
    if shape.norm == "rms":
        return nn.RMSNorm(channels)
    return nn.LayerNorm(channels, bias=shape.norm_bias)


class MLP(nn.Module):
    """One layer of neurons."""

    def __init__(self, shape: GPTShape) -> None:
        super().__init__()
        self.c_fc = nn.Linear(shape.read_width, shape.neurons, bias=shape.bias)
        self.act_fn = _ACTIVATIONS[shape.activation]()
        self.c_proj = nn.Linear(shape.neurons, shape.width, bias=shape.bias)
        names = ("mlp_in", "mlp_neuron", "mlp_out")
        self.at = nn.ModuleDict({name: Place(shape.kept(name)) for name in names})

    def forward(self, stream: Tensor) -> Tensor:
        """What is read [n, t, read width] to what is written [n, t, width]."""
        neurons = self.at["mlp_neuron"](self.act_fn(self.c_fc(self.at["mlp_in"](stream))))
        out: Tensor = self.at["mlp_out"](self.c_proj(neurons))
        return out


class Block(nn.Module):
    """Attention, then an MLP, each of which reads a normed stream and adds to it."""

    def __init__(self, shape: GPTShape) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = norm_of(shape, shape.width), norm_of(shape, shape.width)
        if shape.position_width is not None:
            self.ln_p1 = norm_of(shape, shape.position_width)
            self.ln_p2 = norm_of(shape, shape.position_width)
        self.attn, self.mlp = Attention(shape), MLP(shape)
        self.after = _ACTIVATIONS[shape.residual_activation]()
        names = ("resid_post_attn", "resid_post_mlp")
        self.at = nn.ModuleDict({name: Place(shape.kept(name)) for name in names})

    def forward(self, stream: Tensor, positions: Tensor | None) -> Tensor:
        """The stream [n, t, width]; positions [t, position width] if they are apart."""
        read = self.ln_1(stream)
        if positions is not None:
            read = _with_positions(read, self.ln_p1(positions))
        stream = self.at["resid_post_attn"](self.after(stream + self.attn(read)))
        read = self.ln_2(stream)
        if positions is not None:
            read = _with_positions(read, self.ln_p2(positions))
        out: Tensor = self.at["resid_post_mlp"](self.after(stream + self.mlp(read)))
        return out


def _with_positions(read: Tensor, positions: Tensor) -> Tensor:
    return cat([read, positions.expand(read.shape[0], -1, -1)], dim=-1)
