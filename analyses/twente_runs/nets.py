"""The nets of the study."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import nn

from netsculpt.core.random import stream
from netsculpt.nets.families import ACTIVATIONS, LSTM
from twente_runs.cells import Cell

__all__ = ["net_of"]

_WIDTHS = (64, 64, 32, 10)
_CHANNELS, _HEAD = (8, 16), (64, 32, 10)
_HIDDEN = 24  # of the LSTM
_SLOPE = 0.6  # of All-ReLU

Layers = list[tuple[str, nn.Module]]


def net_of(cell: Cell) -> nn.Module:
    """The net of a cell, dense, at its initial weights."""
    with torch.random.fork_rng(devices=[]):
        seed = int(stream(cell.seed, "weights").integers(2**63))
        torch.default_generator.manual_seed(seed)
        made = _Made(cell.treatment.activation, cell.treatment.norm)
        return {"mlp": made.mlp, "cnn": made.cnn, "lstm": made.lstm}[cell.treatment.arch](
            cell.widths or _WIDTHS
        )


class _Made:
    """Layers with an activation and a norm before it; the last layer has neither.

    All-ReLU is a ReLU whose slope below 0 alternates between −0.6 and 0.6 from layer to layer:
    Curci, Mocanu and Pechenizkiy, arXiv:2102.01732, equation 3.
    """

    def __init__(self, activation: str, norm: str) -> None:
        self.activation, self.norm = activation, norm
        self.n_hidden = 0

    def mlp(self, widths: tuple[int, ...]) -> nn.Sequential:
        return nn.Sequential(OrderedDict(self._linear(widths)))

    def cnn(self, _: tuple[int, ...]) -> nn.Sequential:
        layers: Layers = [("image", nn.Unflatten(1, (1, 8, 8)))]
        for n_in, n_out in pairwise((1, *_CHANNELS)):
            name = f"conv{self.n_hidden + 1}"
            layers.append((name, nn.Conv2d(n_in, n_out, 3, padding=1)))
            layers += self._after(name, n_out, lambda n: nn.GroupNorm(1, n), nn.BatchNorm2d)
            layers.append((f"{name}_pool", nn.MaxPool2d(2)))
        layers += [("flat", nn.Flatten()), *self._linear(_HEAD)]
        return nn.Sequential(OrderedDict(layers))

    def lstm(self, _: tuple[int, ...]) -> nn.Sequential:
        base = LSTM((8, 8), _HIDDEN, 10).build()
        layers: Layers = [(name, base.get_submodule(name)) for name in ("sequence", "lstm", "last")]
        return nn.Sequential(OrderedDict([*layers, *self._linear((_HIDDEN, _HIDDEN, 10))]))

    def _linear(self, widths: tuple[int, ...]) -> Layers:
        layers: Layers = []
        for number, (n_in, n_out) in enumerate(pairwise(widths), start=1):
            layers.append((f"fc{number}", nn.Linear(n_in, n_out)))
            if number < len(widths) - 1:
                layers += self._after(f"fc{number}", n_out, nn.LayerNorm, nn.BatchNorm1d)
        return layers

    def _after(
        self,
        name: str,
        n: int,
        layer_norm: Callable[[int], nn.Module],
        batch_norm: Callable[[int], nn.Module],
    ) -> Layers:
        """Norm and activation after a hidden layer."""
        self.n_hidden += 1
        norm = {"none": None, "layer": layer_norm, "batch": batch_norm}[self.norm]
        layers: Layers = [] if norm is None else [(f"{name}_norm", norm(n))]
        if self.activation == "all_relu":
            slope = _SLOPE if self.n_hidden % 2 else -_SLOPE
            return [*layers, (f"{name}_all_relu", nn.LeakyReLU(slope))]
        return [*layers, (f"{name}_{self.activation}", ACTIVATIONS[self.activation]())]
