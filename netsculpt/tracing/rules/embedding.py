"""Embeddings: tokens × dimensions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from netsculpt.tracing.engine.activation import NOTHING, Activation, of_channels, of_nothing
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.choice import Choice, Placed
from netsculpt.tracing.engine.columns import SeveralInputs
from netsculpt.tracing.engine.edges import Columns, Ints
from netsculpt.tracing.program import Constant
from netsculpt.tracing.rules._parts.copies import apply
from netsculpt.tracing.rules._parts.looked_up import one_of
from netsculpt.tracing.rules._parts.weights import add_layer

__all__ = ["embedding"]

OPS = ("embedding", "embedding_bag", "embedding_renorm", "one_hot")


def embedding(call: Call) -> Any:
    """One unit per dimension, fed by one unit per token; the same for all positions.

    With granularity "spatial" every position has its own tokens and dimensions. One-hot vectors
    are the units of the tokens.
    """
    if call.op.name == "embedding_renorm":
        raise call.refusal("max_norm changes the embedding at every call: trace with max_norm=None")
    if call.op.name == "one_hot":
        return _one_hot(call)
    index = call.activation(1)
    if isinstance(index, Choice | Placed) and call.op.name == "embedding":
        rows = one_of(call, index, call.constant(0).shape[0])
        return apply(call, rows, call.constant(0).changed(lambda x: x.T))
    if index.is_empty:
        call.leave_out("its ids are chosen by values: no unit that is followed feeds it")
        return of_nothing(call.op.shape)
    weight, tokens, shape = call.constant(0), call.activation(1), call.op.shape
    in_bags = call.op.name == "embedding_bag"
    weight = _bagged(call, weight) if in_bags else weight
    n_tokens, dims = weight.shape
    ids = _ids(call, tokens, n_tokens)
    first = np.array([call.builder.tokens[x].start for x in ids.tolist()])
    column = np.repeat(np.arange(n_tokens), ids.size)
    copy = np.tile(np.arange(ids.size), n_tokens)
    taken = Columns(column, first[copy] + column, np.ones(column.size), copy, ids.size)
    table = weight.changed(lambda rows: rows.T)
    start = add_layer(call, table, taken, kind="embedding", shape=shape[1:])
    if in_bags:
        bags = of_channels(start, shape)
        by_maximum = call.arg(4, "mode", 0) == 2
        return (replace(bags, private=not by_maximum), None, None, None)
    copies = torch.from_numpy(np.searchsorted(-ids, -tokens.units.numpy()))[..., None]
    units = copies * dims + torch.arange(start, start + dims)
    return Activation(units, private=True).without(tokens.units[..., None] == NOTHING)


def _one_hot(call: Call) -> Activation:
    """The units of the tokens themselves."""
    tokens, n_tokens = call.activation(0), call.op.shape[-1]
    if isinstance(tokens, Choice | Placed):
        return one_of(call, tokens, n_tokens)
    if tokens.is_empty:
        call.leave_out("its ids are chosen by values: no unit that is followed feeds it")
        return of_nothing(call.op.shape)
    ids = _ids(call, tokens, n_tokens)
    first = torch.tensor([call.builder.tokens[x].start for x in ids.tolist()])
    place = torch.from_numpy(np.searchsorted(-ids, -tokens.units.numpy()))
    units = first[place.clamp(max=ids.size - 1)][..., None] + torch.arange(n_tokens)
    return Activation(units).without(tokens.units[..., None] == NOTHING)


def _ids(call: Call, tokens: Activation, n_tokens: int) -> Ints:
    """The groups of tokens in a shadow: one, or with "spatial" one per position."""
    builder = call.builder
    ids: Ints = np.unique(tokens.units.numpy())[::-1]  # in the order of their positions
    if tokens.factor is not None:
        raise call.refusal("its ids were multiplied")
    for layer in (builder.tokens[x] for x in ids.tolist() if x < NOTHING):
        if layer.n_units != n_tokens:
            raise call.refusal(
                f"its ids are taken by embeddings of {layer.n_units} and of {n_tokens} tokens: the "
                "same ids need one vocabulary"
            )
    plain = ids[ids > NOTHING]
    if not builder.is_input(plain).all():
        raise call.refusal("its ids are computed from activations: ids from the inputs are needed")
    ids = ids[ids != NOTHING]
    if not ids.size:
        raise call.refusal("its ids are always the same")
    if builder.options.granularity == "spatial":
        if plain.size:
            raise SeveralInputs(plain, plain, vocabulary=n_tokens)
    elif plain.size or ids.size > 1:
        raise SeveralInputs(ids, np.full_like(ids, ids[0]), vocabulary=n_tokens)
    return ids


def _bagged(call: Call, weight: Constant) -> Constant:
    """The table of bags, without the row of the padding, which bags leave out."""
    if call.builder.options.granularity == "spatial":
        raise call.refusal("bags have a rule only with granularity='channel'")
    if isinstance(call.arg(2, "offsets"), Activation):
        raise call.refusal("the offsets of its bags depend on the inputs")
    if call.arg(6, "per_sample_weights") is not None:
        raise call.refusal("per_sample_weights have no rule")
    padding = call.arg(8, "padding_idx")
    if padding is None or padding < 0:
        return weight
    keep = weight.value != 0 if weight.keep is None else weight.keep.clone()
    keep[padding] = False
    return replace(weight, keep=keep)
