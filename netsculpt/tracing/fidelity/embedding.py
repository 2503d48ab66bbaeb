"""Check edges from tokens against the table of an embedding."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.fidelity.bench import Bench, error
from netsculpt.tracing.fidelity.run import Numbers, number
from netsculpt.tracing.program import Op

__all__ = ["EMBEDDINGS", "embedding_error", "rebuilt_embedding"]

EMBEDDINGS = ("embedding", "embedding_bag")


def embedding_error(bench: Bench, op: Op, layer: int) -> float:
    """The error of the edges between tokens and dimensions."""
    table = number(bench.shadows[op.args[0].name]).numpy()
    tokens, dims = _tokens(bench, op), bench.builder.layers[layer].units
    block, values = bench.into(layer)[tokens], bench.values[tokens]
    return error(values @ block, values @ table * bench.fold[dims], np.abs(values) @ abs(block))


def rebuilt_embedding(bench: Bench, op: Op, layer: int, numbers: Numbers, value: Tensor) -> Tensor:
    """The value of an embedding whose table is the graph's edges."""
    block, fold = (
        bench.into(layer)[_tokens(bench, op)],
        bench.fold[bench.builder.layers[layer].units],
    )
    ids = numbers(op.args[1].name)
    usable = np.isfinite(fold) & (fold != 0)
    rows = block[ids.reshape(-1).numpy()].toarray() / np.where(usable, fold, 1.0)
    rebuilt = (bench.shadows[op.output].units != NOTHING) & torch.from_numpy(usable)
    return torch.from_numpy(rows).view(value.shape).where(rebuilt, value)


def _tokens(bench: Bench, op: Op) -> slice:
    ids: Activation = bench.shadows[op.args[1].name]
    return bench.builder.tokens[int(ids.units.min())].units
