"""A transformer from tokens to the logits of the next one."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from netsculpt.nets.gpt.block import Block, norm_of
from netsculpt.nets.gpt.shape import GPTShape

__all__ = ["GPT"]

_SPREAD = 0.02  # standard deviation of initial weights, as of GPT-2


class GPT(nn.Module):
    """A pre-norm transformer whose tensors have the names of published weight-sparse ones."""

    transformer: Any  # nn.ModuleDict, of layers and of a list of blocks
    final_logits_bias: Tensor  # [vocabulary]
    bigram_table: Tensor | None  # [vocabulary, vocabulary]: row = last token, column = next one

    def __init__(self, shape: GPTShape) -> None:
        super().__init__()
        self.are_added = shape.position_width is None
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(shape.vocabulary, shape.width),
                "wpe": nn.Embedding(shape.positions, shape.position_width or shape.width),
                "h": nn.ModuleList(Block(shape) for _ in range(shape.layers)),
                "ln_f": norm_of(shape, shape.width),
            }
        )
        self.lm_head = nn.Linear(shape.width, shape.vocabulary, bias=False)
        self.register_buffer("final_logits_bias", torch.zeros(shape.vocabulary))
        table = torch.zeros(shape.vocabulary, shape.vocabulary)
        if shape.bigrams == "learned":
            self.bigram_table = nn.Parameter(table)
        else:
            self.register_buffer("bigram_table", table if shape.bigrams == "fixed" else None)
        if shape.tied:
            self.transformer["wte"].weight = self.lm_head.weight
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights as GPT-2 does: normal, those that write to the stream smaller."""
        n_writes = 2 * len(self.transformer["h"])
        for name, layer in self.named_modules():
            if isinstance(layer, nn.Linear | nn.Embedding):
                writes = name.endswith("c_proj")
                nn.init.normal_(layer.weight, std=_SPREAD / math.sqrt(n_writes) ** writes)
            if isinstance(layer, nn.Linear) and layer.bias is not None:
                nn.init.zeros_(layer.bias)
        if self.bigram_table is not None:
            nn.init.zeros_(self.bigram_table)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens [n, t], whole numbers of any type, to logits [n, vocabulary] of the next one."""
        return self.at_each_position(tokens)[:, -1]

    def at_each_position(self, tokens: Tensor) -> Tensor:
        """Logits [n, t, vocabulary] of the token after each position."""
        tokens = tokens.long()
        positions = self.transformer["wpe"].weight[: tokens.shape[1]]
        stream = self.transformer["wte"](tokens)
        if self.are_added:
            stream = stream + positions
        for block in self.transformer["h"]:
            stream = block(stream, None if self.are_added else positions)
        logits: Tensor = self.lm_head(self.transformer["ln_f"](stream)) + self.final_logits_bias
        if self.bigram_table is not None:
            logits = logits + nn.functional.embedding(tokens, self.bigram_table)
        return logits
