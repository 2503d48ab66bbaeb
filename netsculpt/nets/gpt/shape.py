"""The sizes and the flags of a transformer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["PLACES", "GPTShape"]

PLACES: Final = (  # where activations may be sparse, in the order in which a block has them
    "attn_in",
    "attn_q",
    "attn_k",
    "attn_v",
    "attn_out",
    "resid_post_attn",
    "mlp_in",
    "mlp_neuron",
    "mlp_out",
    "resid_post_mlp",
)


@dataclass(frozen=True)
class GPTShape:
    """What defines a transformer of this kind, apart from its weights."""

    vocabulary: int  # tokens
    positions: int  # the longest sequence
    width: int  # channels of the residual stream
    layers: int  # blocks of attention and MLP
    heads: int  # of each attention
    head_width: int | None = None  # channels of a head; None: width / heads
    mlp_width: int | None = None  # neurons of each MLP; None: 4 · width
    activation: str = "gelu"  # of the neurons: "gelu" or "relu"
    norm: str = "layer"  # "layer" or "rms"
    bias: bool = True  # of the linear layers within blocks
    norm_bias: bool = True  # of layer norms
    tied: bool = True  # whether the unembedding is the embedding
    sinks: bool = False  # whether heads can attend to nothing
    residual_activation: str = "identity"  # after each sum: "identity" or "relu"
    position_width: int | None = None  # channels of positions, concatenated; None: added
    bigrams: str = "none"  # logits by the last token alone: "none", "fixed" or "learned"
    kept_share: float | None = None  # of activations, at each place of `kept_at`; None: all
    kept_at: tuple[str, ...] = ()  # some of `PLACES`

    @property
    def head_channels(self) -> int:
        """Channels of a head."""
        return self.width // self.heads if self.head_width is None else self.head_width

    @property
    def neurons(self) -> int:
        """Neurons of each MLP."""
        return 4 * self.width if self.mlp_width is None else self.mlp_width

    @property
    def read_width(self) -> int:
        """Channels that attention and MLP read: the residual stream, and positions if apart."""
        return self.width + (self.position_width or 0)

    def channels(self, place: str) -> int:
        """Channels of an activation at one of `PLACES`.

        >>> GPTShape(10, 4, width=8, layers=1, heads=2, head_width=3).channels("attn_q")
        6
        """
        if place in ("attn_in", "mlp_in"):
            return self.read_width
        if place in ("attn_q", "attn_k", "attn_v"):
            return self.heads * self.head_channels
        return self.neurons if place == "mlp_neuron" else self.width

    def kept(self, place: str) -> int | None:
        """How many channels stay at a place, rounded down; None: all.

        >>> shape = GPTShape(10, 4, width=8, layers=1, heads=2, kept_share=.3, kept_at=("mlp_in",))
        >>> shape.kept("mlp_in"), shape.kept("mlp_out")
        (2, None)
        """
        if self.kept_share is None or place not in self.kept_at:
            return None
        return int(self.kept_share * self.channels(place))
