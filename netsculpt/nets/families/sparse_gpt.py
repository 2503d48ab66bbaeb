"""Transformers with sparse weights and activations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from netsculpt.nets.families._spec import Stored, check, count, one_of, size
from netsculpt.nets.gpt.net import GPT
from netsculpt.nets.gpt.shape import PLACES, GPTShape

__all__ = ["SparseGPT"]


@dataclass(frozen=True)
class SparseGPT(GPTShape, Stored):
    """A pre-norm transformer, from tokens to the logits of the next token.

    Inputs [n, positions] are tokens, numbered from 0. At the places that `kept_at` names, only a
    share of each activation vector stays, the largest in absolute value. Tensors are named as in
    the published models.

    Gao et al. 2025, "Weight-sparse transformers have interpretable circuits", arXiv:2511.13653,
    with the flags of the models published with it.

    >>> spec = SparseGPT(vocabulary=10, positions=6, width=8, layers=1, heads=2, norm="rms")
    >>> list(spec.build().state_dict())[:3]
    ['final_logits_bias', 'transformer.wte.weight', 'transformer.wpe.weight']
    """

    family: ClassVar = "sparse_gpt"

    def __post_init__(self) -> None:
        check(
            self,
            vocabulary=size(self.vocabulary),
            positions=size(self.positions),
            width=size(self.width),
            layers=count(self.layers),
            heads=size(self.heads),
            head_width=_or_none(self.head_width),
            mlp_width=_or_none(self.mlp_width),
            activation=one_of(self.activation, ("gelu", "relu")),
            norm=one_of(self.norm, ("layer", "rms")),
            bias=one_of(self.bias, (True, False)),
            norm_bias=one_of(self.norm_bias, (True, False)),
            tied=one_of(self.tied, (True, False)),
            sinks=one_of(self.sinks, (True, False)),
            residual_activation=one_of(self.residual_activation, ("identity", "relu")),
            position_width=_or_none(self.position_width),
            bigrams=one_of(self.bigrams, ("none", "fixed", "learned")),
            kept_share=_share(self.kept_share),
            kept_at=_places(self.kept_at),
        )
        if self.head_width is None:
            divides = self.width % self.heads == 0
            check(self, heads=(divides, f"a divisor of the width {self.width}, or a head_width,"))
        for place in self.kept_at:
            enough = self.kept(place) != 0
            check(self, kept_share=(enough, f"a share that keeps a channel at {place!r}"))

    @property
    def n_inputs(self) -> int:
        """Tokens of a sequence."""
        return self.positions

    @property
    def n_outputs(self) -> int:
        """A logit for each token."""
        return self.vocabulary

    def build(self) -> GPT:
        """The net, with weights drawn as GPT-2 draws them."""
        return GPT(self)


def _or_none(value: int | None) -> tuple[bool, str]:
    return value is None or size(value)[0], "a whole number above 0, or None,"


def _share(value: object) -> tuple[bool, str]:
    good = value is None or (type(value) in (int, float) and 0 < float(str(value)) <= 1)
    return good, "a share above 0 and at most 1, or None,"


def _places(value: object) -> tuple[bool, str]:
    good = isinstance(value, tuple) and all(x in PLACES for x in value)
    return good, f"a tuple of some of {', '.join(PLACES)}"
