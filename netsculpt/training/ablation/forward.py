"""A forward pass of some samples, and what a change at one layer does to its loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from netsculpt.training.ablation.chain import Chain
from netsculpt.training.ablation.channels import is_flatten, is_mixing, mixed, of_channels
from netsculpt.training.ablation.losses import Loss, LossChange, loss_change

__all__ = ["Forward", "forward"]

NUMBERS = 1 << 18  # in the largest array of a block: 2 MiB, which caches hold
_MOST_CHOSEN = 0.7  # above this share of changed samples all are computed: choosing costs, too
_FEW = 0.5  # below this share of changed channels only they are computed


@dataclass(frozen=True, eq=False)
class Forward:
    """Values between the layers of a chain, for n samples, and their loss."""

    chain: Chain
    values: list[Any]  # what each layer is called with, and last the logits
    loss: LossChange

    @property
    def n_samples(self) -> int:
        """Samples of the pass."""
        return len(self.values[0])

    def rows_at_once(self, start: int) -> int:
        """How many changes of one channel fit into a block, if a layer is called with them."""
        links, most = self.chain.links, int(self.values[start][:, :1].numel())
        for number in range(start, len(links)):
            if not self._keeps_channels(number):
                most = max(x.numel() for x in self.values[number + 1 :] if isinstance(x, Tensor))
                break
        return max(1, NUMBERS // most)

    def of_channel(self, start: int, channel: int, values: Tensor) -> Tensor:
        """Changes of the loss [rows], if one channel is called with other values [rows, n, …].

        `start` is the number of the layer that is called with them. Only samples in which the
        channel changes are followed.
        """
        n_rows, n = values.shape[:2]
        if start == len(self.chain.links) and self.values[-1].ndim == 2:
            return self.loss.of_one_logit(channel, values - self.values[-1][:, channel])
        channels, values = torch.tensor([channel]), values.flatten(0, 1)[:, None]
        start, channels, values = self._through_channels(start, channels, values)
        values = values.view(n_rows, n, *values.shape[1:])
        moved = (values != self.values[start][:, channels]).flatten(2).any(dim=2)
        if float(moved.double().mean()) > _MOST_CHOSEN:
            logits = self._logits(start, channels, values.flatten(0, 1), None)
            return self.loss.of_logits(logits, n_rows)
        rows, samples = moved.nonzero(as_tuple=True)
        if len(rows) == 0:
            return values.new_zeros(n_rows)
        logits = self._logits(start, channels, values[moved], samples)
        return self.loss.of_some_logits(logits, rows, samples, n_rows)

    def of_layer(self, start: int, values: Any, n_rows: int) -> Tensor:
        """Changes of the loss [rows], if a layer is called with values [rows · n, …]."""
        return self.loss.of_logits(self.chain.run(start, values), n_rows)

    def _keeps_channels(self, number: int) -> bool:
        layer = self.chain.links[number].layer
        return of_channels(layer) is not None or is_flatten(layer)

    def _through_channels(
        self, start: int, channels: Tensor, values: Tensor
    ) -> tuple[int, Tensor, Tensor]:
        """Go on with changed channels while layers keep channels apart."""
        while start < len(self.chain.links):
            layer = self.chain.links[start].layer
            of_some = of_channels(layer)
            if of_some is not None:
                values = of_some(values, channels)
            elif is_flatten(layer):
                n_positions = self.values[start][0, 0].numel()
                channels = (channels[:, None] * n_positions + torch.arange(n_positions)).flatten()
                values = values.flatten(1)
            else:
                break
            start += 1
        return start, channels, values

    def _logits(
        self, start: int, channels: Tensor, values: Tensor, samples: Tensor | None
    ) -> Tensor:
        """Logits [P, …], if some channels are called with values [P, channels, …].

        `samples` [P] are those of the values; None: all, one row after another.
        """
        while start < len(self.chain.links):
            layer, before = self.chain.links[start].layer, self.values[start]
            if not is_mixing(layer, before.ndim):
                break
            assert isinstance(layer, nn.Linear | nn.Conv2d)
            weight = layer.weight[:, channels]
            by = self._added(values, -before[:, channels], samples)
            reached = weight.flatten(1).any(dim=1).nonzero()[:, 0]
            after = self.values[start + 1]
            if len(reached) > _FEW * len(weight):
                whole = self._added(mixed(layer, weight, by), after, samples)
                return self.chain.run(start + 1, whole)
            if len(reached) == 0:  # nothing reads the channels
                logits = self.values[-1]
                return self._added(
                    logits.new_zeros(len(values), *logits.shape[1:]), logits, samples
                )
            values = self._added(mixed(layer, weight[reached], by), after[:, reached], samples)
            start, channels, values = self._through_channels(start + 1, reached, values)
        before = self.values[start]
        zeros = before.new_zeros(len(values), *before.shape[1:])
        whole = self._added(zeros, before, samples)
        whole[:, channels] = values
        return self.chain.run(start, whole)

    def _added(self, values: Tensor, base: Tensor, samples: Tensor | None) -> Tensor:
        """Values [P, …] plus those of their samples in `base` [n, …], in place."""
        if samples is not None:
            return values.add_(base[samples])
        values.view(-1, self.n_samples, *values.shape[1:]).add_(base)
        return values


def forward(chain: Chain, loss: Loss, inputs: Tensor, targets: Tensor) -> Forward:
    """The pass of a batch."""
    values = chain.activations(inputs)
    return Forward(chain, values, loss_change(loss, values[-1], targets))
