"""Classifiers of sequences."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from netsculpt.nets.families._layers import Reshape
from netsculpt.nets.families._spec import Stored, check, count, size, sizes

__all__ = ["LSTM"]


class LastStep(nn.Module):
    """The output of an LSTM at the last step of each sequence."""

    def forward(self, result: tuple[Tensor, tuple[Tensor, Tensor]]) -> Tensor:
        """Outputs [n, steps, hidden] (with states) to [n, hidden]."""
        outputs, _ = result
        return outputs[:, -1]


@dataclass(frozen=True)
class LSTM(Stored):
    """Layers of an LSTM over a sequence, then a linear layer "fc" on the last step.

    Inputs [n, n_inputs] are read as sequences, step by step. An image read row by row is
    ``sequence=(height, width)``.

    Hochreiter and Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735, with forget gates, as
    `torch.nn.LSTM` has them.

    >>> net = LSTM(sequence=(8, 8), hidden=16, n_outputs=10).build()
    >>> [tuple(x.shape) for x in net.parameters() if x.ndim > 1]
    [(64, 8), (64, 16), (10, 16)]
    """

    family: ClassVar = "lstm"

    sequence: tuple[int, int]  # steps, features of each
    hidden: int  # units of each layer
    n_outputs: int
    layers: int = 1

    def __post_init__(self) -> None:
        check(
            self,
            sequence=sizes(self.sequence, least=2, most=2),
            hidden=size(self.hidden),
            n_outputs=size(self.n_outputs),
            layers=count(self.layers),
        )

    @property
    def n_inputs(self) -> int:
        """Steps · features."""
        return math.prod(self.sequence)

    def build(self) -> nn.Sequential:
        """The net, with torch's own initial weights."""
        n_features = self.sequence[1]
        lstm = nn.LSTM(n_features, self.hidden, num_layers=self.layers, batch_first=True)
        return nn.Sequential(
            OrderedDict(
                sequence=Reshape(self.sequence),
                lstm=lstm,
                last=LastStep(),
                fc=nn.Linear(self.hidden, self.n_outputs),
            )
        )
