"""The edges of a circuit: kept weights between kept channels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from netsculpt.nets.gpt.net import GPT
from netsculpt.nets.masking import LayerParameter, layer_parameters

__all__ = ["ends_of", "n_edges"]

_ENDS = {  # of the weights of a block: the places that they read, and those that they write
    "attn.c_attn": (("attn.at.attn_in",), ("attn.at.attn_q", "attn.at.attn_k", "attn.at.attn_v")),
    "attn.c_proj": (("attn.at.attn_v",), ("attn.at.attn_out",)),
    "mlp.c_fc": (("mlp.at.mlp_in",), ("mlp.at.mlp_neuron",)),
    "mlp.c_proj": (("mlp.at.mlp_neuron",), ("mlp.at.mlp_out",)),
}

Ends = tuple[list[str], list[str]]


def ends_of(net: GPT) -> Iterator[tuple[LayerParameter, Ends]]:
    """The weights within blocks, each with the places of its columns and of its rows, in order."""
    for entry in layer_parameters(net):
        layer, _, leaf = entry.name.rpartition(".")
        parts = layer.split(".")
        block = ".".join(parts[:3]) + "."  # transformer.h.0.
        ends = _ENDS.get(layer.removeprefix(block)) if parts[:2] == ["transformer", "h"] else None
        if leaf == "weight" and ends is not None:
            read, write = ([block + x for x in places] for places in ends)
            yield entry, (read, write)


def n_edges(net: GPT, kept: Mapping[str, NDArray[np.bool_]]) -> int:
    """Weights within blocks whose both ends are kept; what masks prune is not counted.

    Without masks, weights that are not 0 count. Embedding and unembedding are outside of circuits.
    """
    total = 0
    for entry, ends in ends_of(net):
        read, write = (np.concatenate([kept[x] for x in places]) for places in ends)
        weight = entry.parameter.detach()
        pattern = (weight != 0 if entry.mask is None else entry.mask).cpu().numpy()
        total += int(pattern[np.ix_(write, read)].sum())
    return total
