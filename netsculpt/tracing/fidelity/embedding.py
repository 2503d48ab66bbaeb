"""Edges from tokens, against the table that an embedding looks them up in."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.fidelity.bench import Bench, error
from netsculpt.tracing.fidelity.run import Numbers, number
from netsculpt.tracing.program import Op

__all__ = ["EMBEDDINGS", "checked_embedding", "rebuilt_embedding"]

EMBEDDINGS = ("embedding", "embedding_bag")


def checked_embedding(bench: Bench, op: Op, at: int) -> float:
    """The error of the edges between tokens and dims."""
    table = number(bench.shadows[op.args[0].name]).numpy()
    tokens, dims = _tokens(bench, op), bench.build.layers[at].units
    block, values = bench.into(at)[tokens], bench.values[tokens]
    return error(values @ block, values @ table * bench.fold[dims], np.abs(values) @ abs(block))


def rebuilt_embedding(bench: Bench, op: Op, at: int, of: Numbers, own: Tensor) -> Tensor:
    """What a table of the graph's edges gives."""
    block, fold = bench.into(at)[_tokens(bench, op)], bench.fold[bench.build.layers[at].units]
    ids = of(op.args[1].name)
    usable = np.isfinite(fold) & (fold != 0)
    rows = block[ids.reshape(-1).numpy()].toarray() / np.where(usable, fold, 1.0)
    known = (bench.shadows[op.output].units != NOTHING) & torch.from_numpy(usable)
    return torch.from_numpy(rows).view(own.shape).where(known, own)


def _tokens(bench: Bench, op: Op) -> slice:
    given: Activation = bench.shadows[op.args[1].name]
    return bench.build.tokens[int(given.units.min())].units
