"""The transformer that programs are compiled to."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import skip_init

from netsculpt.core.errors import GraphError
from netsculpt.nets.compiled.interpreting import check_sequence
from netsculpt.nets.compiled.layout import Layout
from netsculpt.nets.compiled.primitives import POSITIONS, TOKENS, Value
from netsculpt.nets.compiled.program import Program

__all__ = ["Attention", "CompiledTransformer", "Head", "Perceptron"]

_PRESENT = 0.5  # a value's channel is 1 where the variable has it, else 0


class Head(nn.Module):
    """One attention head, with matrices of its own."""

    def __init__(self, width: int, n_queries: int, n_values: int) -> None:
        super().__init__()
        self.query = _linear(width, n_queries, bias=True)
        self.key = _linear(width, n_queries)
        self.value = _linear(width, n_values)
        self.output = _linear(n_values, width)

    def forward(self, residual: Tensor) -> Tensor:
        """What the head adds to the residual stream [n, positions, width]."""
        query, key, value = self.query(residual), self.key(residual), self.value(residual)
        read = functional.scaled_dot_product_attention(query, key, value, scale=1.0)
        added: Tensor = self.output(read)
        return added


class Attention(nn.Module):
    """Heads side by side, each of which computes one step."""

    def __init__(self, heads: Sequence[Head], steps: tuple[str, ...]) -> None:
        super().__init__()
        self.heads = nn.ModuleList(heads)
        self.steps = steps  # of each head

    def forward(self, residual: Tensor) -> Tensor:
        """The residual stream and what the heads add."""
        before = residual
        for head in self.heads:
            residual = residual + head(before)
        return residual


class Perceptron(nn.Module):
    """A ReLU layer, of which every neuron serves one step."""

    def __init__(self, width: int, steps: tuple[str, ...]) -> None:
        super().__init__()
        self.up = _linear(width, len(steps), bias=True)
        self.down = _linear(len(steps), width)
        self.steps = steps  # of each neuron

    def forward(self, residual: Tensor) -> Tensor:
        """The residual stream and what the neurons add."""
        added: Tensor = self.down(torch.relu(self.up(residual)))
        return residual + added


class CompiledTransformer(nn.Module):
    """A transformer that computes a program; `compile_program` makes it.

    It has no norms. Its inputs are tokens and positions [n, 1 + length], those of the begin token
    first: see `encoded`. It returns logits [n, 1 + length, values], which `decoded` reads.
    """

    def __init__(
        self, program: Program, layout: Layout, layers: Sequence[Attention | Perceptron]
    ) -> None:
        super().__init__()
        width = len(layout.owners)
        self.program, self.layout = program, layout
        self.token: nn.Embedding = _unset(nn.Embedding, len(program.vocabulary) + 1, width)
        self.position: nn.Embedding = _unset(nn.Embedding, program.length + 1, width)
        named = OrderedDict[str, nn.Module]()
        for layer in layers:
            kind = "attention" if isinstance(layer, Attention) else "mlp"
            named[f"{kind}{1 + sum(x.startswith(kind) for x in named)}"] = layer
        self.layers = nn.Sequential(named)
        self.output = _linear(width, len(program.values[program.output.name]))

    def forward(self, tokens: Tensor, positions: Tensor) -> Tensor:
        """Logits [n, 1 + length, values] of the output; about 1 for its value, 0 for others."""
        logits: Tensor = self.output(self.residual(tokens, positions))
        return logits

    def residual(self, tokens: Tensor, positions: Tensor) -> Tensor:
        """The residual stream behind the last layer, where every variable can be read."""
        stream: Tensor = self.layers(self.token(tokens) + self.position(positions))
        return stream

    def encoded(self, sequences: Sequence[Sequence[Value]]) -> tuple[Tensor, Tensor]:
        """Tokens and positions of sequences of one length, begin token first [n, 1 + length].

        The last number of tokens is the begin token's, the last one of positions its position.
        """
        for sequence in sequences:
            check_sequence(self.program, sequence)
        lengths = {len(x) for x in sequences}
        if not lengths:
            raise GraphError("no sequences are given: one at least is needed")
        if len(lengths) > 1:
            raise GraphError(
                f"the sequences have lengths {sorted(lengths)}: encode those of each length apart"
            )
        vocabulary, places = (self.program.values[x.name] for x in (TOKENS, POSITIONS))
        number = {token: index for index, token in enumerate(vocabulary)}
        tokens = [[len(vocabulary), *(number[x] for x in sequence)] for sequence in sequences]
        positions = [len(places), *range(*lengths)]
        return torch.tensor(tokens), torch.tensor(positions).repeat(len(sequences), 1)

    def decoded(self, logits: Tensor) -> list[list[Any]]:
        """Values of the output at every position of every sequence; None: it has no value there."""
        values = self.program.values[self.program.output.name]
        strongest, which = logits[:, 1:].max(dim=-1)
        rows = zip(strongest.tolist(), which.tolist(), strict=True)
        return [
            [values[x] if y > _PRESENT else None for y, x in zip(*row, strict=True)] for row in rows
        ]


def _linear(n_in: int, n_out: int, bias: bool = False) -> nn.Linear:
    layer: nn.Linear = _unset(nn.Linear, n_in, n_out, bias=bias)
    return layer


def _unset(kind: type[nn.Module], *sizes: int, **options: bool) -> Any:
    """A layer without initial weights, for which nothing is drawn."""
    return skip_init(kind, *sizes, **options)  # type: ignore[no-untyped-call]
