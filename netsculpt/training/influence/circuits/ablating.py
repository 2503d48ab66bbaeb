"""Run a transformer with some of its channels replaced."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from netsculpt.nets.gpt.net import GPT
from netsculpt.nets.gpt.place import Place

__all__ = ["ABLATIONS", "NODES", "ablated", "fills_of", "places_of"]

ABLATIONS: Final = ("zero", "mean", "resample")
NODES: Final = (  # places whose channels are nodes of a circuit
    "attn_in",
    "attn_q",
    "attn_k",
    "attn_v",
    "attn_out",
    "mlp_in",
    "mlp_neuron",
    "mlp_out",
)


def places_of(net: GPT) -> dict[str, Place]:
    """The places of a net whose channels are nodes, by name."""
    return {
        name: layer
        for name, layer in net.named_modules()
        if isinstance(layer, Place) and name.rpartition(".")[2] in NODES
    }


@contextmanager
def ablated(net: GPT, gates: Mapping[str, Tensor], fills: Mapping[str, Tensor]) -> Iterator[None]:
    """Within this, channels are gate · activation + (1 − gate) · fill.

    Gates are [channels], fills [channels] or [n, t, channels], by the names of places.
    """
    places = places_of(net)
    with ExitStack() as stack:
        for name, gate in gates.items():
            hook = _replacing(gate, fills[name])
            stack.enter_context(places[name].register_forward_hook(hook))
        yield


def _replacing(gate: Tensor, fill: Tensor) -> Any:
    def replace(_layer: nn.Module, _inputs: object, activation: Tensor) -> Tensor:
        return gate * activation + (1 - gate) * fill

    return replace


@torch.no_grad()
def fills_of(
    net: GPT, ablation: str, inputs: Tensor, rng: np.random.Generator
) -> dict[str, Tensor]:
    """What takes the place of ablated channels, for these inputs.

    Zeros and means, over inputs and positions, are [channels]. "resample" has, at the same
    position, the activation of another of the inputs, drawn at random: [n, t, channels].
    """
    taken: dict[str, Tensor] = {}
    if ablation == "resample":
        inputs = inputs[torch.from_numpy(rng.permutation(len(inputs)))]
    with ExitStack() as stack:
        for name, place in places_of(net).items():
            stack.enter_context(place.register_forward_hook(_taking(taken, name)))
        net(inputs)
    if ablation == "resample":
        return taken
    means = {name: x.mean(dim=(0, 1)) for name, x in taken.items()}
    return means if ablation == "mean" else {name: 0 * x for name, x in means.items()}


def _taking(taken: dict[str, Tensor], name: str) -> Any:
    def take(_layer: nn.Module, _inputs: object, activation: Tensor) -> None:
        taken[name] = activation.detach()

    return take
